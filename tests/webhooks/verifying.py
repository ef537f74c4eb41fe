"""The page for receivers, its code, and requests that this code must take or refuse."""

import re
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from tasks.webhooks import signing
from tests.environment import CHECKOUT

PAGE: Final = (CHECKOUT / "docs" / "webhooks.md").read_text()
SECRET, OTHER, THIRD = (f"whsec_{b64encode(bytes([byte]) * 32).decode()}" for byte in b"abc")
BODY: Final = '{"title": "Schlüssel übergeben ✓"}\n\n'.encode()
ID: Final = "0193b2f4-7d7e-7a41-8c0b-5a3f9d1e6b72"


def block(name: str) -> str:
    """Return the code block whose first line is a comment with this name."""
    found = re.findall(rf"^```\w+\n((?:#|//) {re.escape(name)}\b.*?)^```$", PAGE, re.M | re.S)
    assert len(found) == 1, name
    return str(found[0])


def signed(*secrets: str, seconds: float = 0, body: bytes = BODY) -> dict[str, str]:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return signing.headers(secrets, event_id=ID, at=at, body=body)


@dataclass(frozen=True)
class Case:
    """A request that a receiver gets; made at the time of the test, since its age counts."""

    name: str
    genuine: bool
    make: Callable[[], dict[str, str]]
    secret: str = SECRET
    body: bytes = field(default=BODY, repr=False)


def changed(**headers: str) -> Callable[[], dict[str, str]]:
    return lambda: signed(SECRET) | {f"webhook-{name}": text for name, text in headers.items()}


def signed_as(template: str) -> Callable[[], dict[str, str]]:
    """Put the right signature, or what is in place of it, into a header of another form."""

    def make() -> dict[str, str]:
        headers = signed(SECRET)
        digest = headers["webhook-signature"].removeprefix("v1,")
        return headers | {"webhook-signature": template.format(digest=digest)}

    return make


def without(name: str) -> Callable[[], dict[str, str]]:
    return lambda: {key: text for key, text in signed(SECRET).items() if key != name}


def now() -> str:
    return str(int(time.time()))


CASES: Final = [
    Case("right", True, lambda: signed(SECRET)),
    Case("no body", True, lambda: signed(SECRET, body=b""), body=b""),
    Case("the new secret while one is replaced", True, lambda: signed(SECRET, OTHER)),
    Case("the old secret while one is replaced", True, lambda: signed(OTHER, SECRET)),
    Case("after it was replaced", False, lambda: signed(OTHER)),
    Case("replaced twice", False, lambda: signed(OTHER, THIRD)),
    Case("another body", False, lambda: signed(SECRET), body=BODY + b"\n"),
    Case("a body read and written again", False, lambda: signed(SECRET), body=BODY.strip()),
    Case("another id", False, changed(id=ID.replace("0", "1"))),
    Case("another time", False, lambda: signed(SECRET, seconds=-9) | {"webhook-timestamp": now()}),
    Case("4 minutes old", True, lambda: signed(SECRET, seconds=-240)),
    Case("6 minutes old", False, lambda: signed(SECRET, seconds=-360)),
    Case("4 minutes early", True, lambda: signed(SECRET, seconds=240)),
    Case("6 minutes early", False, lambda: signed(SECRET, seconds=360)),
    *(
        Case(f"time {text[:6]!r}", False, changed(timestamp=text))
        for text in (
            "",
            "now",
            "²",
            "1e9",
            "-1",
            "nan",
            "0x6925",
            f"{now()}\n",
            f" {now()}",
            "9" * 400,
        )
    ),
    Case("one of many", True, signed_as("v0,{digest} v1a,{digest} v1,AAAA v1,{digest}")),
    *(
        Case(f"signature {text!r}", False, signed_as(text))
        for text in ("", "v1", "v1,", "v1,*", "é", "{digest}", "v2,{digest}", "v1,{digest}A")
    ),
    *(Case(f"no {name}", False, without(name)) for name in signed(SECRET)),
    Case("no secret", False, lambda: signed(SECRET), secret=""),
    Case("a short secret", False, lambda: signed("whsec_YWFhYQ=="), secret="whsec_YWFhYQ=="),
    Case("no key, no signature", False, signed_as("v1,"), secret="whsec_"),
]
