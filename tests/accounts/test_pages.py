"""A person's own pages: there for them, not for strangers; sessions; where `next` may lead."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountEvent, User
from accounts.records import MEANINGS, UnknownAct, record
from accounts.sessions import browser_of
from accounts.tasks import forget_sessions
from tests.cast import PASSWORD
from tests.screens import ClientOf

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"
PAGES = ("account-profile", "account-security", "account-security-log", "account_email", "usersessions_list")
PAGES += ("account-data", "account_change_password", "socialaccount_connections")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_there_for_its_person_with_and_without_an_organization(
    client_of: ClientOf, owner: User, name: str
) -> None:
    loner = User.objects.create_user("loner@start.example", PASSWORD)
    for user in (owner, loner):
        page = client_of(user).get(reverse(name))
        assert page.status_code == 200
        assert 'aria-label="Your account"' in page.content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_is_asked_to_sign_in(client: Client, db: None, name: str) -> None:
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("account-profile", "delete"),
        ("account-security", "post"),
        ("account-security-log", "post"),
        ("account-data", "post"),
        ("usersessions_list", "post"),
        ("account-sessions-end", "get"),
        ("account-export", "put"),
        ("account-close", "put"),
        ("account-reauthenticate-by-mail", "put"),
    ],
)
def test_a_wrong_method_is_refused(client_of: ClientOf, owner: User, name: str, method: str) -> None:
    assert getattr(client_of(owner), method)(reverse(name)).status_code == 405


def sign_in(user: User, agent: str, **extra: str) -> Client:
    client = Client(HTTP_USER_AGENT=agent, **extra)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


def test_sessions_say_where_somebody_is_signed_in(owner: User) -> None:
    here = sign_in(owner, FIREFOX)
    sign_in(owner, SAFARI, REMOTE_ADDR="203.0.113.9")
    page = here.get(reverse("usersessions_list")).content.decode()
    assert "Firefox on Windows" in page
    assert "Safari on iPhone" in page
    assert "203.0.113.9" in page
    assert page.count("This one") == 1


def test_one_session_is_ended_from_another(owner: User) -> None:
    here, there = sign_in(owner, FIREFOX), sign_in(owner, SAFARI)
    pk = UserSession.objects.get(user_agent=SAFARI).pk
    assert here.post(reverse("account-session-end", args=[pk])).status_code == 302
    assert there.get(reverse("account-security")).status_code == 302
    assert here.get(reverse("account-security")).status_code == 200
    assert here.post(reverse("account-session-end", args=[pk])).status_code == 404


def test_all_other_sessions_are_ended_at_once(owner: User) -> None:
    here, *others = (sign_in(owner, agent) for agent in (FIREFOX, SAFARI, "curl/8"))
    assert here.post(reverse("account-sessions-end")).status_code == 302
    assert [other.get(reverse("account-security")).status_code for other in others] == [302, 302]
    assert here.get(reverse("account-security")).status_code == 200
    assert AccountEvent.objects.get(name="sessions.ended").data == {"count": 2}


def test_nobody_ends_the_session_of_somebody_else(client_of: ClientOf, owner: User, outsider: User) -> None:
    victim = sign_in(owner, FIREFOX)
    pk = UserSession.objects.get(user=owner).pk
    assert client_of(outsider).post(reverse("account-session-end", args=[pk])).status_code == 404
    assert victim.get(reverse("account-security")).status_code == 200


def test_sessions_that_are_over_are_forgotten(client_of: ClientOf, owner: User) -> None:
    here = sign_in(owner, FIREFOX)
    gone = sign_in(owner, SAFARI)
    Session.objects.filter(session_key=gone.session.session_key).delete()
    assert len(here.get(reverse("usersessions_list")).context["places"]) == 1
    assert UserSession.objects.filter(user=owner).count() == 1


def test_expired_sessions_are_cleared_with_their_notes_and_no_others(owner: User) -> None:
    here, old, fresh = sign_in(owner, FIREFOX), sign_in(owner, SAFARI), sign_in(owner, SAFARI)
    yesterday, key = timezone.now() - timedelta(days=1, minutes=1), old.session.session_key
    Session.objects.filter(session_key=key).update(expire_date=yesterday)
    UserSession.objects.filter(session_key=key).update(last_seen_at=yesterday)
    Session.objects.filter(session_key=fresh.session.session_key).delete()  # noted a moment ago: it may be on its way
    forget_sessions()
    assert not Session.objects.filter(session_key=key).exists()
    left = set(UserSession.objects.values_list("session_key", flat=True))
    assert left == {here.session.session_key, fresh.cookies["sessionid"].value}
    assert here.get(reverse("account-profile")).status_code == 200


def test_the_last_use_is_not_written_with_every_page(client_of: ClientOf, owner: User) -> None:
    client = client_of(owner)
    client.get(reverse("account-profile"))
    noted = UserSession.objects.get(user=owner).last_seen_at
    for _ in range(3):
        client.get(reverse("account-profile"))
    assert UserSession.objects.get(user=owner).last_seen_at == noted


@pytest.mark.parametrize("name", ["account-profile", "account-security", "account-data", "usersessions_list"])
def test_pages_stay_within_their_queries(client_of: ClientOf, owner: User, name: str) -> None:
    client = client_of(owner)
    client.get(reverse(name))
    with CaptureQueriesContext(connection) as captured:
        assert client.get(reverse(name)).status_code == 200
    # Outside the transaction of a test these are no statements of their own.
    asked = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(asked) <= 15, "\n".join(asked)


def test_an_act_leaves_one_line_with_where_it_came_from(owner: User) -> None:
    sign_in(owner, FIREFOX, REMOTE_ADDR="203.0.113.9")
    event = AccountEvent.objects.get(user=owner, name="sign_in.done")
    assert (event.address, event.user_agent, event.data) == ("203.0.113.9", FIREFOX, {"methods": ["password"]})
    Client().post(reverse("account_login"), {"login": owner.email, "password": "not it"})
    assert AccountEvent.objects.filter(user=owner, name="sign_in.failed").count() == 1


def test_an_act_that_has_no_words_is_refused(owner: User) -> None:
    with pytest.raises(UnknownAct):
        record(owner, "something.odd")
    assert all(str(meaning) for meaning in MEANINGS.values())


def test_the_log_goes_on_over_pages(client_of: ClientOf, owner: User) -> None:
    for _ in range(30):
        record(owner, "sign_in.failed")
    client = client_of(owner)
    assert "?page=2" in client.get(reverse("account-security-log")).content.decode()
    assert len(client.get(reverse("account-security-log") + "?page=2").context["log"]) == 5


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (FIREFOX, "Firefox on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
        ("<script>alert(1)</script>", "<script>alert(1)<"),
    ],
)
def test_a_browser_is_named(agent: str, told: str) -> None:
    assert browser_of(agent) == told


ELSEWHERE = [
    "https://evil.example/",
    "http://evil.example",
    "//evil.example/",
    "///evil.example/",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "\n//evil.example",
    "/\n/evil.example",
    " //evil.example",
    "\u00a0//evil.example",
    "\x00//evil.example",
    "\x08//evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "HtTpS://evil.example",
    "//testserver@evil.example/",
    "https://testserver@evil.example/",
    "https://localhost:8000@evil.example/",
    "https://testserver.evil.example/",
    "https://evil.example#testserver",
    "https://evil.example?testserver",
    "https://evil.example\\@testserver/",
    "//evil\u3002example/",
    "//ｅvil.example/",
    "//[::ffff:1.2.3.4]/",
    "//0x7f.1/",
    "//2130706433/",
    "ftp://testserver/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "//%65vil.example/",
    "https://evil.example/%2f..",
    "http://testserver:80:80@evil.example/",
    "//localhost:8000\\.evil.example/",
    "http://[",
    "//[",
    "http://[evil.example]/",
    "http://testserver]/",
]


@pytest.mark.parametrize("target", ELSEWHERE, ids=ascii)
def test_signing_in_never_leads_to_another_site(owner: User, target: str) -> None:
    data = {"login": owner.email, "password": PASSWORD}
    in_query = Client().post(f"{reverse('account_login')}?next={quote(target, safe='')}", data)
    in_form = Client().post(reverse("account_login"), {**data, "next": target})
    assert [in_query.url, in_form.url] == ["/", "/"]


@pytest.mark.parametrize("target", ELSEWHERE, ids=ascii)
def test_no_other_step_leads_to_another_site(client_of: ClientOf, owner: User, target: str) -> None:
    client = client_of(owner)
    again = client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": target})
    assert again.url == "/"
    signed_in = client.get(reverse("account_login"), {"next": target})
    assert signed_in.url == "/"
    out = client.post(reverse("account_logout"), {"next": target})
    assert out.url == reverse("account_login")
