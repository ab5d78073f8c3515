"""What a journey through the browser needs: the site, a page, and a worker where something must happen behind it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import User
from prompts.llm.simulator.server import Running
from tests.cast import PASSWORD
from tests.journeys.browser import launch
from tests.journeys.mailbox import deliver_into
from tests.journeys.stack import Worker, run_worker, serve_site

expect.set_options(timeout=20_000)


# Not per session: while it lives, Playwright keeps an event loop in this thread, which other tests cannot have.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, launch() as launched:
        # Django sees that event loop and would refuse the database to the test itself.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield launched


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    deliver_into(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def site(transactional_db: None, mailbox: Path) -> Iterator[str]:
    with serve_site() as url:
        yield url


@pytest.fixture
def worker(transactional_db: None, simulator: Running, mailbox: Path) -> Iterator[Worker]:
    with run_worker() as running:
        yield running


@pytest.fixture
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=site, viewport={"width": 1440, "height": 900}, locale="en-US")
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab; a script error, a refused resource or a broken answer in it fails the journey."""
    tab = context.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    tab.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    tab.on("response", lambda got: problems.append(f"{got.status} {got.url}") if got.status >= 500 else None)
    yield tab
    assert [problem for problem in problems if "status of 4" not in problem] == []


@pytest.fixture
def sign_in(page: Page) -> Callable[[User], Page]:
    def enter(user: User) -> Page:
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill(user.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda url: "/accounts/login" not in url)
        return page

    return enter
