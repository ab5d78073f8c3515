"""Somebody changes how the product is written for them, and reads it so at once."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from prompts.models import Project


def test_a_reader_chooses_german_and_a_time_zone(
    project: Project, member: User, sign_in: Callable[[User], Page]
) -> None:
    page = sign_in(member)
    page.goto("/accounts/preferences/")
    page.get_by_label("Language").select_option("de")
    zone = page.get_by_role("combobox", name="Time zone")
    zone.fill("Tokyo")
    page.get_by_role("option", name="Tokyo").click()
    page.get_by_label("Numbers").select_option("1 234,5")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Ihre Einstellungen wurden gespeichert.")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    member.refresh_from_db()
    assert (member.language, member.time_zone, member.number_format) == ("de", "Asia/Tokyo", "1 234,5")

    page.goto(f"/o/{project.org.slug}/p/{project.slug}/")
    expect(page.get_by_role("navigation", name="Hauptmenü").get_by_role("link", name="Überblick")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        f"Finden Sie heraus, wie Assistenten über {project.name} sprechen"
    )


def test_help_opens_by_keyboard_and_closes_again(
    project: Project, member: User, sign_in: Callable[[User], Page]
) -> None:
    page = sign_in(member)
    page.goto(f"/o/{project.org.slug}/p/{project.slug}/engines/")
    asked = page.get_by_role("button", name="What is a surface?")
    asked.focus()
    page.keyboard.press("Enter")
    opened = page.get_by_role("dialog", name="Surface")
    expect(opened).to_be_visible()
    expect(opened.get_by_role("link", name="The whole definition")).to_be_visible()
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()
    expect(asked).to_be_focused()


def test_the_browsers_time_zone_reaches_the_server(page: Page) -> None:
    page.goto("/accounts/login/")
    page.wait_for_function("document.cookie.includes('time_zone=')")
    here = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}["time_zone"] == here
