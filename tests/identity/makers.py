"""Keys, tokens that nobody should believe, and users to sign in."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tasks.models import User

NOW: Final = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PASSWORD: Final = "correct horse battery"


def pem(key: PrivateKeyTypes) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: rsa.RSAPublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


RSA: Final = rsa.generate_private_key(65537, 2048)
SECRET: Final = "one secret that is long enough for it"
OTHER_SECRET: Final = "another secret that is long enough too"
KEYS: Final[Mapping[str, str]] = {
    "HS256": SECRET,
    "RS256": pem(RSA),
    "ES256": pem(ec.generate_private_key(ec.SECP256R1())),
    "ES384": pem(ec.generate_private_key(ec.SECP384R1())),
    "ES512": pem(ec.generate_private_key(ec.SECP521R1())),
    "EdDSA": pem(ed25519.Ed25519PrivateKey.generate()),
}


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: object, claims: object, secret: bytes, digest: str = "sha256") -> str:
    """Return a token put together by hand, signed by HMAC: no library refuses to help here."""
    signed = f"{base64url(_json(header))}.{base64url(_json(claims))}"
    signature = hmac.new(secret, signed.encode(), getattr(hashlib, digest)).digest()
    return f"{signed}.{base64url(signature)}"


def _json(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def make_user(username: str, **fields: Any) -> User:
    return User.objects.create_user(username, password=PASSWORD, **fields)
