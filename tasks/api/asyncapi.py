"""The AsyncAPI document: what goes to RabbitMQ, and what is taken from there.

Exchanges have the names of the topology, messages the types of the catalogue, objects the shape
that the OpenAPI document gives them; only the words around them are written here. The result is
committed as `docs/asyncapi.yaml`; a check compares.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from tasks.api import openapi
from tasks.api.asyncapi_schemas import OBJECTS, payload, schemas
from tasks.events import topology
from tasks.events.catalogue import TYPES, kind_of
from tasks.events.envelope import MEDIA_TYPE

# A channel is an exchange, and its address the routing key.
_OUT: Final = topology.EVENTS
_IN: Final = topology.IDENTITY.exchange
_INBOUND: Final = "identity.user"
_BINDING: Final = {"bindingVersion": "0.3.0"}
_ABOUT: Final = (
    "Each change is published once it is committed: at least once, with the same `id` each time, "
    "those of one object in their order. docs/events.md says what a consumer has to know."
)
_SERVER: Final = {
    "host": "rabbitmq.example.org:5672",
    "protocol": "amqp",
    "protocolVersion": "0-9-1",
    "description": "The broker that the operator names in `AMQP_URL`; `amqps` where it has TLS.",
}


_PUBLISH: Final = {
    "action": "send",
    "channel": {"$ref": f"#/channels/{_OUT}"},
    "summary": "Tell what has changed.",
    "bindings": {"amqp": {"deliveryMode": 2, "mandatory": True, "timestamp": True, **_BINDING}},
}
_FOLLOW: Final = {
    "action": "receive",
    "channel": {"$ref": f"#/channels/{_IN}"},
    "summary": "Follow what the identity service says of users.",
    "description": (
        f"The queue is `{topology.IDENTITY.queue}`, bound by "
        f"{' and '.join(f'`{key}`' for key in topology.IDENTITY.keys)}. What cannot be handled "
        f"goes to the queue `{topology.IDENTITY.dead_queue}`; other types are ignored."
    ),
    "bindings": {"amqp": {"ack": True, **_BINDING}},
}


def document() -> dict[str, Any]:
    """Return the document, as JSON has it."""
    told = [name for name in TYPES if kind_of(name) in OBJECTS]
    whole = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the task service",
            "version": openapi.SPECTACULAR_SETTINGS["VERSION"],
            "description": _ABOUT,
        },
        "defaultContentType": MEDIA_TYPE,
        "servers": {"rabbitmq": _SERVER},
        "channels": {
            _OUT: _channel(_OUT, "Its own events, by type.", told),
            _IN: _channel(_IN, "Those of the identity service.", [_INBOUND]),
        },
        "operations": {"publish": _PUBLISH, "follow": _FOLLOW},
        "components": {
            "messages": {**{name: _message(name) for name in told}, _INBOUND: _inbound()},
            "schemas": schemas(),
        },
    }
    # There and back again: no object is in it twice, for which YAML would write an alias.
    return dict(json.loads(json.dumps(whole)))


def _channel(exchange: str, description: str, names: list[str]) -> Mapping[str, Any]:
    declared = {"name": exchange, "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": "{key}",
        "description": f"The exchange `{exchange}`. {description}",
        "parameters": {"key": {"description": "The routing key: the `type` of the event."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"amqp": {"is": "routingKey", "exchange": declared, **_BINDING}},
    }


def _message(name: str) -> Mapping[str, Any]:
    return {
        "name": name,
        "summary": TYPES[name],
        "contentType": MEDIA_TYPE,
        "payload": payload(kind_of(name), name),
        "bindings": {"amqp": {"messageType": name, **_BINDING}},
    }


def _inbound() -> Mapping[str, Any]:
    return {
        "name": _INBOUND,
        "summary": "A user was changed, deactivated or deleted.",
        "contentType": MEDIA_TYPE,
        "payload": {"$ref": "#/components/schemas/identityEvent"},
    }
