"""What breaks a client and what does not, told by pairs of documents."""

import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.__main__ import USUAL, main, read
from tests.compatibility.documents import compare
from tests.compatibility.findings import step
from tests.compatibility.making import STRING, Pair, answer, obj
from tests.compatibility.pairs import PAIRS, TODAY
from tests.compatibility.schemas import CannotRead

pytestmark = pytest.mark.once

CASES = [
    pytest.param(pair, id=f"{kind}: {pair.title}")
    for kind, pairs in PAIRS.items()
    for pair in pairs
]


def breaks(was: Any, now: Any) -> list[str]:
    """Return the names of what is found and not excused."""
    found = compare(was, now, date.fromisoformat(TODAY))
    return [each.name for each in found if not each.sunset]


@pytest.mark.parametrize("pair", CASES)
def test_it_finds_what_breaks_a_client_and_nothing_else(pair: Pair) -> None:
    before = copy.deepcopy((pair.was, pair.now))
    found = breaks(pair.was, pair.now)
    assert len(found) == len(pair.found), found
    for name, expected in zip(found, pair.found, strict=True):
        assert name.endswith(expected), name
        assert name.startswith("#/")
    assert (pair.was, pair.now) == before


@pytest.mark.parametrize("pair", CASES)
def test_it_finds_nothing_between_a_document_and_itself(pair: Pair) -> None:
    assert breaks(pair.was, pair.was) == breaks(pair.now, pair.now) == []


@pytest.mark.parametrize("reference", ["#/components/schemas/A", "other.yaml#/A", "#/paths/~1b"])
def test_it_reads_no_document_whose_references_lead_nowhere(reference: str) -> None:
    spec = answer({"$ref": reference}, schemas={"A": {"$ref": "#/components/schemas/A"}})
    with pytest.raises(CannotRead, match=reference):
        breaks(spec, spec)


# --- the verb -----------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The paths of a released document, the same as it is now, and what is declared."""
    paths = [tmp_path / name for name in ("released.yaml", "present.yaml", "breaking.md")]
    write(paths[0], answer(obj("x", "y", x=STRING, y=STRING)))
    write(paths[1], answer(obj("x", y=STRING, x={"type": "integer"})))
    write(paths[2], "# Nothing\n")
    return paths


def write(path: Path, content: Any) -> None:
    path.write_text(content if isinstance(content, str) else repr(content))  # JSON, nearly: YAML


def said(files: list[Path], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main([str(path) for path in files])
    return code, capsys.readouterr().out.splitlines()


AT = "#/paths/~1a/get/responses/200/content/application~1json/schema"
TYPE = f'{AT}/properties/x/type in answers: was ["string"], is ["integer"]'
OPTIONAL = f"{AT}/required/y in answers: was always there, is optional"


def test_it_says_of_each_break_where_it_is_and_what_to_do(
    files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = said(files, capsys)
    assert code == 1
    assert sorted(lines[:-1]) == [
        f"{TYPE}. Answer nothing that was not answered before: new things are told in a new field.",
        f"{OPTIONAL}. Show it always, as before.",
    ]
    assert lines[-1].startswith("A break that has to be is declared in docs/released/breaking.md")


def test_it_lets_pass_what_is_declared(
    files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write(files[2], f"# Breaks\n\nWords.\n\n- `{TYPE}`: It never was one.\n")
    code, lines = said(files, capsys)
    assert (code, [line.split(". ")[0] for line in lines[:-1]]) == (1, [OPTIONAL])
    write(files[2], f"- `{TYPE}`: It never was one.\n- `{OPTIONAL}`: Nobody has any.\n")
    assert said(files, capsys) == (0, [])


def test_it_needs_no_declaration_after_a_sunset(
    files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    announced = {**STRING, "deprecated": True, "x-sunset": "2026-11-01"}
    write(files[0], answer(obj("x", "y", x=announced, y=announced)))
    assert said(files, capsys) == (0, [])
    write(files[2], f"- `{TYPE}`: It was not needed.\n")
    assert said(files, capsys)[0] == 1


@pytest.mark.parametrize("declared", [TYPE.replace("integer", "number"), "something"])
def test_it_refuses_a_declaration_of_nothing(
    files: list[Path], capsys: pytest.CaptureFixture[str], declared: str
) -> None:
    lines = [f"- `{each}`: A reason.\n" for each in (TYPE, OPTIONAL, declared)]
    write(files[2], "".join(lines))
    code, said_lines = said(files, capsys)
    refused = f"`{declared}` is declared and not found. Take the declaration away."
    assert (code, said_lines[:-1]) == (1, [refused])


@pytest.mark.parametrize("line", [f"- `{TYPE}`", f"- `{TYPE}`:  ", f"- `{TYPE}` for a reason"])
def test_it_refuses_a_declaration_without_a_reason(files: list[Path], line: str) -> None:
    write(files[2], line)
    with pytest.raises(ValueError, match="takes a finding and a reason"):
        main([str(path) for path in files])


def test_it_keeps_the_promises_of_the_last_release(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main([]), capsys.readouterr().out) == (0, "")


def test_it_would_see_each_operation_go() -> None:
    released = read(USUAL[0])
    gone = breaks(released, {**released, "paths": {}})
    assert sorted(gone) == sorted(
        f"{step('#/paths', path, method)}: was there, is nothing"
        for path, methods in released["paths"].items()
        for method in methods
    )


def test_it_would_see_each_field_go() -> None:
    released = read(USUAL[0])
    now = copy.deepcopy(released)
    gone = set()
    for name, schema in now["components"]["schemas"].items():
        place = f"#/components/schemas/{name}/properties"
        gone |= {step(place, field) for field in schema["properties"]}
        schema["properties"].clear()
    seen = {name.split(" in ")[0] for name in breaks(released, now)}
    # When the list of errors is gone, nobody sees what is in it.
    unseen = {place for place in gone if place.startswith("#/components/schemas/Error/")}
    assert gone - unseen <= seen
