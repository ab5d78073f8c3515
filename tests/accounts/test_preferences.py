"""Everybody reads in their own language, time zone and number format."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from accounts import formats
from accounts.models import User
from accounts.preferences import as_read_by, zones
from orgs.templatetags import ui
from tests.cast import PASSWORD

PAGE = "/accounts/preferences/"
GIVEN = {"language": "de", "time_zone": "Asia/Tokyo", "number_format": "1 234,5", "theme": "dark"}


@pytest.fixture
def ada(client: Client, db: None) -> User:
    user = User.objects.create_user("ada@example.com", PASSWORD)
    client.force_login(user)
    return user


def test_a_visitor_is_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get(PAGE).headers["Location"].startswith(reverse("account_login"))


def test_choices_are_kept(client: Client, ada: User) -> None:
    response = client.post(PAGE, GIVEN)
    assert (response.status_code, response.headers["Location"]) == (302, PAGE)
    ada.refresh_from_db()
    assert {name: getattr(ada, name) for name in GIVEN} == GIVEN


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "Europe/Berlin\0"},
        {"language": "tlh"},
        {"number_format": "12345"},
        {"theme": "pink"},
    ],
)
def test_what_does_not_exist_is_refused(client: Client, ada: User, wrong: dict[str, str]) -> None:
    assert client.post(PAGE, {**GIVEN, **wrong}).status_code == 422
    ada.refresh_from_db()
    assert (ada.language, ada.time_zone, ada.number_format, ada.theme) == ("", "", "", "system")


def test_an_old_name_of_a_zone_can_be_kept(client: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="US/Eastern")
    assert '<option value="US/Eastern" selected>' in client.get(PAGE).content.decode()
    assert client.post(PAGE, {**GIVEN, "time_zone": "US/Eastern"}).status_code == 302


def language_of(client: Client, **headers: str) -> str:
    return client.get(reverse("account_login"), headers=headers).headers["Content-Language"]


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.8", "de"),
        ("fr,de;q=0.5", "de"),
        ("fr", "en"),
        ("", "en"),
        ("de;q=nonsense", "en"),
        ("*" * 10_000, "en"),
        ("de," * 5_000, "de"),
        ("../../de", "en"),
        ("\u00fc;q=1", "en"),
    ],
)
def test_the_browsers_language_is_spoken_where_it_can_be(client: Client, db: None, asked: str, spoken: str) -> None:
    assert language_of(client, accept_language=asked) == spoken


def test_the_users_choice_wins_over_the_browsers(client: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(language="en")
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    response = client.get(PAGE, headers={"accept-language": "de"})
    assert response.headers["Content-Language"] == "en"
    assert '<html lang="en"' in response.content.decode()


def test_a_language_that_is_spoken_no_more_is_none_chosen(client: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(language="fr")
    assert client.get(PAGE, headers={"accept-language": "de"}).headers["Content-Language"] == "de"


def test_caches_are_told_what_a_page_depends_on(client: Client, db: None) -> None:
    varies = client.get(reverse("account_login")).headers["Vary"]
    assert "Accept-Language" in varies
    assert "Cookie" in varies


def test_a_request_leaves_no_language_behind(client: Client, db: None) -> None:
    language_of(client, accept_language="de")
    assert translation.get_language() == "en"
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_visitor_switches_the_language(client: Client, db: None) -> None:
    response = client.post(reverse("set_language"), {"language": "de", "next": reverse("account_login")})
    assert response.headers["Location"] == reverse("account_login")
    assert language_of(client) == "de"


def test_the_switch_is_kept_in_the_account_of_somebody_signed_in(client: Client, ada: User) -> None:
    client.post(reverse("set_language"), {"language": "de"})
    ada.refresh_from_db()
    assert ada.language == "de"


@pytest.mark.parametrize("language", ["xx", "", "../de", "de\0"])
def test_the_switch_knows_only_our_languages(client: Client, ada: User, language: str) -> None:
    assert client.post(reverse("set_language"), {"language": language}).status_code == 302
    ada.refresh_from_db()
    assert ada.language == ""
    assert settings.LANGUAGE_COOKIE_NAME not in client.cookies


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "http:///evil.example",
        "\x01https://evil.example/",
        "https://testserver@evil.example/",
        "https://testserver.evil.example/",
    ],
)
def test_the_switch_sends_nobody_to_another_site(client: Client, db: None, elsewhere: str) -> None:
    response = client.post(reverse("set_language"), {"language": "de", "next": elsewhere})
    assert response.headers["Location"] == "/"
    response = client.post(reverse("set_language"), {"language": "de"}, headers={"referer": elsewhere})
    assert response.headers["Location"] == "/"


def test_the_switch_is_no_get(client: Client, db: None) -> None:
    assert client.get(reverse("set_language")).status_code == 405


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("en", ("1,234,567", "42%", "$1,234.50", "0.8 s", "33\u201351%")),
        ("de", ("1.234.567", "42\u00a0%", "1.234,50\u00a0$", "0,8\u00a0s", "33\u201351\u00a0%")),
    ],
)
def test_numbers_follow_the_language(value: str, written: tuple[str, ...]) -> None:
    with translation.override(value):
        assert numbers() == written


def numbers() -> tuple[str, ...]:
    estimate = type("Share", (), {"value": 0.42, "low": 0.33, "high": 0.51, "n": 80})()
    return (
        ui.count(1_234_567),
        ui.percent(0.42),
        ui.money(Decimal("1234.5")),
        ui.duration(0.84),
        ui.interval(estimate),
    )


@pytest.mark.parametrize(
    ("chosen", "written"),
    [
        ("1,234.5", "1,234.5"),
        ("1.234,5", "1.234,5"),
        ("1 234,5", "1\u202f234,5"),
        ("1\u2019234.5", "1\u2019234.5"),
        ("", "1,234.5"),
        ("nonsense", "1,234.5"),
    ],
)
def test_a_chosen_number_format_wins_over_the_language(chosen: str, written: str) -> None:
    with formats.number_format(chosen):
        assert formats.number(1234.5, digits=1) == written


def test_times_change_with_the_season(settings: object) -> None:
    winter, summer = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 12, tzinfo=UTC)
    with timezone.override("Europe/Berlin"):
        assert (ui.at(winter, "clock"), ui.at(summer, "clock")) == ("13:00", "14:00")


def test_the_hour_that_comes_twice_is_two_moments() -> None:
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    with timezone.override("Europe/Berlin"):
        assert ui.at(first, "clock") == ui.at(second, "clock") == "02:30"
        assert ui.moment(first) != ui.moment(second)  # the element carries the moment itself


def test_days_are_those_of_the_place() -> None:
    with timezone.override("Pacific/Kiritimati"):
        assert ui.at(datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "day") == "1 Jan 2027"


def test_every_listed_zone_exists_and_says_its_offset() -> None:
    listed = [name for group in zones.choices() if isinstance(group[1], list) for name, _ in group[1]]
    assert len(listed) > 300
    assert all(zones.is_zone(name) for name in listed)
    assert len(set(listed)) == len(listed)


def test_a_mail_is_written_for_its_reader(ada: User) -> None:
    ada.language, ada.time_zone, ada.number_format = "de", "Asia/Tokyo", "1,234.5"
    with as_read_by(ada):
        assert (translation.get_language(), timezone.get_current_timezone_name()) == ("de", "Asia/Tokyo")
        assert ui.count(1234) == "1,234"
    assert translation.get_language() == "en"


def test_what_a_reader_left_open_is_the_sites_in_somebody_elses_request(ada: User) -> None:
    with translation.override("de"), timezone.override("Asia/Tokyo"), as_read_by(ada) as reading:
        assert (reading.language, reading.zone) == ("en", "UTC")


def test_an_address_without_an_account_is_written_to_in_the_present_language() -> None:
    with translation.override("de"), as_read_by("new@example.com"):
        assert translation.get_language() == "de"


@pytest.mark.parametrize("address", ["/", "/accounts/login/"])
@pytest.mark.parametrize("asked", ["en", "de"])
def test_every_language_is_offered_by_its_own_name(client: Client, db: None, address: str, asked: str) -> None:
    html = client.get(f"{address}?q=1", headers={"accept-language": asked}).content.decode()
    assert f'action="{reverse("set_language")}"' in html
    assert f'name="next" value="{address}?q=1"' in html
    assert all(f'lang="{code}"' in html and f">{name}</button>" in html for code, name in settings.LANGUAGES)


def test_an_error_page_has_no_switch(client: Client, db: None) -> None:
    assert reverse("set_language") not in client.get("/no/such/page/").content.decode()
