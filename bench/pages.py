"""`make bench ARGS=pages`: what a page of a list costs PostgreSQL, in tables of several sizes.

    DATABASE_URL=postgres://…/any_database make bench ARGS="pages --sizes 10000,100000,1000000"

Makes a database of its own on that server, fills it (a million tasks take some minutes and 2 GB)
and drops it at the end, unless it is told to `--keep` it for the next time. Each list is asked for
as the service asks; the figures are the median of some runs in ms, the rows of tables and indexes
that were looked at, the blocks that were touched, and what is wrong with the plan.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg

DATABASE: Final = "tasks_bench_pages"
_LIMIT, _MANY_ROWS, _RUNS = 50, 3_000, 7
_NOT_OF_TASKS: Final = {"tasks_project_pkey", "task_label_once", "tasks_label_pkey"}
_WITHOUT_LIMITS: Final = "options=-c%20statement_timeout%3D0"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench pages", description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--keep", action="store_true", help="leave the database for the next time")
    parser.add_argument("--only", default="", help="only the lists with this in their name")
    parser.add_argument("--plans", action="store_true", help="print the plans, too")
    options = parser.parse_args(arguments)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        sys.exit("make bench: give a PostgreSQL server in DATABASE_URL.")
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(urlunsplit(url), autocommit=True) as server:
        if not server.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone():
            server.execute(f"CREATE DATABASE {DATABASE}")
        try:
            os.environ["DATABASE_URL"] = urlunsplit(
                url._replace(path=f"/{DATABASE}", query=_WITHOUT_LIMITS)
            )
            _measure_all([int(size) for size in options.sizes.split(",")], options)
        finally:
            from config.database import close_pools

            close_pools()
            if not options.keep:
                server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def _measure_all(sizes: list[int], options: argparse.Namespace) -> None:
    django.setup()
    from django.core.management import call_command

    from bench.crowd import crowd

    call_command("migrate", verbosity=0)
    table: dict[str, list[Cost]] = {}
    for size in sizes:
        started = time.monotonic()
        there = crowd(size)
        print(f"{size} tasks: filled in {time.monotonic() - started:.0f} s", file=sys.stderr)
        for name, read in lists(there):
            if options.only in name:
                table.setdefault(name, []).append(cost := measure(read))
                print(f"{name:50} {cost} {cost.remarks}", file=sys.stderr, flush=True)
                if options.plans:
                    print(name, *cost.plans, sep="\n")
    _print(sizes, table)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one page cost: the median time, and what its statements did, added up."""

    ms: float
    rows: int
    blocks: int
    remarks: str
    plans: list[Any]

    def __str__(self) -> str:
        return f"{self.ms:8.1f} {self.rows:8} {self.blocks:8}"


def measure(read: Callable[[], object]) -> Cost:
    """Run a list some times, then explain its statements."""
    from django.db import connection

    ran: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        ran.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        read()
    times: list[float] = []
    while len(times) < (_RUNS if sum(times) < 2 else 2):
        started = time.perf_counter()
        read()
        times.append(time.perf_counter() - started)
    return _cost(statistics.median(times) * 1000, [_explained(*each) for each in ran])


