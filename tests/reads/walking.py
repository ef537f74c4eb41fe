"""Walking through a list page by page, as a client follows `next` and `previous`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

from django.db.models import F, Q

from tasks.models import Project, Task
from tasks.reads import Anchor, Condition, Order, Page, page
from tasks.rows import TASK, slot


def live() -> Condition:
    return Condition("live", lambda: Q(deleted_at=None))


def within(project: Project) -> Condition:
    return Condition(
        "within", lambda: Q(project=slot(Task, "project", "within")), {"within": project.pk}
    )


class Walk:
    """One client's way through the live tasks that it sees in one order."""

    def __init__(
        self, user: UUID, order: Order, limit: int, conditions: Sequence[Condition] | None = None
    ) -> None:
        self.user, self.order, self.limit = user, order, limit
        self.conditions = [live()] if conditions is None else conditions

    def page(self, anchor: Anchor | None = None) -> Page:
        return page(
            TASK, self.conditions, self.order, user=self.user, limit=self.limit, anchor=anchor
        )

    def forward(self, between: Callable[[Page], None] = lambda _: None) -> Iterator[Page]:
        """Every page from the first on; `between` runs after each."""
        found = self.page()
        yield found
        while found.after:
            between(found)
            found = self.page(found.after)
            yield found

    def backward(
        self, start: Page, between: Callable[[Page], None] = lambda _: None
    ) -> Iterator[Page]:
        """Every page before `start`, the nearest first."""
        found = start
        while found.before:
            between(found)
            found = self.page(found.before)
            yield found


def keys(pages: Iterable[Page]) -> list[UUID]:
    return [row["id"] for found in pages for row in found.rows]


def expected(order: Order) -> list[UUID]:
    """Return all live tasks in this order, by a statement that knows nothing of pages."""
    by = F(order.column)
    value = by.desc(nulls_last=True) if order.descending else by.asc(nulls_last=True)
    key = "-id" if order.descending else "id"
    return list(Task.objects.live().order_by(value, key).values_list("pk", flat=True))
