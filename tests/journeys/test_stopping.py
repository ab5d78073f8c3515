"""Scans that do not go as planned: cancelled by somebody, failed in part, asked again."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from tests.journeys import acts
from tests.journeys.stack import Worker

Enter = Callable[[User], Page]


def test_a_running_scan_is_cancelled(
    member: User, project: Project, own_brand: Brand, sign_in: Enter, worker: Worker, simulator: Running
) -> None:
    simulator.options(latency={"openai": 0.1, "perplexity": 60})
    page = on_scans_page(member, project, sign_in)
    acts.start_scan(page)
    expect(page.get_by_text("3 of 6 answered")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The others are not asked for any more")).to_be_visible()
    dialog.get_by_role("button", name="Cancel the scan").click()
    expect(page.get_by_text("The scan was cancelled.")).to_be_visible()
    expect(page.get_by_text("3 of 6 answered, 3 cancelled")).to_be_visible()
    simulator.options(latency=0.0)


def test_failed_answers_are_asked_again(
    member: User, project: Project, own_brand: Brand, sign_in: Enter, worker: Worker, simulator: Running
) -> None:
    simulator.fault("400", match={"provider": "perplexity"}, times=2)
    page = on_scans_page(member, project, sign_in)
    acts.start_scan(page)
    expect(page.get_by_text("4 of 6 answered, 2 failed")).to_be_visible()
    expect(page.get_by_role("heading", name="What failed, and why")).to_be_visible()
    page.get_by_role("button", name="Retry 2 failed").click()
    expect(page.get_by_text("6 of 6 answered")).to_be_visible()
    expect(page.get_by_role("heading", name="What failed, and why")).to_have_count(0)


def on_scans_page(member: User, project: Project, sign_in: Enter) -> Page:
    with org_scope(project.org_id):
        acts.fill_project(project)
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/scans/")
    return page
