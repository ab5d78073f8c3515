"""What scripts sharpen, by keyboard: palette, tabs, comboboxes, drawers, charts; and the same without a script."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from prompts.models import Brand, Project, Prompt
from tests.scans.made import make_answer, make_scan
from tests.shots import session_of

Enter = Callable[[User], Page]
PAGE = "/operators/components/"


@pytest.fixture
def pieces(page: Page, operator: User, site: str) -> Page:
    page.context.add_cookies([{"name": "sessionid", "value": session_of(operator), "url": site}])
    page.goto(PAGE)
    return page


@pytest.fixture
def without_scripts(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context(base_url=site, java_script_enabled=False, color_scheme="dark")
    yield context.new_page()
    context.close()


def test_the_palette_finds_and_goes_by_keyboard(
    member: User, project: Project, prompt: Prompt, own_brand: Brand, sign_in: Enter
) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Find")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="Overview")).to_have_attribute("aria-selected", "true")
    page.keyboard.type("br")
    brands = page.get_by_role("option", name="Brands")
    expect(brands).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", re.compile("palette-1-1"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/brands/$"))
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_arrows_walk_through_what_the_palette_found(member: User, project: Project, sign_in: Enter) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/")
    page.get_by_role("link", name="Find").click()
    options = page.get_by_role("option")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")


def test_tabs_are_chosen_by_arrows(pieces: Page) -> None:
    first, second = pieces.get_by_role("tab", name="Answers"), pieces.get_by_role("tab", name="Loading")
    expect(first).to_have_attribute("aria-selected", "true")
    first.focus()
    pieces.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-selected", "true")
    expect(pieces.get_by_role("tabpanel")).to_have_count(1)


def test_a_combobox_filters_and_chooses(pieces: Page) -> None:
    field = pieces.get_by_role("combobox", name="Combobox").first
    field.focus()
    pieces.keyboard.type("an")
    options = pieces.get_by_role("listbox").get_by_role("option")
    expect(options).to_have_text(["Any country", "Canada", "France", "Germany", "Japan"])
    pieces.keyboard.press("ArrowDown")
    pieces.keyboard.press("Enter")
    expect(field).to_have_value("Canada")
    expect(pieces.locator("#sample_country")).to_have_value("Canada")
    pieces.keyboard.type("zzz")
    expect(options).to_have_text(["Nothing matches"])
    pieces.keyboard.press("Escape")
    expect(field).to_have_value("Canada")


def test_a_drawer_takes_the_focus_and_gives_it_back(pieces: Page) -> None:
    opener = pieces.get_by_role("button", name="Open a drawer")
    opener.focus()
    pieces.keyboard.press("Enter")
    expect(pieces.get_by_role("dialog", name="A drawer")).to_be_visible()
    expect(pieces.get_by_role("button", name="Close")).to_be_focused()
    pieces.keyboard.press("Escape")
    expect(pieces.get_by_role("dialog", name="A drawer")).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_chart_is_one_tab_stop_and_tells_its_points(
    member: User, project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand, sign_in: Enter
) -> None:
    scan = make_scan(project)
    for names in ((own_brand, competitor), (competitor,), ()):
        make_answer(scan, prompt, names=names)
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/")
    bars = page.get_by_role("region", name=re.compile("named most")).get_by_role("img")
    bars.first.focus()
    expect(page.locator(".chart-tip:visible")).to_have_text(re.compile("^Taskwell: 67%"))
    page.keyboard.press("ArrowDown")
    expect(bars.nth(1)).to_be_focused()
    expect(page.locator(".chart-tip:visible")).to_have_text(re.compile("^Lumenboard: 33%"))
    expect(bars.first).to_have_attribute("tabindex", "-1")


def test_dark_needs_no_script(without_scripts: Page) -> None:
    without_scripts.goto("/accounts/login/")
    assert without_scripts.evaluate(
        "getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)' && "
        "getComputedStyle(document.body).color !== getComputedStyle(document.body).backgroundColor"
    )
    without_scripts.emulate_media(color_scheme="light")
    without_scripts.reload()
    light = without_scripts.evaluate("getComputedStyle(document.querySelector('.lone-card')).backgroundColor")
    assert light in ("rgb(255, 255, 255)", "oklch(1 0 0)")


def test_pieces_stand_open_without_a_script(without_scripts: Page, operator: User, site: str) -> None:
    without_scripts.context.add_cookies([{"name": "sessionid", "value": session_of(operator), "url": site}])
    without_scripts.goto(PAGE)
    expect(without_scripts.get_by_role("heading", name="Loading")).to_be_visible()
    expect(without_scripts.locator("#sample_country")).to_be_visible()
    without_scripts.get_by_role("button", name="Open a drawer").click()
    expect(without_scripts.get_by_role("dialog", name="A drawer")).to_be_visible()


def test_a_folded_table_is_still_a_table(
    member: User, project: Project, own_brand: Brand, competitor: Brand, sign_in: Enter
) -> None:
    """As the browser tells it to a screen reader, not as it is written."""
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/brands/")
    tree = page.context.new_cdp_session(page)

    def told() -> dict[str, int]:
        nodes = tree.send("Accessibility.getFullAXTree")["nodes"]
        roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
        return {role: roles.count(role) for role in ("table", "row", "columnheader", "cell")}

    wide = told()
    assert wide == {"table": 1, "row": 3, "columnheader": 4, "cell": 8}
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("getComputedStyle(document.querySelector('.stacks tbody tr')).display") == "flex"
    assert told() == wide
