"""The scope: what it opens, and that nothing outlives it."""

import logging

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from orgs.models import Membership, Organization
from orgs.scoping import all_orgs_scope, current_scope, org_scope, user_scope
from prompts.models import Project


def database_scope() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting('app.org', true), ''), coalesce(current_setting('app.user', true), ''),"
            " coalesce(current_setting('app.all_orgs', true), '')"
        )
        return tuple(cursor.fetchone())


@pytest.mark.django_db(transaction=True)
def test_the_setting_ends_with_the_transaction(org: Organization) -> None:
    with org_scope(org):
        assert database_scope() == (str(org.pk), "", "")
    assert database_scope() == ("", "", "")
    assert current_scope().org_id is None


def test_a_nested_scope_puts_the_outer_one_back(org: Organization, other_org: Organization) -> None:
    with org_scope(org):
        with org_scope(other_org):
            assert database_scope()[0] == str(other_org.pk)
        assert database_scope()[0] == str(org.pk)
        with all_orgs_scope("test"):
            assert database_scope() == ("", "", "on")
        assert database_scope() == (str(org.pk), "", "")
    assert database_scope() == ("", "", "")


def test_a_failed_nested_scope_puts_the_outer_one_back(org: Organization, other_org: Organization) -> None:
    with org_scope(org):
        with pytest.raises(IntegrityError), org_scope(other_org):
            Organization.objects.create(name="Twin", slug=org.slug)
        assert database_scope()[0] == str(org.pk)
        assert current_scope().org_id == org.pk


def test_a_broken_outer_transaction_does_not_hide_the_error(org: Organization, other_org: Organization) -> None:
    inner = transaction.atomic(savepoint=False)
    with pytest.raises(IntegrityError), transaction.atomic(), org_scope(org), inner, org_scope(other_org):
        Organization.objects.create(name="Twin", slug=org.slug)


def test_a_user_sees_only_their_own_memberships(owner: User, viewer: User, outsider: User) -> None:
    with user_scope(viewer.pk):
        assert list(Membership.all_orgs.values_list("user_id", flat=True)) == [viewer.pk]
        assert Project.all_orgs.count() == 0


def test_a_user_cannot_give_themselves_a_membership(org: Organization, outsider: User) -> None:
    with pytest.raises(Exception, match="row-level security"), user_scope(outsider.pk):
        Membership.objects.for_org(org).create(org=org, user=outsider, role="owner")


def test_opening_every_organization_is_logged_with_its_reason(db: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "prompter.scope"), all_orgs_scope("the nightly sweep"):
        pass
    assert "the nightly sweep" in caplog.text
