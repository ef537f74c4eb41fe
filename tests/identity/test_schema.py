"""How the OpenAPI document names the two ways to sign in."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def test_it_names_both_schemes(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]

    assert schemes["bearerAuth"]["type"] == "http"
    assert schemes["bearerAuth"]["scheme"] == "bearer"
    assert schemes["bearerAuth"]["bearerFormat"] == "JWT"
    assert schemes["cookieAuth"]["type"] == "apiKey"
    assert (schemes["cookieAuth"]["in"], schemes["cookieAuth"]["name"]) == ("cookie", "sessionid")


def test_it_asks_for_one_of_them_for_everything_but_sign_in(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        is_sign_in = path.startswith("/api/v1/auth/")
        wanted: list[Any] = [] if is_sign_in else [{"bearerAuth": []}, {"cookieAuth": []}]
        for method, operation in operations.items():
            assert operation.get("security", []) == wanted, (method, path)
