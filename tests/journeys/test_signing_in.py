"""Signing in, as a person does it."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from tests.journeys.stack import Worker


def test_a_stranger_is_asked_to_sign_in_and_told_when_the_password_is_wrong(page: Page) -> None:
    page.goto("/accounts/profile/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.get_by_label("Email").fill("nobody@acme.example")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("not correct")).to_be_visible()


def test_a_member_signs_in_and_is_somewhere(member: User, sign_in: Callable[[User], Page]) -> None:
    page = sign_in(member)
    expect(page.get_by_text("Acme").first).to_be_visible()


def test_a_worker_stands_ready_behind_the_site(worker: Worker) -> None:
    worker.wait_for(lambda: "sweep" in worker.output(), what="the first sweep")
