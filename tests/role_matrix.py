"""Who gets what where: every tenant URL x method x role -> the status it answers with.

One `row()` per URL name; a method that a row leaves out must be answered 405. Statuses stand in the order of `CAST`:
anonymous, outsider (owns another organization), removed (was a member and is still signed in), viewer, member, admin,
owner. What a row needs to be reached:

- `at` fills the address: argument -> a row of `tests.role_world.World.rows` (a primary key), or the value itself.
  `org_slug` and `project_slug` are known.
- `send` is the body of POST and PATCH: form fields for a page, JSON for the API. Its values may name rows, as in `at`.

`tests/guards/test_role_matrix.py` compares the names with the URLconf and asks every cell, each on untouched rows.
A new URL: add its row here, and what it shows to `tests/role_world.py` where nothing there will do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CAST = ("anonymous", "outsider", "removed", "viewer", "member", "admin", "owner")
METHODS = ("get", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    statuses: Mapping[str, tuple[int, ...]]
    at: Mapping[str, str] = field(default_factory=dict)
    send: Mapping[str, Any] = field(default_factory=dict)


ROWS: dict[str, Row] = {}


def made_row(
    name: str, *, at: Mapping[str, str] | None = None, send: Mapping[str, Any] | None = None, **methods: str
) -> Row:
    statuses = {method: tuple(map(int, expected.split())) for method, expected in methods.items()}
    if unknown := set(methods) - set(METHODS):
        raise ValueError(f"{name}: {unknown} is no method")
    if any(len(expected) != len(CAST) for expected in statuses.values()):
        raise ValueError(f"{name}: a status is needed for each of {', '.join(CAST)}")
    return Row(name=name, statuses=statuses, at=at or {}, send=send or {})


def row(name: str, **given: Any) -> None:
    if name in ROWS:
        raise ValueError(f"{name} has a row already")
    ROWS[name] = made_row(name, **given)


PROMPT = {"pk": "prompt"}
KEY = {"pk": "provider key"}
SCAN = {"pk": "scan"}
COLLEAGUE = {"pk": "colleague"}
INVITATION = {"pk": "invitation"}
WEBHOOK = {"pk": "webhook"}
DELIVERY = {"pk": "delivery"}

# fmt: off
# Projects, brands, prompts, engines, keys                       anon out rem view mem adm own
row("org-home",                                           get="302 404 404 200 200 200 200")
row("find",                                               get="302 404 404 200 200 200 200")
row("project-add", send={"name": "New", "samples": "1"},  get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("project-edit",                                       get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("project-archive",                                    get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("project-restore", at={"project_slug": "archived"},  post="302 404 404 403 403 302 302")
row("project-budget", send={"answers": "100"},            get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("budgets", send={"money": "25.00"},                   get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("costs",                                              get="302 404 404 403 403 200 200")
row("costs-export",                                      post="302 404 404 403 403 200 200")
row("brands",                                             get="302 404 404 200 200 200 200")
row("brand-add",                                          get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("brand-edit", at={"pk": "brand"},                     get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("brand-delete", at={"pk": "competitor"},              get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 302 302 302")
row("prompts",                                            get="302 404 404 200 200 200 200")
row("prompt-add",                                         get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("prompts-paste",                                      get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("prompts-import",                                     get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("schedule",                                           get="302 404 404 200 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("schedule-pause",                                    post="302 404 404 403 302 302 302")
row("schedule-resume",                                   post="302 404 404 403 302 302 302")
row("schedule-run",                                      post="302 404 404 403 302 302 302")
row("prompt-edit", at=PROMPT,                             get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 422 422 422")
row("prompt-row", at=PROMPT,                              get="302 404 404 200 200 200 200")
row("prompt-archive", at=PROMPT,                          get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 302 302 302")
row("prompt-restore", at={"pk": "archived prompt"},      post="302 404 404 403 302 302 302")
row("engines",                                            get="302 404 404 200 200 200 200",
                                                         post="302 404 404 403 302 302 302")
row("provider-keys",                                      get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 422 422")
row("provider-key-limits", at=KEY, send={"requests_per_day": "1000"}, get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("provider-key-delete", at=KEY,                        get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")

# Scans and answers
row("project-overview",                                   get="302 404 404 200 200 200 200")
row("scans",                                              get="302 404 404 200 200 200 200")
row("scan-start", send={"samples": "1"},                 post="302 404 404 403 302 302 302")
row("scan", at=SCAN,                                      get="302 404 404 200 200 200 200")
row("scan-progress", at=SCAN,                             get="302 404 404 200 200 200 200")
row("scan-cancel", at=SCAN,                               get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 302 302 302")
row("scan-retry", at=SCAN,                               post="302 404 404 403 302 302 302")
row("scan-resume", at=SCAN,                              post="302 404 404 403 302 302 302")
row("onboarding-start", send={"name": "New"},             get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("onboarding", at={"step": "competitors"},             get="302 404 404 403 200 200 200",
                                                         post="302 404 404 403 302 302 302")
row("onboarding-suggest", at={"step": "competitors"},    post="302 404 404 403 302 302 302")
row("onboarding-suggestion", at={"step": "competitors"},  get="302 404 404 403 302 302 302")
row("project-icon",                                       get="302 404 404 200 200 200 200")
row("answer", at={"pk": "answer"},                        get="302 404 404 200 200 200 200")

# The organization and its members; an admin stands above members and viewers only
row("org-settings", send={"name": "Renamed"},             get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("org-logo",                                          post="302 404 404 403 403 422 422")
row("org-logo-remove",                                    get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("org-logo-image", at={"digest": "logo"},              get="302 404 404 200 200 200 200")
row("org-delete", send={"name": "Acme"},                  get="302 404 404 403 403 403 200",
                                                         post="302 404 404 403 403 403 302")
# Nothing to take back here: the owner is led to the settings
row("org-delete-cancel",                                  get="302 404 404 403 403 403 302",
                                                         post="302 404 404 403 403 403 302")
row("members",                                            get="302 404 404 200 200 200 200")
row("member-role", at=COLLEAGUE, send={"role": "admin"},  get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("member-remove", at=COLLEAGUE,                        get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("org-transfer", send={"email": "colleague@example.com"}, get="302 404 404 403 403 403 200",
                                                         post="302 404 404 403 403 403 302")
# The last owner is told at once that they cannot go: 302
row("org-leave",                                          get="302 404 404 200 200 200 302",
                                                         post="302 404 404 302 302 302 302")
row("invitation-add", send={"emails": "new@example.com", "role": "member"},
                                                         post="302 404 404 403 403 302 302")
row("invitation-resend", at=INVITATION,                  post="302 404 404 403 403 302 302")
row("invitation-revoke", at=INVITATION,                   get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")

# The API
row("api-project-list", send={"name": "New"},             get="401 404 404 200 200 200 200",
                                                         post="401 404 404 403 403 201 201")
row("api-project-detail", at={"pk": "project"}, send={"name": "Renamed"},
                                                          get="401 404 404 200 200 200 200",
                                                        patch="401 404 404 403 200 200 200",
                                                       delete="401 404 404 403 403 204 204")
row("api-brand-list", send={"project": "project", "name": "New"},
                                                          get="401 404 404 200 200 200 200",
                                                         post="401 404 404 403 201 201 201")
row("api-brand-detail", at={"pk": "competitor"}, send={"name": "Renamed"},
                                                          get="401 404 404 200 200 200 200",
                                                        patch="401 404 404 403 200 200 200",
                                                       delete="401 404 404 403 204 204 204")
row("api-prompt-list", send={"project": "project", "text": "Which board is the fastest?"},
                                                          get="401 404 404 200 200 200 200",
                                                         post="401 404 404 403 201 201 201")
row("api-prompt-detail", at=PROMPT, send={"tags": ["new"]},
                                                          get="401 404 404 200 200 200 200",
                                                        patch="401 404 404 403 200 200 200",
                                                       delete="401 404 404 403 204 204 204")
row("api-scan-list", send={"project": "project"},         get="401 404 404 200 200 200 200",
                                                         post="401 404 404 403 201 201 201")
row("api-scan-estimate", send={"project": "project"},    post="401 404 404 403 200 200 200")
row("api-scan-detail", at=SCAN,                           get="401 404 404 200 200 200 200")
row("api-scan-cancel", at=SCAN,                          post="401 404 404 403 409 409 409")
row("api-scan-retry", at=SCAN,                           post="401 404 404 403 200 200 200")
row("api-scan-resume", at=SCAN,                          post="401 404 404 403 200 200 200")
row("api-schedule-list",                                  get="401 404 404 200 200 200 200")
row("api-schedule-detail", at={"project": "project"}, send={"cadence": "daily", "time_zone": "UTC"},
                                                          get="401 404 404 200 200 200 200",
                                                          put="401 404 404 403 200 200 200")
row("api-schedule-pause", at={"project": "project"},     post="401 404 404 403 200 200 200")
row("api-schedule-resume", at={"project": "project"},    post="401 404 404 403 200 200 200")
row("api-schedule-run", at={"project": "project"},       post="401 404 404 403 201 201 201")
row("api-answer-list",                                    get="401 404 404 200 200 200 200")
row("api-answer-detail", at={"pk": "answer"},             get="401 404 404 200 200 200 200")

# Audit log and notifications
row("webhooks",                                           get="302 404 404 403 403 200 200")
row("webhook-add",                                        get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 422 422")
row("webhook", at=WEBHOOK,                                get="302 404 404 403 403 200 200")
row("webhook-edit", at=WEBHOOK,                           get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 422 422")
row("webhook-rotate", at=WEBHOOK,                         get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 200 200")
row("webhook-delete", at=WEBHOOK,                         get="302 404 404 403 403 200 200",
                                                         post="302 404 404 403 403 302 302")
row("webhook-switch", at=WEBHOOK,                        post="302 404 404 403 403 302 302")
row("webhook-test", at=WEBHOOK,                          post="302 404 404 403 403 302 302")
row("webhook-delivery", at=DELIVERY,                      get="302 404 404 403 403 200 200")
row("webhook-redeliver", at=DELIVERY,                    post="302 404 404 403 403 302 302")
row("audit",                                              get="302 404 404 403 403 200 200")
row("audit-export",                                      post="302 404 404 403 403 200 200")
row("notifications",                                      get="302 404 404 200 200 200 200")
row("notifications-read",                                post="302 404 404 302 302 302 302")
row("notification-read", at={"pk": "notification"},      post="302 404 404 302 404 404 404")
row("notification-stream",                                get="401 404 404 200 200 200 200")
row("notification-preferences",                           get="302 404 404 200 200 200 200",
                                                         post="302 404 404 302 302 302 302")
row("api-member-list",                                    get="401 404 404 200 200 200 200")
row("api-member-detail", at=COLLEAGUE, send={"role": "admin"},
                                                          get="401 404 404 200 200 200 200",
                                                        patch="401 404 404 403 403 200 200",
                                                       delete="401 404 404 403 403 204 204")
row("api-webhook-list", send={"url": "https://93.184.215.14/", "events": ["scan.finished"]},
                                                          get="401 404 404 403 403 200 200",
                                                         post="401 404 404 403 403 201 201")
row("api-webhook-detail", at=WEBHOOK, send={"description": "Of Acme alone"},
                                                          get="401 404 404 403 403 200 200",
                                                        patch="401 404 404 403 403 200 200",
                                                       delete="401 404 404 403 403 204 204")
row("api-webhook-rotate", at=WEBHOOK,                    post="401 404 404 403 403 200 200")
row("api-webhook-test", at=WEBHOOK,                      post="401 404 404 403 403 201 201")
row("api-webhook-delivery-list",                          get="401 404 404 403 403 200 200")
row("api-webhook-delivery-detail", at=DELIVERY,           get="401 404 404 403 403 200 200")
row("api-webhook-delivery-again", at=DELIVERY,           post="401 404 404 403 403 200 200")
row("api-invitation-list", send={"email": "new@example.com", "role": "member"},
                                                          get="401 404 404 403 403 200 200",
                                                         post="401 404 404 403 403 201 201")
row("api-invitation-detail", at=INVITATION,               get="401 404 404 403 403 200 200",
                                                       delete="401 404 404 403 403 204 204")
# fmt: on

# What an operator may write who acts as a user; every other POST, PUT, PATCH and DELETE is out of reach meanwhile.
_ACTING = """
    project-add project-edit project-archive project-restore brand-add brand-edit brand-delete engines
    prompt-add prompts-paste prompts-import prompt-edit prompt-archive prompt-restore
    schedule schedule-pause schedule-resume schedule-run scan-start scan-cancel scan-retry scan-resume
    onboarding onboarding-start onboarding-suggest
    api-project-list api-project-detail api-brand-list api-brand-detail api-prompt-list api-prompt-detail
    api-scan-list api-scan-estimate api-scan-cancel api-scan-retry api-scan-resume
    api-schedule-detail api-schedule-pause api-schedule-resume api-schedule-run
"""
ACTING = frozenset(_ACTING.split())
