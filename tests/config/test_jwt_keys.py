"""JWT_SIGNING_KEYS: secrets, PEM files and what is neither."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from config import jwt_keys
from config.env import Environment
from tests.config.processes import STRONG

pytestmark = pytest.mark.once


def pem(key: PrivateKeyTypes, encryption: KeySerializationEncryption | None = None) -> str:
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    ).decode()


def public_pem(key: ed25519.Ed25519PrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def read(text: str) -> tuple[list[str], list[str]]:
    environment = Environment()
    return jwt_keys.signing_keys(environment, text, strict=True), environment.mistakes


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["RSA", "P-256", "P-384", "P-521", "Ed25519"],
)
def test_it_reads_the_file_of_each_kind_of_key(tmp_path: Path, key: PrivateKeyTypes) -> None:
    (tmp_path / "signing").write_text(pem(key))
    assert read(str(tmp_path / "signing")) == ([pem(key).strip()], [])


def test_it_reads_several_keys_in_order_the_first_signs(tmp_path: Path) -> None:
    old = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "old.pem").write_text(public_pem(old))
    assert read(f"{STRONG}, {tmp_path}/old.pem") == ([STRONG, public_pem(old).strip()], [])


def test_it_reads_a_pem_document_in_place_of_its_path() -> None:
    document = pem(ed25519.Ed25519PrivateKey.generate())
    assert read(document) == ([document.strip()], [])


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (None, "is the path of a file that cannot be read."),
        ("a secret in a file, long enough for HS256", "is the path of a file that is not in PEM "),
        ("-----BEGIN PRIVATE KEY-----\nnope\n", "must be an unencrypted PEM key: RSA, EC or "),
        (pem(rsa.generate_private_key(65537, 1024)), "must have at least 2048 bits."),
        (
            pem(ec.generate_private_key(ec.SECP256K1())),
            "must be on the curve P-256, P-384 or P-521.",
        ),
        (pem(dsa.generate_private_key(2048)), "must be RSA, EC or Ed25519."),
        (
            pem(ed25519.Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")),
            "must be an unencrypted PEM key: RSA, EC or Ed25519.",
        ),
        (
            public_pem(ed25519.Ed25519PrivateKey.generate()),
            "signs, so it must be a private key; put public keys behind it.",
        ),
    ],
)
def test_it_refuses_a_file_that_cannot_sign(
    tmp_path: Path, content: str | None, remedy: str
) -> None:
    path = tmp_path / "signing-key-of-november.pem"
    if content is not None:
        path.write_text(content)
    keys, mistakes = read(str(path))
    assert keys == []
    assert [mistake.startswith(f"JWT_SIGNING_KEYS: key 1 {remedy}") for mistake in mistakes] == [
        True
    ]
