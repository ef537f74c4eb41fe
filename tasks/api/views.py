"""What every endpoint of the API shares: the order of the checks, the clock, the headers."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import APIException, NotAcceptable, ParseError
from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tasks.api import deprecation, etags, idempotency, pagination, query
from tasks.api.bodies import Body
from tasks.api.deprecation import Deprecation
from tasks.api.negotiation import Negotiation
from tasks.api.query import Asked, Asking, Parameter
from tasks.api.throttling import rate_limit_headers
from tasks.errors import NotVisible
from tasks.ids import parse_id
from tasks.operations.access import Actor
from tasks.reads import Condition, Order, Page, one, page
from tasks.rows import Resource, Shown
from tasks.versions import Expected


class Metadata(SimpleMetadata):
    """What OPTIONS answers: names and media types. The fields are in the OpenAPI document."""

    def determine_actions(self, request: Request, view: APIView) -> dict[str, Any]:
        return {}


class ApiView(APIView):
    """A view whose every request is counted and whose query holds nothing unknown.

    Attributes:
        shown: the serializer that documents what answers show.
        shows: for each action whose answer shows something else, the serializer of that.
        confidential: the actions whose answers hold a secret, which nobody else may keep.
        volatile: the actions whose answers change without a new version: no 304 for them.
        takes: for each action with a body, what reads it.
        fails: for each action, the codes of its own problems, for the documentation.
        deprecated: for each action that will go away, the announcement.
    """

    shown: ClassVar[type[Serializer[Any]]]
    shows: ClassVar[Mapping[str, type[Serializer[Any]]]] = {}
    confidential: ClassVar[frozenset[str]] = frozenset()
    volatile: ClassVar[frozenset[str]] = frozenset()
    takes: ClassVar[Mapping[str, Body]] = {}
    fails: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    deprecated: ClassVar[Mapping[str, Deprecation]] = {}
    asked: Asked
    content_negotiation_class = Negotiation
    metadata_class = Metadata

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        if request.encoding and request.encoding.lower() not in {"utf-8", "utf8"}:
            # Django would decode the query with the charset that the body claims to have.
            request.encoding = None  # type: ignore[assignment]  # None is its default
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, count, authorise, in this order, then read the query.

        DRF counts last, so that whoever fails to authenticate may try without limit.
        """
        self.format_kwarg = ""
        unacceptable: NotAcceptable | None = None
        try:
            chosen = self.perform_content_negotiation(request)
            request.accepted_renderer, request.accepted_media_type = chosen
        except NotAcceptable as error:
            unacceptable = error  # refused when it is counted
        try:
            self.perform_authentication(request)
        except APIException:
            self.check_throttles(request)  # DRF has set the anonymous user
            raise
        self.check_throttles(request)
        if unacceptable:
            raise unacceptable
        self.check_permissions(request)
        if hasattr(self, str(request.method).lower()):  # any other method is refused after this
            self.asked = query.read(request.query_params, self.parameters_of_action())
            self._do_once(request)

    def _do_once(self, request: Request) -> None:
        """Put what keeps idempotency keys in front of the handler, which DRF looks up next."""
        key = idempotency.key_of(request)
        if key is None:
            return
        name = str(request.method).lower()
        handler = getattr(self, name)

        def handle(*args: Any, **kwargs: Any) -> Response:
            return idempotency.answer_once(
                request,
                key,
                self.actor,
                self.now,
                lambda: handler(*args, **kwargs),
                confidential=self._action in self.confidential,
            )

        setattr(self, name, handle)

    def parameters_of_action(self) -> Mapping[str, Parameter]:
        """Return what the query may hold: nothing, unless a subclass says otherwise."""
        return {}

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in {"GET", "HEAD"} and self._action not in self.volatile:
            etags.tag_answer(request, response)
        if "Cache-Control" not in response:
            kept = self._action not in self.confidential
            response["Cache-Control"] = "private, no-cache" if kept else "no-store"
        for name, value in rate_limit_headers(request).items():
            response[name] = value
        deprecation.announce(self, request, response)
        return response

    def body(self) -> dict[str, Any]:
        """Return the validated fields of the request's body.

        Raises:
            ParseError: there is none; DRF would take that for an empty object.
        """
        if self.request.stream is None:
            raise ParseError("The body is empty: send a JSON object.")
        return self.takes[self._action].read(self.request.data)

    @property
    def _action(self) -> str:
        return getattr(self, "action", None) or str(self.request.method).lower()

    @cached_property
    def now(self) -> datetime:
        """The instant of this request: the clock is read once."""
        return timezone.now()

    @property
    def expected(self) -> Expected:
        """What the request demands of the version that it writes."""
        return etags.expected(self.request)

    @property
    def user_id(self) -> UUID:
        return self.request.user.pk  # type: ignore[return-value]

    @property
    def actor(self) -> Actor:
        return Actor(self.user_id)


