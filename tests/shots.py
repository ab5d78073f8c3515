"""Every screen there is, as `tests.screenshots`, the accessibility and the HTML checks walk them: add yours here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import Page

if TYPE_CHECKING:
    from accounts.models import User
    from tests.scenery import Scenery


@dataclass(frozen=True, kw_only=True)
class Shot:
    """`act` brings the page into the state that is shown; `status` is what the address answers with."""

    name: str
    path: str
    act: Callable[[Page], None] = lambda page: None
    status: int = 200
    signed_in: bool = True
    staff: bool = False  # for the operator of the scenery

    def visitor_of(self, scene: "Scenery") -> "User | None":
        if self.staff:
            return scene.operator
        return scene.user if self.signed_in else None


def session_of(user: "User") -> str:
    """The cookie of a session that has just proven who it is."""
    from django.conf import settings
    from django.test import Client

    from tests.cast import prove

    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    prove(client)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def shots_of(scene: "Scenery") -> list[Shot]:
    return [
        *_public(),
        *_outside(),
        *_account(),
        *_organization(scene),
        *_members(scene),
        *_records(scene),
        *_webhooks(scene),
        *_library(scene),
        *_scans(scene),
        *_money(scene),
        *_empty(scene),
        *_setup(scene),
        *_operators(scene),
    ]


def _public() -> list[Shot]:
    pages = {
        "landing": "/",
        "features": "/features/",
        "pricing": "/pricing/",
        "privacy": "/privacy/",
        "terms": "/terms/",
    }
    documents = {
        "start": "",
        "page": "metrics/",
        "folder": "adr/",
        "search": "?q=interval",
        "reference": "api-reference/",
    }
    shots = [Shot(name=name, path=path, signed_in=False) for name, path in pages.items()]
    shots += [Shot(name=f"docs-{name}", path=f"/docs/{path}", signed_in=False) for name, path in documents.items()]
    return [*shots, Shot(name="docs-signed-in", path="/docs/getting-started/")]


def _outside() -> list[Shot]:
    def wrong(page: Page) -> None:
        page.get_by_label("Email").fill("somebody@example.com")
        page.get_by_label("Password").fill("wrong password")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("alert").first.wait_for()

    return [
        Shot(name="login", path="/accounts/login/", signed_in=False),
        Shot(name="login-wrong", path="/accounts/login/", signed_in=False, act=wrong),
        Shot(name="signup", path="/accounts/signup/", signed_in=False),
        Shot(name="password-reset", path="/accounts/password/reset/", signed_in=False),
        Shot(name="password-reset-sent", path="/accounts/password/reset/done/", signed_in=False),
        Shot(name="password-reset-old-link", path="/accounts/password/reset/key/1-set-password/", signed_in=False),
        Shot(name="mail-sent", path="/accounts/confirm-email/", signed_in=False),
        Shot(name="mail-old-link", path="/accounts/confirm-email/old/", signed_in=False),
        Shot(name="account-inactive", path="/accounts/inactive/", signed_in=False),
    ]


def _account() -> list[Shot]:
    """A person's own pages. The session has just proven who it is, so that those which ask again are shown."""

    def wrong(page: Page) -> None:
        for field in page.locator("main input[type=password]").all():
            field.fill("short")
        page.get_by_role("button", name="Change password").click()
        page.get_by_role("alert").first.wait_for()

    pages = {
        "account-profile": "profile/",
        "account-preferences": "preferences/",
        "account-security": "security/",
        "account-security-log": "security/log/",
        "account-email": "email/",
        "account-sessions": "sessions/",
        "account-data": "data/",
        "account-close": "close/",
        "account-password": "password/change/",
        "account-services": "3rdparty/",
        "account-app": "2fa/totp/activate/",
        "account-passkey": "2fa/webauthn/add/",
        "reauthenticate": "reauthenticate/",
        "reauthenticate-mail": "reauthenticate/code/",
    }
    shots = [Shot(name=name, path=f"/accounts/{path}") for name, path in pages.items()]
    return [*shots, Shot(name="account-password-wrong", path="/accounts/password/change/", act=wrong)]


