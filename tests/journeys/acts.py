"""What people do on several journeys."""

import re

from playwright.sync_api import Page, expect

from prompts.models import Project
from tests.cast import make_prompt
from tests.journeys.mailbox import link_for

QUESTIONS = (
    "Which project management tool is best for a small team?",
    "What are good alternatives to Taskwell?",
    "Is Lumenboard a good choice for project management?",
)
ENGINES = ("openai:gpt-5-mini/web_search", "perplexity:sonar/web_search")
OVERVIEW = re.compile(r"/o/[\w-]+/p/lumenboard/$")
SCAN = re.compile(r"/scans/\d+/$")


def sign_up(page: Page, email: str) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("a long enough secret")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    page.goto(link_for(email))
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page.get_by_label("Name")).to_be_visible()


def found_organization(page: Page, name: str, *, skip_setup: bool = True) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create organization").click()
    expect(page.get_by_text(f"{name} is ready")).to_be_visible()
    if skip_setup:
        page.get_by_role("link", name="Skip the setup").click()


def add_project(page: Page) -> None:
    page.get_by_role("link", name="Add a project").last.click()
    page.get_by_label("Name").fill("Lumenboard")
    page.get_by_role("button", name="Add project").click()
    expect(page).to_have_url(OVERVIEW)
    expect(page.get_by_role("heading", name="Find out how assistants speak of Lumenboard")).to_be_visible()


def add_brand(page: Page, name: str, *, domain: str, own: bool = False) -> None:
    go_to(page, "Brands")
    page.get_by_role("link", name="Add a brand").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Domains").fill(domain)
    if own:
        page.get_by_label("This is our own brand").check()
    page.get_by_role("button", name="Add brand").click()
    expect(page.get_by_role("row", name=name)).to_be_visible()


def choose_engines(page: Page) -> None:
    go_to(page, "Engines")
    for key in ENGINES:
        page.locator(f'input[value="{key}"]').check()
    page.get_by_role("button", name="Save").click()
    for key in ENGINES:
        expect(page.locator(f'input[value="{key}"]')).to_be_checked()


def start_scan(page: Page) -> None:
    go_to(page, "Scans")
    page.get_by_role("button", name="Start scan").click()
    expect(page).to_have_url(SCAN)


def go_to(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("navigation", name="Main").locator("[aria-current=page]")).to_have_text(re.compile(name))


def fill_project(project: Project) -> Project:
    """Questions and two engines; call it inside the organization's scope."""
    for question in QUESTIONS:
        make_prompt(project, question, country="US", language="en")
    project.engines = list(ENGINES)
    project.save(update_fields=["engines"])
    return project
