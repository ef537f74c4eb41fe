"""schemathesis: requests made up from the document, valid and not, as three users.

Each operation gets the document's examples, the boundary cases of its schema and a few random
requests. Valid ones get the ids of real things, so that the code behind the lookups is reached.
Bounded: it is here to find a new hole, not to prove that there is none. More of it:
`SCHEMATHESIS_CASES=200 make test ARGS="-k schemathesis"`.
"""

import os
import re
from typing import Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, Response
from schemathesis.generation.meta import TestPhase

from config.wsgi import application
from tasks.schedule import zone_names
from tests.cast import access_token
from tests.contract.document import operations
from tests.contract.world import Ids

CASES: Final = int(os.environ.get("SCHEMATHESIS_CASES", "3"))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(zone_names())))
schema: Final = schemathesis.openapi.from_wsgi("/api/schema", application)
# That no text holds a NUL is said in words, of all bodies at once, and tested in test_bad_input.
schema.config.generation.allow_x00 = False
accepted: Final = schema.config.checks.positive_data_acceptance
accepted.expected_statuses = ["2xx", "304", "400", "401", "403", "404", "409", "410", "412", "422"]

# A document cannot say how fields and things belong together; what it can say must be in it, so
# a valid request may be refused with 400 for one of these and for nothing else.
BEYOND_SCHEMA: Final = {
    "after_due_date", "contradicts", "contradicts_status", "cycle", "in_trash", "invalid_cursor",
    "itself", "needs_date", "not_a_member", "other_project", "too_deep", "unknown_type", "unusable",
}  # fmt: skip


def refused_for_a_reason_beyond_the_schema(
    context: CheckContext, response: Response, case: Case
) -> None:
    """The check `positive_data_acceptance`, but for what no schema can say."""
    if response.status_code == 400 and is_valid(case):
        problem = response.json()
        codes = {error["code"] for error in problem.get("errors", [])} or {problem["code"]}
        assert codes <= BEYOND_SCHEMA, problem


def is_valid(case: Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def is_boundary(case: Case) -> bool:
    return case.meta is not None and case.meta.phase.name is TestPhase.COVERAGE


def use_real_things(case: Case, ids: Ids) -> None:
    """Put the ids of things that exist into a valid request."""
    named = operations()[case.operation.definition.raw["operationId"]].named_path
    for name in case.path_parameters:
        own = re.search(r"\{(\w+)\}", named)[1] if name == "id" else name  # type: ignore[index]
        case.path_parameters[name] = ids[own]
    if isinstance(case.body, dict):
        real = {"project": "project_id", "assignee": "user_id"}
        real |= dict.fromkeys(("parent", "after", "before"), "task_id")
        for name, key in real.items():
            if case.body.get(name):
                case.body[name] = ids[key]
    if case.headers and "If-Match" in case.headers:
        case.headers["If-Match"] = '"1"'  # what is made up for a pattern with quotes has none


@pytest.mark.usefixtures("wsgi")
@pytest.mark.parametrize(
    "user",
    [
        "alice",
        pytest.param("bob", marks=pytest.mark.stricter),
        pytest.param("charlie", marks=pytest.mark.stricter),
    ],
)
@schema.parametrize()
@settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_it_keeps_to_its_schema(
    case: Case, user: str, ids: Ids, request: pytest.FixtureRequest
) -> None:
    if user != "alice" and is_boundary(case):
        return  # a boundary of the schema is the same one for everybody
    token = access_token(request.getfixturevalue(user))
    if is_valid(case):
        use_real_things(case, ids)
    count(request.node, case)
    case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"},
        additional_checks=[refused_for_a_reason_beyond_the_schema],
    )


def count(node: pytest.Item, case: Case) -> None:
    """Keep count for the closing line, where the reports of all workers come together."""
    node.user_properties.append(("case", case.operation.label))
