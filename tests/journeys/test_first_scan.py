"""From nothing to the first result, as a newcomer goes."""

import re

from playwright.sync_api import Page, expect

from prompts.llm.simulator.server import Running
from tests.journeys import acts
from tests.journeys.stack import Worker

CSV = """question,tags,country
Which board do agencies use?,agencies,GB
,agencies,GB
Which board is safest?,security,Narnia
"""


def test_a_newcomer_gets_from_sign_up_to_a_result(page: Page, worker: Worker, simulator: Running) -> None:
    simulator.options(latency=3.0)
    acts.sign_up(page, "newcomer@lumen.example")
    acts.found_organization(page, "Lumen Labs")
    acts.add_project(page)
    acts.add_brand(page, "Lumenboard", domain="lumenboard.example", own=True)
    acts.add_brand(page, "Taskwell", domain="taskwell.example")
    add_one_prompt(page)
    paste_prompts(page)
    import_prompts(page)
    acts.choose_engines(page)
    acts.start_scan(page)
    watch_to_the_end(page)
    read_an_answer(page)
    read_the_overview(page)


def add_one_prompt(page: Page) -> None:
    acts.go_to(page, "Prompts")
    page.get_by_label("New prompt").fill(acts.QUESTIONS[0])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("row").filter(has_text=acts.QUESTIONS[0])).to_be_visible()


def paste_prompts(page: Page) -> None:
    page.get_by_role("link", name="Paste a list").click()
    page.get_by_label("Prompts", exact=True).fill("\n".join(f"- {question}" for question in acts.QUESTIONS))
    page.get_by_role("button", name="Add prompts").click()
    expect(page.get_by_text("2 prompts were added. 1 was already there.")).to_be_visible()


def import_prompts(page: Page) -> None:
    page.get_by_role("link", name="Import CSV").click()
    page.get_by_label("CSV file").set_input_files(
        {"name": "prompts.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
    )
    page.get_by_role("button", name="Import").click()
    report = page.locator("#import-report")
    expect(report.get_by_role("heading")).to_have_text(re.compile("1 prompt added, 2 lines refused"))
    expect(report.get_by_role("row").nth(1)).to_have_text(re.compile(r"^\s*3\s"))
    expect(report.get_by_role("row").nth(2)).to_have_text(re.compile(r"^\s*4\s.*Narnia", re.DOTALL))


def watch_to_the_end(page: Page) -> None:
    """Counted while it runs; the page turns into the result without a click."""
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text(re.compile("[0-7] of 8 answered"))).to_be_visible()
    expect(page.get_by_text("8 of 8 answered")).to_be_visible(timeout=40_000)
    expect(page.get_by_role("link", name="See the overview")).to_be_visible()
    expect(page.locator("tr[id^=answer-]")).to_have_count(8)


def read_an_answer(page: Page) -> None:
    page.get_by_role("row").filter(has_text=acts.QUESTIONS[2]).get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=acts.QUESTIONS[2])).to_be_visible()
    expect(page.locator(".prose mark[data-own]").first).to_have_text(re.compile("Lumen ?board", re.IGNORECASE))
    expect(page.get_by_role("heading", name=re.compile(r"^\d+ sources?$"))).to_be_visible()
    expect(page.get_by_text("Simulated data").first).to_be_visible()


def read_the_overview(page: Page) -> None:
    acts.go_to(page, "Overview")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Lumenboard in \d+ ?% of answers"))
    expect(page.get_by_text("n 8").first).to_be_visible()
    expect(page.get_by_text("Simulated data").first).to_be_visible()
