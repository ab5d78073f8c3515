"""What people of different standing see of the same project."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from tests.journeys import acts

Enter = Callable[[User], Page]


def test_a_member_may_start_what_a_viewer_only_watches(
    member: User, viewer: User, project: Project, own_brand: Brand, sign_in: Enter, simulator: Running
) -> None:
    with org_scope(project.org_id):
        acts.fill_project(project)
    page = sign_in(viewer)
    page.goto(f"/o/acme/p/{project.slug}/scans/")
    expect(page.get_by_role("heading", name="No scan yet")).to_be_visible()
    expect(page.get_by_role("button", name="Start scan")).to_have_count(0)
    page.goto(f"/o/acme/p/{project.slug}/prompts/")
    expect(page.get_by_text(acts.QUESTIONS[0])).to_be_visible()
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    page.context.clear_cookies()
    sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/scans/")
    expect(page.get_by_role("button", name="Start scan")).to_be_visible()


def test_an_outsider_is_told_that_there_is_nothing(outsider: User, project: Project, sign_in: Enter) -> None:
    page = sign_in(outsider)
    for path in ("/o/acme/", f"/o/acme/p/{project.slug}/", f"/o/acme/p/{project.slug}/prompts/"):
        answered = page.goto(path)
        assert answered is not None
        assert answered.status == 404
        expect(page.get_by_text(project.name)).to_have_count(0)
