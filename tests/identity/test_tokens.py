"""Tokens: what ours say, and everything that is not one of ours."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from django.utils import timezone
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenBackendError, TokenError

from tasks.identity import tokens
from tasks.identity.keys import load_keys
from tasks.identity.tokens import AccessToken, KeyRingBackend, RefreshToken
from tasks.ids import uuid7
from tests.identity.makers import KEYS, OTHER_SECRET, RSA, SECRET, forge, public_pem

pytestmark = pytest.mark.once

USER = UUID("01938f6e-7c00-7a11-8b22-0f1e2d3c4b5a")
SID = UUID("01938f70-1e40-7c33-9d44-1a2b3c4d5e6f")


@pytest.fixture
def now() -> datetime:
    return timezone.now().replace(microsecond=0)


def backend(*keys: str, header_type: str = "at+jwt", leeway: int = 5) -> KeyRingBackend:
    return KeyRingBackend(
        header_type=header_type,
        keys=load_keys(keys or (SECRET,)),
        issuer="tasks",
        audience="tasks",
        leeway=leeway,
    )


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims with some changed; those that are `...` are left out."""
    now = int(timezone.now().timestamp())
    good = {
        "iss": "tasks",
        "aud": "tasks",
        "sub": str(USER),
        "sid": str(SID),
        "jti": "1",
        "iat": now,
        "exp": now + 300,
        "scope": "tasks:read",
        "token_type": "access",
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def header(**changes: Any) -> dict[str, Any]:
    good = {"typ": "at+jwt", "alg": "HS256", "kid": load_keys([SECRET])[0].kid}
    return {name: value for name, value in (good | changes).items() if value is not ...}


def header_of(token: str) -> dict[str, Any]:
    segment = token.partition(".")[0]
    read: dict[str, Any] = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return read


def test_it_believes_what_it_signed_itself() -> None:
    """The forger's tools do make a good token, so what follows fails for the reason it names."""
    good = forge(header(), claims(), SECRET.encode())

    assert backend().claims(good)["sid"] == str(SID)


@pytest.mark.parametrize("algorithm", KEYS)
def test_it_signs_and_verifies_with_each_kind_of_key(
    algorithm: str, settings: Any, now: datetime
) -> None:
    settings.JWT_SIGNING_KEYS = [KEYS[algorithm]]
    token = str(AccessToken.issue(user_id=USER, sid=SID, now=now))

    assert AccessToken(token).sid == SID  # type: ignore[arg-type]
    assert header_of(token) == {
        "typ": "at+jwt",
        "alg": algorithm,
        "kid": load_keys([KEYS[algorithm]])[0].kid,
    }
    assert len(token) <= tokens.LONGEST_TOKEN


def test_it_says_in_an_access_token_what_the_contract_names(now: datetime) -> None:
    token = str(AccessToken.issue(user_id=USER, sid=SID, now=now))
    said = AccessToken(token).payload  # type: ignore[arg-type]

    assert said == {
        "token_type": "access",
        "iss": "tasks",
        "aud": "tasks",
        "sub": str(USER),
        "sid": str(SID),
        "jti": said["jti"],
        "scope": "tasks:read tasks:write webhooks events:read",
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + 300,
    }
    assert len(said["jti"]) == 32


def test_it_makes_each_access_token_another_one(now: datetime) -> None:
    one, two = (AccessToken.issue(user_id=USER, sid=SID, now=now) for _ in range(2))

    assert one["jti"] != two["jti"]


def test_it_never_takes_one_kind_for_the_other(now: datetime) -> None:
    pair = tokens.pair(user_id=USER, sid=SID, jti=uuid4().hex, now=now)

    with pytest.raises(TokenError):
        AccessToken(pair.refresh)  # type: ignore[arg-type]
    with pytest.raises(TokenError):
        RefreshToken(pair.access)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "typ", "token_type"),
    [
        (AccessToken, "at+jwt", "refresh"),
        (AccessToken, "rt+jwt", "access"),
        (RefreshToken, "rt+jwt", "access"),
        (RefreshToken, "at+jwt", "refresh"),
    ],
)
def test_it_wants_header_and_claim_to_name_the_same_kind(
    kind: type[AccessToken | RefreshToken], typ: str, token_type: str, settings: Any
) -> None:
    settings.JWT_SIGNING_KEYS = [SECRET]
    mixed = forge(header(typ=typ), claims(token_type=token_type), SECRET.encode())

    with pytest.raises(TokenError):
        kind(mixed)  # type: ignore[arg-type]


