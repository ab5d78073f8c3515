"""What an organization says of its provider account, and what becomes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.credentials import credential_for, save_key
from prompts.gateway import lane_for
from prompts.key_limits import limits_of, save_limits
from prompts.llm.allowances import TIERS
from prompts.llm.catalog import all_engines
from prompts.llm.types import Limits, Provider
from prompts.models import ProviderKey

ENGINE = "openai:gpt-5.4-mini/model"
NOTHING = {"tier": "", "requests_per_minute": "", "tokens_per_minute": "", "requests_per_day": "", "tokens_per_day": ""}


@pytest.fixture
def key(org: Organization, owner: User) -> ProviderKey:
    with org_scope(org):
        return save_key(org, provider="openai", api_key="sk-of-the-organization-1234", actor=owner)


@pytest.fixture
def save(client_of: Callable[[User], Client], admin: User, org: Organization, key: ProviderKey) -> Any:
    client = client_of(admin)

    def post(**given: str) -> Any:
        return client.post(reverse("provider-key-limits", args=[org.slug, key.pk]), {**NOTHING, **given}, follow=True)

    return post


def limits(org: Organization) -> Any:
    with org_scope(org):
        return lane_for(org.pk, ENGINE).limits


def test_without_a_word_the_installations_settings_count(org: Organization, key: ProviderKey, settings: Any) -> None:
    settings.LLM_REQUESTS_PER_MINUTE = {**settings.LLM_REQUESTS_PER_MINUTE, "openai": 123}
    assert (limits(org).requests, limits(org).source) == (123, "operator")


def test_a_tier_stands_for_its_figures(org: Organization, save: Any) -> None:
    page = save(tier="tier-1").content.decode()
    assert "The limits of the OpenAI key were saved." in page
    assert "Tier 1" in page
    assert "500 requests a minute" in page
    assert (limits(org).requests, limits(org).tokens, limits(org).source) == (500, 200_000, "tier")


def test_own_figures_count_instead_of_the_tiers(org: Organization, save: Any) -> None:
    save(tier="tier-1", requests_per_minute="70", tokens_per_day="9000000")
    found = limits(org)
    assert (found.requests, found.tokens, found.day_tokens, found.source) == (70, 200_000, 9_000_000, "own")


def test_what_is_not_said_is_as_the_installation_is_set(org: Organization, save: Any, settings: Any) -> None:
    save(requests_per_day="1000")
    found = limits(org)
    assert (found.requests, found.day_requests) == (settings.LLM_REQUESTS_PER_MINUTE["openai"], 1_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tier": "free"},
        {"tier": "tier-9"},
        {"requests_per_minute": "0"},
        {"tokens_per_minute": "-1"},
        {"requests_per_day": "many"},
        {"tokens_per_day": "9" * 20},
    ],
)
def test_what_cannot_be_is_refused(org: Organization, key: ProviderKey, save: Any, wrong: dict[str, str]) -> None:
    response = save(**wrong)
    assert response.status_code == 422
    with org_scope(org):
        row = ProviderKey.objects.for_org(org).get(pk=key.pk)
    assert (row.tier, row.requests_per_minute, row.tokens_per_minute) == ("", None, None)


def test_a_change_is_on_record_and_nothing_is_where_nothing_changed(org: Organization, save: Any) -> None:
    save(tier="tier-2")
    save(tier="tier-2")
    with org_scope(org):
        [event] = Event.objects.for_org(org).filter(name="provider_key.limited")
    assert (event.before["tier"], event.after["tier"]) == ("", "tier-2")


def test_a_key_that_is_entered_again_keeps_its_limits(org: Organization, save: Any, owner: User) -> None:
    save(tier="tier-3")
    with org_scope(org):
        save_key(org, provider="openai", api_key="sk-of-the-organization-1234", actor=owner)
        found = credential_for(org.pk, "openai")
    assert found is not None
    assert found.limits == Limits(requests=5_000, tokens=2_000_000, source="tier")


def test_another_key_does_not_inherit_what_was_said_of_the_old_ones_account(
    org: Organization, save: Any, owner: User
) -> None:
    save(tier="tier-3", requests_per_minute="70", tokens_per_day="9000000")
    with org_scope(org):
        save_key(org, provider="openai", api_key="sk-of-another-account-5678", actor=owner)
        found = credential_for(org.pk, "openai")
    assert found is not None
    assert found.limits is None


@pytest.mark.parametrize("provider", TIERS)
def test_the_page_says_where_the_figures_are_from_and_what_is_not_confirmed(
    client_of: Callable[[User], Client], admin: User, org: Organization, provider: Provider
) -> None:
    with org_scope(org):
        key = save_key(org, provider=provider.value, api_key="sk-of-the-organization-1234", actor=admin)
    page = client_of(admin).get(reverse("provider-key-limits", args=[org.slug, key.pk])).content.decode()
    said = " ".join(page.split("What the tiers stand for")[1].split("</div>")[0].split())
    assert "not confirmed" in said or "As published" in said
    assert "enter that." in said


def test_a_tier_that_its_provider_gave_up_goes_on_counting_until_another_is_chosen(
    client_of: Callable[[User], Client], admin: User, org: Organization
) -> None:
    with org_scope(org):
        key = save_key(org, provider="anthropic", api_key="sk-of-the-organization-1234", actor=admin)
        save_limits(key, tier="tier-2", figures={})
        kept = limits_of(key)
    assert kept is not None
    assert (kept.requests, kept.tokens) == (1_000, 450_000)
    address, client = reverse("provider-key-limits", args=[org.slug, key.pk]), client_of(admin)
    page = client.get(address).content.decode()
    assert '<option value="tier-2" selected>' in page
    assert client.post(address, {**NOTHING, "tier": "start"}).status_code == 302
    page = client.get(address).content.decode()
    assert "tier-2" not in page
    assert '<option value="start" selected>Start</option>' in page


def test_every_provider_with_own_keys_has_tiers_that_rise() -> None:
    for tiers in TIERS.values():
        requests = [one.requests for one in tiers.values()]
        assert requests == sorted(requests)
    assert {engine.provider for engine in all_engines()} <= {*TIERS, "compatible"}
