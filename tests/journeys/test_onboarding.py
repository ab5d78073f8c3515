"""A stranger sets a brand up, from sign-up to the first result; with and without JavaScript, by leaps and in pieces."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from orgs.models import Organization
from prompts.llm.simulator.server import Running
from tests.journeys import acts
from tests.journeys.stack import Worker
from tests.prompts.test_sites import Company, picture
from tests.server import serve_in_thread

Enter = Callable[[User], Page]
HTML = """<!doctype html><html lang="en"><head><title>Boards for small teams | Lumenboard</title>
<meta name="description" content="Lumenboard is a project management board for small teams.">
<link rel="icon" href="/icon.png"></head><body></body></html>"""
# Five minutes is what the whole way may take a person; how long it takes this machine is another matter.
pytestmark = pytest.mark.timeout(300)
OVERVIEW = re.compile(r"/o/[\w-]+/p/lumenboard/$")


@pytest.fixture(autouse=True)
def _company(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The company's own site, where the worker may fetch it; before the worker starts."""
    with serve_in_thread(Company(HTML, picture())) as url:
        place = urlsplit(url).netloc
        sites = f"lumenboard.example={place},lumenboard.example:443={place}"
        monkeypatch.setenv("OUTBOUND_ALLOW_PRIVATE", sites)
        yield


@pytest.fixture
def plain_page(browser: Browser, site: str) -> Iterator[Page]:
    """A tab that runs no script."""
    opened = browser.new_context(base_url=site, java_script_enabled=False, locale="en-US")
    opened.set_default_timeout(20_000)
    yield opened.new_page()
    opened.close()


def test_a_stranger_gets_from_sign_up_to_a_result(page: Page, worker: Worker, simulator: Running) -> None:
    acts.sign_up(page, "newcomer@lumen.example")
    acts.found_organization(page, "Lumen Labs", skip_setup=False)
    walk(page)
    expect(page.get_by_role("heading", name="The first scan is running")).to_be_visible()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    expect(page).to_have_url(OVERVIEW, timeout=90_000)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Lumenboard in \d+ ?% of answers"))
    expect(page.get_by_text("Continue setup")).to_have_count(0)


def test_it_works_without_javascript(plain_page: Page, worker: Worker, simulator: Running) -> None:
    acts.sign_up(plain_page, "newcomer@lumen.example")
    acts.found_organization(plain_page, "Lumen Labs", skip_setup=False)
    walk(plain_page)
    expect(plain_page).to_have_url(OVERVIEW, timeout=90_000)
    expect(plain_page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Lumenboard in \d+ ?% of answers"))


def walk(page: Page) -> None:
    """All five steps: what is suggested is changed here and there."""
    page.get_by_label("Website").fill("https://www.lumenboard.example/")
    page.get_by_role("button", name="Continue").click()
    tell_the_brand(page)
    choose_competitors(page)
    choose_prompts(page)
    expect(page.get_by_role("heading", name="Which assistants shall be asked?")).to_be_visible()
    expect(page.locator("input[name=engines]:checked")).to_have_count(4)
    for key in ("google", "perplexity"):
        page.locator(f"input[name=engines][value^={key}]:checked").uncheck()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Ready for the first scan")).to_be_visible()
    expect(page.get_by_text("about $")).to_be_visible()
    page.get_by_role("button", name="Start the first scan").click()


def tell_the_brand(page: Page) -> None:
    expect(page.get_by_label("What it offers")).to_have_value(re.compile("project management board"))
    expect(page.get_by_label("Brand name")).to_have_value("Lumenboard")
    expect(page.get_by_label("Their language")).to_have_value("en")
    expect(page.get_by_label("Use this icon")).to_be_checked()
    page.get_by_label("Country of your buyers").fill("us")
    page.get_by_role("button", name="Continue").click()


def choose_competitors(page: Page) -> None:
    expect(page.get_by_label("Name of competitor 1")).to_have_value(re.compile(r"\w"))
    expect(page.get_by_text("Simulated data").first).to_be_visible()
    page.get_by_label("Keep competitor 3").uncheck()
    page.get_by_label("Name of your competitor 1").fill("Boardwalk Tools")
    page.get_by_label("Domain of your competitor 1").fill("not a domain")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert").filter(has_text="not a domain")).to_be_visible()
    page.get_by_label("Domain of your competitor 1").fill("boardwalk.example")
    page.get_by_role("button", name="Continue").click()


def choose_prompts(page: Page) -> None:
    expect(page.get_by_label("Prompt 1", exact=True)).to_have_value(re.compile(r"\?$"))
    page.get_by_label("Prompt 1", exact=True).fill("Which project management tool is best for a small team?")
    page.get_by_label("Tags of prompt 1", exact=True).fill("awareness, small teams")
    page.get_by_label("Keep prompt 2", exact=True).uncheck()
    page.get_by_label("Your own prompts").fill("Is Lumenboard a good choice for project management?")
    page.get_by_role("button", name="Continue").click()


def test_everything_can_be_skipped(page: Page) -> None:
    acts.sign_up(page, "newcomer@lumen.example")
    acts.found_organization(page, "Lumen Labs", skip_setup=True)
    expect(page.get_by_role("heading", name="No project yet")).to_be_visible()
    page.get_by_role("link", name="Set up your brand").click()
    page.get_by_label("Brand name").fill("Lumenboard")
    page.get_by_role("button", name="Continue").click()
    for heading in ("Is this your brand?", "Whom are you compared with?", "What do buyers ask?", "Which assistants"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        page.get_by_role("button", name="Skip this step").click()
    expect(page.get_by_text("There are no active prompts to ask.")).to_be_visible()
    page.get_by_role("button", name="Finish without a scan").click()
    expect(page).to_have_url(OVERVIEW)
    expect(page.get_by_role("heading", name="Find out how assistants speak of Lumenboard")).to_be_visible()


def test_a_setup_is_left_and_gone_on_with_from_another_device(
    owner: User, org: Organization, sign_in: Enter, browser: Browser, site: str
) -> None:
    page = sign_in(owner)
    page.goto("/o/acme/setup/")
    page.get_by_label("Brand name").fill("Lumenboard")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("What it offers").fill("Boards for small teams.")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Whom are you compared with?")).to_be_visible()
    page.get_by_role("link", name="Leave, go on later").click()
    expect(page).to_have_url(OVERVIEW)
    page.context.clear_cookies()  # another device knows nothing of this one
    sign_in(owner)
    page.goto("/o/acme/p/lumenboard/")
    page.get_by_role("link", name="Continue setup").click()
    expect(page.get_by_role("heading", name="Whom are you compared with?")).to_be_visible()
    page.get_by_role("link", name="Brand", exact=True).click()
    expect(page.get_by_label("What it offers")).to_have_value("Boards for small teams.")