class ResourceViewSet(ApiView, GenericViewSet):
    """Reading one kind of resource; the verbs that write are spelled out in each subclass.

    Attributes:
        resource: what is shown.
        filters: the query parameters of its list, beside `limit`, `cursor` and `ordering`.
        orders: the values of `ordering`; the first is the default, in its own direction.
    """

    resource: ClassVar[Resource]
    filters: ClassVar[Mapping[str, Parameter]] = {}
    orders: ClassVar[Mapping[str, Order]] = {"created": Order("created_at")}

    @classmethod
    def list_parameters(cls) -> Mapping[str, Parameter]:
        """Everything that the query of the list may hold."""
        return {**cls.filters, **_ordering(cls.orders), **pagination.PARAMETERS}

    def parameters_of_action(self) -> Mapping[str, Parameter]:
        return self.list_parameters() if self.action == "list" else super().parameters_of_action()

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """For the browsable pages and the schema; requests go through `body()`."""
        return type(self.takes[self.action]) if self.action in self.takes else self.shown

    def show_one(self, key: UUID) -> Shown:
        """Return a row; raises NotVisible if there is none for this user."""
        found = one(self.resource, user=self.user_id, key=key)
        if found is None:
            raise NotVisible
        return found

    def page(self, *conditions: Condition) -> Page:
        """Return the page that the query asks for, under further conditions."""
        asked = self.asked
        order = _order(self.orders, asked.one("ordering"))
        asking = Asking(self.user_id, self.now, asked.one("tz", "UTC"))
        return page(
            self.resource,
            [*conditions, *query.conditions(asked, self.filters, asking)],
            order,
            user=self.user_id,
            limit=asked.one("limit", query.DEFAULT_LIMIT),
            anchor=pagination.anchor_of(asked, self.request, self.resource, order),
        )

    def refuse_unseen(self, found: Page, parameter: str, model: type[Model]) -> None:
        """Raise NotVisible unless the user sees all that a filter names.

        Only what did not turn up among the rows is asked for, so most lists never ask.
        """
        named = {value for value in self.asked.values.get(parameter, ()) if isinstance(value, UUID)}
        see_all(model, self.user_id, parameter, named - {row[parameter] for row in found.rows})

    def answer(self, found: Page) -> Response:
        return Response(pagination.answer(found, self.request))

    def shown_one(self, shown: Shown, status: int = 200) -> Response:
        """Answer one thing, with the tag of its version."""
        return Response(shown, status=status, headers={"ETag": etags.tag_of(shown["version"])})

    def created(self, shown: Shown) -> Response:
        """Answer 201 with what was made and where it is (RFC 9110 §15.3.2)."""
        response = self.shown_one(shown, status=201)
        response["Location"] = f"{self.request.path}/{shown['id']}"
        return response


def path_id(text: str) -> UUID:
    """Read an id of the path; what is not canonical is nothing that exists."""
    parsed = parse_id(text)
    if parsed is None:
        raise NotVisible
    return parsed


def see_all(model: type[Model], user: UUID, parameter: str, ids: set[UUID]) -> None:
    """Raise NotVisible unless the user sees everything that a parameter, or the path, names."""
    if not ids:
        return
    queryset = model.objects.visible_to(user).filter(pk__in=ids)  # type: ignore[attr-defined]
    if queryset.count() < len(ids):
        raise NotVisible.named(parameter, in_query=True) if parameter else NotVisible


def _ordering(orders: Mapping[str, Order]) -> Mapping[str, Parameter]:
    names = [sign + name for name in orders for sign in ("", "-")]
    first = names[next(iter(orders.values())).descending]
    schema = {"type": "string", "enum": names, "default": first}
    words = "The order; `-` turns it around. Missing values come last, equals follow their id."
    return {"ordering": Parameter("ordering", words, schema, query.one_of(names))}


def _order(orders: Mapping[str, Order], asked: str | None) -> Order:
    if asked is None:
        return next(iter(orders.values()))
    order = orders[asked.removeprefix("-")]
    return Order(order.column, descending=asked.startswith("-"), nullable=order.nullable)
