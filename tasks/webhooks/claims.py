"""Claiming deliveries: the right to send one, for a minute, given to one sender.

A claim is a lease in the delivery's row, taken in one short transaction. Nothing is held while the
request is on the way, so a receiver that takes fifteen seconds costs the database nothing, and a
sender that dies costs a minute: then another one sends the event again, with the same id. The
lease ends by the database's clock, which is the same for all senders.

What may not be sent ends here, without a try: the owner's access is looked up in the transaction
that claims. Each claim has a name of its own (`holder`); whoever marks a delivery later does so by
this name, so a sender that was overtaken changes nothing.

Locks are taken in one order everywhere: the endpoint, then its deliveries.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from tasks import metrics
from tasks.ids import uuid7
from tasks.models import Delivery, Membership, Webhook
from tasks.webhooks.audience import View, view
from tasks.webhooks.breaker import Breaker
from tasks.webhooks.fairness import Endpoint

LEASE: Final = timedelta(seconds=60)  # Four times what an attempt may take.

_UNLEASED: Final = Q(leased_until=None) | Q(leased_until__lt=Now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery that is to be sent, with all that is needed for it.

    Attributes:
        holder: the name of the claim.
        probe: whether the endpoint's breaker is half-open and this is to find out.
    """

    holder: UUID
    delivery: Delivery
    view: View
    probe: bool

    @property
    def webhook(self) -> Webhook:
        return self.delivery.webhook


def with_work(*, now: datetime) -> list[Endpoint]:
    """Return the endpoints that something can be sent to, by id.

    What is due for disabled endpoints is withheld on this occasion: it came while they were being
    disabled.
    """
    due = Delivery.objects.filter(_due(now), webhook=OuterRef("pk"))
    lets_through = Q(open_until=None) | Q(open_until__lte=now)
    found = Webhook.objects.filter(Exists(due), lets_through | Q(disabled_at__isnull=False))
    columns = ("pk", "failures", "open_until", "disabled_at")
    endpoints = []
    for pk, failures, open_until, disabled_at in found.order_by("pk").values_list(*columns):
        if disabled_at:
            withhold(Delivery.objects.filter(webhook=pk), now=now)
        else:
            endpoints.append(Endpoint(pk, failures, open_until))
    return endpoints


def claim(shares: Mapping[Endpoint, int], *, now: datetime) -> list[Claim]:
    """Claim deliveries, the oldest first: up to so many of each endpoint."""
    holder = uuid7()
    with transaction.atomic():
        probed = {each.id: each for each in shares if each.open_until and _take_probe(each, now)}
        taken = [
            pk
            for each, count in shares.items()
            if each.open_until is None or each.id in probed
            for pk in _lock(each, 1 if each.open_until else count, now)
        ]
        claims = _lease(taken, holder, probed, now) if taken else []
        for unused in probed.keys() - {each.webhook.pk for each in claims}:
            Webhook.objects.filter(pk=unused).update(open_until=probed[unused].open_until)
    return claims


def release(claims: Iterable[Claim]) -> None:
    """Give claims back, so that another sender need not wait for the end of the lease."""
    claimed: dict[UUID, list[UUID]] = defaultdict(list)
    for each in claims:
        claimed[each.holder].append(each.delivery.pk)
    for holder, deliveries in claimed.items():
        mine = Delivery.objects.filter(pk__in=deliveries, holder=holder)
        mine.update(holder=None, leased_until=None)


def withhold(deliveries: QuerySet[Delivery, Delivery], *, now: datetime) -> None:
    """End those of the deliveries that wait. One on its way is left to whoever sends it."""
    waiting = deliveries.filter(_UNLEASED, state=Delivery.State.PENDING)
    ended = waiting.update(
        state=Delivery.State.WITHHELD,
        next_try_at=None,
        ended_at=now,
        holder=None,
        leased_until=None,
    )
    metrics.WEBHOOK_DELIVERIES.labels("withheld").inc(ended)


def _due(now: datetime) -> Q:
    return _UNLEASED & Q(state=Delivery.State.PENDING, next_try_at__lte=now)


def _take_probe(endpoint: Endpoint, now: datetime) -> bool:
    """Move `open_until` from the value that was seen; only one of all senders can."""
    seen = Breaker(endpoint.failures, None, endpoint.open_until)
    rows = Webhook.objects.filter(pk=endpoint.id, open_until=endpoint.open_until, disabled_at=None)
    return bool(rows.update(open_until=seen.probing(now).open_until))


def _lock(endpoint: Endpoint, count: int, now: datetime) -> list[UUID]:
    """Lock the oldest due deliveries that nobody else has locked.

    The order is that of the log as long as all goes well: they are made in that order, and their
    ids sort so. It is no promise: several are on the way at once, and one that failed comes later.
    """
    # The breaker may have opened since it was looked at.
    breaker = Q(webhook__open_until=None) if endpoint.open_until is None else Q()
    rows = Delivery.objects.filter(
        _due(now), breaker, webhook=endpoint.id, webhook__disabled_at=None
    )
    rows = rows.order_by("next_try_at", "pk").select_for_update(
        of=("self",), skip_locked=True, no_key=True
    )
    return list(rows.values_list("pk", flat=True)[:count])


def _lease(
    taken: list[UUID], holder: UUID, probed: Mapping[UUID, Endpoint], now: datetime
) -> list[Claim]:
    """Write the lease into what may be sent, and withhold the rest."""
    mine = Delivery.objects.filter(pk__in=taken).order_by("next_try_at", "pk")
    found = list(mine.select_related("event", "webhook__owner"))
    members = _memberships(found)
    claims, refused = [], []
    for each in found:
        seen = _view(each, members)
        if seen is None:
            refused.append(each.pk)
        else:
            probe = each.webhook_id in probed
            claims.append(Claim(holder=holder, delivery=each, view=seen, probe=probe))
    Delivery.objects.filter(pk__in=[each.delivery.pk for each in claims]).update(
        holder=holder, leased_until=Now() + LEASE
    )
    if refused:
        withhold(Delivery.objects.filter(pk__in=refused), now=now)
    return claims


def _memberships(deliveries: Iterable[Delivery]) -> Mapping[UUID, set[UUID | None]]:
    """Return the projects that each owner is a member of, among those that this is about."""
    owners = {each.webhook.owner_id for each in deliveries}
    events = [each.event for each in deliveries]
    projects = {place for event in events for place in (event.project, event.left_project)}
    found: dict[UUID, set[UUID | None]] = defaultdict(set)
    rows = Membership.objects.filter(user__in=owners, project__in=projects - {None})
    for user, project in rows.values_list("user", "project"):
        found[user].add(project)
    return found


def _view(delivery: Delivery, members: Mapping[UUID, set[UUID | None]]) -> View | None:
    webhook = delivery.webhook
    if not webhook.owner.is_active:
        return None
    return view(
        delivery.event,
        webhook=webhook.pk,
        owner=webhook.owner_id,
        only=webhook.project_id,
        projects=members.get(webhook.owner_id, frozenset()),
    )
