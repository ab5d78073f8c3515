import logging

import pytest
from django.core.exceptions import ImproperlyConfigured

from orgs.models import Event
from orgs.scoping import org_scope
from prompts import credentials
from prompts.credentials import RefusedKey, UnreadableKey, available_engines, credential_for, remove_key, save_key
from prompts.llm import catalog
from prompts.llm.types import Provider
from prompts.models import ProviderKey

KEY = "sk-proj-abcdefghijklmnop-1234"
LIVING = "openai:gpt-5.4-mini/web_search"
RETIRED = "perplexity:sonar/web_search"


@pytest.fixture(autouse=True)
def _nothing_configured(settings):
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = settings.GOOGLE_API_KEY = settings.PERPLEXITY_API_KEY = ""
    settings.SIMULATOR_URL = ""
    settings.OPENAI_COMPATIBLE = []
    settings.ENCRYPTION_KEYS = ["a key"]


@pytest.fixture
def _servers():
    yield
    catalog.configure([])


def choice(org, key):
    return next(choice for choice in available_engines(org.pk) if choice.engine.key == key)


def test_without_any_key_there_is_no_credential(in_org):
    assert credential_for(in_org.pk, "openai") is None
    refused = choice(in_org, LIVING)
    assert not refused.available
    assert "OpenAI key" in refused.reason


def test_the_environments_key_serves_every_organization(in_org, settings):
    settings.OPENAI_API_KEY = KEY
    found = credential_for(in_org.pk, Provider.OPENAI)
    assert found.api_key == KEY
    assert found.base_url == ""
    assert found.id.startswith("env-openai-")
    assert choice(in_org, LIVING).available


def test_an_organizations_own_key_goes_before_the_environments(in_org, owner, settings):
    settings.OPENAI_API_KEY = "sk-of-the-operator"
    save_key(in_org, provider="openai", api_key=KEY, actor=owner)
    found = credential_for(in_org.pk, "openai")
    assert found.api_key == KEY
    assert found.id.startswith("own-")


def test_the_simulator_stands_in_for_providers_without_a_key(in_org, settings):
    settings.SIMULATOR_URL = "http://127.0.0.1:9/"
    settings.OPENAI_API_KEY = KEY
    found = credential_for(in_org.pk, "anthropic")
    assert (found.id, found.base_url) == ("sim-anthropic", "http://127.0.0.1:9/anthropic")
    assert found.simulated
    assert choice(in_org, "anthropic:claude-haiku-4-5/web_search").simulated
    assert not choice(in_org, LIVING).simulated


def test_an_id_is_stable_short_and_tells_nothing_of_the_key(in_org, settings):
    settings.PERPLEXITY_API_KEY = KEY
    first, second = (credential_for(in_org.pk, "perplexity") for _ in range(2))
    assert first.id == second.id
    assert len(first.id) <= 40
    assert KEY[-4:] not in first.id
    settings.PERPLEXITY_API_KEY = KEY + "5"
    assert credential_for(in_org.pk, "perplexity").id != first.id


def test_a_credential_never_shows_its_key(in_org, settings):
    settings.OPENAI_API_KEY = KEY
    assert KEY not in repr(credential_for(in_org.pk, "openai"))


def test_a_saved_key_is_encrypted_and_shows_only_its_end(in_org, owner):
    row = save_key(in_org, provider="openai", api_key=KEY, actor=owner)
    stored = ProviderKey.objects.for_org(in_org).values().get()
    assert KEY.encode() not in bytes(stored["ciphertext"])
    assert KEY not in repr(stored)
    assert row.hint == "1234"
    assert str(row) == "openai …1234"


def test_a_short_key_has_no_hint(in_org):
    assert save_key(in_org, provider="openai", api_key="sk-12345678").hint == ""


def test_saving_again_replaces_the_key(in_org):
    first = save_key(in_org, provider="openai", api_key=KEY)
    second = save_key(in_org, provider="openai", api_key="sk-another-key-5678")
    assert first.pk == second.pk
    assert credential_for(in_org.pk, "openai").api_key == "sk-another-key-5678"


def test_an_old_ciphertext_put_back_does_not_open_any_more(in_org):
    old = bytes(save_key(in_org, provider="openai", api_key=KEY).ciphertext)
    save_key(in_org, provider="openai", api_key="sk-another-key-5678")
    ProviderKey.objects.for_org(in_org).update(ciphertext=old)
    with pytest.raises(UnreadableKey):
        credential_for(in_org.pk, "openai")


def test_another_organizations_ciphertext_does_not_open(org, other_org):
    with org_scope(org):
        theirs = save_key(org, provider="openai", api_key=KEY)
    with org_scope(other_org):
        save_key(other_org, provider="openai", api_key="sk-another-key-5678")
        ProviderKey.objects.for_org(other_org).update(ciphertext=theirs.ciphertext)
        with pytest.raises(UnreadableKey):
            credential_for(other_org.pk, "openai")


def test_another_organizations_key_is_not_used(org, other_org):
    with org_scope(org):
        save_key(org, provider="openai", api_key=KEY)
    with org_scope(other_org):
        assert credential_for(other_org.pk, "openai") is None


