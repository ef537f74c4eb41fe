"""The documentation in a browser: from local assets, under the policy, without a complaint."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]


def test_it_shows_swagger_ui(page: Page, shoot: Callable[..., None]) -> None:
    page.goto("/api/docs")
    expect(page.locator("#operations-tasks-tasks_list")).to_be_visible()
    expect(page.get_by_role("heading", name="Tasks", exact=False).first).to_be_visible()
    shoot("swagger")


def test_it_tries_an_operation_out_with_a_bearer_token(
    page: Page, service: Service, shoot: Callable[..., None]
) -> None:
    page.goto("/api/docs")
    page.get_by_role("button", name="Authorize").click()
    page.locator(".auth-container input").first.fill(service.token)
    page.locator(".auth-btn-wrapper button[type=submit]").first.click()
    page.locator(".btn-done").first.click()
    operation = page.locator("#operations-me-me")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer.locator(".response-col_description")).to_contain_text('"username": "dora"')
    operation.scroll_into_view_if_needed()
    shoot("swagger-tried", whole=False)


def test_it_shows_redoc(page: Page, shoot: Callable[..., None]) -> None:
    page.goto("/api/redoc")
    expect(page.get_by_role("heading", name="List tasks")).to_be_visible()
    expect(page.get_by_role("img", name="redocly logo")).to_have_count(0)
    shoot("redoc", whole=False)  # it is 30,000 pixels long


def test_it_shows_every_problem_and_leads_to_each(page: Page, shoot: Callable[..., None]) -> None:
    page.goto("/api/problems")
    shoot("problems")
    page.get_by_role("link", name="in_trash").click()
    expect(page.get_by_role("heading")).to_have_text("It is in the trash")
    shoot("problem")