def _explained(sql: str, params: Any) -> dict[str, Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        (document,) = cursor.fetchone()
    return dict((json.loads(document) if isinstance(document, str) else document)[0])


def _cost(ms: float, explained: list[dict[str, Any]]) -> Cost:
    from tests.reads.plans import Plan

    plans = [Plan(each["Plan"]) for each in explained]
    tops = [each["Plan"] for each in explained]
    return Cost(
        ms=ms,
        rows=sum(plan.read("tasks_task") for plan in plans),
        blocks=sum(top["Shared Hit Blocks"] + top["Shared Read Blocks"] for top in tops),
        remarks=", ".join(
            dict.fromkeys(
                [word for plan in plans for word in _remarks(plan)]
                + ["JIT" for each in explained if "JIT" in each]
            )
        ),
        plans=plans,
    )


def _remarks(plan: Any) -> Iterator[str]:
    """What should not be in a plan, and what it found its rows by."""
    for node in plan.nodes:
        kind, rows = node["Node Type"], node["Actual Rows"] * node["Actual Loops"]
        if not node["Actual Loops"]:
            continue
        if kind == "Seq Scan" and rows + node.get("Rows Removed by Filter", 0) > _MANY_ROWS:
            yield f"Seq Scan {node['Relation Name']}"
        if kind == "Sort" and sum(n["Actual Rows"] for n in node["Plans"]) > _MANY_ROWS:
            yield f"Sort {sum(n['Actual Rows'] for n in node['Plans'])}"
        index = node.get("Index Name", "tasks_label_pkey")
        if index not in _NOT_OF_TASKS:
            yield index.removeprefix("tasks_task_")


def lists(there: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """The lists that are measured, by name: the orders at three places, then the filters."""
    big, small = there.projects[0], there.projects[4]
    yield from _orders("one project", there.few, project=big)
    yield from _orders("5 projects", there.few)
    yield from _orders("300 projects", there.many)
    for text in _filters(there):
        yield f"one project: {text}", _asked(f"project={big}&{text}", there.few)
        yield f"small project: {text}", _asked(f"project={small}&{text}", there.few)
        yield f"5 projects: {text}", _asked(text, there.few)
        yield f"300 projects: {text}", _asked(text, there.many)


def _filters(there: Any) -> Iterator[str]:
    """Queries of GET /tasks, pairs that are known to hurt among them."""
    yield from ("q=the", "q=report", "q=invoice", "q=zebra", "q=nonsense", "q=the+zebra")
    yield from ("q=invoice&ordering=-created", "q=report&open=true")
    yield from ("label=common", "label=label+4", "label=rare", "label=unused", "label=absent")
    yield from ("label=common&label=label+4", "label=common&open=true", "label_not=common")
    yield from ("label=common&ordering=-updated", "label=rare&ordering=due")
    yield from ("status=done", "status=todo", "status=in_progress", "status=cancelled")
    yield from ("status=in_progress&ordering=-updated", "status=cancelled&priority=4")
    yield from ("completed=true", "completed=false", "completed=true&ordering=-completed")
    for order in ("position", "due", "-due", "-priority", "-created", "-updated", "title"):
        yield f"open=true&ordering={order}"
    yield from ("open=true&ordering=completed", "open=true&ordering=-completed", "open=false")
    yield from ("open=true&completed_after=2020-01-01", "completed=true&overdue=true")
    yield from ("overdue=true", "overdue=true&ordering=due", "overdue=true&ordering=-priority")
    yield from ("overdue=false", "priority=4", "priority=4&open=true", "priority=0")
    people = {"robot": there.robot, "seldom": there.seldom, "colleague": there.colleague}
    for name, who in {**people, "nothing": there.many, "none": "none"}.items():
        yield f"assignee={who}#{name}"
        yield f"assignee={who}&ordering=title#{name}"
        yield f"assignee={who}&open=true&ordering=due#{name}"
        if who != "none":
            yield f"created_by={who}#{name}"
    yield from (f"parent={there.parent}#id", "parent=none", "parent=none&open=true")
    yield from ("external_id=EXT-300", "external_id=none")
    yield from ("due_on=2026-07-04", "due_before=2024-07-04", "due_after=2026-08-28")
    yield from ("due_on=2026-07-04&ordering=due", "due_on=2020-01-01", "start_on=2026-07-04")
    yield from ("created_on=2026-06-20", "created_on=2026-06-20&ordering=-created")
    yield from ("updated_after=2026-07-18", "completed_on=2026-07-01", "updated_before=2020-01-01")
    yield from ("open=true&due_before=2026-07-10&ordering=due", "trashed=true")
    yield from ("trashed=true&ordering=-updated", "trashed=true&q=zebra")


def _asked(text: str, user: Any) -> Callable[[], object]:
    """The page that this query asks for, as the service reads it."""
    from django.http import QueryDict

    from bench.crowd import NOW
    from tasks.api import query
    from tasks.api.v1.filters import TASK_FILTERS, TASK_ORDERS, in_trash
    from tasks.reads import page
    from tasks.rows import TASK

    sent = QueryDict(text.partition("#")[0], mutable=True)
    ordering = sent.pop("ordering", ["position"])[0]
    order = TASK_ORDERS[ordering.removeprefix("-")]
    asked = query.read(sent, TASK_FILTERS)
    conditions = [in_trash(asked)]
    conditions += query.conditions(asked, TASK_FILTERS, query.Asking(user, NOW))
    order = replace(order, descending=ordering.startswith("-"))
    return lambda: page(TASK, conditions, order, user=user, limit=_LIMIT)


def _orders(
    place: str, user: Any, project: Any = None
) -> Iterator[tuple[str, Callable[[], object]]]:
    from tasks.api.v1.filters import TASK_ORDERS

    for name, given in TASK_ORDERS.items():
        for order in (given, replace(given, descending=True)):
            title = f"{place}, {'-' if order.descending else ''}{name}"
            for where in ("first", "middle", "last"):
                yield f"{title}, {where}", _page_at(where, order, user, project)


def _page_at(where: str, order: Any, user: Any, project: Any) -> Callable[[], object]:
    """One of three pages: the last one holds a full page, too."""
    from django.db.models import F, Q

    from bench.crowd import NOW
    from tasks.api import query
    from tasks.api.v1.filters import TASK_FILTERS
    from tasks.models import Task
    from tasks.reads import Anchor, Condition, page
    from tasks.rows import TASK

    conditions = [Condition("trashed:False", lambda: Q(deleted_at__isnull=True))]
    seen = Task.objects.visible_to(user).live()
    if project is not None:
        means = TASK_FILTERS["project"].means
        assert means is not None  # noqa: S101
        conditions.append(means([project], query.Asking(user, NOW)))
        seen = seen.filter(project=project)
    anchor = None
    if where != "first":
        column = F(order.column)
        sort = column.desc(nulls_last=True) if order.descending else column.asc(nulls_last=True)
        ordered = seen.order_by(sort, "-pk" if order.descending else "pk")
        count = seen.count()
        place = count // 2 if where == "middle" else max(count - _LIMIT - 1, 0)
        value, key = ordered.values_list(order.column, "pk")[place]
        anchor = Anchor(value, key)
    return lambda: page(TASK, conditions, order, user=user, limit=_LIMIT, anchor=anchor)


def _print(sizes: list[int], table: dict[str, list[Cost]]) -> None:
    heads = "".join(f" | {size:>9} ms     rows   blocks" for size in sizes)
    print(f"{'list':50}{heads} | plan at {sizes[-1]}")
    for name, costs in table.items():
        shown = name if "#" not in name else _shortened(name)
        cells = "".join(f" | {cost!s:>29}" for cost in costs)
        print(f"{shown:50}{cells} | {costs[-1].remarks}")


def _shortened(name: str) -> str:
    """A word in place of the id in the query."""
    query, _, word = name.partition("#")
    return "&".join(
        f"{part.partition('=')[0]}={word}" if len(part) > 36 else part for part in query.split("&")
    )
