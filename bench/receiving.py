"""A webhook's receiver in a process of its own: `python -m bench.receiving`.

It prints the port that it has been given, and then a line for each request: when it had come, in
seconds since 1970, and its body.
"""

import asyncio
import re
import sys
import time
from contextlib import closing, suppress
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=512)
    _print(b"%d" % server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Whoever sends it may be killed meanwhile.
    with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:  # Whoever sends it closes the connection.
            length = _LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(int(length[1]) if length else 0)
            _print(b"%f %b" % (time.time(), body))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(main())