def good_token() -> str:
    return forge(header(), claims(), SECRET.encode())


def signed_by_someone_else() -> str:
    return forge(header(), claims(), OTHER_SECRET.encode())


def unsigned(alg: str) -> str:
    return forge(header(alg=alg), claims(), b"").rpartition(".")[0] + "."


def hmac_with_a_public_key() -> str:
    """The classic: an RSA key is public, so as an HMAC secret it is known to everybody."""
    kid = load_keys([KEYS["RS256"]])[0].kid
    return forge(header(kid=kid), claims(), public_pem(RSA.public_key()).encode())


def altered_claims() -> str:
    head, _, signature = good_token().split(".")
    other = forge(header(), claims(sub=str(uuid7())), SECRET.encode()).split(".")[1]
    return f"{head}.{other}.{signature}"


FORGERIES: dict[str, Callable[[], str]] = {
    "signed by someone else": signed_by_someone_else,
    "unsigned": lambda: unsigned("none"),
    "unsigned, in capitals": lambda: unsigned("NONE"),
    "unsigned, and says HS256": lambda: unsigned("HS256"),
    "HMAC with a public key": hmac_with_a_public_key,
    "another HMAC than the key's": lambda: forge(
        header(alg="HS512"), claims(), SECRET.encode(), "sha512"
    ),
    "RS256 in name only": lambda: forge(header(alg="RS256"), claims(), SECRET.encode()),
    "altered claims": altered_claims,
    "cut short": lambda: good_token()[:-1],
    "no alg": lambda: forge(header(alg=...), claims(), SECRET.encode()),
    "alg of another type": lambda: forge(header(alg=["HS256"]), claims(), SECRET.encode()),
    "no kid": lambda: forge(header(kid=...), claims(), SECRET.encode()),
    "unknown kid": lambda: forge(header(kid="../../dev/null"), claims(), SECRET.encode()),
    "kid of another type": lambda: forge(header(kid=["a"]), claims(), SECRET.encode()),
    "kid of another key": lambda: forge(
        header(kid=load_keys([KEYS["RS256"]])[0].kid), claims(), SECRET.encode()
    ),
    "no typ": lambda: forge(header(typ=...), claims(), SECRET.encode()),
    "typ JWT": lambda: forge(header(typ="JWT"), claims(), SECRET.encode()),
    "a critical extension": lambda: forge(
        header(crit=["http://example.com/x"]), claims(), SECRET.encode()
    ),
    "other issuer": lambda: forge(header(), claims(iss="tasks.example"), SECRET.encode()),
    "other audience": lambda: forge(header(), claims(aud="other"), SECRET.encode()),
    "several audiences": lambda: forge(header(), claims(aud=["tasks", "x"]), SECRET.encode()),
    "not yet valid": lambda: forge(header(), claims(nbf=claims()["iat"] + 60), SECRET.encode()),
    "issued in the future": lambda: forge(
        header(), claims(iat=claims()["iat"] + 60), SECRET.encode()
    ),
    "expiry is no number": lambda: forge(header(), claims(exp="never"), SECRET.encode()),
    "expiry is infinite": lambda: forge(header(), claims(exp=float("inf")), SECRET.encode()),
    "subject is a number": lambda: forge(header(), claims(sub=1), SECRET.encode()),
    "claims are a list": lambda: forge(header(), [], SECRET.encode()),
    "claims are no JSON": lambda: forge(header(), b"\xff", SECRET.encode()),
    "header is a list": lambda: forge([], claims(), SECRET.encode()),
    "header is no JSON": lambda: forge(b"\xff{", claims(), SECRET.encode()),
    "header without a bottom": lambda: forge(b"[" * 1500, claims(), SECRET.encode()),
    "longer than any of ours": lambda: forge(header(), claims(x="y" * 2048), SECRET.encode()),
    "nothing": lambda: "",
    "dots": lambda: "..",
    "too few dots": lambda: good_token().replace(".", "", 1),
    "too many dots": lambda: good_token() + ".x",
    "not ASCII": lambda: good_token() + "é",
    "a lone surrogate": lambda: good_token() + "\ud800",
    "a NUL": lambda: good_token() + "\x00",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_it_refuses(name: str) -> None:
    with pytest.raises(TokenBackendError):
        backend(SECRET, KEYS["RS256"]).claims(FORGERIES[name]())


@pytest.mark.parametrize(
    "claim", ["exp", "iat", "iss", "aud", "sub", "jti", "sid", "scope", "token_type"]
)
@pytest.mark.parametrize("value", [..., None], ids=["absent", "null"])
def test_it_refuses_a_token_without(claim: str, value: object) -> None:
    with pytest.raises(TokenBackendError):
        backend().claims(forge(header(), claims(**{claim: value}), SECRET.encode()))


@pytest.mark.parametrize("sid", ["", "1", str(SID).upper(), f"{{{SID}}}", 7, [str(SID)]])
def test_it_refuses_a_sign_in_that_is_no_id(sid: object, settings: Any) -> None:
    settings.JWT_SIGNING_KEYS = [SECRET]
    token = forge(header(), claims(sid=sid), SECRET.encode())

    with pytest.raises(TokenError):
        AccessToken(token)  # type: ignore[arg-type]
    assert tokens.sid_of(token) is None


def test_it_refuses_a_token_after_five_minutes(now: datetime) -> None:
    old = AccessToken.issue(user_id=USER, sid=SID, now=now - timedelta(minutes=5, seconds=10))

    with pytest.raises(ExpiredTokenError):
        AccessToken(str(old))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "good"), [(-3, True), (-8, False)], ids=["within the leeway", "beyond"]
)
def test_it_forgives_clocks_five_seconds(seconds: int, good: bool) -> None:
    token = forge(header(), claims(exp=claims()["iat"] + seconds), SECRET.encode())

    try:
        backend(leeway=5).claims(token)
    except TokenBackendError:
        assert not good
    else:
        assert good


