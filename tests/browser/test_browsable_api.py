"""The API in the browser of somebody who is signed in: read, send JSON, leave."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, sign_in

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]


def test_it_leads_to_the_sign_in_and_back(
    page: Page, service: Service, shoot: Callable[..., None]
) -> None:
    service.task(title="Read the meter")
    page.goto("/login?next=/api/v1/tasks%3Flimit=1")
    shoot("login")
    sign_in(page)
    page.wait_for_url("**/api/v1/tasks?limit=1")
    expect(page.get_by_label("main content")).to_contain_text('"title": "')
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_it_creates_through_the_form(
    staff: Page, service: Service, shoot: Callable[..., None]
) -> None:
    service.task(title="Read the meter")
    staff.goto("/api/v1/tasks?limit=1")
    shoot("browsable-list")
    form = staff.locator("#post-generic-content-form")
    form.get_by_label("Content").fill(json.dumps({"title": "Sent by a form", "labels": ["web"]}))
    form.get_by_role("button", name="POST").click()
    expect(staff.get_by_label("response info")).to_contain_text("HTTP 201 Created")
    shoot("browsable-created")
    assert service.call("GET", "/tasks?label=web")["results"][0]["title"] == "Sent by a form"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_it_changes_through_the_form(
    staff: Page, service: Service, method: str, shoot: Callable[..., None]
) -> None:
    task = service.task(title="Before", priority=3)
    staff.goto(f"/api/v1/tasks/{task['id']}")
    shoot("browsable-task")
    form = staff.locator("#put-generic-content-form")
    content = form.get_by_label("Content")
    sent = json.loads(content.input_value())
    assert (sent["title"], sent["priority"]) == ("Before", 3)
    content.fill(json.dumps({**sent, "status": "done"}))
    form.get_by_role("button", name=method).click()
    expect(staff.get_by_label("response info")).to_contain_text('"completed": true')
    changed = service.call("GET", f"/tasks/{task['id']}")
    assert (changed["status"], changed["priority"], changed["version"]) == ("done", 3, 2)


def test_it_deletes_by_button(staff: Page, service: Service) -> None:
    task = service.task(title="Away with it")
    staff.goto(f"/api/v1/tasks/{task['id']}")
    staff.get_by_role("button", name="DELETE").click()
    staff.locator("#deleteModal").get_by_text("Delete", exact=True).click()
    expect(staff.get_by_label("response info")).to_contain_text("HTTP 204 No Content")
    assert service.call("GET", f"/tasks/{task['id']}")["deleted_at"] is not None
