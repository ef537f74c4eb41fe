"""gunicorn's threaded worker, which answers requests that are not HTTP as problems.

gunicorn writes its own HTML page for what it cannot parse, before any application runs. Clients
read one form of error only, so the page becomes problem+json of the same catalogue.

It also waits without limit for the rest of a request, and for a client to take an answer, each
time in one of a few threads: four connections that send half a request would stop a worker for
ever. Here such a client is hung up on.
"""

import errno
import signal
import socket
import ssl
import struct
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import orjson
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from config.database import REQUEST_DEADLINE_SECONDS
from config.middleware import HEADER
from tasks import context
from tasks.api import problems

_CODES: Final[tuple[tuple[type[Exception], str], ...]] = (
    # A header that the application set is the application's mistake, though its class derives
    # from the one for headers of clients.
    (errors.InvalidResponseHeader, "internal_error"),
    (errors.InvalidResponseHeaderName, "internal_error"),
    (errors.ConfigurationProblem, "internal_error"),
    (errors.LimitRequestLine, "uri_too_long"),
    (errors.LimitRequestHeaders, "headers_too_large"),
    # RFC 9112 §6.1 suggests 501 for an unknown coding; 411 is as true and names the remedy.
    (errors.UnsupportedTransferCoding, "length_required"),
    (errors.ParseException, "malformed_request"),
    (ssl.SSLError, "malformed_request"),
)

# For the whole of a request, head and body: 1 MiB at 840 kbit/s. All of the waiting for a database
# ends sooner, so an answer that comes later is none that somebody still waits for.
READ_SECONDS: Final = REQUEST_DEADLINE_SECONDS
# In which a client must take something of its answer; all of a long one may take longer. What was
# sent in part counts as sent, so that nothing is taken is noticed at the third time or so.
_SEND_TIMEOUT: Final = struct.pack("ll", 5, 0)  # struct timeval: seconds and microseconds


class ProblemWorker(ThreadWorker):  # type: ignore[misc]
    """A ThreadWorker whose error pages are problems, and which waits for no client for ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since: dict[Any, float] = {}  # the connections that occupy a thread

    def handle(self, conn: Any) -> Any:
        """Serve one request, in a thread; remember since when."""
        self._since[conn] = time.monotonic()
        try:
            if not conn.initialized:
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
            return super().handle(conn)
        finally:
            del self._since[conn]

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Serve a request whose head has been read.

        Raises:
            ConnectionResetError: the client takes nothing of its answer. gunicorn would log the
                error itself as a crash, or write another answer behind the half of this one.
        """
        try:
            return super().handle_request(req, conn)
        except (BlockingIOError, ssl.SSLWantWriteError) as error:
            raise ConnectionResetError(errno.ECONNRESET, "The client is too slow.") from error

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Tell whether the next request can be read behind a body that nobody has read.

        A broken chunk in it is no reason for a second answer, as gunicorn gives: a proxy would
        take that for the answer to the next request.
        """
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except errors.ParseException:
            return False

    def murder_pending(self) -> None:
        """Once a second, in the main thread: end what gunicorn ends, and the waiting for the slow.

        The thread that reads then sees the end of the request. One that has read it all, and works
        or writes, notices nothing until the next request on the connection.
        """
        super().murder_pending()
        long_ago = time.monotonic() - READ_SECONDS
        for conn, since in list(self._since.items()):
            if since < long_ago:
                with suppress(OSError):
                    # Not the method of an SSLSocket, which would go on without encryption.
                    socket.socket.shutdown(conn.sock, socket.SHUT_RD)

    def init_signals(self) -> None:
        """Leave Ctrl-C to the parent, which then stops the workers.

        A terminal sends it to both at once, and the second signal could reach the worker while
        the first one was still taking its threads down.
        """
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that never reached the application, and close its connection."""
        code = code_of(exc)
        request_id = uuid4().hex
        token = context.request_id.set(request_id)
        try:
            self._log(code, addr, exc)
            util.write_nonblock(client, answer(code, request_id))
        except OSError:
            self.log.debug("The client left before it could be told.")
        finally:
            context.request_id.reset(token)

    def _log(self, code: str, addr: Any, exc: Exception) -> None:
        fields = {"code": code, "address": addr[0] if addr else None, "reason": repr(exc)}
        if code == "internal_error":
            self.log.error("request_crashed", exc_info=exc, extra=fields)
        else:
            self.log.info("request_refused", extra=fields)


class QuietLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger without its access line, which the middleware writes better.

    With a `logconfig_dict` gunicorn would put the line together for each request, for nobody:
    a fifth of what it costs altogether to serve a small answer.
    """

    def access(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""


def code_of(exc: Exception) -> str:
    """Return the code of the catalogue for what gunicorn raised."""
    return next((code for kind, code in _CODES if isinstance(exc, kind)), "internal_error")


def answer(code: str, request_id: str) -> bytes:
    """Return the whole response, head and body; the connection ends with it (RFC 9112 §9.6)."""
    body = orjson.dumps(problems.problem(code))
    status = HTTPStatus(problems.CATALOGUE[code].status)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {problems.MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"{HEADER}: {request_id}\r\n\r\n"
    )
    return head.encode("latin-1") + body
