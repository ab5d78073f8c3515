"""The core of the product in a browser that runs no script."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import User
from prompts.llm.simulator.server import Running
from tests.journeys import acts
from tests.journeys.stack import Worker
from tests.journeys.test_shell import Enter, assert_every_tab_is_seen


@pytest.fixture
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=site, java_script_enabled=False, locale="en-US")
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


def test_the_open_tab_of_the_settings_is_seen_on_a_phone(page: Page, owner: User, sign_in: Enter) -> None:
    sign_in(owner)
    assert_every_tab_is_seen(page)


def test_everything_up_to_the_result_works(page: Page, worker: Worker, simulator: Running) -> None:
    acts.sign_up(page, "newcomer@lumen.example")
    acts.found_organization(page, "Lumen Labs")
    acts.add_project(page)
    acts.add_brand(page, "Lumenboard", domain="lumenboard.example", own=True)
    acts.go_to(page, "Prompts")
    page.get_by_label("New prompt").fill(acts.QUESTIONS[2])
    page.get_by_role("button", name="Add", exact=True).click()
    rename_prompt(page)
    acts.choose_engines(page)
    acts.start_scan(page)
    wait_by_reloading(page)
    page.get_by_role("link", name=re.compile("Is Lumenboard")).first.click()
    expect(page.locator(".prose mark[data-own]").first).to_be_visible()
    acts.go_to(page, "Overview")
    expect(page.get_by_text("n 2").first).to_be_visible()


def rename_prompt(page: Page) -> None:
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Tags").fill("brand")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The prompt was saved.")).to_be_visible()


def wait_by_reloading(page: Page) -> None:
    for _ in range(100):
        if page.get_by_role("link", name="See the overview").is_visible():
            return
        page.wait_for_timeout(300)
        page.reload()
    raise AssertionError("the scan never ended")


def test_archiving_asks_on_a_page_of_its_own(page: Page) -> None:
    acts.sign_up(page, "newcomer@lumen.example")
    acts.found_organization(page, "Lumen Labs")
    acts.add_project(page)
    acts.go_to(page, "Prompts")
    page.get_by_label("New prompt").fill(acts.QUESTIONS[0])
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("link", name="Archive").click()
    expect(page.get_by_role("heading", name="Archive this prompt?")).to_be_visible()
    page.get_by_role("button", name="Archive prompt").click()
    expect(page.get_by_text("The prompt was archived.")).to_be_visible()
