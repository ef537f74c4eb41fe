"""What PostgreSQL does to run a read: its plan, and how many rows it looked at."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection

Node = dict[str, Any]


class Plan:
    """The plan of one statement, as it ran."""

    def __init__(self, root: Node) -> None:
        self.nodes = list(_walk(root))

    def on(self, table: str) -> list[Node]:
        return [node for node in self.nodes if node.get("Relation Name") == table]

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def sorts(self) -> list[Node]:
        return [node for node in self.nodes if "Sort" in node["Node Type"]]

    def scans(self, table: str) -> set[str]:
        """Return how the table was read, such as `Index Scan`, where it was read at all."""
        return {node["Node Type"] for node in self.on(table) if node["Actual Loops"]}

    def read(self, table: str) -> int:
        """Return how many of its rows were looked at, those that a filter dropped included."""
        return sum(
            round(
                node["Actual Loops"]
                * (
                    node["Actual Rows"]
                    + node.get("Rows Removed by Filter", 0)
                    + node.get("Rows Removed by Index Recheck", 0)
                )
            )
            for node in self.on(table)
        )

    def __repr__(self) -> str:
        return "\n".join(
            f"{node['Node Type']} {node.get('Relation Name', '')} {node.get('Index Name', '')} "
            f"rows={node['Actual Rows']} loops={node['Actual Loops']}"
            for node in self.nodes
        )


def plans(read: Callable[[], object]) -> list[Plan]:
    """Run something, and explain each SELECT that it ran, bound as it was."""
    ran: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        ran.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        read()
    return [_explained(sql, params) for sql, params in ran if sql.startswith("SELECT")]


def _explained(sql: str, params: Any) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        (document,) = cursor.fetchone()
    loaded = json.loads(document) if isinstance(document, str) else document
    return Plan(loaded[0]["Plan"])


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for below in node.get("Plans", []):
        yield from _walk(below)