def _organization(scene: "Scenery") -> list[Shot]:
    org = f"/o/{scene.org.slug}/"

    def open_account(page: Page) -> None:
        if page.viewport_size and page.viewport_size["width"] < 600:
            page.get_by_role("button", name="Navigation").click()
        page.locator("summary[aria-label^=Account]").click()

    def open_palette(page: Page) -> None:
        page.keyboard.press("Control+k")
        page.get_by_role("option", name="Projects").wait_for()

    return [
        Shot(name="org-home", path=org),
        Shot(name="find", path=f"{org}find/?q=board"),
        Shot(name="palette", path=org, act=open_palette),
        Shot(name="navigation", path=org, act=open_account),
        Shot(name="organization-new", path="/organizations/new"),
        Shot(name="project-add", path=f"{org}projects/add/"),
        Shot(name="provider-keys", path=f"{org}keys/"),
        Shot(name="provider-keys-own", path=f"/o/{scene.empty_org.slug}/keys/"),
        Shot(name="provider-key-limits", path=f"/o/{scene.empty_org.slug}/keys/{scene.key_pk}/limits/"),
        Shot(name="404", path="/o/nobody/", status=404),
        Shot(name="logout", path="/accounts/logout/"),
    ]


def _members(scene: "Scenery") -> list[Shot]:
    from orgs.models import Membership
    from orgs.scoping import org_scope

    org = f"/o/{scene.org.slug}/"
    with org_scope(scene.org):
        other = Membership.objects.for_org(scene.org).exclude(user=scene.user).earliest("pk")

    def invite_nobody(page: Page) -> None:
        page.get_by_label("E-mail addresses").fill("somebody@, else")
        page.get_by_role("button", name="Send invitations").click()
        page.get_by_role("alert").first.wait_for()

    return [
        Shot(name="org-settings", path=f"{org}settings/"),
        Shot(name="org-delete", path=f"{org}settings/delete/"),
        Shot(name="org-closing", path=f"/o/{scene.closing_org.slug}/settings/delete/cancel/"),
        Shot(name="members", path=f"{org}members/"),
        Shot(name="members-wrong", path=f"{org}members/", act=invite_nobody),
        Shot(name="member-role", path=f"{org}members/{other.pk}/role/"),
        Shot(name="member-remove", path=f"{org}members/{other.pk}/remove/"),
        Shot(name="org-transfer", path=f"{org}transfer/"),
        Shot(name="invitation", path=scene.invitation, signed_in=False),
        Shot(name="invitation-other", path=scene.invitation, status=403),
        Shot(name="invitation-unusable", path="/invitations/1-x.y/", status=404, signed_in=False),
    ]


def _records(scene: "Scenery") -> list[Shot]:
    from orgs.topics import topics
    from orgs.unsubscribing import token_for

    org = f"/o/{scene.org.slug}/"
    unsubscribe = f"/unsubscribe/{token_for(scene.org.pk, scene.user.pk, topics()['keys'])}/"

    def open_details(page: Page) -> None:
        for details in page.locator("#event-list details").all()[:3]:
            details.locator("summary").click()

    def stop(page: Page) -> None:
        page.get_by_role("button", name="Stop these mails").click()
        page.get_by_role("link", name="See all choices").wait_for()

    return [
        Shot(name="audit", path=f"{org}audit/"),
        Shot(name="audit-details", path=f"{org}audit/", act=open_details),
        Shot(name="audit-nothing-found", path=f"{org}audit/?q=zebra"),
        Shot(name="notifications", path=f"{org}notifications/"),
        Shot(name="notifications-empty", path=f"/o/{scene.empty_org.slug}/notifications/"),
        Shot(name="notification-preferences", path=f"{org}notifications/preferences/"),
        Shot(name="unsubscribe", path=unsubscribe, signed_in=False),
        Shot(name="unsubscribed", path=unsubscribe, signed_in=False, act=stop),
    ]


