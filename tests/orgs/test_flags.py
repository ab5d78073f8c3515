"""Features: declared in code, switched per organization or user, and asked about without a query."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from orgs import flags
from orgs.flags import LIVE_NOTIFICATIONS, Feature, UndeclaredFeature, enabled
from orgs.models import Flag, Organization

DOWN = "redis://127.0.0.1:1/0"


@pytest.fixture
def flag(transactional_db: None) -> Flag:
    return Flag.objects.create(name=LIVE_NOTIFICATIONS, superusers=False)


def test_without_a_row_the_default_holds(org: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    assert enabled(org, LIVE_NOTIFICATIONS)
    monkeypatch.setitem(flags.FEATURES, LIVE_NOTIFICATIONS, Feature(meaning="", default=False))
    assert not enabled(org, LIVE_NOTIFICATIONS)


def test_an_undeclared_feature_raises(org: Organization) -> None:
    with pytest.raises(UndeclaredFeature, match="live_notifications"):
        enabled(org, "teleport")
    with pytest.raises(UndeclaredFeature):
        flags.Features(org)["teleport"]


def test_everybody_decides(org: Organization, flag: Flag) -> None:
    flag.organizations.add(org)
    flag.everyone = False
    flag.save()
    assert not enabled(org, LIVE_NOTIFICATIONS)
    flag.everyone = True
    flag.save()
    assert enabled(org, LIVE_NOTIFICATIONS)


def test_listed_organizations_have_it_and_others_not(org: Organization, other_org: Organization, flag: Flag) -> None:
    assert not enabled(org, LIVE_NOTIFICATIONS)
    flag.organizations.add(org)
    assert enabled(org, LIVE_NOTIFICATIONS)
    assert enabled(org.pk, LIVE_NOTIFICATIONS)
    assert not enabled(other_org, LIVE_NOTIFICATIONS)
    flag.organizations.remove(org)
    assert not enabled(org, LIVE_NOTIFICATIONS)
    flag.organizations.set([org, other_org])
    assert enabled(other_org, LIVE_NOTIFICATIONS)
    flag.organizations.clear()
    assert not enabled(org, LIVE_NOTIFICATIONS)


def test_listed_users_have_it(org: Organization, owner: User, member: User, operator: User, flag: Flag) -> None:
    assert not enabled(org, LIVE_NOTIFICATIONS, user=owner)
    flag.users.add(owner)
    assert enabled(org, LIVE_NOTIFICATIONS, user=owner)
    assert not enabled(org, LIVE_NOTIFICATIONS, user=member)
    assert not enabled(org, LIVE_NOTIFICATIONS, user=operator)
    flag.superusers = True
    flag.save()
    assert enabled(org, LIVE_NOTIFICATIONS, user=operator)


def test_the_cache_is_emptied_once_the_change_has_committed(org: Organization, flag: Flag) -> None:
    assert not enabled(org, LIVE_NOTIFICATIONS)
    with transaction.atomic():
        flag.organizations.add(org)
        assert not enabled(org, LIVE_NOTIFICATIONS)  # others still see the old answer, and it is kept
    assert enabled(org, LIVE_NOTIFICATIONS)


def test_asking_twice_costs_no_query(org: Organization, owner: User, flag: Flag) -> None:
    flag.organizations.add(org)
    assert enabled(org, LIVE_NOTIFICATIONS, user=owner)
    with CaptureQueriesContext(connection) as asked:
        assert enabled(org, LIVE_NOTIFICATIONS, user=owner)
    assert len(asked) == 0


def test_an_unreachable_cache_breaks_no_page(org: Organization, flag: Flag, settings: Any) -> None:
    flag.organizations.add(org)
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": DOWN}}
    assert enabled(org, LIVE_NOTIFICATIONS)


def test_a_change_is_kept_and_said_to_be_while_the_cache_is_away(
    client_of: Callable[[User], Client], operator: User, org: Organization, settings: Any, transactional_db: None
) -> None:
    client = client_of(operator)
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": DOWN}}
    given = {"name": LIVE_NOTIFICATIONS, "everyone": "unknown", "organizations": "acme", "users": "", "note": ""}
    assert client.post("/operators/orgs/flag/add/", given).status_code == 302
    assert Flag.objects.get().organizations.get() == org
    assert client.post(f"/operators/orgs/flag/{Flag.objects.get().pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Flag.objects.exists()


def bell(org: Organization) -> str:
    return render_to_string("orgs/_bell.html", {"org": org, "feature": flags.Features(org), "unread": 0})


def test_the_bell_listens_only_where_the_feature_is_on(org: Organization, flag: Flag) -> None:
    assert "data-live=" not in bell(org)
    flag.organizations.add(org)
    assert "data-live=" in bell(org)


def test_operators_switch_a_feature_on_for_an_organization(
    client_of: Callable[[User], Client], operator: User, org: Organization, transactional_db: None
) -> None:
    client = client_of(operator)
    given = {
        "name": LIVE_NOTIFICATIONS,
        "everyone": "unknown",
        "organizations": " acme\n",
        "users": "Operator@prompter.example",
        "note": "trial",
    }
    page = client.get("/operators/orgs/flag/add/").content.decode()
    assert "testing" not in page
    assert "percent" not in page
    assert client.post("/operators/orgs/flag/add/", given).status_code == 302
    assert enabled(org, LIVE_NOTIFICATIONS)
    assert client.post("/operators/orgs/flag/add/", {**given, "name": "teleport"}).status_code == 200
    assert "Not found: nowhere" in client.post("/operators/orgs/flag/add/", {**given, "organizations": "nowhere"}).text
    flag = Flag.objects.get()
    assert list(flag.users.all()) == [operator]
    page = client.get(f"/operators/orgs/flag/{flag.pk}/change/").content.decode()
    assert "acme" in page
    assert operator.email in page


def test_a_visitor_cannot_switch_a_feature_on(
    client_of: Callable[[User], Client], owner: User, org: Organization, flag: Flag
) -> None:
    Flag.objects.filter(pk=flag.pk).update(testing=True, percent=99.9, authenticated=False)
    flag.flush()
    query = {f"dwft_{LIVE_NOTIFICATIONS}": "1", LIVE_NOTIFICATIONS: "1"}
    response = client_of(owner).get(reverse("members", args=[org.slug]), query)
    assert not response.context["feature"][LIVE_NOTIFICATIONS]
