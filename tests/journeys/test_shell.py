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
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    page.goto(f"/o/acme/p/{project.slug}/prompts/")
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    page.get_by_label(re.compile("^Account")).click()
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


def test_a_page_is_reached_by_two_keys(member: User, project: Project, sign_in: Enter) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("/prompts/$"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
