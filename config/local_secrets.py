"""Secrets: made once for a local run, demanded from whoever runs production.

A newcomer should not have to invent keys, and a production service must not run on keys that
anybody can guess. So a local run writes its own secrets into `var/`, marked by their prefix, and
production refuses those as it refuses missing, short and well-known ones.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from config.env import Environment

GENERATED_PREFIX: Final = "generated-"
RANDOM_BYTES: Final = 48
SHORTEST: Final = 32  # bytes, the output of the HMAC-SHA256 that the secrets key (RFC 7518 §3.2)
_FEWEST_CHARACTERS: Final = 8
_WELL_KNOWN: Final = ("django-insecure-", "changeme", "change-me", "secret", "password", "example")


def secret(
    env: Environment,
    name: str,
    *,
    path: Path,
    local: bool,
    strict: bool,
    size: int = RANDOM_BYTES,
) -> str:
    """Return the secret from the environment, or the one generated at `path`.

    Args:
        env: notes the mistakes.
        name: the variable.
        path: where a local run keeps the secret it made.
        local: a missing secret is generated.
        strict: production: a missing or weak secret is a mistake.
        size: random bytes of a new one.
    """
    value = env.text(name)
    if value:
        if strict and (weakness := weakness_of(value)):
            env.mistake(name, f"{weakness} Generate one: {recipe(name, size)}")
        return value
    if not local:
        env.mistake(
            name,
            f"is missing. Generate one: {recipe(name, size)} "
            "(or LOCAL_RUN=true for a trial on this machine).",
        )
        return ""
    try:
        return generated(path, size)
    except (OSError, ValueError):
        env.mistake("VAR_DIR", "must name a directory that this process may read and write.")
        return ""


def weakness_of(value: str) -> str:
    """Say why nobody should run production on this secret; empty if it will do."""
    lowered = value.lower()
    if lowered.startswith(GENERATED_PREFIX):
        return "was generated for a local run."
    if len(value.encode()) < SHORTEST:
        return f"is shorter than {SHORTEST} bytes."
    if len(set(value)) < _FEWEST_CHARACTERS or lowered.startswith(_WELL_KNOWN):
        return "is one that others could guess."
    return ""


def generated(path: Path, size: int = RANDOM_BYTES) -> str:
    """Return the secret kept at `path`, made by whichever process comes first.

    Several processes start at once (gunicorn, the worker, a management command), and all must
    end up with the same secret. Each writes its own candidate in full and links it to the final
    name, which succeeds for exactly one; nobody can read a half-written file.

    Raises:
        OSError: the directory is not there or cannot be written.
    """
    if not path.exists():
        candidate = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(GENERATED_PREFIX + secrets.token_urlsafe(size))
            _link(candidate, path)
        finally:
            candidate.unlink()
    return path.read_text().strip()


def _link(candidate: Path, path: Path) -> None:
    try:
        path.hardlink_to(candidate)
    except FileExistsError:
        return  # Another process was first: its secret is the one.


def recipe(name: str, size: int = RANDOM_BYTES) -> str:
    """Return the line for the shell that makes a secret."""
    return f'{name}="$(python3 -c "import secrets; print(secrets.token_urlsafe({size}))")"'
