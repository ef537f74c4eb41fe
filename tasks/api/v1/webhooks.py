"""`/api/v1/webhooks` and `/api/v1/deliveries`"""

from typing import ClassVar, Final

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.query import Parameter, one_of
from tasks.api.v1.filters import any_of, table
from tasks.api.v1.webhook_bodies import (
    DeliveryShown,
    PingShown,
    WebhookBody,
    WebhookChange,
    WebhookWithSecretShown,
)
from tasks.api.views import ResourceViewSet, path_id, see_all
from tasks.models import Delivery, Webhook
from tasks.reads import Condition, Order
from tasks.rows import Shown, slot
from tasks.webhooks.operations import (
    create_webhook,
    delete_webhook,
    ping,
    redeliver,
    rotate_secret,
    update_webhook,
)
from tasks.webhooks.rows import DELIVERY, WEBHOOK

_STATES: Final = Delivery.State.values


class WebhookViewSet(ResourceViewSet):
    """Your endpoints. Nobody else sees them."""

    resource = WEBHOOK
    shown = WebhookBody
    takes: ClassVar = {"create": WebhookBody(), "partial_update": WebhookChange(partial=True)}
    shows: ClassVar = {
        "create": WebhookWithSecretShown,
        "rotate_secret": WebhookWithSecretShown,
        "ping": PingShown,
    }
    confidential: ClassVar = frozenset({"create", "rotate_secret"})
    orders: ClassVar = {"created": Order("created_at"), "updated": Order("updated_at")}
    volatile: ClassVar = frozenset({"retrieve"})  # the breaker, without a new version
    fails: ClassVar = {
        "create": ("not_found", "id_taken", "in_trash", "too_many_webhooks"),
        "retrieve": ("not_found",),
        "partial_update": ("not_found", "in_trash"),
        "destroy": ("not_found",),
        "ping": ("not_found", "webhook_disabled"),
        "rotate_secret": ("not_found",),
    }

    def list(self, request: Request) -> Response:
        """List your endpoints."""
        return self.answer(self.page())

    def create(self, request: Request) -> Response:
        """Register an endpoint.

        The answer shows the secret, this once: every request to the endpoint is signed with it. A
        user has at most 20 endpoints.
        """
        webhook, secret = create_webhook(actor=self.actor, now=self.now, fields=self.body())
        return self.created(_with_secret(webhook, secret))

    def retrieve(self, request: Request, pk: str) -> Response:
        """Get an endpoint, and how it is doing."""
        return self.shown_one(self.show_one(path_id(pk)))

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change, disable or enable an endpoint; what the body leaves out stays.

        One that is enabled again or gets another address begins anew: its failures are forgotten.
        What happened while it was disabled is not sent.
        """
        webhook = update_webhook(
            actor=self.actor,
            now=self.now,
            webhook_id=path_id(pk),
            fields=self.body(),
            expected=self.expected,
        )
        return self.shown_one(WEBHOOK.show(webhook))

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete an endpoint, with its deliveries."""
        delete_webhook(actor=self.actor, webhook_id=path_id(pk), expected=self.expected)
        return Response(status=204)

    def ping(self, request: Request, pk: str) -> Response:
        """Send an event of the type `webhook.ping` to this endpoint.

        It is signed, tried and listed among the deliveries as any other.
        """
        event = ping(actor=self.actor, now=self.now, webhook_id=path_id(pk))
        return Response({"event": event.uid}, status=202)

    def rotate_secret(self, request: Request, pk: str) -> Response:
        """Get another secret.

        For 24 hours each request is signed with the old one too, so that the receiver can change
        over without losing any.
        """
        webhook, secret = rotate_secret(
            actor=self.actor, now=self.now, webhook_id=path_id(pk), expected=self.expected
        )
        return self.shown_one(_with_secret(webhook, secret))


class DeliveryViewSet(ResourceViewSet):
    """What became of the events for an endpoint."""

    resource = DELIVERY
    shown = DeliveryShown
    fails: ClassVar = {
        "list": ("not_found",),
        "redeliver": ("not_found", "webhook_disabled"),
    }
    filters = table(
        [
            Parameter(
                "state",
                "In this state; repeated: in any of them.",
                {"type": "string", "enum": _STATES},
                one_of(_STATES),
                any_of("state", Delivery, "state"),
                many=True,
            )
        ]
    )
    orders: ClassVar = {"created": Order("created_at", descending=True)}

    def list(self, request: Request, webhook_id: str) -> Response:
        """List the deliveries to an endpoint, the newest first."""
        webhook = path_id(webhook_id)
        here = Condition(
            "webhook", lambda: Q(webhook=slot(Delivery, "webhook", "webhook")), {"webhook": webhook}
        )
        found = self.page(here)
        if not found.rows:
            see_all(Webhook, self.user_id, "", {webhook})
        return self.answer(found)

    def redeliver(self, request: Request, pk: str) -> Response:
        """Send a delivery once more, as if it had never been tried.

        Whatever became of it, it is due now and has all its tries before it; one that is being sent
        at this moment stays as it is. The receiver sees the same `webhook-id` as before.
        """
        delivery = redeliver(actor=self.actor, now=self.now, delivery_id=path_id(pk))
        return Response(DELIVERY.show(delivery), status=202)


def _with_secret(webhook: Webhook, secret: str) -> Shown:
    return {**WEBHOOK.show(webhook), "secret": secret}
