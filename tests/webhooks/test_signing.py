"""The headers of a webhook, held against the specification's own package and its example."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from tasks.webhooks import signing
from tasks.webhooks.secrets import new_secret

pytestmark = pytest.mark.once

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"title": "Schlüssel übergeben ✓"}'.encode()
AT = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)
SIGNED = {
    "webhook-id": "01936b2e-5f0c-7c3a-9b1d-2f6a8e4c7d10",
    "webhook-timestamp": "1795521600",
    # printf '%s.%s.%s' ID TIMESTAMP BODY | openssl dgst -sha256 -mac HMAC -macopt hexkey:…
    "webhook-signature": "v1,Drsj2swLLCsI8DEKve4+10y122QU8nAJG6+4oh8dklI=",
}


def signed(secrets: list[str], at: datetime = AT, body: bytes = BODY) -> dict[str, str]:
    return signing.headers(secrets, event_id=SIGNED["webhook-id"], at=at, body=body)


def verifies(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def test_it_signs_as_openssl_does() -> None:
    assert signed([SECRET]) == SIGNED


@pytest.mark.parametrize("hours", [-11, 2, 5.75, 14])
def test_it_signs_the_instant_and_not_what_a_clock_in_its_zone_shows(hours: float) -> None:
    assert signed([SECRET], AT.astimezone(timezone(timedelta(hours=hours)))) == SIGNED


def test_it_signs_with_both_secrets_while_one_is_replaced() -> None:
    new = new_secret()
    headers = signed([new, SECRET])
    assert headers["webhook-signature"].split(" ") == [
        signed([new])["webhook-signature"],
        SIGNED["webhook-signature"],
    ]


@given(
    body=st.text(st.characters(exclude_categories=["Cs"])).map(str.encode),
    event_id=st.uuids().map(str),
    zone=st.integers(-23 * 60, 23 * 60),
    seconds=st.floats(-299, 299),
)
def test_it_is_verified_by_the_package_of_the_specification(
    body: bytes, event_id: str, zone: int, seconds: float
) -> None:
    old, new, other = (new_secret() for _ in range(3))
    at = datetime.now(timezone(timedelta(minutes=zone))) + timedelta(seconds=seconds)
    headers = signing.headers([new, old], event_id=event_id, at=at, body=body)

    assert verifies(new, headers, body)
    assert verifies(old, headers, body)
    assert not verifies(other, headers, body)
    assert not verifies(new, headers, body + b" ")
    assert not verifies(new, headers | {"webhook-id": f"{event_id}0"}, body)
    later = str(int(headers["webhook-timestamp"]) + 1)
    assert not verifies(new, headers | {"webhook-timestamp": later}, body)


def test_it_is_refused_by_the_package_when_it_is_old() -> None:
    at = datetime.now(UTC) - timedelta(minutes=6)
    assert not verifies(SECRET, signed([SECRET], at), BODY)


@pytest.mark.parametrize(
    ("secrets", "at", "body"),
    [([], AT, BODY), ([SECRET], AT.replace(tzinfo=None), BODY), ([SECRET], AT, b"\xff")],
    ids=["no secret", "no zone", "not UTF-8"],
)
def test_it_signs_nothing_that_nobody_could_verify(
    secrets: list[str], at: datetime, body: bytes
) -> None:
    with pytest.raises(ValueError, match=r"secret and an instant|can't decode"):
        signed(secrets, at, body)
