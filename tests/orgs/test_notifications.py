"""Notifications: whoever may know and wants to is told once, in the list and by mail, and nobody else."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.mail import deliver_waiting
from accounts.models import Letter, User
from orgs.events import emit
from orgs.members import change_role, remove_member
from orgs.models import Event, Membership, Notification, NotificationPreference, Organization, PendingEvent
from orgs.notify import announce, waiting
from orgs.roles import Role
from orgs.scoping import all_orgs_scope, org_scope
from orgs.topics import Channel, choose, topics
from orgs.unsubscribing import token_for
from tests.screens import ClientOf

PAGE, CHOICES = "/o/acme/notifications/", "/o/acme/notifications/preferences/"


def tell(org: Organization, name: str = "provider_key.saved", **fields: Any) -> Event:
    """Emitted and announced, as the worker does."""
    with org_scope(org):
        event = emit(org, name, **fields)
    announce(org.pk, event.pk)
    return event


def told(org: Organization) -> set[tuple[str, str]]:
    with org_scope(org):
        rows = Notification.objects.for_org(org).filter(in_app=True).select_related("user")
        return {(row.user.email.split("@")[0], row.kind) for row in rows}


def written() -> set[str]:
    return {letter.to.split("@")[0] for letter in Letter.objects.filter(template__in=("event", "scan_ended"))}


def test_only_who_may_know_is_told_and_never_who_did_it(
    org: Organization, owner: User, admin: User, member: User, viewer: User
) -> None:
    tell(org, actor=admin)
    assert told(org) == {("owner", "keys")}
    assert written() == {"owner"}


def test_everybody_hears_that_a_scan_ended(org: Organization, owner: User, viewer: User) -> None:
    tell(org, "scan.finished", data={"status": "done"})
    assert told(org) == {("owner", "scan.finished"), ("viewer", "scan.finished")}
    assert written() == {"owner", "viewer"}


def test_everybody_hears_that_a_scan_failed(org: Organization, owner: User, viewer: User) -> None:
    tell(org, "scan.finished", data={"status": "partial"})
    assert told(org) == {("viewer", "scan.failed"), ("owner", "scan.failed")}
    assert written() == {"owner", "viewer"}


def test_whom_it_concerns_is_spoken_to(
    client_of: ClientOf, org: Organization, owner: User, admin: User, member: User
) -> None:
    with org_scope(org):
        change_role(org, Membership.objects.for_org(org).get(user=member).pk, role=Role.ADMIN, actor=owner)
        event = Event.objects.for_org(org).get()
    announce(org.pk, event.pk)
    assert told(org) == {("member", "access"), ("admin", "members")}
    assert "changed your role from" in client_of(member).get(PAGE).content.decode()
    assert "changed the role of" in client_of(admin).get(PAGE).content.decode()
    assert written() == {"member"}


def test_a_removed_member_is_told_by_mail_alone(org: Organization, owner: User, member: User) -> None:
    with org_scope(org):
        remove_member(org, Membership.objects.for_org(org).get(user=member).pk, actor=owner)
        event = Event.objects.for_org(org).get()
    announce(org.pk, event.pk)
    assert told(org) == set()
    letter = Letter.objects.get(template="event")
    assert letter.to == member.email
    assert "removed you from the organization" in letter.text
    assert "/o/acme/" not in letter.text


def test_an_event_is_told_once_however_often_its_message_comes(org: Organization, owner: User, admin: User) -> None:
    event = tell(org, actor=admin)
    assert announce(org.pk, event.pk) == 0
    assert len(told(org)) == 1
    assert Letter.objects.filter(template="event").count() == 1


def test_a_lost_message_is_made_good(org: Organization, owner: User, admin: User) -> None:
    with org_scope(org):
        event = emit(org, "provider_key.saved", actor=admin)
    assert waiting() == []  # the message has its time first
    with all_orgs_scope("a test"):
        PendingEvent.all_orgs.update(due_at=timezone.now() - timedelta(seconds=1))
    assert waiting() == [(org.pk, event.pk)]
    assert waiting() == []  # and so has the repetition
    assert announce(org.pk, event.pk) == 1
    with org_scope(org):
        assert not PendingEvent.objects.for_org(org).exists()


def test_nothing_is_told_of_what_was_rolled_back(org: Organization, admin: User) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), org_scope(org):
        emit(org, "provider_key.saved", actor=admin)
        raise ZeroDivisionError
    with org_scope(org):
        assert not PendingEvent.objects.for_org(org).exists()


def test_choices_hold_by_topic_and_channel(client_of: ClientOf, org: Organization, owner: User, admin: User) -> None:
    client = client_of(owner)
    assert client.post(CHOICES, {"in_app": ["scan.finished"], "email": ["keys", "nonsense"]}).status_code == 302
    page = client.get(CHOICES).content.decode()
    assert len(re.findall(r"checked", page)) == 2
    tell(org, actor=admin)
    assert told(org) == set()
    assert written() == {"owner"}
    with org_scope(org):
        kinds = set(NotificationPreference.objects.for_org(org).values_list("kind", flat=True))
    assert kinds == set(topics())


def test_a_viewer_is_offered_only_what_a_viewer_may_know(client_of: ClientOf, org: Organization, viewer: User) -> None:
    page = client_of(viewer).get(CHOICES)
    assert {switch.topic.key for switch in page.context["switches"]} == {"access", "scan.finished", "scan.failed"}
    client_of(viewer).post(CHOICES, {"email": ["keys"]})
    with org_scope(org):
        assert not NotificationPreference.objects.for_org(org).filter(kind="keys").exists()


def test_who_may_do_less_no_longer_reads_what_they_could(
    client_of: ClientOf, org: Organization, owner: User, admin: User
) -> None:
    tell(org, actor=owner)
    client = client_of(admin)
    assert len(client.get(PAGE).context["page"].items) == 1
    with org_scope(org):
        Membership.objects.for_org(org).filter(user=admin).update(role=Role.VIEWER)
    page = client.get(PAGE)
    assert page.context["page"].items == []
    assert "No notifications yet" in page.content.decode()


def test_one_and_all_are_marked_read(client_of: ClientOf, org: Organization, owner: User, admin: User) -> None:
    for _ in range(3):
        tell(org, actor=admin)
    client = client_of(owner)
    page = client.get(PAGE)
    assert page.context["unread"] == 3
    first = page.context["page"].items[0].pk
    opened = client.post(f"{PAGE}{first}/read/", {"open": "1"})
    assert opened["Location"] == "/o/acme/keys/"
    assert client.get(PAGE, {"show": "unread"}).context["unread"] == 2
    assert len(client.get(PAGE, {"show": "unread"}).context["page"].items) == 2
    assert client.post(f"{PAGE}read/")["Location"] == PAGE
    assert client.get(PAGE).context["unread"] == 0
    assert "Nothing unread" in client.get(PAGE, {"show": "unread"}).content.decode()


def test_nobody_marks_somebody_elses(client_of: ClientOf, org: Organization, owner: User, admin: User) -> None:
    tell(org, actor=admin)
    with org_scope(org):
        theirs = Notification.objects.for_org(org).get()
    assert client_of(admin).post(f"{PAGE}{theirs.pk}/read/").status_code == 404
    assert client_of(admin).post(f"{PAGE}read/").status_code == 302
    with org_scope(org):
        assert Notification.objects.for_org(org).get().read_at is None


def test_the_list_goes_on_page_by_page(
    client_of: ClientOf, org: Organization, owner: User, admin: User, django_assert_max_num_queries: Any
) -> None:
    with org_scope(org):
        events = Event.objects.for_org(org).bulk_create(
            Event(org=org, name="provider_key.saved", actor=admin) for _ in range(1_000)
        )
        rows = [Notification(org=org, user=owner, event=event, kind="keys") for event in events]
        Notification.objects.for_org(org).bulk_create(rows)
    client = client_of(owner)
    client.get(PAGE)
    with django_assert_max_num_queries(15):
        page = client.get(PAGE).context["page"]
    following = client.get(PAGE, {"after": page.next}).context["page"]
    assert {line.pk for line in page.items}.isdisjoint(line.pk for line in following.items)


def test_the_bell_costs_no_query_of_its_own(
    client_of: ClientOf, org: Organization, owner: User, admin: User, django_assert_num_queries: Any
) -> None:
    tell(org, actor=admin)
    client = client_of(owner)
    page = client.get("/o/acme/")
    assert "Notifications, unread: 1" in page.content.decode()
    counting = [query for query in _queries(client) if "orgs_notification" in query]
    assert len(counting) == 1
    assert "orgs_membership" in counting[0]


def _queries(client: Client) -> list[str]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        client.get("/o/acme/")
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("page", [PAGE, CHOICES])
def test_the_pages_are_for_members_alone(client_of: ClientOf, viewer: User, outsider: User, page: str) -> None:
    for user, status in ((viewer, 200), (outsider, 404), (None, 302)):
        assert client_of(user).get(page).status_code == status
    assert client_of(viewer).delete(page).status_code == 405


@pytest.fixture
def mailed(org: Organization, owner: User, admin: User) -> Any:
    owner.language = "en"
    owner.save()
    tell(org, actor=admin)
    Letter.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    deliver_waiting()
    return next(message for message in outbox.outbox if message.to == [owner.email])


def test_a_mail_is_unsubscribed_from_by_one_click_without_signing_in(mailed: Any, org: Organization) -> None:
    assert mailed.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = mailed.extra_headers["List-Unsubscribe"].strip("<>")
    path = "/" + address.split("/", 3)[3]
    assert address in mailed.body
    client = Client(enforce_csrf_checks=True)
    assert "Stop these mails?" in client.get(path).content.decode()
    with org_scope(org):
        assert not NotificationPreference.objects.for_org(org).exists()
    done = client.post(path, {"List-Unsubscribe": "One-Click"})
    assert (done.status_code, "no more of these mails" in done.content.decode()) == (200, True)
    with org_scope(org):
        choice = NotificationPreference.objects.for_org(org).get()
    assert (choice.kind, choice.channel, choice.enabled) == ("keys", "email", False)


def test_a_mail_says_what_happened_where_and_leads_there(mailed: Any, org: Organization) -> None:
    assert mailed.subject.startswith("Acme: Admin of Acme saved the provider key")
    assert "/o/acme/keys/" in mailed.body
    assert "Provider keys" in mailed.body


def test_a_forged_or_altered_link_unsubscribes_nobody(client: Client, org: Organization, owner: User) -> None:
    token = token_for(org.pk, owner.pk, topics()["keys"])
    for wrong in ("x", token[:-1], f"{token}x", token.replace(":", ".", 1)):
        assert client.post(f"/unsubscribe/{wrong}/").status_code == 404
    assert client.delete(f"/unsubscribe/{token}/").status_code == 405


def test_the_link_of_somebody_who_has_gone_ends_only_what_still_reaches_them(
    client: Client, org: Organization, owner: User, outsider: User
) -> None:
    for key, kept in (("keys", False), ("access", True)):
        token = token_for(org.pk, outsider.pk, topics()[key])
        assert client.post(f"/unsubscribe/{token}/").status_code == 200
        with org_scope(org):
            assert NotificationPreference.objects.for_org(org).filter(kind=key).exists() is kept


def test_mails_are_in_the_readers_language(org: Organization, owner: User, admin: User) -> None:
    owner.language = "de"
    owner.save()
    tell(org, actor=admin)
    letter = Letter.objects.get(template="event")
    assert 'lang="de"' in letter.html


def test_a_closing_organization_mails_no_second_letter(org: Organization, owner: User, admin: User) -> None:
    tell(org, "org.deletion_asked", actor=owner, target=org)
    assert told(org) == {("admin", "organization")}
    assert written() == set()


def test_a_choice_made_later_replaces_the_former(org: Organization, owner: User) -> None:
    with org_scope(org):
        for enabled in (True, False):
            choose(org.pk, owner.pk, topics()["keys"], Channel.EMAIL, enabled=enabled)
        assert NotificationPreference.objects.for_org(org).get().enabled is False


def test_an_open_tab_of_a_removed_member_is_answered_in_words(
    client_of: ClientOf, org: Organization, owner: User, member: User
) -> None:
    client = client_of(member)
    assert client.get("/o/acme/").status_code == 200
    with org_scope(org):
        remove_member(org, Membership.objects.for_org(org).get(user=member).pk, actor=owner)
    piece = client.get("/o/acme/p/x/scans/1/progress/", headers={"HX-Request": "true"})
    assert piece.status_code == 404
    page = client.get("/o/acme/")
    assert page.status_code == 404
    assert "an organization you are not a member of" in page.content.decode()
