"""The keys that sign and verify tokens: the first signs, all verify.

Each key has exactly one algorithm, taken from the kind of the key and never from a token: a
verifier that believes the `alg` of a token can be made to check an RSA public key as an HMAC
secret (CVE-2022-29217, RFC 8725 §3.1). A token names its key by `kid`, so a key is replaced
without signing anybody out: the new one is put first, the old one stays behind it until its last
refresh token has expired.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt import get_algorithm_by_name

type PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_SHORTEST_SECRET: Final = 32  # bytes: as long as the hash, RFC 7518 §3.2
_PEM: Final = "-----BEGIN "
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
# The members that identify a public key, RFC 7638 §3.2 and RFC 8037 §2.
_THUMBPRINT_MEMBERS: Final = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key, ready for PyJWT.

    Attributes:
        kid: its name in the header of a token; says nothing about a secret.
        algorithm: the only one it is used with (RFC 7518, RFC 8037).
        signing: the secret or private key; None if it only verifies.
        verifying: the secret or public key.
    """

    kid: str
    algorithm: str
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)


def load_keys(texts: Iterable[str]) -> tuple[Key, ...]:
    """Return the keys in order; each text is an HS256 secret or a PEM document.

    Raises:
        ValueError: there is none, the first cannot sign, or one is unfit.
    """
    keys = tuple(_asymmetric(text) if text.startswith(_PEM) else _secret(text) for text in texts)
    if not keys or keys[0].signing is None:
        raise ValueError("The first key signs, so there must be one, with its private half.")
    return keys


def _secret(text: str) -> Key:
    secret = text.encode()
    if len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"A secret must have at least {_SHORTEST_SECRET} bytes.")
    # Not a plain hash of the secret: RFC 7638 §7 warns of publishing those.
    name = hmac.digest(secret, b"kid", "sha256")
    return Key(_base64url(name)[:16], "HS256", signing=secret, verifying=secret)


def _asymmetric(pem: str) -> Key:
    private, public = _halves(pem)
    algorithm = _algorithm(public)
    jwk = get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return Key(_thumbprint(jwk), algorithm, signing=private, verifying=public)


def _halves(pem: str) -> tuple[Any, Any]:
    if "PRIVATE KEY" in pem.partition("\n")[0]:
        private: Any = load_pem_private_key(pem.encode(), password=None)
        return private, private.public_key()
    return None, load_pem_public_key(pem.encode())


def _algorithm(public: PublicKey) -> str:
    if isinstance(public, rsa.RSAPublicKey):
        return "RS256"
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return _CURVES[public.curve.name]
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "EdDSA"
    raise ValueError("A key must be RSA, EC on P-256, P-384 or P-521, or Ed25519.")


def _thumbprint(jwk: dict[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public key (RFC 7638 §3)."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
