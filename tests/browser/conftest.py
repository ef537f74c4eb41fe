"""The running service and a browser that tells on its pages.

The service is the real one: gunicorn, an embedded database of its own, the policy of production.
Playwright keeps an event loop running while it is open, in which Django refuses to query; so the
browser lives no longer than a module, and these tests see the database through the service only.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)

from tests import services
from tests.config.processes import CHECKOUT, environment, gunicorn

SCREENSHOTS: Final = CHECKOUT / "var" / "screenshots"
USERNAME, PASSWORD = "dora", "a password for the browser"
PATIENCE: Final = 20_000  # milliseconds: a machine may be busy with other tests
# Chromium's sandbox does not work for root, and nothing but the service is to be talked to.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Violations also appear on the console, except those of workers and of pages that are leaving.
TELL_ON_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP ${event.effectiveDirective} forbids ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Service:
    """The address of the running service, and dora's way to its API."""

    url: str
    token: str = field(default="", repr=False)

    def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        headers = headers if self.token else {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def task(self, **fields: object) -> Any:
        """Make a task and return it."""
        return self.call("POST", "/tasks", fields)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    var = tmp_path_factory.mktemp("service")
    given = {"LOCAL_RUN": "true", "RATE_LIMITS": "off"}
    _manage(var, given, "migrate", "--verbosity=0")
    account = {"DJANGO_SUPERUSER_USERNAME": USERNAME, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    _manage(var, given | account, "createsuperuser", "--noinput", "--verbosity=0")
    with gunicorn(var, **given) as server:
        started = Service(f"http://127.0.0.1:{server.port}")
        pair = started.call("POST", "/auth/token", {"username": USERNAME, "password": PASSWORD})
        started.token = pair["access"]
        yield started


def _manage(var: Path, given: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=environment(var, **given),
        timeout=120,
        check=True,
    )


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to drive, for as long as `browser` needs it."""
    path = services.chromium()
    if path is None:
        pytest.skip(services.CHROMIUM_MISSING)
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """An empty page of somebody nobody knows; whatever it complains about fails the test."""
    complaints: list[str] = []
    context = browser.new_context(base_url=service.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    context.add_init_script(TELL_ON_VIOLATIONS)
    _listen(context, complaints)
    yield context.new_page()
    context.close()
    assert complaints == []


def _listen(context: BrowserContext, complaints: list[str]) -> None:
    """Note what goes wrong. Whether a page itself may be an error is for the test to judge."""

    def on_console(message: ConsoleMessage) -> None:
        is_loading = message.text.startswith("Failed to load resource")  # `on_response` knows more
        if message.type in {"error", "warning", "assert"} and not is_loading:
            complaints.append(f"{message.type}: {message.text}")

    def on_response(response: Response) -> None:
        is_page = response.request.is_navigation_request()
        if response.status >= 400 and not is_page:
            complaints.append(f"{response.status}: {response.url}")

    context.on("console", on_console)
    context.on("response", on_response)
    context.on("weberror", lambda error: complaints.append(f"uncaught: {error.error}"))
    context.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))


@pytest.fixture
def shoot(page: Page) -> Callable[..., None]:
    """Keep a picture of the page under var/screenshots, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def shoot(name: str, *, whole: bool = True) -> None:
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)

    return shoot


@pytest.fixture(scope="session")
def session_cookies() -> list[Any]:
    """The cookies of dora's session, once there is one: checking a password takes a second."""
    return []


@pytest.fixture
def staff(page: Page, session_cookies: list[Any]) -> Page:
    """The start page of the admin site, after dora has signed in through its form."""
    page.context.add_cookies(session_cookies)
    page.goto("/admin/")
    if not session_cookies:
        sign_in(page)
        page.wait_for_url("**/admin/")
        session_cookies += page.context.cookies()
    return page


def sign_in(page: Page) -> None:
    """Fill the form on the page and send it."""
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
