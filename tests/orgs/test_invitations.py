"""Invitations: sent, sent again, revoked, and what becomes of a link in whoever's hands."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Letter, User
from orgs.invitations import accept, masked, same_address
from orgs.models import Event, Invitation, Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from tests.cast import make_member, make_org
from tests.orgs.invited import invitation_of, link_to, make_user, send_invitations
from tests.screens import ClientOf


def roles(org: Organization) -> dict[str, str]:
    with org_scope(org):
        return dict(Membership.objects.for_org(org).values_list("user__email", "role"))


def change(org: Organization, **fields: object) -> None:
    with org_scope(org):
        Invitation.objects.for_org(org).update(**fields)


def add(client: Client, org: Organization, emails: str, role: str = "member") -> object:
    return client.post(reverse("invitation-add", args=[org.slug]), {"emails": emails, "role": role}, follow=True)


def test_an_invited_person_joins_with_the_role_that_was_offered(
    client_of: ClientOf, org: Organization, admin: User
) -> None:
    page = add(client_of(admin), org, "New@Example.com, two@example.com", "viewer")
    assert "2 invitations were sent" in page.content.decode()  # type: ignore[attr-defined]
    newcomer = client_of(make_user("new@example.com"))
    link = link_to("new@example.com")
    shown = newcomer.get(link)
    assert (shown.status_code, shown["Cache-Control"].count("no-store")) == (200, 1)
    assert newcomer.post(link).url == f"/o/{org.slug}/"
    assert newcomer.get(f"/o/{org.slug}/").status_code == 200
    assert roles(org)["new@example.com"] == Role.VIEWER
    with org_scope(org):
        names = list(Event.objects.for_org(org).order_by("pk").values_list("name", flat=True))
    assert names == ["invitation.sent", "invitation.sent", "invitation.accepted", "membership.added"]


def test_the_table_keeps_no_link(org: Organization, owner: User) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    token = link.split("/")[2]
    row = invitation_of(org, "new@example.com")
    assert token not in str(vars(row))
    assert len(row.token_digest) == 64


def test_a_link_works_once(client_of: ClientOf, org: Organization, owner: User) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    newcomer = make_user("new@example.com")
    client = client_of(newcomer)
    assert client.post(link).status_code == 302
    assert client.post(link).status_code == 410
    assert client.get(link).status_code == 410
    with org_scope(org):
        Membership.objects.for_org(org).filter(user=newcomer).delete()
    assert client.post(link).status_code == 410
    assert newcomer.email not in roles(org)


@pytest.mark.parametrize("email", ["other@example.com", "n.ew@example.com", "new+1@example.com", "new@example.org"])
def test_a_forwarded_link_is_for_nobody_else(client_of: ClientOf, org: Organization, owner: User, email: str) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    client = client_of(make_user(email))
    page = client.get(link)
    assert page.status_code == 403
    assert "n…@e…e.com" in page.content.decode()
    assert "new@example.com" not in page.content.decode().replace(email, "")
    assert client.post(link).status_code == 403
    assert email not in roles(org)


def test_an_address_that_was_not_confirmed_is_nobodys(client_of: ClientOf, org: Organization, owner: User) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    client = client_of(make_user("new@example.com", verified=False))
    assert "Confirm your e-mail address" in client.get(link).content.decode()
    assert client.post(link).status_code == 403
    assert "new@example.com" not in roles(org)


def test_case_does_not_matter(client_of: ClientOf, org: Organization, owner: User) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    assert client_of(make_user("New@Example.COM")).post(link).status_code == 302


def test_addresses_that_only_look_alike_differ() -> None:
    assert same_address("A@Example.com", "a@example.com")
    assert not same_address("\u212aate@example.com", "kate@example.com")  # the Kelvin sign
    assert not same_address("\u0430@example.com", "a@example.com")  # Cyrillic
    assert masked("someone@mail.example.com") == "s…@m…e.com"
    assert masked("a@localhost") == "a…@l…t" or masked("a@localhost").startswith("a…@")


@pytest.mark.parametrize(
    "email", ["\u0430@example.com", "kate@ex\u0430mple.com", "\u212aate@example.com", "x", "a@b", "@"]
)
def test_an_address_that_looks_like_another_is_refused(
    client_of: ClientOf, org: Organization, owner: User, email: str
) -> None:
    assert add(client_of(owner), org, email).status_code == 422  # type: ignore[attr-defined]
    assert Letter.objects.count() == 0


def test_an_expired_or_revoked_link_is_dead(client_of: ClientOf, org: Organization, owner: User) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    client = client_of(make_user("new@example.com"))
    change(org, expires_at=timezone.now() - timedelta(seconds=1))
    assert "expired" in client.get(link).content.decode()
    assert client.post(link).status_code == 410
    change(org, expires_at=timezone.now() + timedelta(days=1))
    pk = invitation_of(org, "new@example.com").pk
    revoke = reverse("invitation-revoke", args=[org.slug, pk])
    assert "stops working" in client_of(owner).get(revoke).content.decode()
    assert client_of(owner).post(revoke).status_code == 302
    assert client.post(link).status_code == 410
    assert client_of(owner).post(revoke).status_code == 404
    assert "new@example.com" not in roles(org)


@pytest.mark.parametrize("token", ["x", "1-x.y", "1-", "..", "%00", "a" * 500, "1-abc.ZZZZ"])
def test_a_made_up_link_is_unknown(client: Client, db: None, token: str) -> None:
    assert client.get(f"/invitations/{token}/").status_code == 404
    assert client.post(f"/invitations/{token}/").status_code == 404


def test_a_link_does_not_open_another_organization(client_of: ClientOf, org: Organization, owner: User) -> None:
    """The organization's number in it is signed."""
    other = make_org("Globex", "globex")
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    forged = link.replace(f"/{org.pk}-", f"/{other.pk}-")
    assert client_of(make_user("new@example.com")).post(forged).status_code == 404


