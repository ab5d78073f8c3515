"""Who else is there in the scenery: colleagues, invitations, and an organization that is about to go."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from orgs.closing import ask_deletion
from orgs.founding import found_organization
from orgs.models import Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from tests.orgs.invited import make_invitation, send_invitations

COLLEAGUES = (
    ("Amara Okafor", "amara@acme.example", Role.ADMIN, 2),
    ("Jonas Lindqvist", "jonas@acme.example", Role.MEMBER, 30),
    ("לאה כהן", "lea@acme.example", Role.MEMBER, 90),
    ("", "intern-with-a-rather-long-address.marketing@acme.example", Role.VIEWER, None),
)


def gather(org: Organization, *, owner: User) -> str:
    """The path of an invitation's page."""
    for name, email, role, days in COLLEAGUES:
        user = User.objects.create_user(email, name=name)
        if days is not None:
            User.objects.filter(pk=user.pk).update(last_login=timezone.now() - timedelta(days=days))
        with org_scope(org):
            Membership.objects.for_org(org).create(org=org, user=user, role=role)
    late = make_invitation(org, "late@agency.example", by=owner, role=Role.VIEWER)
    with org_scope(org):
        type(late).objects.for_org(org).filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(days=1))
    [link] = send_invitations(org, ["priya@agency.example"], by=owner)
    return link


def closing_organization(owner: User) -> Organization:
    org = found_organization(owner, name="Old Harbour")
    with org_scope(org):
        ask_deletion(org, actor=owner)
    return org
