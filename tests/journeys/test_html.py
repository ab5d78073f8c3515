"""Every screen, as it is served, is HTML by the standard: the Nu HTML checker finds no error."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from prompts.llm.simulator.server import Running
from tests import scenery
from tests.cast import prove
from tests.guards.tree import tenant_addresses
from tests.journeys import nu
from tests.journeys.stack import Worker
from tests.role_matrix import CAST, ROWS
from tests.role_world import World, make_world
from tests.screens import ClientOf
from tests.shots import Shot, shots_of

OWNER = CAST.index("owner")


@pytest.fixture(autouse=True)
def _checker(capsys: pytest.CaptureFixture[str]) -> None:
    missing = nu.missing()
    if missing and nu.may_be_skipped():
        with capsys.disabled():
            print(f"\nPAGES ARE NOT CHECKED AS HTML: {missing} is missing", file=sys.stderr)
        pytest.skip(f"{missing} is missing")
    assert missing == ""


def pages_of(shots: list[Shot], *, operator: Client, member: Client, stranger: Client) -> Iterator[tuple[str, str]]:
    for shot in shots:
        response = (operator if shot.staff else member if shot.signed_in else stranger).get(shot.path)
        assert response.status_code == shot.status, f"{shot.name} answered {response.status_code}"
        if response["Content-Type"].startswith("text/html"):
            yield shot.name, response.content.decode()


@pytest.mark.timeout(500)
def test_every_screen_is_valid_html(worker: Worker, simulator: Running, client_of: ClientOf, tmp_path: Path) -> None:
    scene = scenery.build(simulator=simulator.root_url)
    shots = shots_of(scene)
    operator, member, stranger = prove(client_of(scene.operator)), prove(client_of(scene.user)), client_of(None)
    pages = dict(pages_of(shots, operator=operator, member=member, stranger=stranger))
    assert len(pages) > 30
    (folder := tmp_path / "pages").mkdir()  # the worker's mail lies beside it
    found = nu.errors(pages, folder=folder)
    assert found == [], "\n".join(found)


def tenant_pages(world: World) -> Iterator[tuple[str, str]]:
    """Every address of an organization as its owner gets it, and forms that were sent with something wrong."""
    arguments = {address.name: address.arguments for address in tenant_addresses()}
    for name, row in ROWS.items():
        for method, statuses in row.statuses.items():
            if (method, statuses[OWNER]) not in (("get", 200), ("post", 422)):
                continue
            response = getattr(world.clients["owner"], method)(world.address(row, arguments[name]), row.send)
            if response.status_code == statuses[OWNER] and response["Content-Type"].startswith("text/html"):
                yield f"{method}-{name}", response.content.decode()


@pytest.mark.django_db
@pytest.mark.timeout(300)
def test_every_tenant_page_is_valid_html(tmp_path: Path) -> None:
    pages = dict(tenant_pages(make_world()))
    whole = {name: page for name, page in pages.items() if "<!DOCTYPE html>" in page}
    assert len(whole) > 30
    found = nu.errors(whole, folder=tmp_path)
    assert found == [], "\n".join(found)


def test_a_planted_error_is_found(tmp_path: Path) -> None:
    page = (
        '<!doctype html><html lang="en"><title>Planted</title><p><div id="a"></div><b id="a" colour="red">twice</b></p>'
    )
    found = nu.errors({"planted": page}, folder=tmp_path)
    assert any("Duplicate ID" in line for line in found)
    assert any("colour" in line for line in found)
    assert all(line.startswith("planted:") for line in found)
