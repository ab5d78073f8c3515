"""Every screen in both themes, on a desk and on a phone: axe finds no violation, and nothing is wider than the window.

The screens are those of tests/shots.py, in parts that run beside each other; a process builds its scenery once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django import DjangoDbBlocker

from prompts.llm.simulator.server import serve_in_thread
from tests import scenery
from tests.emptying import empty
from tests.journeys.stack import run_worker, serve_site
from tests.scenery import Scenery
from tests.shots import Shot, session_of, shots_of

WIDTHS = {1440: 900, 390: 844}
NARROWEST = 360
PARTS = 6
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A theme is colours and nothing else: on the second look only the rules about colours can tell something new.
COLOURS = ["color-contrast", "link-in-text-block"]
AXE = Axe().axe_script
RUN = """async (only) => {
  // Without fetching every stylesheet again: the one rule that reads them is experimental and does not run.
  const preload = { assets: ["media"] };
  const { violations } = await axe.run({ runOnly: only, resultTypes: ["violations"], preload });
  const why = (node) => [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ");
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")} (${why(node)})`));
}"""
# Of the window, and on a phone of the card that a table's rows are stacked in.
WIDER = """phone => Math.max(...[
  document.documentElement, ...document.querySelectorAll(phone ? ".table-container:has(> .table.stacks)" : "#none"),
].map((box) => box.scrollWidth - box.clientWidth))"""


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: DjangoDbBlocker, browser: Browser) -> Iterator[Scenery]:
    """Built once: every answer of it comes over the wire, from the simulator, through a worker."""
    with django_db_blocker.unblock(), serve_in_thread() as simulator, pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "SIMULATOR_URL", simulator.root_url)
        try:
            with run_worker():
                built = scenery.build(simulator=simulator.root_url)
            yield built
        finally:
            empty()


# Colours that change over a fraction of a second (Django's admin has some) are looked at when they have.
FADED = """async () => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  const fades = document.getAnimations().filter((one) => one instanceof CSSTransition);
  await Promise.all(fades.map((one) => one.finished.catch(() => null)));
}"""


@pytest.fixture(scope="module")
def sessions(scene: Scenery) -> dict[int, str]:
    """By user, made before any test: what a test writes is rolled back, and the site would not see it."""
    return {user.pk: session_of(user) for user in (scene.user, scene.operator)}


@pytest.fixture(scope="module")
def site(scene: Scenery) -> Iterator[str]:
    with serve_site() as url:
        yield url


@contextmanager
def visit_of(browser: Browser, site: str, session: str, *, locale: str = "en-US") -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site, reduced_motion="reduce", locale=locale)
    context.set_default_timeout(30_000)
    if session:
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site}])
    try:
        yield context
    finally:
        context.close()


def violations(page: Page, **only: object) -> list[str]:
    found: list[str] = page.evaluate(RUN, only or {"type": "tag", "values": STANDARDS})
    return found


def problems_of(page: Page, shot: Shot) -> Iterator[str]:
    """The window narrows and the system's theme changes under the open page, as when a phone is turned at dusk."""
    opened = False
    for width, height in WIDTHS.items():
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": width, "height": height})
        if not opened or shot.act is not Shot.act:
            response = page.goto(shot.path)
            if response is None or response.status != shot.status:
                yield f"{shot.name}: answered {response and response.status}"
                return
            shot.act(page)
            opened = True
        page.evaluate(FADED)
        yield from (f"{shot.name}, light, {width} px: {problem}" for problem in violations(page))
        page.emulate_media(color_scheme="dark")
        page.evaluate(FADED)
        dark = violations(page, type="rule", values=COLOURS)
        yield from (f"{shot.name}, dark, {width} px: {problem}" for problem in dark)
        yield from overflows(page, shot, width=width)