def test_sending_again_makes_a_new_link_and_ends_the_old_one(
    client_of: ClientOf, org: Organization, owner: User
) -> None:
    (old,) = send_invitations(org, ["new@example.com"], by=owner)
    change(org, expires_at=timezone.now() - timedelta(days=1))
    pk = invitation_of(org, "new@example.com").pk
    assert client_of(owner).post(reverse("invitation-resend", args=[org.slug, pk])).status_code == 302
    client = client_of(make_user("new@example.com"))
    assert client.post(old).status_code == 404
    assert client.post(link_to("new@example.com")).status_code == 302


def test_inviting_twice_keeps_one_invitation_with_the_last_role(org: Organization, owner: User) -> None:
    send_invitations(org, ["new@example.com"], by=owner)
    send_invitations(org, ["NEW@example.com".lower()], by=owner, role=Role.ADMIN)
    assert invitation_of(org, "new@example.com").role == Role.ADMIN


def test_whoever_is_in_already_is_named_and_gets_no_mail(
    client_of: ClientOf, org: Organization, owner: User, viewer: User
) -> None:
    page = add(client_of(owner), org, f"{viewer.email} somebody@example.com").content.decode()  # type: ignore[attr-defined]
    assert f"{viewer.email} is a member already" in page
    assert [letter.to for letter in Letter.objects.all()] == ["somebody@example.com"]


def test_having_an_account_elsewhere_changes_nothing_for_who_invites(
    client_of: ClientOf, org: Organization, owner: User, outsider: User
) -> None:
    client = client_of(owner)
    known = add(client, org, outsider.email).content.decode()  # type: ignore[attr-defined]
    unknown = add(client, org, "nobody@example.com").content.decode()  # type: ignore[attr-defined]
    said = "1 invitation was sent."
    assert known.count(said) == unknown.count(said) == 1


def test_a_member_stays_what_they_are(client_of: ClientOf, org: Organization, owner: User) -> None:
    (link,) = send_invitations(org, ["second@example.com"], by=owner, role=Role.VIEWER)
    admin = make_user("second@example.com")
    with org_scope(org):
        Membership.objects.for_org(org).create(org=org, user=admin, role=Role.ADMIN)
    assert client_of(admin).post(link).status_code == 302
    assert roles(org)["second@example.com"] == Role.ADMIN


