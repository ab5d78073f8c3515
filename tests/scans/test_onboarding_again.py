"""Steps of the guided setup that are sent again: by a double click, from two tabs, or by Back and Continue."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from tests.scans.test_onboarding import at, names, rows, text_of
from tests.screens import ClientOf


@pytest.fixture
def setup(project: Project, own_brand: Brand) -> Project:
    """In the middle of its setup."""
    with org_scope(project.org_id):
        project.setup_step, project.website = "brand", "lumenboard.example"
        project.save()
    return project


@pytest.fixture
def browser(member: User, client_of: ClientOf) -> Client:
    return client_of(member)


def test_competitors_that_are_tracked_already_are_no_obstacle(
    setup: Project, browser: Client, simulator: Running
) -> None:
    sent = rows("own", {"name": "Muster", "domain": "muster.example"}, {"name": "Ziel", "domain": ""})
    for _ in range(2):
        assert browser.post(at("competitors"), sent).url == at("prompts")
    assert names(setup) == ["Lumenboard", "Muster", "Ziel"]
    more = rows("own", {"name": "muster", "domain": "muster.example"}, {"name": "Neu", "domain": ""})
    page = text_of(browser.post(at("competitors"), more, follow=True))
    assert names(setup)[-1] == "Neu"
    assert "1 competitor was added." in page
    other = rows("own", {"name": "Muster", "domain": "other.example"})
    assert browser.post(at("competitors"), other).status_code == 422


def test_the_brand_and_the_prompts_can_be_sent_twice(setup: Project, browser: Client, simulator: Running) -> None:
    for _ in range(2):
        assert browser.post(at("brand"), {"name": "Lumen", "website": "lumen.example"}).url == at("competitors")
    browser.post(at("prompts"), {"lines": "Which board is best?"})
    again = browser.post(at("prompts"), {"lines": "Which board is best?"}, follow=True)
    assert again.redirect_chain[0][0] == at("engines")
    assert "0 prompts were added" not in text_of(again)
    assert names(setup) == ["Lumen"]


def test_the_start_sent_again_goes_on_where_the_setup_is(owner: User, client_of: ClientOf, org: Organization) -> None:
    start, browser = reverse("onboarding-start", args=["acme"]), client_of(owner)
    browser.post(start, {"name": "Lumenboard"})
    assert browser.post(start, {"name": "lumenboard"}).url == at("brand")
    browser.post(at("brand"), {"skip": "1"})
    assert browser.post(start, {"name": "Lumenboard"}).url == at("competitors")
    browser.post(at("scan"), {"skip": "1"})
    over = browser.post(start, {"name": "Lumenboard"})
    assert over.status_code == 422
    assert f'href="{reverse("project-overview", args=["acme", "lumenboard"])}"' in text_of(over)
    with org_scope(org):
        assert Project.objects.for_org(org).count() == 1


def test_a_setup_that_somebody_else_began_is_linked_to(
    owner: User, admin: User, client_of: ClientOf, org: Organization
) -> None:
    start = reverse("onboarding-start", args=["acme"])
    client_of(owner).post(start, {"name": "Lumen <b>"})
    response = client_of(admin).post(start, {"name": "Lumen <b>"})
    assert response.status_code == 422
    assert f'href="{reverse("project-overview", args=["acme", "lumen-b"])}"' in text_of(response)
    assert "Lumen &lt;b&gt;</a>" in text_of(response)