def _webhooks(scene: "Scenery") -> list[Shot]:
    org, hooked = f"/o/{scene.org.slug}/", scene.hooked
    one = f"{org}webhooks/{hooked.endpoint.pk}/"

    def add_wrongly(page: Page) -> None:
        page.get_by_label("Address").fill("http://127.0.0.1/hook")
        page.get_by_label("Description").fill("Inside")
        page.get_by_label("A scan ended").check()
        page.get_by_role("button", name="Add webhook").click()
        page.get_by_role("alert").first.wait_for()

    def show_secret(page: Page) -> None:
        page.get_by_role("button", name="Make a new secret").click()
        page.get_by_role("link", name="I have kept it").wait_for()

    return [
        Shot(name="webhooks", path=f"{org}webhooks/"),
        Shot(name="webhooks-empty", path=f"/o/{scene.empty_org.slug}/webhooks/"),
        Shot(name="webhook-add", path=f"{org}webhooks/add/"),
        Shot(name="webhook-add-wrong", path=f"{org}webhooks/add/", act=add_wrongly),
        Shot(name="webhook", path=one),
        Shot(name="webhook-rotate", path=f"{one}secret/"),
        Shot(name="webhook-secret", path=f"{one}secret/", act=show_secret),
        Shot(name="webhook-delete", path=f"{one}delete/"),
        Shot(name="webhook-delivery", path=f"{org}webhooks/deliveries/{hooked.arrived.pk}/"),
        Shot(name="webhook-delivery-failed", path=f"{org}webhooks/deliveries/{hooked.failed.pk}/"),
    ]


def _library(scene: "Scenery") -> list[Shot]:
    project = f"/o/{scene.org.slug}/p/{scene.project.slug}/"

    def edit_first(page: Page) -> None:
        page.locator("#prompt-list").get_by_role("link", name="Edit").first.click()
        page.wait_for_selector("[data-editing]")

    def ask_to_archive(page: Page) -> None:
        page.locator("#prompt-list").get_by_role("link", name="Archive").first.click()

    def import_broken(page: Page) -> None:
        rows = b"prompt,country\nWhich board suits a school?,US\n,DE\nAnother question?,Nowhere\n"
        page.get_by_label("CSV file").set_input_files({"name": "prompts.csv", "mimeType": "text/csv", "buffer": rows})
        page.get_by_role("button", name="Import").click()
        page.wait_for_selector("#import-report")

    return [
        Shot(name="project-edit", path=f"{project}edit/"),
        Shot(name="brands", path=f"{project}brands/"),
        Shot(name="brand-add", path=f"{project}brands/add/"),
        Shot(name="prompts", path=f"{project}prompts/"),
        Shot(name="prompts-archived", path=f"{project}prompts/?state=archived"),
        Shot(name="prompts-nothing-found", path=f"{project}prompts/?q=zebra"),
        Shot(name="prompt-edited", path=f"{project}prompts/", act=edit_first),
        Shot(name="prompt-archive", path=f"{project}prompts/", act=ask_to_archive),
        Shot(name="prompt-add", path=f"{project}prompts/add/"),
        Shot(name="prompts-paste", path=f"{project}prompts/paste/"),
        Shot(name="prompts-import", path=f"{project}prompts/import/"),
        Shot(name="prompts-import-report", path=f"{project}prompts/import/", act=import_broken),
        Shot(name="engines", path=f"{project}engines/"),
    ]


