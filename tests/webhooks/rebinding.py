"""Posts to names whose DNS server means harm. Run in a network namespace of its own:

    python -m tests.webhooks.rebinding

There it is alone with its loopback, which also has a public address, and with a DNS server for
`hooks.example` that answers by the first label of the name. What came of it goes to stdout.
"""

import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from cryptography import x509

from tasks.webhooks.transport import Connection, PostFailed
from tests.webhooks.posting import post
from tests.webhooks.receivers import Authority, conversing, receiver

PUBLIC: Final = "93.184.216.34"
_A: Final = 1
_AAAA: Final = 28
_NAME_ERROR: Final = 3
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
# By label and type, the answers to the first question and to all later ones.
type Zone = Mapping[str, Mapping[int, tuple[list[str], list[str]]]]
ZONE: Final[Zone] = {
    "public": {_A: ([PUBLIC], [PUBLIC])},
    "rebinding": {_A: ([PUBLIC], ["127.0.0.1"])},
    "rebinding-to-zero": {_A: ([PUBLIC], ["0.0.0.0"])},
    "rebinding-to-ipv6": {_A: ([PUBLIC], []), _AAAA: ([], ["::1"])},
    "kept": {_A: ([PUBLIC], ["127.0.0.1"])},
    "private": {_A: (["127.0.0.1"], ["127.0.0.1"])},
    "mixed": {_A: ([PUBLIC, "127.0.0.1"],) * 2},
    "mixed-the-other-way": {_A: (["127.0.0.1", PUBLIC],) * 2},
    "mixed-families": {_A: ([PUBLIC],) * 2, _AAAA: (["::1"],) * 2},
    "mapped": {_AAAA: (["::ffff:127.0.0.1"],) * 2},
    "nat64": {_A: ([PUBLIC],) * 2, _AAAA: (["64:ff9b::7f00:1"],) * 2},
}


class DNSServer:
    """Answers for `hooks.example`: `silent` not at all, and what is not in the zone by an error."""

    def __init__(self) -> None:
        self.questions: Counter[str] = Counter()
        self._asked: Counter[tuple[str, int]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            label = query[13 : 13 + query[12]].decode()
            end = query.index(0, 12) + 5  # The name, its type and its class.
            kind = int.from_bytes(query[end - 4 : end - 2])
            if kind == _A:
                self.questions[label] += 1
            if label != "silent":
                self._socket.sendto(self._answer(query, end, label, kind), client)

    def _answer(self, query: bytes, end: int, label: str, kind: int) -> bytes:
        first, later = ZONE.get(label, {}).get(kind, ([], []))
        addresses = later if self._asked[label, kind] else first
        self._asked[label, kind] += 1
        code = 0 if label in ZONE else _NAME_ERROR
        head = query[:2] + struct.pack("!5H", 0x8180 | code, 1, len(addresses), 0, 0)
        return head + query[12:end] + b"".join(_record(kind, address) for address in addresses)


def _record(kind: int, address: str) -> bytes:
    data = socket.inet_pton(socket.AF_INET if kind == _A else socket.AF_INET6, address)
    return struct.pack("!3HIH", 0xC00C, kind, 1, 0, len(data)) + data  # 0xC00C: the same name.


def outcome(label: str, port: int) -> int | str:
    url = f"https://{label}.hooks.example:{port}/"
    seconds = 0.5 if label == "silent" else 15.0
    try:
        return post(url, allowed=(), seconds=seconds).status
    except PostFailed as failed:
        return failed.code


def kept(port: int) -> list[int | str]:
    """Post over a connection until the receiver has closed it, and once more."""
    with Connection(()) as connection:
        return [_outcome(connection, f"https://kept.hooks.example:{port}/") for _ in range(3)]


def _outcome(connection: Connection, url: str) -> int | str:
    try:
        return connection.post(url, body=b"{}", headers={}, last=False).status
    except PostFailed as failed:
        return failed.code


def main(directory: Path) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{PUBLIC}/32", "dev", "lo"], check=True)
    resolver = directory / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", str(resolver), "/etc/resolv.conf"], check=True)
    authority = Authority(directory)
    os.environ["SSL_CERT_FILE"] = str(authority.path)
    tls = authority.server(x509.DNSName("*.hooks.example"))
    server = DNSServer()
    with ExitStack() as stack:
        public = stack.enter_context(receiver(OK, tls, host=PUBLIC))
        canaries = [
            stack.enter_context(receiver(OK, tls, host=host, port=public.port))
            for host in ("127.0.0.1", "::1")
        ]
        keeping = stack.enter_context(conversing([OK, OK], tls=tls, host=PUBLIC))
        labels = (*(label for label in ZONE if label != "kept"), "unknown", "silent")
        outcomes = {label: [outcome(label, public.port) for _ in range(2)] for label in labels}
        found = {
            "outcomes": outcomes,
            "kept": kept(keeping.port),
            "questions": server.questions,
            "public": public.accepted,
            "canaries": sum(canary.accepted for canary in canaries),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tasks-rebinding-") as name:
        main(Path(name))
