"""The keys: one algorithm for each, and a name that says nothing about a secret."""

import hashlib
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from tasks.identity.keys import load_keys
from tests.identity.makers import KEYS, OTHER_SECRET, RSA, SECRET, base64url, pem, public_pem

pytestmark = pytest.mark.once

# RFC 7638 §3.1, the modulus of its example.
RFC_7638_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKR"
    "XjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAt"
    "aSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPk"
    "sINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)


def unbase64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("algorithm", KEYS)
def test_it_takes_the_algorithm_from_the_kind_of_the_key(algorithm: str) -> None:
    [key] = load_keys([KEYS[algorithm]])

    assert key.algorithm == algorithm


def test_it_names_an_rsa_key_by_its_thumbprint() -> None:
    modulus = int.from_bytes(unbase64url(RFC_7638_N))
    public = rsa.RSAPublicNumbers(65537, modulus).public_key()

    [_, key] = load_keys([SECRET, public_pem(public)])

    assert key.kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert key.signing is None


def test_it_names_an_ed25519_key_by_its_thumbprint() -> None:
    private = unbase64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")  # RFC 8037 appendix A

    [key] = load_keys([pem(ed25519.Ed25519PrivateKey.from_private_bytes(private))])

    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_it_names_a_secret_by_something_that_is_no_hash_of_it() -> None:
    [one, other] = load_keys([SECRET, OTHER_SECRET])

    assert len(one.kid) == 16
    assert one.kid != other.kid
    assert not base64url(hashlib.sha256(SECRET.encode()).digest()).startswith(one.kid)


def test_it_names_a_private_key_and_its_public_half_alike() -> None:
    [private, public] = load_keys([KEYS["RS256"], public_pem(RSA.public_key())])

    assert private.kid == public.kid


def test_it_keeps_keys_out_of_tracebacks_and_logs() -> None:
    [key] = load_keys([SECRET])

    assert SECRET not in repr(key)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "The first key signs"),
        ([public_pem(RSA.public_key()), SECRET], "The first key signs"),
        (["x" * 31], "at least 32 bytes"),
        ([pem(ec.generate_private_key(ec.SECP256K1()))], "must be RSA, EC on P-256"),
        ([pem(dsa.generate_private_key(2048))], "must be RSA, EC on P-256"),
    ],
    ids=["none", "public first", "short", "a foreign curve", "DSA"],
)
def test_it_refuses_what_cannot_do_the_work(texts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_keys(texts)