def test_nobody_offers_more_than_they_may(client_of: ClientOf, org: Organization, admin: User, member: User) -> None:
    assert add(client_of(admin), org, "new@example.com", "owner").status_code == 422  # type: ignore[attr-defined]
    assert add(client_of(member), org, "new@example.com", "viewer").status_code == 403  # type: ignore[attr-defined]
    assert Letter.objects.count() == 0


@pytest.mark.parametrize("emails", ["", " , ;\n", " ".join(f"a{n}@example.com" for n in range(21)), "x" * 10_000])
def test_none_and_too_many_addresses_are_refused(
    client_of: ClientOf, org: Organization, owner: User, emails: str
) -> None:
    assert add(client_of(owner), org, emails).status_code == 422  # type: ignore[attr-defined]


def test_an_organization_sends_only_so_many_a_day(
    client_of: ClientOf, org: Organization, owner: User, settings: object
) -> None:
    settings.INVITATIONS_PER_DAY = 2  # type: ignore[attr-defined]
    client = client_of(owner)
    refused = add(client, org, "a@example.com b@example.com c@example.com")
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "2 more invitations" in refused.content.decode()  # type: ignore[attr-defined]
    assert Letter.objects.count() == 0
    add(client, org, "a@example.com b@example.com")
    pk = invitation_of(org, "a@example.com").pk
    again = client.post(reverse("invitation-resend", args=[org.slug, pk]), follow=True)
    assert "used up" in again.content.decode()
    assert Letter.objects.count() == 2


@pytest.mark.parametrize("field", ["disabled_at", "deletion_due_at"])
def test_a_closed_organization_takes_nobody_in(client_of: ClientOf, org: Organization, owner: User, field: str) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    Organization.objects.filter(pk=org.pk).update(**{field: timezone.now() + timedelta(days=3)})
    client = client_of(make_user("new@example.com"))
    assert client.get(link).status_code == 410
    assert client.post(link).status_code == 410
    assert "new@example.com" not in roles(org)


def test_a_stranger_signs_up_with_the_address_filled_in_and_comes_back(
    client: Client, client_of: ClientOf, org: Organization, owner: User
) -> None:
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    page = client.get(link).content.decode()
    assert "email=new%40example.com" in page
    assert f"next={link}" in page
    assert client.post(link).status_code == 200  # still the page: nobody is signed in
    client.force_login(make_user("new@example.com"), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/").url == link
    assert client.get("/").status_code == 200  # led there once


def test_a_hostile_name_is_only_text_in_the_mail(client_of: ClientOf, org: Organization, owner: User) -> None:
    Organization.objects.filter(pk=org.pk).update(name="<b>Win</b> http://evil.example\r\nBcc: x")
    org.refresh_from_db()
    send_invitations(org, ["new@example.com"], by=owner)
    letter = Letter.objects.get()
    assert "<b>" not in letter.html
    assert "http://evil.example" not in letter.html + letter.text + letter.subject
    assert "\n" not in letter.subject
    page = client_of(None).get(link_to("new@example.com")).content.decode()
    assert "<b>Win" not in page


@pytest.mark.django_db(transaction=True)
def test_two_hands_at_once_make_one_membership() -> None:
    org = make_org("Acme", "acme")
    owner = make_member(org, Role.OWNER)
    (link,) = send_invitations(org, ["new@example.com"], by=owner)
    user, token, gate = make_user("new@example.com"), link.split("/")[2], threading.Barrier(4)
    outcomes: list[str] = []

    def run() -> None:
        gate.wait()
        try:
            accept(token, user=user)
            outcomes.append("joined")
        except Exception as refused:  # noqa: BLE001
            outcomes.append(str(refused))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted", "accepted", "accepted", "joined"]
    assert roles(org) == {owner.email: "owner", "new@example.com": "member"}
    with org_scope(org):
        assert Event.objects.for_org(org).filter(name="membership.added").count() == 1
