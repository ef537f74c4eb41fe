"""Requests over kept-alive connections, and the CPU time that they cost the server.

CPU time per request, and not requests per second: it is the figure that other programs on the
machine bend least. Linux only: it reads `/proc`.
"""

import http.client
import itertools
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `body` is made anew for each number."""

    method: str
    path: Callable[[int], str]
    body: Callable[[int], bytes] = lambda number: b""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round cost: microseconds of CPU for each request, and what was answered."""

    cost: float
    per_second: float
    statuses: Counter[int]


def measure(request: Request, *, port: int, token: str, pid: int, seconds: float) -> Round:
    """Send a request over and over for some seconds; returns what it cost process `pid`."""
    numbers, stop = itertools.count(), time.monotonic() + seconds
    before, start = _cpu_seconds(pid), time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        client = [
            pool.submit(_client, request, port, token, numbers, stop) for _ in range(CONNECTIONS)
        ]
        statuses = sum((each.result() for each in client), Counter[int]())
    answered = max(statuses.total(), 1)
    cost = (_cpu_seconds(pid) - before) / answered * 1e6
    return Round(cost, answered / (time.monotonic() - start), statuses)


def _client(
    request: Request, port: int, token: str, numbers: Iterator[int], stop: float
) -> Counter[int]:
    seen: Counter[int] = Counter()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < stop:
        number = next(numbers)
        body = request.body(number) or None
        connection.request(request.method, request.path(number), body, headers)
        response = connection.getresponse()
        response.read()
        seen[response.status] += 1
    connection.close()
    return seen


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its descendants."""
    children, ticks = defaultdict(list), {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        number = int(stat.parent.name)
        children[int(fields[1])].append(number)
        ticks[number] = int(fields[11]) + int(fields[12])
    family, total = [pid], 0
    while family:
        member = family.pop()
        total += ticks.get(member, 0)
        family += children[member]
    return total / os.sysconf("SC_CLK_TCK")
