"""Real processes with an environment made from nothing, and raw bytes to and from a socket."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.listening import closed_port

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
STRONG: Final = "n7Qv2kXc9Rz4Wm8Yb1Tf6Hd3Ls5Gj0PaEuIo"
FIELD_KEY: Final = "Zk3vS0q9Ff4mTn1xL8cWb7YhJ2dRp6GtUaEoQi5KzXM"


def environment(var: Path, **given: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "VAR_DIR": str(var), **given}


def read_settings(
    var: Path, expression: str = "None", **given: str
) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of their own, and print an expression on `settings`."""
    return _python(var, "-c", f"from config import settings; print({expression})", **given)


def manage(var: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `manage.py` to its end."""
    return _python(var, "manage.py", *arguments, **given)


def _python(var: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=environment(var, **given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Gunicorn:
    """A running gunicorn: its port, its process and what it has logged."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port = port
        self.process = process
        self._log = log

    def log(self) -> list[str]:
        return self._log.read_text().splitlines()

    def send(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes and return status, headers with lower-case names, and body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            return parse(read_all(connection))


@contextmanager
def gunicorn(var: Path, **given: str) -> Iterator[Gunicorn]:
    """Start gunicorn on a free port, wait until it has booted, and end it.

    Its log lies beside the directory `var` and outlives it.
    """
    port = closed_port()
    log = var.with_name(f"{var.name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
            cwd=CHECKOUT,
            env=environment(var, PORT=str(port), **given),
            stdout=output,
            stderr=output,
        )
    server = Gunicorn(port, process, log)
    try:
        _await_answer(server)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _await_answer(server: Gunicorn) -> None:
    """Ask what no application answers, until it is answered (or, on a TLS port, hung up on)."""
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
                connection.sendall(b"ready?\r\n\r\n")
                connection.recv(1)
                return
        except ConnectionResetError:
            return
        except ConnectionRefusedError:
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(0.05)
                break
    raise AssertionError("\n".join(server.log()))


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def parse(response: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body


def certificate(directory: Path, name: str) -> tuple[str, str]:
    """Make a self-signed certificate for 127.0.0.1, and return the paths of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, SHA256())
    )
    paths = directory / f"{name}.pem", directory / f"{name}.key"
    paths[0].write_bytes(signed.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(paths[0]), str(paths[1])
