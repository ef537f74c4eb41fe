"""A connection to RabbitMQ that a thread of its own keeps open.

Why a thread: heartbeats are served while nobody publishes and while a handler works, a lost
connection is noticed and made anew in the idle time, and confirms can be awaited many at a time.
pika's BlockingConnection does neither: it looks at its socket only inside calls and waits for each
confirm, which makes the round trip the price of each message.

What it costs: one thread, asleep, and callbacks in place of a straight line. All of a client's
methods are called in that thread; `call` is the way into it. Where one message now and then is
published and waited for, a BlockingConnection is simpler.

There is one way back from every fault, a new connection: also where the broker closed the channel
only. A client hears of the loss before the next try, and of each try that fails.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol

import pika
from pika.adapters.select_connection import IOLoop
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorPhaseErrorBase,
)
from pika.channel import Channel
from pika.connection import Connection
from pika.exceptions import ChannelClosed, ConnectionClosed, ConnectionClosedByClient

from tasks import metrics

logger = logging.getLogger(__name__)

PATIENCE: Final = 5.0  # seconds that a connection may take until it can be used
FIRST_PAUSE: Final = 0.1  # seconds until the first try after a loss; each further one doubles
LONGEST_PAUSE: Final = 5.0
_FAREWELL: Final = 0.8  # seconds for the broker to answer when we leave
_TEXT: Final = 300  # characters of the broker's words that are kept


class Loss(NamedTuple):
    """Why a connection ended, or did not come about; no part of the URL is in it.

    Attributes:
        code: the AMQP reply code that the broker gave; 0 where it gave none.
    """

    code: int
    text: str


class Client(Protocol):
    """Who uses the channel."""

    def declare(self, channel: Channel, done: Callable[[], None]) -> None:
        """Make ready what is needed, and call `done`."""

    def opened(self, channel: Channel) -> None:
        """The channel can be used."""

    def lost(self, loss: Loss) -> None:
        """The channel that was opened, if any, is gone; or a try to get one has failed."""


class Link:
    """One connection with one channel.

    Args:
        name: `publisher` or `consumer`, for log and metrics.
        heartbeat: seconds; a peer that is gone without a word is noticed 5 s later than that.

    Raises:
        ValueError: The URL cannot be read. It is not repeated: it holds the password.
    """

    def __init__(self, url: str, client: Client, *, name: str, heartbeat: int) -> None:
        self.closed = False
        self._parameters = _parameters(url, heartbeat)
        self._client = client
        self._name = name
        self._loop = IOLoop()
        self._connection: Connection | None = None
        self._open: set[Connection] = set()  # And those that were given up and not closed yet.
        self._pause = FIRST_PAUSE
        self._usable = False
        self._away = False  # Whether the log says that the broker is away.
        self._thread = threading.Thread(target=self._run, name=f"broker-{name}", daemon=True)
        self._connected = metrics.BROKER_CONNECTED.labels(name)
        self._connections = metrics.BROKER_CONNECTIONS.labels(name)

    def start(self) -> None:
        """Begin to connect, once."""
        if self._thread.ident is None:
            self.call(self._connect)
            self._thread.start()

    def call(self, function: Callable[[], object]) -> None:
        """Have the thread call it. It is never called after `close`."""
        self._loop.add_callback_threadsafe(function)

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        """Only in the thread."""
        self._loop.call_later(seconds, function)

    def drop(self, text: str) -> None:
        """Give up the connection for another one; only in the thread.

        It is closed in form. A broker that does not answer does not answer to that either; then
        the heartbeat ends it, and this side has forgotten it.
        """
        if self._connection is not None:
            self._lost(self._connection, Loss(0, text))

    def close(self) -> None:
        """Leave the broker, within about a second."""
        if self.closed:
            return
        self.closed = True
        if self._thread.ident is not None:
            self.call(self._leave)
            self._thread.join(2 * _FAREWELL)
        if not self._thread.is_alive():
            self._loop.close()

    def _run(self) -> None:
        while True:
            try:
                return self._loop.start()
            except Exception as error:  # Only a bug gets here; the events must go on.
                if self.closed:
                    return None  # pika trips over a connection that is closed while it opens.
                logger.exception("broker_link_failed", extra={"link": self._name})
                self.call(partial(self._fail, Loss(0, type(error).__name__)))

    def _connect(self) -> None:
        if self.closed or self._connection is not None:
            return
        connection = self._connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._on_connection,
            on_open_error_callback=self._on_connection_lost,
            on_close_callback=self._on_connection_lost,
            custom_ioloop=self._loop,
        )
        self._open.add(connection)
        # Until it is open pika itself is no more patient.
        self.later(PATIENCE + 1, partial(self._expect, connection))

    def _expect(self, connection: Connection) -> None:
        """Frozen brokers take connections, and may answer a part of what it needs."""
        if connection is self._connection and not self._usable:
            self.drop("no answer while connecting")

    def _on_connection(self, connection: Connection) -> None:
        if connection is self._connection:
            connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._on_channel_lost)
        self._client.declare(channel, partial(self._on_declared, channel))

    def _on_declared(self, channel: Channel) -> None:
        if channel.connection is not self._connection:
            return
        self._usable = True
        self._pause = FIRST_PAUSE
        self._connected.set(1)
        self._connections.inc()
        self._away = False
        logger.info("broker_connected", extra={"link": self._name})
        self._client.opened(channel)

    def _on_channel_lost(self, channel: Channel, reason: BaseException) -> None:
        if not channel.connection.is_closing:  # Else the connection will say so, and more.
            self._lost(channel.connection, _loss(reason))

    def _on_connection_lost(self, connection: Connection, reason: BaseException) -> None:
        self._open.discard(connection)
        self._lost(connection, _loss(reason))
        if self.closed and not self._open:
            self._loop.stop()

    def _lost(self, connection: Connection, loss: Loss) -> None:
        if connection is not self._connection:
            return  # One that was given up before.
        self._connection = None
        if not (connection.is_closing or connection.is_closed):
            connection.close()
        self._fail(loss)

    def _fail(self, loss: Loss) -> None:
        """Say that there is no connection, and make one after a pause."""
        if self._connection is not None:
            return self.drop(loss.text)
        self._usable = False
        self._connected.set(0)
        self._client.lost(loss)
        if self.closed:
            return None
        self._say(loss)
        self.later(self._pause, self._connect)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return None

    def _say(self, loss: Loss) -> None:
        """Say once that the broker is away, not with each try."""
        if not self._away:
            self._away = True
            logger.warning(
                "broker_connection_lost",
                extra={"link": self._name, "code": loss.code, "error": loss.text},
            )

    def _leave(self) -> None:
        """Close all in form; `_on_connection_lost` then ends the thread."""
        if self._connection is None:
            self._fail(Loss(0, "closed"))
        elif not self._connection.is_closing:
            self._connection.close()
        self.later(_FAREWELL, self._abort)
        if not self._open:
            self._loop.stop()

    def _abort(self) -> None:
        """Close the sockets of those that have not answered; pika has no public word for that."""
        error = ConnectionClosedByClient(200, "no answer")
        for connection in list(self._open):
            connection._terminate_stream(error)  # type: ignore[attr-defined]


def _parameters(url: str, heartbeat: int) -> pika.URLParameters:
    try:
        parameters = pika.URLParameters(url)
    except Exception as error:  # noqa: BLE001 - pika raises whatever its parts raise
        raise ValueError(f"The URL of the broker cannot be read: {type(error).__name__}") from None
    parameters.heartbeat = heartbeat
    parameters.socket_timeout = parameters.stack_timeout = PATIENCE
    parameters.connection_attempts = 1  # The tries are ours.
    parameters.blocked_connection_timeout = None  # A full broker is waited for.
    parameters.client_properties = {"connection_name": "tasks"}
    return parameters


def _loss(reason: BaseException) -> Loss:
    reason = _innermost(reason)
    if isinstance(reason, ChannelClosed | ConnectionClosed):
        return Loss(reason.reply_code, f"{reason.reply_code} {reason.reply_text}"[:_TEXT])
    return Loss(0, f"{type(reason).__name__}: {reason}"[:_TEXT])


def _innermost(reason: BaseException) -> BaseException:
    """Return the error that pika has wrapped up to four times while it connected."""
    if isinstance(reason, AMQPConnectorPhaseErrorBase):
        return _innermost(reason.exception)
    if isinstance(reason, AMQPConnectionWorkflowFailed) and reason.exceptions:
        return _innermost(reason.exceptions[-1])
    if reason.args and isinstance(reason.args[0], BaseException):
        return _innermost(reason.args[0])
    return reason
