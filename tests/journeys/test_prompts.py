"""Working on the list of prompts without leaving it."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from prompts.models import Project, Prompt
from tests.journeys import acts

Enter = Callable[[User], Page]


def test_a_prompt_is_edited_in_its_row(member: User, project: Project, prompt: Prompt, sign_in: Enter) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/prompts/")
    row = page.locator(f"#prompt-{prompt.pk}")
    row.get_by_role("link", name="Edit").click()
    row.get_by_label("Prompt").fill("Which task board do schools use?")
    row.get_by_label("Country").fill("Narnia")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert")).to_be_visible()
    row.get_by_label("Country").fill("ie")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_text("Which task board do schools use?")).to_be_visible()
    expect(row.get_by_text("IE")).to_be_visible()
    page.reload()
    expect(row.get_by_text("Which task board do schools use?")).to_be_visible()


def test_an_edit_is_dropped_by_escape(member: User, project: Project, prompt: Prompt, sign_in: Enter) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/prompts/")
    row = page.locator(f"#prompt-{prompt.pk}")
    row.get_by_role("link", name="Edit").click()
    row.get_by_label("Prompt").fill("Never mind")
    page.keyboard.press("Escape")
    expect(row.get_by_text(prompt.text)).to_be_visible()
    expect(row.get_by_role("link", name="Edit")).to_be_visible()


def test_archiving_asks_first(member: User, project: Project, prompt: Prompt, sign_in: Enter) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/prompts/")
    row = page.locator(f"#prompt-{prompt.pk}")
    row.get_by_role("link", name="Archive").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Archive this prompt?")).to_be_visible()
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    row.get_by_role("link", name="Archive").click()
    dialog.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("The prompt was archived.")).to_be_visible()
    expect(row).to_have_count(0)
    page.get_by_label("State").select_option("archived")
    row.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("The prompt is asked again.")).to_be_visible()


def test_the_list_narrows_while_somebody_types(member: User, project: Project, prompt: Prompt, sign_in: Enter) -> None:
    page = sign_in(member)
    page.goto(f"/o/acme/p/{project.slug}/prompts/")
    page.get_by_label("New prompt").fill(acts.QUESTIONS[1])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text(acts.QUESTIONS[1])).to_be_visible()
    page.get_by_label("Search prompts").press_sequentially("small team")
    expect(page.get_by_text(acts.QUESTIONS[1])).to_have_count(0)
    expect(page.get_by_text(prompt.text)).to_be_visible()
    page.get_by_label("Search prompts").fill("zebra")
    expect(page.locator("#prompt-list").get_by_role("heading")).to_be_visible()
