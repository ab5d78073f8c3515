"""Who may give, change and end which role: the whole table."""

from itertools import product

import pytest

from orgs.roles import INVITED, Role, is_lower, may_change, may_give, may_manage

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
