"""Operators have a page for every table: it opens in few queries, is searched, and shows no secret."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.backstage import CheapCount, OperatorAdmin
from accounts.models import User
from accounts.records import record
from orgs.models import Organization
from orgs.scoping import all_orgs_scope, org_scope
from prompts.credentials import save_key
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project, Prompt
from scans.models import Scan
from tests.guards.test_tenancy import product_models
from tests.scans.made import make_answer, make_scan
from tests.scans.running import add_prompts

THIRD_PARTIES = (EmailAddress, Authenticator, SocialAccount, UserSession, PeriodicTask)
PAGES = dict(admin.site._registry)
QUERIES = 12  # session, user, scope and what surrounds a list included
SECRETS = ("sk-proj-very-secret-1234", "JBSWY3DPEHPK3PXP")
# Never on a page, whatever the row holds.
HIDDEN = {
    "ciphertext",
    "previous_ciphertext",
    "token_digest",
    "lease_token",
    "session_key",
    "secret",
    "data",
    "html",
    "image",
    "png",
    "content",
}
DATA_SHOWN = {"AccountEvent", "Event"}  # their `data` is written to be read


def registration_problems(every: list[type[models.Model]], registered: dict[Any, Any]) -> Iterator[str]:
    for model in every:
        if model not in registered:
            yield f"{model._meta.label} has no page for operators"
        elif not isinstance(registered[model], OperatorAdmin):
            yield f"the page of {model._meta.label} is no OperatorAdmin"
        elif registered[model].show_full_result_count or registered[model].paginator is not CheapCount:
            yield f"the list of {model._meta.label} counts every row"
        elif not registered[model].search_fields:
            yield f"{model._meta.label} cannot be searched"


def test_every_table_has_a_page() -> None:
    every = [*product_models(), *THIRD_PARTIES]
    assert len(every) >= 25
    assert list(registration_problems(every, PAGES)) == []


def test_a_table_without_a_page_is_found() -> None:
    without = {model: page for model, page in PAGES.items() if model is not Brand}
    assert list(registration_problems([Brand], without)) == ["prompts.Brand has no page for operators"]
    plain = {Brand: admin.ModelAdmin(Brand, admin.site)}
    assert list(registration_problems([Brand], plain)) == ["the page of prompts.Brand is no OperatorAdmin"]


@pytest.fixture
def furnished(
    org: Organization,
    other_org: Organization,
    owner: User,
    member: User,
    project: Project,
    own_brand: Brand,
    competitor: Brand,
    simulator: Running,
) -> Scan:
    """Two rows and more of what there is much of, so that a query a row shows."""
    add_prompts(project, 2)
    with org_scope(org):
        prompts = list(Prompt.objects.for_org(org).all())
        save_key(org, provider="openai", api_key=SECRETS[0], actor=owner)
        save_key(org, provider="anthropic", api_key=SECRETS[0], actor=member)
    scans = [make_scan(project, total=2), make_scan(project, total=2)]
    for scan in scans:
        for prompt in prompts:
            make_answer(scan, prompt, names=(own_brand, competitor), lease_token=None)
    for user in (owner, member):
        record(user, "profile.changed")
        Authenticator.objects.create(user=user, type="totp", data={"secret": SECRETS[1]})
        UserSession.objects.create(user=user, ip="127.0.0.1", session_key=f"key{user.pk}", user_agent="x")
        SocialAccount.objects.create(user=user, provider="google", uid=str(user.pk))
    return scans[0]


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    client = client_of(operator)
    client.get("/operators/")
    return client


def page(model: type[models.Model], name: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.mark.parametrize("model", sorted(PAGES, key=lambda model: model._meta.label), ids=lambda m: m._meta.label_lower)
def test_a_list_opens_in_few_queries_and_shows_no_secret(operators: Client, furnished: Scan, model: Any) -> None:
    with CaptureQueriesContext(connection) as asked:
        response = operators.get(page(model, "changelist"))
    assert response.status_code == 200
    assert len(asked) <= QUERIES, "\n".join(query["sql"] for query in asked)
    shown = response.content.decode()
    assert operators.get(page(model, "changelist"), {"q": "1"}).status_code == 200
    with all_orgs_scope("test"):
        first = model._default_manager.order_by("pk").first()
    if first is not None:
        response = operators.get(page(model, "change", first.pk))
        assert response.status_code == 200
        shown += response.content.decode()
    assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.parametrize("model", sorted(PAGES, key=lambda model: model._meta.label), ids=lambda m: m._meta.label_lower)
def test_no_page_has_a_field_that_holds_a_secret(db: None, model: Any, rf: Any, operator: User) -> None:
    request = rf.get("/")
    request.user = operator
    fields = {str(name) for name in PAGES[model].get_fields(request, model())}
    if model.__name__ in DATA_SHOWN:
        fields -= {"data"}
    assert fields & HIDDEN == set()


def test_a_count_goes_no_further_than_anybody_pages(furnished: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.backstage.COUNTED", 2)
    with org_scope(furnished.org_id):
        assert CheapCount(Prompt.objects.for_org(furnished.org_id).order_by("pk"), 50).count == 2
