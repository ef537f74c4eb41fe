"""The keys that sign and verify access tokens: strings for HS256, PEM files for the rest.

`JWT_SIGNING_KEYS` is a list, so that a key can be replaced without signing anybody out: put the
new key first, leave the old one behind it until its last token has expired, then drop it.
"""

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from config.env import Environment, names
from config.local_secrets import SHORTEST, weakness_of

PEM: Final = "-----BEGIN "
_SHORTEST_RSA: Final = 2048  # bits, RFC 7518 §3.3
_PATH_STARTS: Final = ("/", "./", "../", "~")
_PATH_ENDS: Final = (".pem", ".key")
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")  # RFC 7518 §3.4


def signing_keys(env: Environment, text: str, *, strict: bool) -> list[str]:
    """Return the keys in order, each an HS256 secret or the text of a PEM document.

    Args:
        env: notes the mistakes; they name the position in the list, never the key.
        text: the variable's value.
        strict: production: a weak secret is a mistake.
    """
    keys: list[str] = []
    for position, name in enumerate(names(text), start=1):
        try:
            keys.append(_key(name, strict=strict, signs=position == 1))
        except ValueError as error:
            env.mistake("JWT_SIGNING_KEYS", f"key {position} {error}")
    return keys


def _key(name: str, *, strict: bool, signs: bool) -> str:
    key = name if name.startswith(PEM) else _file_or_secret(name)
    if key.startswith(PEM):
        _demand_fitness(_load(key.encode()))
        if signs and "PRIVATE KEY" not in key.partition("\n")[0]:
            raise ValueError("signs, so it must be a private key; put public keys behind it.")
    elif len(key.encode()) < SHORTEST:
        raise ValueError(f"must be a secret of at least {SHORTEST} bytes or a PEM file's path.")
    elif strict and (weakness := weakness_of(key)):
        raise ValueError(f"{weakness} Use a random one.")
    return key


def _file_or_secret(name: str) -> str:
    """Tell a path from a secret: a misspelt path must not become a guessable HS256 secret."""
    if name.startswith(_PATH_STARTS) or name.endswith(_PATH_ENDS):
        try:
            text = Path(name).expanduser().read_text().strip()
        except (OSError, ValueError, RuntimeError):
            raise ValueError("is the path of a file that cannot be read.") from None
        if not text.startswith(PEM):
            raise ValueError("is the path of a file that is not in PEM form.")
        return text
    return name


def _load(pem: bytes) -> object:
    """Return the public key, or the public half of the private one."""
    try:
        if b"PRIVATE KEY" in pem.partition(b"\n")[0]:
            return load_pem_private_key(pem, password=None).public_key()
        return load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("must be an unencrypted PEM key: RSA, EC or Ed25519.") from None


def _demand_fitness(key: object) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _SHORTEST_RSA:
            raise ValueError(f"must have at least {_SHORTEST_RSA} bits.")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise ValueError("must be on the curve P-256, P-384 or P-521.")
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError("must be RSA, EC or Ed25519.")
