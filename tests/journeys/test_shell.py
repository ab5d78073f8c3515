"""The frame around every page: themes, navigation on a phone, shortcuts."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from prompts.models import Project

Enter = Callable[[User], Page]


def test_a_chosen_theme_stays(member: User, project: Project, sign_in: Enter) -> None:
    page = sign_in(member)
    page.get_by_label(re.compile("^Account")).click()
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    page.goto(f"/o/acme/p/{project.slug}/prompts/")
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    page.get_by_label(re.compile("^Account")).click()
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Light").click()
    page.reload()
    expect(page.locator("html")).not_to_have_class(re.compile(r"\bdark\b"))


def test_the_navigation_opens_on_a_phone(member: User, project: Project, sign_in: Enter) -> None:
    page = sign_in(member)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/o/acme/p/{project.slug}/")
    expect(page.get_by_role("link", name="Brands")).to_be_hidden()
    page.get_by_role("button", name="Navigation").click()
    page.get_by_role("link", name="Brands").click()
    expect(page).to_have_url(re.compile("/brands/$"))
    expect(page.get_by_role("heading", name="Brands", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


SEEN = """tab => {
  const row = tab.parentElement.getBoundingClientRect(), mine = tab.getBoundingClientRect();
  return [row.left - mine.left, mine.right - row.right].map(Math.floor);
}"""


def assert_every_tab_is_seen(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/o/acme/settings/")
    tabs = page.get_by_role("navigation", name="Organization settings").get_by_role("link")
    addresses = [tab.get_attribute("href") or "" for tab in tabs.all()]
    assert len(addresses) == 8
    assert tabs.first.evaluate("tab => tab.parentElement.scrollWidth > tab.parentElement.clientWidth")
    for address in addresses:
        page.goto(address)
        beyond = page.locator("main nav > [aria-current=page]").evaluate(SEEN)
        assert max(beyond) <= 0, (address, beyond)


def test_the_open_tab_of_the_settings_is_seen_on_a_phone(owner: User, sign_in: Enter) -> None:
    page = sign_in(owner)
    assert_every_tab_is_seen(page)
    page.locator("main nav > a").last.click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    assert max(page.locator("main nav > [aria-current=page]").evaluate(SEEN)) <= 0


def test_a_page_is_reached_by_two_keys(member: User, project: Project, sign_in: Enter) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("/prompts/$"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
