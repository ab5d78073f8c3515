"""Members: listed, given other roles, removed, leaving, and the owner that always stays."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404
from django.urls import reverse

from accounts.models import User
from orgs import live
from orgs.members import LastOwner, change_role, leave, remove_member, transfer_ownership
from orgs.models import Event, Invitation, Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from tests.cast import make_member, make_org, prove
from tests.orgs.invited import make_invitation
from tests.screens import ClientOf

HOSTILE = ["<script>alert(1)</script>", "\u202egnp.exe", "x" * 120]


def membership_of(org: Organization, user: User) -> Membership | None:
    with org_scope(org):
        return Membership.objects.for_org(org).filter(user=user).first()


def role_of(org: Organization, user: User) -> str:
    membership = membership_of(org, user)
    return membership.role if membership else ""


def events_of(org: Organization) -> list[Event]:
    with org_scope(org):
        return list(Event.objects.for_org(org).select_related("actor").order_by("pk"))


def address(name: str, org: Organization, user: User) -> str:
    membership = membership_of(org, user)
    assert membership
    return reverse(name, args=[org.slug, membership.pk])


def test_everybody_in_the_organization_is_listed(
    client_of: ClientOf, org: Organization, owner: User, viewer: User
) -> None:
    page = client_of(viewer).get(reverse("members", args=[org.slug])).content.decode()
    assert owner.email in page
    assert "Send invitations" not in page
    assert "Change role" not in page
    assert "Send invitations" in client_of(owner).get(reverse("members", args=[org.slug])).content.decode()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text(client_of: ClientOf, org: Organization, owner: User, name: str) -> None:
    user = User.objects.create_user("odd@example.com", name=name)
    with org_scope(org):
        Membership.objects.for_org(org).create(org=org, user=user, role=Role.VIEWER)
    for shown in (reverse("members", args=[org.slug]), address("member-role", org, user)):
        page = client_of(owner).get(shown).content.decode()
        assert "<script>alert" not in page
    assert "<bdi" in client_of(owner).get(reverse("members", args=[org.slug])).content.decode()


def test_an_admin_makes_a_member_an_admin_and_it_is_recorded(
    client_of: ClientOf, org: Organization, admin: User, member: User
) -> None:
    response = client_of(admin).post(address("member-role", org, member), {"role": "admin"})
    assert response.url == reverse("members", args=[org.slug])
    assert role_of(org, member) == Role.ADMIN
    event = events_of(org)[-1]
    assert (event.name, event.actor, event.target_id) == ("membership.role_changed", admin, member.pk)
    assert (event.before, event.after) == ({"role": "member"}, {"role": "admin"})


def test_an_admin_touches_no_other_admin_and_gives_no_ownership(
    client_of: ClientOf, org: Organization, owner: User, admin: User, member: User
) -> None:
    peer = make_member(org, Role.ADMIN, "peer@example.com")
    client = prove(client_of(admin))
    for target in (owner, admin, peer):
        assert client.post(address("member-role", org, target), {"role": "viewer"}).status_code == 403
        assert client.post(address("member-remove", org, target)).status_code == 403
    assert client.post(address("member-role", org, member), {"role": "owner"}).status_code == 422
    assert [role_of(org, user) for user in (owner, admin, peer, member)] == ["owner", "admin", "admin", "member"]


def test_making_an_owner_asks_again_who_it_is(
    client_of: ClientOf, org: Organization, owner: User, member: User
) -> None:
    client, url = client_of(owner), address("member-role", org, member)
    assert client.post(url, {"role": "owner"}).url.startswith(reverse("account_reauthenticate"))
    assert role_of(org, member) == Role.MEMBER
    prove(client).post(url, {"role": "owner"})
    assert (role_of(org, member), role_of(org, owner)) == (Role.OWNER, Role.OWNER)


def test_an_unknown_role_is_refused_in_the_form(
    client_of: ClientOf, org: Organization, owner: User, member: User
) -> None:
    for role in ("", "god", "Owner"):
        assert client_of(owner).post(address("member-role", org, member), {"role": role}).status_code == 422
    assert role_of(org, member) == Role.MEMBER


def test_unseating_another_owner_asks_again_who_it_is(client_of: ClientOf, org: Organization, owner: User) -> None:
    other = make_member(org, Role.OWNER, "second@acme.example")
    client, role, gone = client_of(owner), address("member-role", org, other), address("member-remove", org, other)
    for refused in (client.post(role, {"role": "viewer"}), client.get(gone), client.post(gone)):
        assert refused.url.startswith(reverse("account_reauthenticate"))
    assert role_of(org, other) == Role.OWNER
    prove(client).post(role, {"role": "admin"})
    assert role_of(org, other) == Role.ADMIN
    # Nobody below owner is asked, and so is nobody who steps back from it themselves.
    assert client_of(owner).post(gone).url == reverse("members", args=[org.slug])


def test_a_member_of_another_organization_is_not_found(client_of: ClientOf, owner: User, outsider: User) -> None:
    theirs = membership_of(Organization.objects.get(slug="globex"), outsider)
    assert theirs
    for name in ("member-role", "member-remove"):
        url = reverse(name, args=["acme", theirs.pk])
        assert client_of(owner).get(url).status_code == 404
        assert client_of(owner).post(url, {"role": "viewer"}).status_code == 404


def test_a_removed_member_is_a_stranger_at_once(
    client_of: ClientOf, org: Organization, admin: User, member: User
) -> None:
    theirs = client_of(member)
    assert theirs.get(f"/o/{org.slug}/").status_code == 200
    question = client_of(admin).get(address("member-remove", org, member))
    assert "lose access at once" in question.content.decode()
    client_of(admin).post(address("member-remove", org, member))
    assert theirs.get(f"/o/{org.slug}/").status_code == 404
    assert theirs.post(reverse("project-add", args=[org.slug]), {"name": "Late", "samples": 1}).status_code == 404
    event = events_of(org)[-1]
    assert (event.name, event.target_id, event.before) == ("membership.removed", member.pk, {"role": "member"})


def test_removing_twice_is_not_found(client_of: ClientOf, org: Organization, owner: User, member: User) -> None:
    url = address("member-remove", org, member)
    assert client_of(owner).post(url).status_code == 302
    assert client_of(owner).post(url).status_code == 404


def test_the_last_owner_stays_whatever_is_tried(client_of: ClientOf, org: Organization, owner: User) -> None:
    client = client_of(owner)
    told = client.post(reverse("org-leave", args=[org.slug]), follow=True)
    assert "only owner" in told.content.decode()
    refused = client.post(address("member-role", org, owner), {"role": "admin"})
    assert refused.status_code == 422
    assert "only owner" in refused.content.decode()
    client.post(address("member-remove", org, owner))
    assert role_of(org, owner) == Role.OWNER
    assert events_of(org) == []


def test_an_owner_who_cannot_sign_in_does_not_count(org: Organization, owner: User) -> None:
    gone = make_member(org, Role.OWNER, "gone@example.com")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    with pytest.raises(LastOwner), org_scope(org):
        leave(org, user=owner)


def test_one_of_two_owners_may_leave(client_of: ClientOf, org: Organization, owner: User) -> None:
    make_member(org, Role.OWNER, "second@example.com")
    client = client_of(owner)
    assert client.post(reverse("org-leave", args=[org.slug])).url == "/"
    assert client.get(f"/o/{org.slug}/").status_code == 404
    assert events_of(org)[-1].name == "membership.left"


def test_ownership_goes_to_one_member_and_leaves_an_admin_behind(
    client_of: ClientOf, org: Organization, owner: User, member: User
) -> None:
    client, url = client_of(owner), reverse("org-transfer", args=[org.slug])
    assert client.get(url).url.startswith(reverse("account_reauthenticate"))
    client.post(url, {"email": member.email})
    assert role_of(org, member) == Role.MEMBER
    assert prove(client).get(url).status_code == 200
    client.post(url, {"email": member.email.upper()})
    assert (role_of(org, member), role_of(org, owner)) == (Role.OWNER, Role.ADMIN)
    event = events_of(org)[-1]
    assert (event.name, event.target_id, event.before) == ("ownership.transferred", member.pk, {"role": "member"})
    assert client.get(url).status_code == 403


def test_ownership_goes_to_nobody_outside(client_of: ClientOf, org: Organization, owner: User, outsider: User) -> None:
    client, url = prove(client_of(owner)), reverse("org-transfer", args=[org.slug])
    said = set()
    for email in (outsider.email, owner.email, "nobody@example.com"):
        refused = client.post(url, {"email": email})
        assert refused.status_code == 422
        said.add("No other member has this address" in refused.content.decode())
    assert said == {True}  # the same for who has an account and who has none
    assert client.post(url, {"email": "x"}).status_code == 422
    assert role_of(org, owner) == Role.OWNER


def test_whoever_is_judged_by_an_old_page_is_judged_again(org: Organization, owner: User, admin: User) -> None:
    """The actor was an admin when the page was drawn."""
    target = make_member(org, Role.MEMBER, "target@example.com")
    own, theirs = membership_of(org, admin), membership_of(org, target)
    assert own
    assert theirs
    with org_scope(org):
        change_role(org, own.pk, role=Role.VIEWER, actor=owner)
        with pytest.raises(PermissionDenied):
            change_role(org, theirs.pk, role=Role.VIEWER, actor=admin)
        with pytest.raises(PermissionDenied):
            remove_member(org, theirs.pk, actor=admin)
        with pytest.raises(PermissionDenied):
            transfer_ownership(org, theirs.pk, actor=admin)
        leave(org, user=admin)
        with pytest.raises(Http404):
            remove_member(org, theirs.pk, actor=admin)


def test_what_a_removed_admin_offered_is_withdrawn(
    client_of: ClientOf, org: Organization, owner: User, admin: User
) -> None:
    mine, theirs = make_invitation(org, "a@example.com", by=owner), make_invitation(org, "b@example.com", by=admin)
    client_of(owner).post(address("member-remove", org, admin))
    with org_scope(org):
        open_ones = Invitation.objects.for_org(org).filter(revoked_at=None)
        assert list(open_ones) == [mine]
        assert theirs.email in [event.target_label for event in Event.objects.for_org(org)]


def at_once(*acts: Callable[[], Any]) -> list[BaseException | None]:
    """Every act in a thread and connection of its own; what each raised."""
    gate = threading.Barrier(len(acts))
    raised: list[BaseException | None] = [None] * len(acts)

    def run(number: int) -> None:
        gate.wait()
        try:
            acts[number]()
        except Exception as error:  # noqa: BLE001
            raised[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["demote each other", "leave", "hand over and leave"])
def test_two_owners_at_once_never_leave_an_organization_without_one(act: str) -> None:
    org = make_org("Acme", "acme")
    one, other = (make_member(org, Role.OWNER, f"{name}@example.com") for name in ("one", "other"))
    keys = {user.pk: membership.pk for user in (one, other) if (membership := membership_of(org, user))}

    def demote(actor: User, target: User) -> None:
        with org_scope(org):
            change_role(org, keys[target.pk], role=Role.VIEWER, actor=actor)

    def walk_out(user: User) -> None:
        with org_scope(org):
            leave(org, user=user)

    def hand_over(actor: User, target: User) -> None:
        with org_scope(org):
            transfer_ownership(org, keys[target.pk], actor=actor)

    if act == "leave":
        at_once(lambda: walk_out(one), lambda: walk_out(other))
    elif act == "demote each other":
        at_once(lambda: demote(one, other), lambda: demote(other, one))
    else:
        at_once(lambda: hand_over(one, other), lambda: walk_out(other))
    with org_scope(org):
        assert Membership.objects.for_org(org).filter(role=Role.OWNER).count() == 1


def heard(redis: Any, act: Callable[[], Any]) -> list[dict[str, Any]]:
    """What open streams are told while `act` runs."""
    listener = redis.pubsub()
    listener.subscribe(live.channel())
    assert next(listener.listen())["type"] == "subscribe"  # from here on nothing is missed
    act()
    redis.publish(live.channel(), json.dumps({"what": "the end"}))
    told = []
    while (message := json.loads(next(listener.listen())["data"]))["what"] != "the end":
        told.append(message)
    listener.close()
    return [message for message in told if message["what"] == live.END]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["remove", "lower", "leave", "hand over", "raise", "delete"])
def test_open_streams_end_with_the_access(client_of: ClientOf, redis: Any, act: str) -> None:
    org = make_org("Acme", "acme")
    owner, member = make_member(org, Role.OWNER), make_member(org, Role.MEMBER)
    client = prove(client_of(owner))
    acts: dict[str, tuple[Callable[[], Any], list[int | None]]] = {
        "remove": (lambda: client.post(address("member-remove", org, member)), [member.pk]),
        "lower": (lambda: client.post(address("member-role", org, member), {"role": "viewer"}), [member.pk]),
        "leave": (lambda: client_of(member).post(reverse("org-leave", args=[org.slug])), [member.pk]),
        "hand over": (
            lambda: client.post(reverse("org-transfer", args=[org.slug]), {"email": member.email}),
            [owner.pk],
        ),
        "raise": (lambda: client.post(address("member-role", org, member), {"role": "admin"}), []),
        "delete": (lambda: client.post(reverse("org-delete", args=[org.slug]), {"name": "Acme"}), [None]),
    }
    run, ended = acts[act]
    told = heard(redis, run)
    assert [(message["org_id"], message.get("user_id")) for message in told] == [(org.pk, user) for user in ended]


def test_a_page_of_many_members_asks_as_little_as_one_of_few(
    client_of: ClientOf, org: Organization, owner: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        make_member(org, Role.MEMBER, f"m{number}@example.com")
        make_invitation(org, f"i{number}@example.com", by=owner)
    client = client_of(owner)
    client.get(reverse("members", args=[org.slug]))
    with django_assert_max_num_queries(15):
        client.get(reverse("members", args=[org.slug]))
