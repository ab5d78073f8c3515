"""Every page in German holds no English: no text that has a translation, and no sentence that has none."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.models import User
from orgs.scoping import org_scope
from prompts import suggest, suggesting
from prompts.models import Project, Suggestion
from tests import bare_texts, texts
from tests.cast import PASSWORD
from tests.guards.tree import tenant_addresses
from tests.role_matrix import CAST, ROWS
from tests.role_world import World, make_world

OWNER = CAST.index("owner")
# Words that no German sentence has.
ENGLISH = re.compile(r"(?<![\w-])(?:the|your|this|with|from|of|to|and|is|are|it|you|by|for|not)(?![\w-])")
# What people of the world wrote themselves, and names of places and languages.
DATA = re.compile(
    r"Which task board is best for a small team\?|Which one was it\?|Lumenboard is a secret of Acme\.|"
    r"[\w.+-]+@[\w.-]+|^English$|^[A-Z].* \(UTC[+-]\d\d:\d\d\)$|"
    r"^[A-Z][a-z]+/[\w /-]+$|^provider$"
)
ACCOUNT_PAGES = (
    "account-profile",
    "account-security",
    "account_email",
    "usersessions_list",
    "account-preferences",
    "account-data",
    "account-close",
    "account_change_password",
    "mfa_activate_totp",
    "mfa_index",
    "socialaccount_connections",
    "account_logout",
    "organization-new",
)
VISITORS_PAGES = (
    "home",
    "features",
    "pricing",
    "privacy",
    "terms",
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
)


def leftovers(html: str) -> list[str]:
    """Texts of a German page that are English."""
    known = {text for message in texts.read("de") if message.id for text in texts.translations(message)}
    with translation.override("de"):
        return [text for text in bare_texts.of_page(html) if text not in known and _is_english(text)]


def _is_english(text: str) -> bool:
    own = DATA.sub("", text)
    return bool(own) and (translation.gettext(text) != text or bool(ENGLISH.search(own)))


def tenant_pages(world: World) -> Iterator[tuple[str, str]]:
    for address in tenant_addresses():
        row = ROWS.get(address.name)
        if row and not address.route.startswith("api/") and row.statuses.get("get", [0] * 9)[OWNER] == 200:
            yield address.name, world.address(row, address.arguments)


def english_on(client: Client, url: str) -> list[str]:
    response = client.get(url, headers={"accept-language": "de"})
    if "text/html" not in response.headers.get("Content-Type", "") or getattr(response, "streaming", False):
        return []
    html = response.content.decode()
    assert '<html lang="de"' in html or "<html" not in html, url
    return leftovers(html)


def test_tenants_pages_are_german(db: None) -> None:
    world = make_world()
    User.objects.update(name="Jemand")  # in the world their names are those of roles
    found = {name: english_on(world.clients["owner"], url) for name, url in tenant_pages(world)}
    assert len(found) >= 30
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("name", ACCOUNT_PAGES)
def test_account_pages_are_german(client: Client, db: None, name: str) -> None:
    user = User.objects.create_user("ada@example.com", PASSWORD, language="de")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert english_on(client, reverse(name)) == []


@pytest.mark.parametrize("name", VISITORS_PAGES)
def test_visitors_pages_are_german(client: Client, db: None, name: str) -> None:
    assert english_on(client, reverse(name)) == []


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/accounts/login/", {"login": "no address", "password": ""}),
        ("/accounts/login/", {"login": "nobody@example.com", "password": "wrong password"}),
        ("/accounts/signup/", {"email": "no address", "password1": "12345"}),
        ("/accounts/signup/", {"email": "ada@example.com", "password1": "ada@example"}),
        ("/accounts/password/reset/", {"email": "no address"}),
    ],
)
def test_what_is_wrong_with_a_form_is_said_in_german(client: Client, db: None, path: str, sent: dict[str, str]) -> None:
    html = client.post(path, sent, headers={"accept-language": "de"}).content.decode()
    assert 'role="alert"' in html
    assert leftovers(html) == []


@pytest.mark.parametrize("path", ["/no/such/page/", "/o/nobody/"])
def test_error_pages_are_german(client: Client, db: None, path: str) -> None:
    client.force_login(User.objects.create_user("ada@example.com", PASSWORD, language="de"))
    response = client.get(path)
    assert response.status_code == 404
    assert leftovers(response.content.decode()) == []


@pytest.mark.parametrize(
    "planted",
    ["<p>Sign out</p>", '<a aria-label="Close">x</a>', "<p>Whatever this is</p>", "<p>This field is required.</p>"],
)
def test_guard_finds_english(planted: str) -> None:
    assert leftovers(planted)


def test_guard_leaves_german_alone() -> None:
    assert leftovers("<p>Abmelden</p><p>Prompts</p><code>is the</code><p>Which one was it?</p>") == []


FAMILIAR = re.compile(r"\b(?:du|dein\w*|dich|dir)\b", re.IGNORECASE)


def spoken_by(package: str) -> Iterator[str]:
    """The German of what another package says in its code; our own templates stand in place of its templates."""
    spec = find_spec(package)
    assert spec
    assert spec.origin
    for path in sorted(Path(spec.origin).parent.rglob("*.py")):
        for text in texts.texts_of_python(path.read_text(), strict=False):
            with translation.override("de"):
                yield (
                    translation.pgettext(text.context, text.singular)
                    if text.context
                    else translation.gettext(text.singular)
                )


@pytest.mark.parametrize("package", ["allauth", "hijack"])
def test_other_packages_say_sie_as_we_do(package: str) -> None:
    said = list(spoken_by(package))
    assert said
    assert [text for text in said if FAMILIAR.search(text)] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("website", ["lumenboard.example:81", "127.0.0.1"])
def test_what_a_worker_wrote_down_is_said_in_the_language_of_its_reader(
    client: Client, owner: User, project: Project, website: str
) -> None:
    with org_scope(project.org_id):
        project.website, project.setup_step = website, "brand"
        project.save()
        found = suggest.ask_for(project, Suggestion.Kind.SITE, actor=owner)
    suggesting.work(found.org_id, found.pk)
    client.force_login(owner)
    url = reverse("onboarding", args=["acme", project.slug, "brand"])
    assert "flag is-warning" in client.get(url).content.decode()
    assert english_on(client, url) == []
