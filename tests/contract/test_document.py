"""The OpenAPI document: valid, without warnings, true of its examples and of the rows."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import validate
from rest_framework.serializers import Serializer

from tasks import rows
from tasks.api.bodies import Body
from tasks.api.examples import SENT, SHOWN
from tasks.api.problems import CATALOGUE
from tasks.api.renderers import OPTIONS
from tasks.api.v1 import auth, bodies, event_bodies, webhook_bodies
from tasks.models import Project, User
from tasks.webhooks.rows import DELIVERY, WEBHOOK
from tests.cast import Api
from tests.contract.document import document, operations
from tests.contract.world import furnish, ids_of
from tests.events.catching_up import catch_up

SERIALIZERS: Final[dict[str, type[Serializer]]] = {
    **{name: kind for name, kind in vars(bodies).items() if isinstance(kind, type)},
    **{name: kind for name, kind in vars(webhook_bodies).items() if isinstance(kind, type)},
    **{name: kind for name, kind in vars(auth).items() if isinstance(kind, type)},
    **{name: kind for name, kind in vars(event_bodies).items() if isinstance(kind, type)},
}


def validator(schema: Mapping[str, Any]) -> OAS31Validator:
    """Return a validator that knows the components and checks the formats."""
    whole = {**schema, "components": document()["components"]}
    return OAS31Validator(whole, format_checker=oas31_format_checker)


def component(name: str) -> OAS31Validator:
    return validator({"$ref": f"#/components/schemas/{name}"})


@pytest.mark.once
def test_it_is_valid() -> None:
    validate(document())


@pytest.mark.once
def test_it_is_made_without_a_warning() -> None:
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("openapi: 3.1.1\n")


@pytest.mark.once
def test_it_says_of_each_operation_what_it_is_and_how_it_fails() -> None:
    for operation in operations().values():
        spec = operation.spec
        assert spec["summary"], operation
        assert spec["description"], operation
        assert len(spec["tags"]) == 1, operation
        assert {"400", "406", "429", "500", "503"} <= spec["responses"].keys(), operation
        public = operation.name.startswith("auth_")
        assert ("security" in spec) is not public, operation
        assert ("401" in spec["responses"]) or operation.name == "auth_revoke", operation


@pytest.mark.once
def test_it_describes_each_field_that_a_request_may_send() -> None:
    for operation in operations().values():
        schema = operation.body()
        if schema is None:
            continue
        assert operation.spec["requestBody"]["required"] is True
        assert schema["additionalProperties"] is False, operation


def examples_in(responses: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for response in responses.values():
        for kind, content in response.get("content", {}).items():
            for example in content.get("examples", {}).values():
                yield kind, example["value"]


@pytest.mark.once
def test_it_has_an_example_of_each_problem() -> None:
    check = component("Problem")
    shown = set()
    for kind, value in examples_in(document()["components"]["responses"]):
        assert kind == "application/problem+json"
        check.validate(value)
        shown.add(value["code"])
    from_before_django = {"uri_too_long", "headers_too_large", "method_not_allowed"}
    assert shown == CATALOGUE.keys() - from_before_django


# --- The examples -----------------------------------------------------------------------------


def sent() -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}-{title}")
        for name, examples in SENT.items()
        for title, value in examples.items()
    ]


@pytest.mark.once
@pytest.mark.parametrize(("name", "value"), sent())
def test_it_has_examples_that_are_read(name: str, value: dict[str, Any]) -> None:
    kind = SERIALIZERS[name]
    assert issubclass(kind, Body)
    partial = name.endswith("Change")
    assert kind(partial=partial).read(orjson.loads(orjson.dumps(value)))


@pytest.mark.once
@pytest.mark.parametrize("name", SHOWN)
def test_it_has_examples_that_fit_what_is_shown(name: str) -> None:
    for value in SHOWN[name].values():
        component(name.removesuffix("Shown").removesuffix("Body")).validate(value)
        assert value.keys() == SERIALIZERS[name]().fields.keys()


def test_it_has_examples_that_can_be_sent(
    as_alice: Api, project: Project, bob: User, now: datetime
) -> None:
    owner = as_alice.user
    assert owner is not None
    own = ids_of(furnish(owner, bob, now))
    # bob is an editor there already
    assert as_alice.delete(f"/projects/{own['project_id']}/members/{bob.pk}").status == 204
    targets = {
        "TaskBody": ("POST", "/tasks"),
        "TaskChange": ("PUT", f"/tasks/{own['task_id']}"),
        "MoveBody": ("POST", f"/tasks/{own['task_id']}/move"),
        "ProjectBody": ("POST", "/projects"),
        "ProjectChange": ("PUT", f"/projects/{own['project_id']}"),
        "MemberBody": ("POST", f"/projects/{own['project_id']}/members"),
        "MemberChange": ("PATCH", f"/projects/{own['project_id']}/members/{bob.pk}"),
        "LabelBody": ("PATCH", f"/labels/{own['label_id']}"),
        "CommentBody": ("POST", f"/tasks/{own['task_id']}/comments"),
        "WebhookBody": ("POST", "/webhooks"),
        "WebhookChange": ("PATCH", f"/webhooks/{own['webhook_id']}"),
    }
    other = as_alice.post("/tasks", {"title": "a", "project": own["project_id"]}).body["id"]
    as_sent = {
        "After another task": {"after": other},
        "To another project": {"project": as_alice.get("/me").body["inbox"]},
        "What happens to tasks and comments of one project": {
            **SENT["WebhookBody"]["What happens to tasks and comments of one project"],
            "project": own["project_id"],
        },
    }
    for name, (method, path) in targets.items():
        for title, value in SENT[name].items():
            answer = as_alice(method, path, as_sent.get(title, value))
            assert answer.status in {200, 201}, (name, title, answer)
    mine = as_alice.post(f"/tasks/{own['task_id']}/comments", {"body": "Hm."}).body["id"]
    for value in SENT["CommentChange"].values():
        assert as_alice.patch(f"/comments/{mine}", value).status == 200
    tried = {*targets, "CommentChange", "SignInBody", "RefreshBody", "RevokeBody"}
    assert tried == SENT.keys()


# --- Rows and serializers -----------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    resource: rows.Resource
    serializer: type[Serializer]
    component: str


SHAPES: Final = (
    Shape(rows.TASK, bodies.TaskBody, "Task"),
    Shape(rows.PROJECT, bodies.ProjectBody, "Project"),
    Shape(rows.MEMBER, bodies.MemberShown, "Member"),
    Shape(rows.LABEL, bodies.LabelBody, "Label"),
    Shape(rows.COMMENT, bodies.CommentBody, "Comment"),
    Shape(WEBHOOK, webhook_bodies.WebhookBody, "Webhook"),
    Shape(DELIVERY, webhook_bodies.DeliveryShown, "Delivery"),
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.component)
def test_it_shows_rows_as_the_serializers_say(
    alice: User, bob: User, now: datetime, shape: Shape
) -> None:
    """Each row of the database, and each object just written, in the document's own terms."""
    furnish(alice, bob, now)
    found = shape.resource.model.objects.visible_to(alice.pk)  # type: ignore[attr-defined]
    if hasattr(found, "with_row_columns"):
        found = found.with_row_columns()
    from_rows = [shape.resource.present(row) for row in found.values_list(*shape.resource.columns)]
    from_objects = [shape.resource.show(instance) for instance in found]
    assert len(from_rows) == len(from_objects) > 0
    check = component(shape.component)
    for shown in (*from_rows, *from_objects):
        assert shown.keys() == shape.serializer().fields.keys()
        wire = orjson.loads(orjson.dumps(shown, option=OPTIONS, default=str))
        check.validate(wire)
        assert wire == represented(shape.serializer, shown, wire)


