"""Who may give, change and end which role: the whole table."""

from itertools import product

import pytest

from orgs.roles import INVITED, Role, is_lower, may_change, may_give, may_manage
from tests.guards.tree import ROOT

OWNER, ADMIN, MEMBER, VIEWER = Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER

# actor -> whom they may remove, and what they may make of those
MANAGED = {OWNER: {OWNER, ADMIN, MEMBER, VIEWER}, ADMIN: {MEMBER, VIEWER}, MEMBER: set(), VIEWER: set()}
GIVEN = {OWNER: {OWNER, ADMIN, MEMBER, VIEWER}, ADMIN: {ADMIN, MEMBER, VIEWER}, MEMBER: set(), VIEWER: set()}


@pytest.mark.parametrize(("actor", "target"), list(product(Role, Role)))
def test_who_may_remove_whom(actor: Role, target: Role) -> None:
    assert may_manage(actor, target) is (target in MANAGED[actor])


@pytest.mark.parametrize(("actor", "target", "new"), list(product(Role, Role, Role)))
def test_who_may_make_whom_what(actor: Role, target: Role, new: Role) -> None:
    assert may_change(actor, target, new) is (target in MANAGED[actor] and new in GIVEN[actor])


@pytest.mark.parametrize("actor", list(Role))
def test_nobody_gives_more_than_they_have(actor: Role) -> None:
    assert not any(may_give(actor, role) for role in Role if is_lower(actor, role))


def test_nobody_becomes_owner_by_a_mail() -> None:
    assert Role.OWNER not in INVITED


def test_the_documentation_says_the_same() -> None:
    text = (ROOT / "docs" / "members.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    roles = rows[0][1:]
    said = {what: {Role(role) for role, yes in zip(roles, cells, strict=True) if yes} for what, *cells in rows[2:]}
    assert said == {
        "be changed or removed by an admin": MANAGED[ADMIN],
        "be changed or removed by an owner": MANAGED[OWNER],
        "be given by an admin": GIVEN[ADMIN],
        "be given by an owner": GIVEN[OWNER],
        "be offered by an invitation": set(INVITED),
    }
