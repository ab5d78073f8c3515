"""Plans are code: what the page of prices shows is what they say."""

from decimal import Decimal

import pytest
from django.contrib.humanize.templatetags.humanize import intcomma
from django.test import Client
from selectolax.lexbor import LexborHTMLParser

from billing.plans import CURRENCY, PLANS, SELF_HOSTED, Plan, plan_of

LIMITED = [plan for plan in PLANS if plan is not SELF_HOSTED]


def card(client: Client, plan: Plan) -> dict[str, str]:
    """What the page says of one plan, by its words."""
    page = LexborHTMLParser(client.get("/pricing/").content)
    section = page.css_first(f"#plan-{plan.key}")
    assert section is not None
    names, values = ([" ".join(one.text().split()) for one in section.css(f"dl.facts {tag}")] for tag in ("dt", "dd"))
    price = section.css_first(".plan-price strong")
    assert price is not None
    return {"price": price.text(), **dict(zip(names, values, strict=True))}


def test_self_hosting_is_free_and_has_no_limits() -> None:
    assert SELF_HOSTED.price == Decimal(0)
    limits = (SELF_HOSTED.answers, SELF_HOSTED.projects, SELF_HOSTED.members, SELF_HOSTED.retention_months)
    assert limits == (None, None, None, None)


@pytest.mark.parametrize("plan", LIMITED, ids=lambda plan: plan.key)
def test_the_page_shows_each_plan_as_the_code_has_it(client: Client, plan: Plan) -> None:
    shown = card(client, plan)
    assert shown["price"] == f"{plan.price} {CURRENCY}"
    assert shown["Answers a month"] == intcomma(plan.answers or 0)
    assert shown["Projects"] == str(plan.projects)
    assert shown["Members"] == str(plan.members)
    assert shown["Answers are kept for"] == f"{plan.retention_months} months"
    assert shown["Support"] == str(plan.support)


def test_the_page_shows_that_self_hosting_is_free(client: Client) -> None:
    shown = card(client, SELF_HOSTED)
    assert (shown["price"], shown["Answers a month"], shown["Members"]) == ("Free", "no limit", "no limit")


def test_a_dearer_plan_holds_more() -> None:
    cheaper, dearer = sorted(LIMITED, key=lambda plan: plan.price)
    assert (cheaper.answers or 0) < (dearer.answers or 0)
    assert (cheaper.projects or 0) < (dearer.projects or 0)
    assert (cheaper.members or 0) < (dearer.members or 0)


def test_plans_are_found_by_their_key() -> None:
    assert [plan_of(plan.key) for plan in PLANS] == list(PLANS)
    with pytest.raises(KeyError):
        plan_of("platinum")
