"""The admin site in a browser: found, mended, completed, handed on, without a complaint."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import USERNAME, Service

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]


@pytest.fixture
def project(service: Service) -> Any:
    return service.call("POST", "/projects", {"name": "Moving house"})


def _completes(request: Request) -> bool:
    return "/admin/autocomplete/" in request.url


def choose(staff: Page, field: str, name: str) -> None:
    """Find somebody by an autocomplete; each of its requests is waited for to its last byte.

    One that is overtaken would be given up, and a request that fails is a complaint.
    """
    with staff.expect_request_finished(_completes):
        staff.locator(f"{field} .select2-selection").click()
    with staff.expect_request_finished(_completes):
        staff.locator(".select2-search__field").fill(name)
    staff.get_by_role("option", name=name).click()


def test_it_completes_what_is_selected(
    staff: Page, service: Service, shoot: Callable[..., None]
) -> None:
    fields = {"labels": ["home"], "due_date": "2027-03-31", "priority": 4}
    tasks = [service.task(title=f"Pack box {number}", **fields) for number in range(3)]
    staff.get_by_role("link", name="Tasks", exact=True).last.click()
    staff.locator("#searchbar").fill('"pack box"')
    staff.get_by_role("button", name="Search").click()
    expect(staff.locator("#result_list tbody tr")).to_have_count(3)
    staff.locator("#action-toggle").check()
    staff.locator("select[name=action]").select_option(label="Complete selected tasks")
    shoot("admin-tasks")
    staff.get_by_role("button", name="Run").click()
    expect(staff.locator(".messagelist")).to_have_text("3 tasks were completed.")
    shoot("admin-tasks-completed")
    for task in tasks:
        assert service.call("GET", f"/tasks/{task['id']}")["status"] == "done"


def test_it_mends_a_task_by_its_form(
    staff: Page, service: Service, project: Any, shoot: Callable[..., None]
) -> None:
    task = service.task(title="Pack", project=project["id"], description="Boxes\nand tape")
    staff.goto(f"/admin/tasks/task/{task['id']}/change/")
    shoot("admin-task")
    choose(staff, ".field-assignee", USERNAME)
    staff.get_by_label("Labels").fill("home\nvan")
    staff.get_by_role("button", name="Save and continue editing").click()
    expect(staff.locator(".messagelist")).to_contain_text("was changed successfully")
    changed = service.call("GET", f"/tasks/{task['id']}")
    assert (changed["labels"], changed["version"]) == (["home", "van"], 2)
    assert changed["description"] == "Boxes\nand tape"
    staff.get_by_label("Start date").fill("2027-03-02")
    staff.get_by_label("Due date").fill("2027-03-01")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.locator(".errorlist")).to_have_text("It must not be after due date.")
    shoot("admin-task-refused")


def test_it_saves_a_form_that_was_not_touched_as_it_was(
    staff: Page, service: Service, project: Any
) -> None:
    fields = {"description": "\nOne\n\ntwo ", "labels": ["a", "b"], "due_time": "09:30"}
    task = service.task(title="Pack", due_date="2027-03-01", project=project["id"], **fields)
    staff.goto(f"/admin/tasks/task/{task['id']}/change/")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.locator(".messagelist")).to_contain_text("was changed successfully")
    assert service.call("GET", f"/tasks/{task['id']}") == task


def test_it_runs_an_action_on_the_form(staff: Page, service: Service) -> None:
    task = service.task(title="Pack")
    staff.goto(f"/admin/tasks/task/{task['id']}/change/")
    staff.locator("select[name=CHANGE_FORM-action]").select_option(label="Complete this task")
    staff.get_by_role("button", name="Run").click()
    expect(staff.locator(".messagelist")).to_have_text("1 task was completed.")
    assert service.call("GET", f"/tasks/{task['id']}")["completed"] is True


def test_it_asks_before_it_moves_to_the_trash(
    staff: Page, service: Service, shoot: Callable[..., None]
) -> None:
    task = service.task(title="Pack")
    staff.goto(f"/admin/tasks/task/{task['id']}/change/")
    staff.get_by_role("button", name="Delete").click()
    shoot("admin-trash")
    staff.get_by_role("button", name="Move to the trash").click()
    expect(staff.locator(".messagelist")).to_have_text("“Pack” was moved to the trash.")
    assert service.call("GET", f"/tasks/{task['id']}")["deleted_at"] is not None


def test_it_adds_a_user_and_makes_them_a_member(
    staff: Page, service: Service, project: Any, shoot: Callable[..., None]
) -> None:
    staff.goto("/admin/tasks/user/add/")
    staff.get_by_label("Username").fill("frank")
    staff.locator("#id_password1").fill("correct horse battery staple")
    staff.locator("#id_password2").fill("correct horse battery staple")
    shoot("admin-user-add")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.locator(".messagelist")).to_contain_text("was added successfully")
    shoot("admin-user")
    staff.goto(f"/admin/tasks/project/{project['id']}/change/")
    staff.get_by_role("button", name="Add another new member").click()
    choose(staff, "#memberships-2-0", "frank")
    staff.locator("#memberships-2-0 select[name$=role]").select_option("viewer")
    shoot("admin-project")
    staff.get_by_role("button", name="Save and continue editing").click()
    expect(staff.locator("#memberships-group .has_original")).to_have_count(2)
    members = service.call("GET", f"/projects/{project['id']}/members")["results"]
    assert {one["username"]: one["role"] for one in members} == {"dora": "admin", "frank": "viewer"}


@pytest.mark.parametrize("path", ["project", "comment", "label", "tokenfamily", "user"])
def test_it_lists_the_rest(
    staff: Page, service: Service, path: str, shoot: Callable[..., None]
) -> None:
    task = service.task(title="Pack", labels=["home"])
    service.call("POST", f"/tasks/{task['id']}/comments", {"body": "How many boxes?"})
    staff.goto(f"/admin/tasks/{path}/?_facets=True")
    expect(staff.locator("#result_list")).to_be_visible()
    shoot(f"admin-{path}-list")
