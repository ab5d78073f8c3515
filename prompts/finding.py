"""Search for the command palette: pages, projects, prompts, brands and organizations by a few letters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from orgs.models import Membership, open_organization
from orgs.roles import Permission
from prompts.models import Brand, Project, Prompt

EACH = 6  # of every kind
SHORTEST, LONGEST = 2, 100  # letters that rows are searched by


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    label: str
    url: str
    image: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    title: str
    items: list[Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A screen that can be jumped to by its name. `permission` is what its link in the shell asks; `of` says what its
    address names: a project and its organization, the organization, or nothing but the person."""

    name: str
    label: str | Promise
    image: str
    permission: Permission = Permission.PROJECTS_VIEW
    of: str = "project"


PAGES = (
    Page(name="project-overview", label=_lazy("Overview"), image="gauge"),
    Page(name="scans", label=_lazy("Scans"), image="scan-search", permission=Permission.SCANS_VIEW),
    Page(name="schedule", label=_lazy("Schedule"), image="calendar", permission=Permission.SCANS_VIEW),
    Page(name="prompts", label=_lazy("Prompts"), image="message-square-text"),
    Page(name="brands", label=_lazy("Brands"), image="tags"),
    Page(name="engines", label=_lazy("Engines"), image="cpu"),
    Page(name="project-edit", label=_lazy("Project settings"), image="settings-2", permission=Permission.PROJECTS_EDIT),
    Page(name="org-home", label=_lazy("Projects"), image="layout-grid", of="org"),
    Page(
        name="project-add", label=_lazy("Add a project"), image="plus", permission=Permission.PROJECTS_CREATE, of="org"
    ),
    Page(name="members", label=_lazy("Members"), image="users", permission=Permission.MEMBERS_VIEW, of="org"),
    Page(name="notifications", label=_lazy("Notifications"), image="bell", of="org"),
    Page(
        name="org-settings",
        label=_lazy("Organization settings"),
        image="building-2",
        permission=Permission.ORG_EDIT,
        of="org",
    ),
    Page(
        name="provider-keys",
        label=_lazy("Provider keys"),
        image="key-round",
        permission=Permission.KEYS_MANAGE,
        of="org",
    ),
    Page(name="audit", label=_lazy("Audit log"), image="history", permission=Permission.AUDIT_VIEW, of="org"),
    Page(name="account-profile", label=_lazy("Your profile"), image="user-round", of="person"),
    Page(name="account-security", label=_lazy("Security of your account"), image="shield", of="person"),
    Page(name="account-preferences", label=_lazy("Your preferences"), image="languages", of="person"),
)


def find(membership: Membership, text: str, *, project: Project | None) -> list[Group]:
    """What this member may see that has `text` in its name. At most four queries, and one more for the project."""
    wanted = " ".join(text.replace("\0", "").split())[:LONGEST]
    groups = [Group(title=_("Go to"), items=pages(membership, wanted, project=project))]
    groups.append(Group(title=_("Projects"), items=projects(membership, wanted)))
    if len(wanted) >= SHORTEST:
        groups += [
            Group(title=_("Prompts"), items=prompts(membership, wanted, project=project)),
            Group(title=_("Brands"), items=brands(membership, wanted, project=project)),
            Group(title=_("Organizations"), items=organizations(membership, wanted)),
        ]
    return [group for group in groups if group.items]


def pages(membership: Membership, wanted: str, *, project: Project | None) -> list[Found]:
    slugs = {
        "person": [],
        "org": [membership.org.slug],
        "project": [membership.org.slug, project.slug if project else ""],
    }
    shown = [page for page in PAGES if membership.allows(page.permission) and (project or page.of != "project")]
    return [
        Found(label=str(page.label), url=reverse(page.name, args=slugs[page.of]), image=page.image)
        for page in shown
        if wanted.casefold() in str(page.label).casefold()
    ]


def projects(membership: Membership, wanted: str) -> list[Found]:
    rows = Project.objects.for_org(membership.org).filter(archived_at=None, name__icontains=wanted).order_by("name")
    return [
        Found(label=row.name, url=reverse("project-overview", args=[membership.org.slug, row.slug]), image="folder")
        for row in rows[:EACH]
    ]


def prompts(membership: Membership, wanted: str, *, project: Project | None) -> list[Found]:
    rows = Prompt.objects.for_org(membership.org).filter(archived_at=None, text__icontains=wanted)
    rows = rows.filter(**_within(project)).select_related("project").order_by("-pk")
    return [
        Found(
            label=Truncator(row.text).chars(90),
            note="" if project else row.project.name,
            url=_listed("prompts", membership, row.project, q=row.text[:LONGEST]),
            image="message-square-text",
        )
        for row in rows[:EACH]
    ]


def brands(membership: Membership, wanted: str, *, project: Project | None) -> list[Found]:
    rows = Brand.objects.for_org(membership.org).filter(name__icontains=wanted, **_within(project))
    return [
        Found(
            label=row.name,
            note="" if project else row.project.name,
            url=_listed("brands", membership, row.project),
            image="tags",
        )
        for row in rows.select_related("project").order_by("name")[:EACH]
    ]


def organizations(membership: Membership, wanted: str) -> list[Found]:
    own = Membership.all_orgs.filter(open_organization("org__"), user=membership.user_id)
    rows = own.filter(org__name__icontains=wanted)
    rows = rows.exclude(pk=membership.pk).select_related("org").order_by("org__name")
    return [
        Found(label=row.org.name, url=reverse("org-home", args=[row.org.slug]), image="building-2")
        for row in rows[:EACH]
    ]


def _within(project: Project | None) -> dict[str, object]:
    return {"project": project} if project else {"project__archived_at": None}


def _listed(name: str, membership: Membership, project: Project, **query: str) -> str:
    address = reverse(name, args=[membership.org.slug, project.slug])
    return f"{address}?{urlencode(query)}" if query else address


def count(groups: Iterable[Group]) -> int:
    return sum(len(group.items) for group in groups)