def test_a_key_whose_encryption_key_is_gone_says_what_to_do(in_org, settings):
    save_key(in_org, provider="openai", api_key=KEY)
    settings.ENCRYPTION_KEYS = ["another key"]
    settings.OPENAI_API_KEY = "sk-of-the-operator"  # not taken silently: somebody else would pay
    with pytest.raises(UnreadableKey, match="Enter it again"):
        credential_for(in_org.pk, "openai")
    refused = choice(in_org, LIVING)
    assert not refused.available
    assert "Enter it again" in refused.reason


def test_a_removed_key_is_gone(in_org, owner):
    save_key(in_org, provider="openai", api_key=KEY)
    assert remove_key(in_org, provider="openai", actor=owner)
    assert credential_for(in_org.pk, "openai") is None
    assert not remove_key(in_org, provider="openai", actor=owner)


def test_saving_and_removing_leave_events_without_the_key(in_org, owner, caplog):
    with caplog.at_level(logging.DEBUG):
        save_key(in_org, provider="openai", api_key=KEY, actor=owner)
        remove_key(in_org, provider="openai", actor=owner)
    events = list(Event.objects.for_org(in_org).order_by("pk").values())
    assert [event["name"] for event in events] == ["provider_key.saved", "provider_key.removed"]
    assert all(event["actor_id"] == owner.pk and event["data"] == {"provider": "openai"} for event in events)
    assert KEY not in repr(events)
    assert KEY not in caplog.text


def test_space_around_a_pasted_key_is_cut_off(in_org):
    save_key(in_org, provider="openai", api_key=f" \t{KEY}\r\n")
    assert credential_for(in_org.pk, "openai").api_key == KEY


@pytest.mark.parametrize(
    "pasted",
    ["", "   ", "\n", "sk-a\nb", "sk-a b", "sk-a\x00b", "sk-a\u200bb", "sk-a\u202eb", "sk-ключ", "x" * 501],
    ids=["empty", "spaces", "newline", "line break", "space", "NUL", "zero width", "bidi", "cyrillic", "long"],
)
def test_what_cannot_be_a_key_is_refused_without_being_quoted(in_org, pasted):
    with pytest.raises(RefusedKey) as caught:
        save_key(in_org, provider="openai", api_key=pasted)
    assert caught.value.message
    assert not pasted.strip() or pasted.strip() not in caught.value.message
    assert not ProviderKey.objects.for_org(in_org).exists()


def test_the_longest_key_fits(in_org):
    save_key(in_org, provider="openai", api_key="x" * 500)
    assert credential_for(in_org.pk, "openai").api_key == "x" * 500


def test_organizations_do_not_bring_compatible_servers(in_org):
    with pytest.raises(RefusedKey):
        save_key(in_org, provider="compatible", api_key=KEY)


def test_an_unknown_provider_is_a_mistake(in_org):
    with pytest.raises(ValueError, match="nobody"):
        credential_for(in_org.pk, "nobody")


@pytest.mark.usefixtures("_servers")
def test_the_operators_compatible_servers_are_engines(in_org, settings):
    settings.OPENAI_COMPATIBLE = [
        {"name": "local", "base_url": "http://127.0.0.1:11434/v1", "model": "llama4"},
        {"name": "router", "base_url": "https://router.example/v1", "model": "mix", "api_key": KEY, "label": "Mix"},
    ]
    credentials.configure_catalog()
    local, router = choice(in_org, "local:llama4/model"), choice(in_org, "router:mix/model")
    assert local.available
    assert router.engine.label == "Mix"
    found = credentials.credential_of(in_org.pk, router.engine)
    assert (found.api_key, found.base_url) == (KEY, "https://router.example/v1")
    assert found.id.startswith("env-router-")
    assert credential_for(in_org.pk, "compatible", server="unknown") is None


@pytest.mark.parametrize(
    "servers", [[{"name": "local"}], [{"name": "openai", "base_url": "http://a", "model": "m"}], ["local"], 5]
)
def test_malformed_servers_are_refused_at_the_start(settings, servers):
    settings.OPENAI_COMPATIBLE = servers
    with pytest.raises(ImproperlyConfigured, match="OPENAI_COMPATIBLE"):
        credentials.configure_catalog()


def test_a_model_that_its_provider_retires_stays_on_offer_with_a_notice(in_org, settings, time_machine):
    settings.PERPLEXITY_API_KEY = KEY
    time_machine.move_to("2026-09-26T12:00Z")
    assert (choice(in_org, RETIRED).available, choice(in_org, RETIRED).notice) == (True, "")
    time_machine.move_to("2026-09-27T12:00Z")
    assert choice(in_org, RETIRED).available
    assert "announced the end of this model for 27 September 2026" in choice(in_org, RETIRED).notice
    settings.PERPLEXITY_API_KEY, settings.SIMULATOR_URL = "", "http://127.0.0.1:9"
    assert (choice(in_org, RETIRED).available, choice(in_org, RETIRED).notice) == (True, "")


def test_engines_are_listed_with_one_query(in_org, django_assert_num_queries):
    save_key(in_org, provider="openai", api_key=KEY)
    with django_assert_num_queries(1):
        available_engines(in_org.pk)
