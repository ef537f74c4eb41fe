"""The sign-in in a browser: refused, let in, sent away from the admin site, let out."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, USERNAME, Service, sign_in

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]


def fill(page: Page, username: str, password: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_it_refuses_and_lets_in_and_out(page: Page, shoot: Callable[..., None]) -> None:
    page.goto("/login")
    expect(page.get_by_label("Username")).to_be_focused()
    fill(page, USERNAME, "not the password")
    expect(page.locator(".errorlist")).to_contain_text("Please enter a correct username")
    shoot("login-refused")
    sign_in(page)
    page.wait_for_url("**/api/v1/tasks")
    page.goto("/login")
    shoot("login-already")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    expect(page.get_by_role("button", name="Log out")).to_have_count(0)


def test_it_tells_who_is_not_staff(
    staff: Page, service: Service, shoot: Callable[..., None]
) -> None:
    staff.goto("/admin/tasks/user/add/")
    staff.get_by_label("Username").fill("greta")
    staff.locator("#id_password1").fill(f"{PASSWORD} of greta")
    staff.locator("#id_password2").fill(f"{PASSWORD} of greta")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.locator(".messagelist")).to_contain_text("was added successfully")
    staff.context.clear_cookies()
    staff.goto("/admin/")
    fill(staff, "greta", f"{PASSWORD} of greta")
    expect(staff.get_by_role("alert")).to_contain_text("The administration is for staff only")
    shoot("login-staff-only")
    staff.goto("/api/v1/me")
    expect(staff.get_by_label("main content")).to_contain_text('"username": "greta"')


def test_it_says_that_the_form_is_out_of_date(page: Page, shoot: Callable[..., None]) -> None:
    page.goto("/login")
    page.context.clear_cookies()
    sign_in(page)
    expect(page.get_by_role("heading")).to_have_text("The form is out of date")
    shoot("login-out-of-date")
