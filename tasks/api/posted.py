"""What is posted to endpoints, for the `webhooks` of the OpenAPI document (OpenAPI 3.1 §4.8.1).

The body is the schema of an event of the feed, since it is the same document. Told as plain data:
there is no view that answers.
"""

from typing import Any, Final

from drf_spectacular.utils import OpenApiWebhook

from tasks.events.envelope import MEDIA_TYPE


def _header(name: str, words: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "examples": [example]}
    return {"name": name, "in": "header", "required": True, "schema": schema, "description": words}


_HEADERS: Final = [
    _header(
        "webhook-id",
        "The event's `id`: the same in every try, and whenever it is sent once more.",
        "0193b2f4-7d7e-7a41-8c0b-5a3f9d1e6b72",
    ),
    _header("webhook-timestamp", "The moment of this try, in seconds since 1970.", "1795521600"),
    _header(
        "webhook-signature",
        "`v1,` and HMAC-SHA256 over id, timestamp and body, joined by dots, in base64. Several of "
        "them with blanks between while a secret is being replaced: one that fits is enough.",
        "v1,E9TnkY5nfcb+ZvOhiTeDPC0vMjO+Qz1UDAJMUH9Y+FY=",
    ),
]
_RESPONSES: Final = {
    "2XX": {"description": "You have it. Everything else, a redirect too, is tried again."},
    "410": {"description": "Nothing more is wanted: the endpoint is disabled."},
    "429": {"description": "Tried again, not before `Retry-After`; so is a 503."},
}

EVENT: Final = OpenApiWebhook(
    "event",
    {
        "post": {
            "operationId": "event",
            "summary": "Something happened that you may see",
            "description": (
                "Signed by Standard Webhooks 1.0: verify the signature over the bytes as they came "
                "and answer within 15 seconds; work afterwards. An event may come twice, with the "
                "same `webhook-id`, and later than those after it."
            ),
            "tags": ["webhooks"],
            "security": [],
            "parameters": _HEADERS,
            "requestBody": {
                "required": True,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Event"}}},
            },
            "responses": _RESPONSES,
        }
    },
)
