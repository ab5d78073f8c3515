"""Open streams over real sockets: told what happened, and ended the moment access is."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config.asgi import Dispatcher, StreamHandler, pages
from config.threads import ThreadedPages
from orgs import places, streams
from orgs.events import emit
from orgs.members import change_role, leave, remove_member
from orgs.models import Membership, Notification, Organization
from orgs.notify import announce
from orgs.roles import Role
from orgs.scoping import org_scope
from tests.orgs.listening import PATIENCE, Listener
from tests.server import serve_in_thread

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/stream/o/acme/notifications"


@pytest.fixture
def site() -> Iterator[str]:
    with serve_in_thread(Dispatcher(pages=ThreadedPages(pages, threads=2), streams=StreamHandler())) as url:
        yield url


@pytest.fixture
def listen(site: str, client_of: Callable[[User | None], Client]) -> Callable[..., Listener]:
    def open_stream(user: User | None, *, path: str = PATH, client: Client | None = None) -> Listener:
        return Listener(site, path, client or client_of(user))

    return open_stream


def membership_of(org: Organization, user: User) -> Membership:
    with org_scope(org):
        return Membership.objects.for_org(org).get(user=user)


def left(listener: Listener) -> None:
    """Whatever is still on its way, and then the end."""
    while listener.hear() is not None:
        pass


def test_a_member_hears_how_much_is_unread_and_of_what_comes(
    listen: Callable[..., Listener], org: Organization, owner: User, admin: User
) -> None:
    with listen(owner) as listener:
        assert listener.status == 200
        assert listener.response.headers["Content-Type"] == "text/event-stream"
        assert listener.hear() == ("unread", {"unread": 0})
        with org_scope(org):
            event = emit(org, "provider_key.removed", actor=admin, before={"key": "…1234"})
        announce(org.pk, event.pk)
        assert listener.hear() == ("unread", {"unread": 1})
        with org_scope(org):
            assert Notification.objects.for_org(org).filter(user=owner).count() == 1


def test_a_stream_opens_while_redis_is_away(listen: Callable[..., Listener], viewer: User, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}
    with listen(viewer) as listener:
        assert (listener.status, listener.hear()) == (200, ("unread", {"unread": 0}))


def test_a_scan_that_ended_is_said_at_once(listen: Callable[..., Listener], org: Organization, viewer: User) -> None:
    data = {"status": "done", "succeeded": 3, "total": 3, "project_name": "Lumenboard", "project_slug": "lumenboard"}
    with listen(viewer) as listener:
        listener.hear()
        with org_scope(org):
            event = emit(org, "scan.finished", target=org, data=data)
        announce(org.pk, event.pk)
        assert listener.hear() == ("unread", {"unread": 1})
        name, toast = listener.hear() or ("", {})
        assert name == "toast"
        assert toast["text"] == "The scan of Lumenboard ended: 3 of 3 answers came in"
        assert toast["url"].startswith("/o/acme/p/lumenboard/scans/")


def test_marking_read_is_heard_in_other_tabs(
    listen: Callable[..., Listener], client_of: Callable[[User], Client], org: Organization, owner: User, admin: User
) -> None:
    with org_scope(org):
        event = emit(org, "provider_key.removed", actor=admin)
    announce(org.pk, event.pk)
    with listen(owner) as listener:
        assert listener.hear() == ("unread", {"unread": 1})
        assert client_of(owner).post("/o/acme/notifications/read/").status_code == 302
        assert listener.hear() == ("unread", {"unread": 0})


def test_a_removed_members_open_stream_ends(
    listen: Callable[..., Listener], org: Organization, owner: User, member: User
) -> None:
    with listen(member) as theirs, listen(owner) as others:
        theirs.hear()
        others.hear()
        with org_scope(org):
            remove_member(org, membership_of(org, member).pk, actor=owner)
        left(theirs)
        with org_scope(org):
            event = emit(org, "provider_key.removed")
        announce(org.pk, event.pk)
        assert others.hear() is not None
    with listen(member) as again:
        assert again.status == 404


def test_a_stream_ends_when_its_member_leaves(
    listen: Callable[..., Listener], org: Organization, owner: User, viewer: User
) -> None:
    with listen(viewer) as listener:
        listener.hear()
        with org_scope(org):
            leave(org, user=viewer)
        left(listener)


def test_a_stream_ends_when_its_member_may_do_less(
    listen: Callable[..., Listener], org: Organization, owner: User, admin: User
) -> None:
    with listen(admin) as listener:
        listener.hear()
        with org_scope(org):
            change_role(org, membership_of(org, admin).pk, role=Role.VIEWER, actor=owner)
        left(listener)


def test_every_stream_ends_when_the_organization_closes(
    listen: Callable[..., Listener], org: Organization, owner: User, viewer: User
) -> None:
    with listen(owner) as first, listen(viewer) as second:
        first.hear()
        second.hear()
        streams.end_streams(org.pk)
        left(first)
        left(second)


def test_a_stream_ends_when_its_browser_signs_out_and_no_other_does(
    listen: Callable[..., Listener], client_of: Callable[[User], Client], owner: User
) -> None:
    here, elsewhere = client_of(owner), client_of(owner)
    with listen(owner, client=here) as mine, listen(owner, client=elsewhere) as other:
        mine.hear()
        assert other.hear() == ("unread", {"unread": 0})
        here.post("/accounts/logout/")
        left(mine)
        with listen(owner, client=elsewhere) as again:
            assert again.status == 200


def test_a_stream_that_heard_nothing_looks_for_itself(
    listen: Callable[..., Listener], client_of: Callable[[User], Client], viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    monkeypatch.setattr(streams, "RECHECK", 0.05)
    client = client_of(viewer)
    key = client.session.session_key
    with listen(viewer, client=client) as listener:
        assert listener.hear() == ("unread", {"unread": 0})
        assert listener.response.readline().strip() == b""
        assert listener.response.readline().startswith(b":")
        import_module(settings.SESSION_ENGINE).SessionStore(key).delete()
        left(listener)


def test_a_member_of_an_organization_that_was_disabled_hears_no_more(
    listen: Callable[..., Listener], org: Organization, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    monkeypatch.setattr(streams, "RECHECK", 0.05)
    with listen(viewer) as listener:
        listener.hear()
        Organization.objects.filter(pk=org.pk).update(disabled_at=timezone.now() - timedelta(seconds=1))
        left(listener)


def test_a_stream_ends_when_the_operators_time_as_its_member_does(
    listen: Callable[..., Listener],
    client_of: Callable[[User], Client],
    operator: User,
    viewer: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    monkeypatch.setattr(streams, "RECHECK", 0.05)
    client = client_of(operator)
    client.post(f"/operators/impersonate/{viewer.pk}/", {"reason": "Ticket 4711: the overview stays empty"})
    with listen(None, client=client) as listener:
        assert listener.hear() == ("unread", {"unread": 0})
        session = client.session
        session["impersonation"] = {**session["impersonation"], "until": time.time() - 1}
        session.save()
        left(listener)
    with listen(None, client=client) as again:
        assert again.status == 401


def test_one_more_stream_than_a_user_may_have_is_refused(
    listen: Callable[..., Listener], owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST", 1)
    with listen(owner) as first:
        first.hear()
        with listen(owner) as second:
            assert second.status == 429
            assert int(second.response.headers["Retry-After"]) > 0


def test_strangers_and_outsiders_get_no_stream(
    listen: Callable[..., Listener], org: Organization, outsider: User
) -> None:
    for user, status in ((None, 401), (outsider, 404)):
        with listen(user) as listener:
            assert listener.status == status


def test_only_reading_opens_a_stream(client_of: Callable[[User], Client], owner: User) -> None:
    assert client_of(owner).post(PATH).status_code == 405


def test_no_connection_is_held_by_an_open_stream(listen: Callable[..., Listener], owner: User) -> None:
    def others() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchone()[0])

    before = others()
    with listen(owner) as first, listen(owner) as second:
        first.hear()
        second.hear()
        assert first.status == second.status == 200
        deadline = time.monotonic() + PATIENCE
        while others() > before and time.monotonic() < deadline:
            time.sleep(0.05)  # the server takes a moment to see a connection go
        assert others() <= before