def test_it_shows_events_and_changes_as_the_document_says(
    as_alice: Api, alice: User, bob: User, now: datetime
) -> None:
    """Among them what has moved out of sight, and what is deleted."""
    catch_up()
    since = Api(bob).get("/changes").body["next"]
    ids = ids_of(furnish(alice, bob, now))
    inbox = as_alice.get("/me").body["inbox"]
    assert as_alice.post(f"/tasks/{ids['task_id']}/move", {"project": inbox}).status == 200
    assert as_alice.delete(f"/labels/{ids['label_id']}").status == 204
    catch_up()
    answers = {
        "Events": [Api(bob).get("/events"), as_alice.get(f"/tasks/{ids['task_id']}/events")],
        "Changes": [Api(bob).get(f"/changes?since={since}")],
    }
    for name, several in answers.items():
        for answer in several:
            assert answer.status == 200, answer
            assert answer.body.get("results", answer.body.get("changes")), answer
            component(name).validate(answer.body)


def represented(
    serializer: type[Serializer], shown: Mapping[str, Any], wire: Mapping[str, Any]
) -> dict[str, Any]:
    """Let the serializer write the same values, as JSON; it gives instants no more than it gets."""
    plain = {name: wire[name] if name == "metadata" else value for name, value in shown.items()}
    written = serializer().to_representation(plain)
    return dict(orjson.loads(orjson.dumps(written, option=OPTIONS, default=str)))
