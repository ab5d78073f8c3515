"""Every cell of the role matrix holds, every tenant URL has a row, and every row a URL."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from django.views.decorators.http import require_http_methods

from accounts.models import User
from orgs.access import org_view
from orgs.roles import Permission
from tests.cast import prove
from tests.guards.tree import Address, tenant_addresses
from tests.role_matrix import ACTING, CAST, METHODS, ROWS, Row, made_row
from tests.role_world import World, make_world

ADDRESSES = {address.name: address for address in tenant_addresses()}


def table_problems(found: Iterable[Address], rows: Mapping[str, Row]) -> Iterator[str]:
    names: set[str] = set()
    for address in found:
        if not address.name:
            yield f"{address.route} has no name"
        elif address.name in names:
            yield f"{address.name} is the name of two addresses"
        elif address.name not in rows:
            yield f"{address.name} ({address.route}) has no row in tests/role_matrix.py"
        names.add(address.name)
    yield from (f"{name} has a row in tests/role_matrix.py and no address" for name in rows if name not in names)


def row_problems(world: World, row: Row, address: Address) -> Iterator[str]:
    """A method without statuses is asked as the owner, whom nothing but the method can be in the way of."""
    url = world.address(row, address.arguments)
    for method in METHODS:
        expected = row.statuses.get(method)
        if expected is None:
            status = _asked(world, row, method, url, "owner")
            if status != 405:
                yield f"{row.name} {method.upper()}: answered {status}, and the table has no such method"
            continue
        got = tuple(_asked(world, row, method, url, who) for who in CAST)
        if got != expected:
            yield f"{row.name} {method.upper()}: expected {_told(expected)}, got {_told(got)}"


def _told(statuses: tuple[int, ...]) -> str:
    return " ".join(map(str, statuses))


def _asked(world: World, row: Row, method: str, url: str, who: str) -> int:
    """One request on untouched rows: what it did is undone."""
    client = world.clients[who]
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    try:
        with transaction.atomic():
            status = _answer(client, method, url, world.filled(row.send))
            transaction.set_rollback(True)
    finally:
        client.cookies.load(cookies)
    return status


def _answer(client: Client, method: str, url: str, body: dict[str, Any]) -> int:
    form = method == "post" and not url.startswith("/api/")
    sent: dict[str, Any] = {"data": body} if form else {"data": body, "content_type": "application/json"}
    if method in ("get", "options"):
        sent = {}
    response = getattr(client, method)(url, **sent)
    return int(response.status_code)


def test_every_tenant_address_has_a_row_and_every_row_an_address() -> None:
    assert len(ADDRESSES) >= 30
    assert list(table_problems(tenant_addresses(), ROWS)) == []


@pytest.fixture(scope="module")
def one_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Made once, since every request leaves it as it was."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(ADDRESSES.keys() & ROWS.keys()))
def test_every_role_gets_what_the_table_says(one_world: World, name: str) -> None:
    assert list(row_problems(one_world, ROWS[name], ADDRESSES[name])) == []


def reach_problems(world: World, row: Row, address: Address, allowed: Iterable[str]) -> Iterator[str]:
    """Of what changes something, as an operator who acts as the owner: nothing but this is in the owner's way."""
    url = world.address(row, address.arguments)
    for method in sorted(row.statuses.keys() - {"get"}):
        refused = _asked(world, row, method, url, "acting") == 403
        if refused == (row.name in allowed):
            said = "out of reach" if refused else "within reach"
            yield f"{row.name} {method.upper()} is {said} of operators who act as a user; see ACTING"


@pytest.fixture(scope="module")
def acted_world(one_world: World) -> World:
    """The cast, and somebody who acts as the owner."""
    operator = User.objects.create_superuser("acting@example.com", "a long pass phrase", name="Olga")
    client, owner = Client(), User.objects.get(email="owner@example.com")
    client.force_login(operator, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.post(f"/operators/impersonate/{owner.pk}/", {"reason": "Ticket 4711: the overview stays empty"})
    prove(client)  # or a page that asks who it is would answer in its place
    assert client.session["hijack_history"] == [str(operator.pk)]
    return replace(one_world, clients={**one_world.clients, "acting": client})


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(ADDRESSES.keys() & ROWS.keys()))
def test_whatever_an_operator_writes_as_a_user_was_decided(acted_world: World, name: str) -> None:
    assert list(reach_problems(acted_world, ROWS[name], ADDRESSES[name], ACTING)) == []


def test_nothing_is_decided_that_is_not_there() -> None:
    assert {name for name in ACTING if name not in ROWS or ROWS[name].statuses.keys() <= {"get"}} == set()


@org_view(Permission.PROJECTS_EDIT)
@require_http_methods(["GET", "POST"])
def planted(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class planted_urls:
    """The site's own addresses are there as well: its error pages lead to them."""

    urlpatterns = [path("o/<slug:org_slug>/planted/", planted, name="planted"), path("", include("config.urls"))]


PLANTED = Address(route="o/<slug:org_slug>/planted/", name="planted", callback=planted, arguments=("org_slug",))


def test_a_planted_address_is_found() -> None:
    stray, named = made_row("stray", get="302 404 404 200 200 200 200"), made_row("planted")
    nameless = Address(route="o/<slug:org_slug>/nameless/", name="", callback=planted, arguments=("org_slug",))
    assert list(table_problems([PLANTED], {})) == [
        "planted (o/<slug:org_slug>/planted/) has no row in tests/role_matrix.py"
    ]
    assert list(table_problems([PLANTED, PLANTED, nameless], {"planted": named, "stray": stray})) == [
        "planted is the name of two addresses",
        "o/<slug:org_slug>/nameless/ has no name",
        "stray has a row in tests/role_matrix.py and no address",
    ]


@pytest.mark.django_db
def test_a_wrong_cell_and_a_method_without_a_row_are_found(one_world: World, settings: Any) -> None:
    settings.ROOT_URLCONF = planted_urls
    right = "302 404 404 403 200 200 200"
    assert list(row_problems(one_world, made_row("planted", get=right, post=right), PLANTED)) == []
    wrong = made_row("planted", get="302 404 404 200 200 200 200")
    assert list(row_problems(one_world, wrong, PLANTED)) == [
        "planted GET: expected 302 404 404 200 200 200 200, got 302 404 404 403 200 200 200",
        "planted POST: answered 200, and the table has no such method",
    ]


@pytest.mark.django_db
def test_a_write_that_nobody_decided_is_found(acted_world: World, settings: Any) -> None:
    settings.ROOT_URLCONF = planted_urls
    found = made_row("planted", post="302 404 404 403 200 200 200")
    assert list(reach_problems(acted_world, found, PLANTED, {"planted"})) == []
    assert list(reach_problems(acted_world, found, PLANTED, ())) == [
        "planted POST is within reach of operators who act as a user; see ACTING"
    ]


def test_a_row_that_says_nothing_of_a_role_is_refused() -> None:
    with pytest.raises(ValueError, match="a status is needed for each of anonymous"):
        made_row("planted", get="302 404")
    with pytest.raises(ValueError, match="no method"):
        made_row("planted", push="302 404 404 403 200 200 200")
