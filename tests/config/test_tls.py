"""Certificates that do not fit are found at the start."""

from pathlib import Path

import pytest

from config import tls
from config.env import Environment
from tests.config.processes import certificate

pytestmark = pytest.mark.once


def mistakes(**files: str) -> list[str]:
    environment = Environment()
    tls.check(environment, **{"certificate": "", "key": "", "client_ca": "", **files})
    return [mistake.partition(":")[0] for mistake in environment.mistakes]


def test_it_accepts_a_pair_and_authorities_or_nothing(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    assert mistakes() == []
    assert mistakes(certificate=cert, key=key) == []
    assert mistakes(certificate=cert, key=key, client_ca=cert) == []


def test_it_refuses_what_is_no_pair(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    _, foreign = certificate(tmp_path, "other")
    assert mistakes(certificate=cert, key=foreign) == ["TLS_CERT_FILE"]
    assert mistakes(certificate=key, key=cert) == ["TLS_CERT_FILE"]
    assert mistakes(certificate=cert) == ["TLS_KEY_FILE"]
    assert mistakes(key=key) == ["TLS_KEY_FILE"]


def test_it_refuses_authorities_without_a_certificate_or_that_are_none(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    assert mistakes(client_ca=cert) == ["TLS_CLIENT_CA_FILE"]
    assert mistakes(certificate=cert, key=key, client_ca=key) == ["TLS_CLIENT_CA_FILE"]
