"""Letters in a storm: the first few at once, the rest in one, and nothing is lost or told to the wrong one."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Letter, User
from orgs.digests import AT_ONCE, TOLD, WINDOW, send_gathered
from orgs.events import emit
from orgs.models import Membership, Notification, Organization
from orgs.notify import announce
from orgs.roles import Role
from orgs.scoping import org_scope
from orgs.topics import Channel, choose, topics

STORM = "provider_key.saved"  # its topic, `keys`, is mailed to admins unless they say otherwise


def storm(org: Organization, actor: User, number: int) -> None:
    for _ in range(number):
        with org_scope(org):
            event = emit(org, STORM, actor=actor)
        announce(org.pk, event.pk)


def letters(template: str) -> list[Letter]:
    return list(Letter.objects.filter(template=template).order_by("pk"))


def held(org: Organization) -> list[Notification]:
    with org_scope(org):
        return list(Notification.objects.for_org(org).filter(letter_due_at__isnull=False).order_by("pk"))


def an_hour_later(org: Organization) -> None:
    with org_scope(org):
        rows = Notification.objects.for_org(org)
        now = timezone.now()
        rows.filter(letter_due_at__isnull=False).update(letter_due_at=now)
        rows.filter(emailed_at__isnull=False).update(emailed_at=now - WINDOW - timedelta(seconds=1))


def test_after_three_letters_the_rest_come_in_one(org: Organization, owner: User, admin: User) -> None:
    storm(org, admin, AT_ONCE + 4)
    assert len(letters("event")) == AT_ONCE
    waiting = held(org)
    assert len(waiting) == 4
    assert len({row.letter_due_at for row in waiting}) == 1
    assert all(row.emailed_at is None and row.in_app for row in waiting)
    assert send_gathered() == 0  # not yet
    an_hour_later(org)
    assert (send_gathered(), send_gathered()) == (1, 0)
    (digest,) = letters("digest")
    assert digest.to == owner.email
    assert "4 more from" in digest.subject
    assert digest.text.count("\n- ") == 4
    assert "List-Unsubscribe" in digest.headers
    assert held(org) == []
    an_hour_later(org)
    storm(org, admin, 1)
    assert len(letters("event")) == AT_ONCE + 1  # and from then on at once again


def test_a_long_digest_says_how_many_it_leaves_out(org: Organization, owner: User, admin: User) -> None:
    storm(org, admin, AT_ONCE + TOLD + 2)
    an_hour_later(org)
    send_gathered()
    (digest,) = letters("digest")
    assert digest.text.count("\n- ") == TOLD
    assert "And 2 before these." in digest.text


def test_who_has_left_or_may_know_less_or_wants_none_gets_none(org: Organization, admin: User, owner: User) -> None:
    from tests.cast import make_member

    lowered, unwilling, gone = (
        make_member(org, Role.ADMIN, f"{name}@acme.example") for name in ("lowered", "unwilling", "gone")
    )
    storm(org, admin, AT_ONCE + 1)
    with org_scope(org):
        members = Membership.objects.for_org(org)
        members.filter(user=lowered).update(role=Role.VIEWER)
        members.filter(user=gone).delete()
        choose(org.pk, unwilling.pk, topics()["keys"], Channel.EMAIL, enabled=False)
    an_hour_later(org)
    assert send_gathered() == 1
    assert [letter.to for letter in letters("digest")] == [owner.email]
    assert held(org) == []


def test_what_concerns_somebody_personally_never_waits(org: Organization, owner: User, member: User) -> None:
    with org_scope(org):
        events = [
            emit(org, "membership.role_changed", actor=owner, target=member, data={"user": member.pk})
            for _ in range(AT_ONCE + 2)
        ]
    for event in events:
        announce(org.pk, event.pk)
    assert len([letter for letter in letters("event") if letter.to == member.email]) == AT_ONCE + 2
