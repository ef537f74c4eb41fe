"""The secrets that sign webhooks: made here, and encrypted in their columns.

A hash, as passwords have it, will not do: a secret signs, so it is needed in clear at each attempt.
Encrypted, it is of no use in a backup or to whoever reads the database without the service's
environment. It costs some 20 µs each. It does not bind a secret to its row: whoever can write to
the database can give an endpoint another one's secret, and could also change its URL.

Fails closed: what cannot be decrypted is an error and is never passed on as if it were the secret.
"""

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from secrets import token_bytes
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PREFIX: Final = "whsec_"
_BYTES: Final = 32  # Standard Webhooks: 24 to 64


class Unreadable(Exception):
    """A secret is encrypted with none of the keys, or what is stored is not what was written."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret can be decrypted with none of FIELD_ENCRYPTION_KEYS: "
            "put the key that encrypted it back into the list."
        )


def new_secret() -> str:
    """Return a secret as Standard Webhooks writes it: `whsec_` and 32 random bytes in base64."""
    return PREFIX + b64encode(token_bytes(_BYTES)).decode()


def seal(text: str) -> str:
    """Encrypt a text for its column, with the first key."""
    return _fernet().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the text of a column.

    Raises:
        Unreadable: no key fits, or it was changed.
    """
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def resealed(sealed: str) -> str:
    """Return what a column should hold: itself, if the first key encrypted it, else encrypted anew.

    Raises:
        Unreadable: no key fits, or it was changed.
    """
    token = sealed.encode()
    if _opens(settings.FIELD_ENCRYPTION_KEYS[:1], token):
        return sealed
    try:
        return _fernet().rotate(token).decode()
    except InvalidToken:
        raise Unreadable from None


def _opens(keys: Sequence[str], token: bytes) -> bool:
    try:
        _of(tuple(keys)).decrypt(token)
    except InvalidToken:
        return False
    return True


def _fernet() -> MultiFernet:
    return _of(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)  # One service has one list; tests have several.
def _of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
