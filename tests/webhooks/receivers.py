"""Receivers on the loopback that answer just the bytes that a test gives them, or worse."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.listening import Listener

type Behaviour = Callable[[socket.socket], None]
_SECONDS: Final = 20.0  # A test that goes wrong ends.


class Receiver(Listener):
    """Serves each connection by `behave`, and remembers how many there were and what they sent."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None, host: str, port: int) -> None:
        self.requests: list[bytes] = []
        self.left = threading.Event()  # A client has hung up, or been answered.
        self.closing = threading.Event()
        self._behave = behave
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::"
        super().__init__(socket.create_server((host, port), family=family, dualstack_ipv6=both))

    def close(self) -> None:
        self.closing.set()
        super().close()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(_SECONDS)
        # What a test says has been sent has arrived: Nagle's algorithm would wait for the client.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError), closing(self._secured(client)) as connection:
            self.requests.append(request_from(connection))
            self._behave(connection)
        self.left.set()

    def _secured(self, client: socket.socket) -> socket.socket:
        if self._tls is None:
            return client
        try:
            return self._tls.wrap_socket(client, server_side=True)
        finally:
            client.close()  # Its descriptor is now that of the other.


def everywhere() -> str:
    """The host to listen on for both families, or for IPv4 alone on a machine without IPv6."""
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"


@contextmanager
def receiver(
    behave: Behaviour | bytes,
    tls: ssl.SSLContext | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[Receiver]:
    """Start a receiver that behaves so, or answers these bytes."""
    behaviour = answering(behave) if isinstance(behave, bytes) else behave
    with closing(Receiver(behaviour, tls, host, port)) as running:
        yield running


@contextmanager
def conversing(
    *scripts: Sequence[Behaviour | bytes],
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Receiver]:
    """Start a receiver whose n-th connection goes by the n-th script: a step for each request.

    A request that there is no step for is remembered too, and hung up on.
    """
    left = iter(scripts)

    def behave(connection: socket.socket) -> None:
        for step in next(left, ()):
            (answering(step) if isinstance(step, bytes) else step)(connection)
            running.requests.append(request_from(connection))

    with receiver(behave, tls, host=host) as running:
        yield running


def answering(answer: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)

    return behave


def request_from(connection: socket.socket) -> bytes:
    """Read a request: its head, and a body as long as that says."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


class Authority:
    """A certificate authority of the test's own, and certificates of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._builder(self._name, self._key.public_key(), hours=1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, SHA256())
        )
        self.path = directory / "authority.pem"
        self.path.write_bytes(certificate.public_bytes(Encoding.PEM))

    def server(self, name: x509.GeneralName, *, hours: int = 1) -> ssl.SSLContext:
        """Return a server's TLS with a certificate for the name, valid until so many hours on."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Receiver")])
        certificate = (
            self._builder(subject, key.public_key(), hours)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .sign(self._key, SHA256())
        )
        path = self._directory / f"{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, hours: int
    ) -> x509.CertificateBuilder:
        own = self._key.public_key()
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=48))
            .not_valid_after(now + datetime.timedelta(hours=hours))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )
