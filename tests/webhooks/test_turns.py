"""What one thread sends to one endpoint in a turn, and when the turn is over."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from tasks.models import Delivery, Webhook
from tasks.webhooks import dispatcher as dispatching
from tasks.webhooks.dispatcher import Turn
from tests.webhooks.endpoints import (
    PATIENCE,
    Endpoints,
    Reply,
    dispatcher,
    run_all,
)


def states() -> list[tuple[str, int, bool]]:
    """Return of each delivery the state, the tries, and whether somebody has claimed it."""
    rows = Delivery.objects.order_by("pk").values_list("state", "tries", "holder")
    return [(state, tries, holder is not None) for state, tries, holder in rows]


DELIVERED, FAILED = ("delivered", 1, False), ("pending", 1, False)
CLAIMED, FREE = ("pending", 0, True), ("pending", 0, False)


def test_it_sends_one_after_the_other_in_the_order_of_the_log(
    queue: Callable[[int], list[str]], endpoints: Endpoints
) -> None:
    events = queue(7)
    sender = dispatcher(threads=1, turn=5)
    assert sender.step()
    assert sender.settle(PATIENCE)
    assert [each.id for each in endpoints.requests] == events[:5]
    assert states() == [DELIVERED] * 5 + [FREE] * 2


def test_it_goes_over_one_connection_which_the_last_one_closes(
    queue: Callable[[int], list[str]], endpoints: Endpoints
) -> None:
    """Another turn has another connection."""
    queue(5)
    sender = dispatcher(threads=1, turn=3)
    for turn in (1, 2):
        assert sender.step()
        assert sender.settle(PATIENCE)
        endpoints.await_hang_ups(turn)
    closing = [each.headers.get("connection") for each in endpoints.requests]
    assert closing == [None, None, "close", None, "close"]
    assert endpoints.connections == 2


def test_it_posts_each_delivery_to_its_own_url(
    queue: Callable[[int], list[str]], endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims of one turn have one URL; if ever they had not, none would go astray."""
    queue(2)
    sender = dispatcher(threads=1)
    turns: list[Turn] = []
    monkeypatch.setattr(sender, "_send", turns.append)
    assert sender.step()
    first, second = turns[0].claims
    second.webhook.url = endpoints.url("/elsewhere")
    monkeypatch.undo()
    sender._send(turns[0])
    assert sender.settle(PATIENCE)
    assert [each.path for each in endpoints.requests] == ["/hook", "/elsewhere"]
    assert [each.id for each in endpoints.requests] == [
        str(each.delivery.event.uid) for each in (first, second)
    ]
    assert endpoints.connections == 2


def test_it_deals_evenly_so_that_no_thread_waits_while_another_has_much(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event
) -> None:
    """Of eight threads one endpoint has four; five deliveries are one for each, and one more."""
    queue(5)
    endpoints.reply("/hook", Reply(gate=gate))
    sender = dispatcher(turn=8)
    assert sender.step()
    endpoints.await_requests(4)
    assert states() == [CLAIMED] * 5
    gate.set()
    assert sender.settle(PATIENCE)
    assert states() == [DELIVERED] * 5


@pytest.mark.parametrize("answer", [500, 302, 429])
def test_it_ends_with_a_failure_and_the_rest_is_not_tried(
    queue: Callable[[int], list[str]], endpoints: Endpoints, answer: int
) -> None:
    queue(4)
    endpoints.reply("/hook", Reply(), Reply(answer), Reply())
    sender = dispatcher(threads=1)
    assert sender.step()
    assert sender.settle(PATIENCE)
    endpoints.await_hang_ups(1)
    assert len(endpoints.requests) == 2
    assert states() == [DELIVERED, FAILED, FREE, FREE]


def test_it_is_one_delivery_where_the_last_one_failed(
    queue: Callable[[int], list[str]], endpoints: Endpoints, now: datetime
) -> None:
    queue(3)
    Webhook.objects.update(failures=1, failing_since=now)
    sender = dispatcher()
    assert sender.step()
    assert states().count(CLAIMED) == 1
    assert sender.settle(PATIENCE)
    assert states() == [DELIVERED, FREE, FREE]


def test_it_ends_when_others_have_waited_long_enough(
    queue: Callable[[int], list[str]], endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "TURN_ENDS_AFTER", 0.0)
    events = queue(3)
    sender = dispatcher(threads=1)
    assert sender.step()
    assert sender.settle(PATIENCE)
    endpoints.await_hang_ups(1)
    assert states() == [DELIVERED, FREE, FREE]

    run_all(sender)
    assert [each.id for each in endpoints.requests] == events


def test_it_ends_when_the_worker_is_told_to_stop(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event
) -> None:
    queue(3)
    endpoints.reply("/hook", Reply(gate=gate))
    sender = dispatcher(threads=1)
    assert sender.step()
    endpoints.await_requests(1)

    def answer() -> None:
        while not sender._stopped:
            time.sleep(0.001)
        gate.set()

    answering = threading.Thread(target=answer)
    answering.start()
    sender.stop(PATIENCE)
    answering.join()
    endpoints.await_hang_ups(1)
    assert len(endpoints.requests) == 1
    assert states() == [DELIVERED, FREE, FREE]
