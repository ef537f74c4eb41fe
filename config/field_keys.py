"""The keys that encrypt columns: 32 random bytes each, in URL-safe base64, as Fernet takes them.

`FIELD_ENCRYPTION_KEYS` is a list, so that a key can be replaced while the service runs: the first
encrypts, all decrypt (docs/configuration.md, “Changing a secret”). A local run makes a key like its
other secrets, behind the prefix `generated-`, by which production knows it again. The prefix is
part of the text and not of the key, so no companion file has to lie beside it, or can be lost.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from config.env import Environment, names
from config.local_secrets import GENERATED_PREFIX, recipe

BYTES: Final = 32
_NAME: Final = "FIELD_ENCRYPTION_KEYS"
_RECIPE: Final = recipe(_NAME, BYTES)
_FEWEST_VALUES: Final = 8  # of 32 random bytes, hardly ever fewer than 25 are different
_FORM: Final = re.compile(
    r"[A-Za-z0-9_-]{43}=?"
)  # the padding says nothing: 43 digits are 32 bytes


def encryption_keys(env: Environment, text: str, *, strict: bool) -> list[str]:
    """Return the keys in order, in the one spelling that Fernet takes.

    Args:
        env: notes the mistakes; they name the position in the list, never the key.
        text: the variable's value; empty if it is missing, which has been noted then.
        strict: production: a generated or guessable key is a mistake.
    """
    keys: list[str] = []
    for position, name in enumerate(names(text), start=1):
        try:
            keys.append(_key(name, strict=strict))
        except ValueError as error:
            env.mistake(_NAME, f"key {position} {error} Generate one: {_RECIPE}")
    if text and not names(text):
        env.mistake(_NAME, f"names no key. Generate one: {_RECIPE}")
    return keys


def _key(name: str, *, strict: bool) -> str:
    text = name.removeprefix(GENERATED_PREFIX)
    if strict and text != name:
        raise ValueError("was generated for a local run.")
    if not _FORM.fullmatch(text):
        raise ValueError(f"must be {BYTES} random bytes in URL-safe base64.")
    key = urlsafe_b64decode(text[:43] + "=")
    # Text that somebody typed is ASCII; of random keys one in four thousand million is.
    if strict and (key.isascii() or len(set(key)) < _FEWEST_VALUES):
        raise ValueError("is one that others could guess.")
    return urlsafe_b64encode(key).decode()
