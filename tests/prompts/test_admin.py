"""Operators mend brands under the product's own rules, and what they change is told."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from orgs.models import Event
from orgs.scoping import org_scope
from prompts.credentials import save_key
from prompts.models import Brand, Prompt, ProviderKey


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    return client_of(operator)


def events_of(org_id: int, name: str) -> list[Event]:
    with org_scope(org_id):
        return list(Event.objects.for_org(org_id).filter(name=name).order_by("pk"))


def reread(brand: Brand) -> Brand:
    with org_scope(brand.org_id):
        return Brand.objects.for_org(brand.org_id).get(pk=brand.pk)


def change(client: Client, brand: Brand, **given: str) -> str:
    data = {"aliases": "", "domains": "", **given}
    response = client.post(f"/operators/prompts/brand/{brand.pk}/change/", data)
    return "" if response.status_code == 302 else response.content.decode()


def test_names_and_domains_are_cleaned(operators: Client, operator: User, own_brand: Brand) -> None:
    assert (
        change(
            operators, own_brand, aliases=" Lumen\u200b  Board \nlumenboard\n", domains="https://www.Lumen.Example/x"
        )
        == ""
    )
    saved = reread(own_brand)
    assert (saved.aliases, saved.domains) == (["Lumen Board"], ["lumen.example"])
    [event] = events_of(own_brand.org_id, "brand.saved")
    assert event.actor == operator


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("domains", "not a domain", "is not a domain"),
        ("domains", "127.0.0.1", "is not a domain"),
        ("aliases", "!!!", "no letter or digit"),
        ("aliases", "Taskwell", "would also be found"),
        ("domains", "taskwell.example", "is a domain of Taskwell already"),
    ],
)
def test_what_the_product_refuses_is_refused(
    operators: Client, own_brand: Brand, competitor: Brand, field: str, value: str, problem: str
) -> None:
    assert problem in change(operators, own_brand, **{field: value})
    assert reread(own_brand).aliases == ["Lumen Board"]


def test_a_paused_prompt_is_told(operators: Client, operator: User, prompt: Prompt) -> None:
    assert operators.post(f"/operators/prompts/prompt/{prompt.pk}/change/", {}).status_code == 302
    [event] = events_of(prompt.org_id, "admin.changed")
    assert (event.actor, event.before, event.after) == (operator, {"is_active": True}, {"is_active": False})


def test_a_leaked_key_is_deleted_and_told(operators: Client, operator: User, prompt: Prompt) -> None:
    with org_scope(prompt.org_id):
        key = save_key(prompt.org_id, provider="openai", api_key="sk-proj-very-secret-1234", actor=None)
    operators.post(f"/operators/prompts/providerkey/{key.pk}/delete/", {"post": "yes"})
    with org_scope(prompt.org_id):
        assert not ProviderKey.objects.for_org(prompt.org_id).exists()
    assert [event.actor for event in events_of(prompt.org_id, "provider_key.removed")] == [operator]