def _scans(scene: "Scenery") -> list[Shot]:
    from tests.scenery import answer_of

    project = f"/o/{scene.org.slug}/p/{scene.project.slug}/"
    waiting = f"/o/{scene.org.slug}/p/{scene.waiting.project.slug}/"
    partial, latest = scene.partial, scene.latest
    failed, truncated = answer_of(partial, status="failed"), answer_of(partial, finish_reason="length")
    table = answer_of(latest, text__contains="| --")
    return [
        Shot(name="overview", path=project),
        Shot(name="scans", path=f"{project}scans/"),
        Shot(name="schedule", path=f"{project}schedule/"),
        Shot(name="scan", path=f"{project}scans/{latest.pk}/"),
        Shot(name="scan-partial", path=f"{project}scans/{partial.pk}/"),
        Shot(name="scan-filtered", path=f"{project}scans/{partial.pk}/?status=failed"),
        Shot(name="scan-batched", path=f"/o/{scene.org.slug}/p/{scene.batched.project.slug}/scans/{scene.batched.pk}/"),
        Shot(name="scan-cancel", path=f"{project}scans/{latest.pk}/cancel/"),
        Shot(name="scan-waiting", path=f"{waiting}scans/{scene.waiting.pk}/"),
        Shot(name="scans-waiting", path=f"{waiting}scans/"),
        Shot(name="answer", path=f"{project}answers/{answer_of(latest, status='succeeded').pk}/"),
        Shot(name="answer-table", path=f"{project}answers/{table.pk}/"),
        Shot(name="answer-failed", path=f"{project}answers/{failed.pk}/"),
        Shot(name="answer-truncated", path=f"{project}answers/{truncated.pk}/"),
    ]


def _money(scene: "Scenery") -> list[Shot]:
    org = f"/o/{scene.org.slug}/"
    project = f"{org}p/{scene.limited.slug}/"
    return [
        Shot(name="costs", path=f"{org}costs/"),
        Shot(name="costs-empty", path=f"{org}costs/?period=last-month"),
        Shot(name="budgets", path=f"{org}budgets/"),
        Shot(name="project-budget", path=f"{project}budget/"),
        Shot(name="scan-stopped", path=f"{project}scans/{scene.stopped.pk}/"),
        Shot(name="scans-stopped", path=f"{project}scans/"),
    ]


def _setup(scene: "Scenery") -> list[Shot]:
    org = f"/o/{scene.org.slug}/"
    whole, waiting, refused = (f"{org}p/{scene.setups[n].slug}/setup/" for n in ("whole", "waiting", "refused"))

    def go_on_wrongly(page: Page) -> None:
        page.get_by_label("Name of your competitor 1").fill("Taskwell")
        page.get_by_label("Domain of your competitor 2").fill("not a domain")
        page.get_by_label("Name of your competitor 2").fill("!!!")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("alert").first.wait_for()

    steps = ("brand", "competitors", "prompts", "engines", "scan")
    return [
        Shot(name="setup-start", path=f"{org}setup/"),
        *(Shot(name=f"setup-{step}", path=f"{whole}{step}/") for step in steps),
        *(Shot(name=f"setup-{step}-waiting", path=f"{waiting}{step}/") for step in steps[:3]),
        *(Shot(name=f"setup-{step}-failed", path=f"{refused}{step}/") for step in steps[:3]),
        Shot(name="setup-competitors-wrong", path=f"{whole}competitors/", act=go_on_wrongly),
        Shot(name="setup-to-be-continued", path=f"{org}p/{scene.setups['whole'].slug}/"),
    ]


def _empty(scene: "Scenery") -> list[Shot]:
    project = f"/o/{scene.org.slug}/p/{scene.empty_project.slug}/"
    pages = {
        "overview": "",
        "prompts": "prompts/",
        "brands": "brands/",
        "scans": "scans/",
        "schedule": "schedule/",
        "engines": "engines/",
    }
    shots = [Shot(name=f"empty-{name}", path=f"{project}{path}") for name, path in pages.items()]
    return [Shot(name="empty-org-home", path=f"/o/{scene.empty_org.slug}/"), *shots]


def _operators(scene: "Scenery") -> list[Shot]:
    looks = {"components": "", "components-dark": "?theme=dark", "components-rtl": "?dir=rtl"}
    pages = {
        "operators": "",
        "operators-health": "health/?workers=1",
        "operators-lanes": "lanes/",
        "operators-list": "accounts/user/",
        "operators-row": f"scans/scan/{scene.latest.pk}/change/",
        "operators-flag": "orgs/flag/add/",
        "operators-impersonate": f"impersonate/{scene.user.pk}/",
    }
    shown = [Shot(name=name, path=f"/operators/components/{query}", staff=True) for name, query in looks.items()]
    return [*shown, *(Shot(name=name, path=f"/operators/{path}", staff=True) for name, path in pages.items())]
