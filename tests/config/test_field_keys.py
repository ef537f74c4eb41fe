"""FIELD_ENCRYPTION_KEYS: which texts are keys, and which of them production takes."""

from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config import field_keys, local_secrets
from config.env import Environment
from tests.config.processes import FIELD_KEY, STRONG

pytestmark = pytest.mark.once

RECIPE = 'FIELD_ENCRYPTION_KEYS="$(python3 -c "import secrets; print(secrets.token_urlsafe(32))")"'
OTHER = Fernet.generate_key().decode()


def read(text: str, *, strict: bool = True) -> tuple[list[str], list[str]]:
    environment = Environment()
    return field_keys.encryption_keys(environment, text, strict=strict), environment.mistakes


def said(what: str) -> list[str]:
    return [f"FIELD_ENCRYPTION_KEYS: {what} Generate one: {RECIPE}"]


def encoded(key: bytes) -> str:
    return urlsafe_b64encode(key).decode()


def test_it_reads_keys_in_order_with_and_without_padding() -> None:
    keys, mistakes = read(f"{FIELD_KEY}, {OTHER}")
    assert (keys, mistakes) == ([f"{FIELD_KEY}=", OTHER], [])
    assert [Fernet(key).decrypt(Fernet(key).encrypt(b"a")) for key in keys] == [b"a", b"a"]


def test_it_reads_what_a_local_run_generates_and_production_does_not(tmp_path: Path) -> None:
    made = local_secrets.generated(tmp_path / "field-encryption-key", field_keys.BYTES)
    assert read(made, strict=False) == ([f"{made.removeprefix('generated-')}="], [])
    assert read(made) == ([], said("key 1 was generated for a local run."))


@pytest.mark.parametrize(
    "text",
    [STRONG, FIELD_KEY[:-1], f"{FIELD_KEY}==", f"{FIELD_KEY}A", f"+/{FIELD_KEY[2:]}", "é" * 43],
    ids=["secret", "short", "padded twice", "long", "other alphabet", "not ASCII"],
)
@pytest.mark.parametrize("strict", [True, False])
def test_it_refuses_what_is_no_key(text: str, *, strict: bool) -> None:
    keys, mistakes = read(f"{FIELD_KEY},{text}", strict=strict)
    assert keys == [f"{FIELD_KEY}="]
    assert mistakes == said("key 2 must be 32 random bytes in URL-safe base64.")


@pytest.mark.parametrize(
    "key", [bytes(32), (bytes(range(200, 207)) * 5)[:32], b"correct horse battery staple 123"]
)
def test_it_refuses_a_key_that_others_could_guess_in_production_only(key: bytes) -> None:
    assert read(encoded(key)) == ([], said("key 1 is one that others could guess."))
    assert read(encoded(key), strict=False) == ([encoded(key)], [])


def test_it_refuses_a_list_without_a_key() -> None:
    assert read(" , ", strict=False) == ([], said("names no key."))
    assert read("") == ([], [])  # It is missing, which has been said.