def overflows(page: Page, shot: Shot, *, width: int) -> Iterator[str]:
    for direction in ("rtl", "ltr"):
        page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
        for size in (NARROWEST, width) if width < 600 else (width,):
            page.set_viewport_size({"width": size, "height": WIDTHS[width]})
            wider = page.evaluate(WIDER, width < 600)
            if wider > 0:
                yield f"{shot.name}, {direction}, {size} px: scrolls sideways by {wider} px"


@pytest.mark.django_db
@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_screen_is_accessible(
    browser: Browser, scene: Scenery, sessions: dict[int, str], site: str, part: int
) -> None:
    shots = shots_of(scene)[part::PARTS]
    assert shots
    problems: list[str] = []
    for visitor in (None, scene.user, scene.operator):
        mine = [shot for shot in shots if shot.visitor_of(scene) == visitor]
        with visit_of(browser, site, sessions[visitor.pk] if visitor else "") as context:
            context.add_init_script(AXE)
            page = context.new_page()
            for shot in mine:
                problems += problems_of(page, shot)
    assert problems == [], "\n" + "\n".join(problems)


@pytest.mark.django_db
@pytest.mark.timeout(400)
def test_the_longer_words_of_german_fit_a_phone(
    browser: Browser, scene: Scenery, sessions: dict[int, str], site: str
) -> None:
    """In the setup, which everybody walks through first."""
    problems: list[str] = []
    shots = [shot for shot in shots_of(scene) if shot.name.startswith("setup-") and shot.act is Shot.act]
    assert shots
    with visit_of(browser, site, sessions[scene.user.pk], locale="de-DE") as context:
        page = context.new_page()
        for shot in shots:
            page.goto(shot.path)
            assert page.locator("html").get_attribute("lang") == "de"
            problems += overflows(page, shot, width=390)
    assert problems == [], "\n" + "\n".join(problems)


# How far the buttons of a form reach beyond the card, or the page, that they stand in.
STICKS_OUT = """wraps => Math.max(0, ...[...document.querySelectorAll(".form-actions")].map((row) => {
  row.style.flexWrap = wraps ? "" : "nowrap";
  const frame = (row.closest(".panel") ?? row.closest("main") ?? document.body).getBoundingClientRect();
  const ends = [...row.children].flatMap((one) => {
    const { left, right, width } = one.getBoundingClientRect();
    return width ? [frame.left - left, right - frame.right].map(Math.floor) : [];
  });
  row.style.flexWrap = "";
  return Math.max(0, ...ends);
}))"""


@pytest.mark.django_db
@pytest.mark.timeout(400)
def test_rows_of_german_buttons_wrap_on_a_phone(
    browser: Browser, scene: Scenery, sessions: dict[int, str], site: str
) -> None:
    """Where the words are longest they do not fit beside each other: without the wrap some would be out of sight."""
    beyond, unwrapped = {}, {}
    shots = [shot for shot in shots_of(scene) if shot.visitor_of(scene) == scene.user and shot.act is Shot.act]
    with visit_of(browser, site, sessions[scene.user.pk], locale="de-DE") as context:
        page = context.new_page()
        for shot in shots:
            page.goto(shot.path)
            for width in (NARROWEST, 390):
                page.set_viewport_size({"width": width, "height": WIDTHS[390]})
                beyond[shot.name, width] = page.evaluate(STICKS_OUT, True)
                unwrapped[shot.name, width] = page.evaluate(STICKS_OUT, False)
    assert {at: by for at, by in beyond.items() if by} == {}
    assert any(unwrapped.values())


def test_planted_faults_are_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        '<!DOCTYPE html><html lang="en"><title>Planted</title><main><h1>Planted</h1><img src="data:,">'
        '<p style="color: #aaa; background: #fff">Hardly seen</p><input></main>'
    )
    page.evaluate(AXE)
    found = " ".join(violations(page))
    page.close()
    assert [rule in found for rule in ("image-alt", "color-contrast", "label")] == [True] * 3
