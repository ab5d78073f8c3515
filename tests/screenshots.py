"""`python -m tests.screenshots`: every screen of the demo organization at two widths, light and dark."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Page

from config.embedded.place import BASE_DIR
from tests.benchmarks import stack
from tests.journeys.browser import launch
from tests.shots import Shot, session_of, shots_of

if TYPE_CHECKING:
    from accounts.models import User
    from tests.scenery import Scenery

FOLDER = BASE_DIR / ".local" / "screenshots"
WIDTHS, HEIGHTS = (1440, 390), {1440: 900, 390: 844}
THEMES = ("light", "dark")


@dataclass(kw_only=True)
class Gallery:
    """Takes the pictures and keeps what no visitor should meet: script errors, refused resources, overflow."""

    folder: Path
    problems: list[str] = field(default_factory=list)

    def take(self, page: Page, shot: Shot, *, look: str) -> None:
        width = page.viewport_size["width"] if page.viewport_size else WIDTHS[0]
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        response = page.goto(shot.path)
        if response is None or response.status != shot.status:
            self.problems.append(f"{look} {shot.name}: answered {response and response.status}")
        shot.act(page)
        page.evaluate("document.fonts.ready")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            self.problems.append(f"{look} {shot.name}: scrolls sideways by {wider} px")
        _see_all(page)
        page.screenshot(path=self.folder / f"{shot.name}-{look}.png", animations="disabled")

    def watch(self, page: Page, look: str) -> None:
        def said(text: str) -> None:
            if "the server responded with a status of 4" not in text:
                self.problems.append(f"{look} {page.url}: {text}")

        page.on("pageerror", lambda error: said(f"script error: {error}"))
        page.on("console", lambda message: said(message.text) if message.type == "error" else None)


def _see_all(page: Page) -> None:
    """A window as high as the page: what is fixed to its edges would stand in the middle of a longer picture."""
    size = page.viewport_size
    assert size is not None
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(HEIGHTS[size["width"]], height)})


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make screenshots")
    parser.add_argument("--only", default="", help="shots whose name contains this")
    parser.add_argument("--readme", type=Path, help="write the picture of the README there, and nothing else")
    options = parser.parse_args(arguments)
    stack.alone()
    stack.prepare()
    # The browser's loop lives in this thread, where Django would refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with stack.shipped("simulator", "web", "worker", "beat") as ports:
        from tests import scenery

        scene = scenery.build(simulator=f"http://127.0.0.1:{ports['simulator']}")
        site = f"http://localhost:{ports['web']}"
        with launch() as browser:
            if options.readme:
                return _picture(browser, scene, site, path=options.readme)
            problems = _everything(browser, scene, site, only=options.only)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(BASE_DIR)}")
    return 1 if problems else 0


def _everything(browser: Browser, scene: "Scenery", site: str, *, only: str) -> list[str]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    gallery = Gallery(folder=FOLDER)
    shots = [shot for shot in shots_of(scene) if only in shot.name]
    for theme, width, visitor in product(THEMES, WIDTHS, (None, scene.user, scene.operator)):
        with _tab(browser, site, theme=theme, width=width, visitor=visitor) as page:
            gallery.watch(page, f"{theme}-{width}")
            for shot in (shot for shot in shots if shot.visitor_of(scene) == visitor):
                gallery.take(page, shot, look=f"{theme}-{width}")
    if only in "scan-running":
        _running(gallery, browser, scene, site)
    return gallery.problems


def _running(gallery: Gallery, browser: Browser, scene: "Scenery", site: str) -> None:
    """One engine is far behind the others, so that there is something to wait for."""
    from django.conf import settings

    from tests import scenery

    slow = {"latency": {"anthropic": 240.0, "google": 1.0}}
    scenery.control(settings.SIMULATOR_URL, "options", slow)
    running = scenery.start(scene.project)
    path = f"/o/{scene.org.slug}/p/{scene.project.slug}/scans/{running.pk}/"
    shot = Shot(name="scan-running", path=path, act=lambda page: page.wait_for_timeout(2500))
    for theme, width in product(THEMES, WIDTHS):
        with _tab(browser, site, theme=theme, width=width, visitor=scene.user) as page:
            gallery.watch(page, f"{theme}-{width}")
            gallery.take(page, shot, look=f"{theme}-{width}")


@contextmanager
def _tab(browser: Browser, site: str, *, theme: str, width: int, visitor: "User | None") -> Iterator[Page]:
    context = browser.new_context(
        base_url=site,
        viewport={"width": width, "height": HEIGHTS[width]},
        color_scheme="dark" if theme == "dark" else "light",
        locale="en-US",
        device_scale_factor=1,
        has_touch=width < 600,
    )
    context.set_default_timeout(30_000)
    if visitor is not None:
        context.add_cookies([{"name": "sessionid", "value": session_of(visitor), "url": site}])
    try:
        yield context.new_page()
    finally:
        context.close()


def _picture(browser: Browser, scene: "Scenery", site: str, *, path: Path) -> int:
    with _tab(browser, site, theme="light", width=1440, visitor=scene.user) as page:
        page.goto(f"/o/{scene.org.slug}/p/{scene.project.slug}/")
        page.evaluate("document.fonts.ready")
        _see_all(page)
        page.screenshot(path=path, animations="disabled")
    print(f"{path}: {path.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