def test_it_replaces_a_key_without_signing_anybody_out(settings: Any, now: datetime) -> None:
    settings.JWT_SIGNING_KEYS = [SECRET]
    old = str(AccessToken.issue(user_id=USER, sid=SID, now=now))

    settings.JWT_SIGNING_KEYS = [KEYS["ES256"], SECRET]
    new = str(AccessToken.issue(user_id=USER, sid=SID, now=now))
    assert (header_of(old)["alg"], header_of(new)["alg"]) == ("HS256", "ES256")
    assert AccessToken(old).sid == AccessToken(new).sid == SID  # type: ignore[arg-type]

    settings.JWT_SIGNING_KEYS = [KEYS["ES256"]]
    assert AccessToken(new).sid == SID  # type: ignore[arg-type]
    with pytest.raises(TokenError):
        AccessToken(old)  # type: ignore[arg-type]


def test_it_writes_tokens_that_others_can_verify(settings: Any, now: datetime) -> None:
    settings.JWT_SIGNING_KEYS = [KEYS["RS256"]]
    token = str(AccessToken.issue(user_id=USER, sid=SID, now=now))

    said = jwt.decode(
        token, public_pem(RSA.public_key()), algorithms=["RS256"], audience="tasks", issuer="tasks"
    )

    assert said["sub"] == str(USER)


def test_it_knows_the_sign_in_of_either_token_also_when_it_has_expired(now: datetime) -> None:
    old = tokens.pair(user_id=USER, sid=SID, jti=uuid4().hex, now=now - timedelta(days=30))

    assert tokens.sid_of(old.access) == SID
    assert tokens.sid_of(old.refresh) == SID
    assert tokens.sid_of("garbage") is None
    assert tokens.sid_of(old.access[:-2]) is None
