"""What the role matrix is driven against: one of everything in an organization, and a browser for everybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.logos import set_logo
from orgs.models import Event, Invitation, Membership, Notification, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from orgs.webhooks import endpoints
from orgs.webhooks.endpoints import EndpointFields
from prompts.credentials import save_key
from prompts.models import Brand, Project, ProjectIcon
from scans.models import Answer, Scan
from scans.schedule import ScheduleFields, save_schedule
from tests.cast import make_org, make_prompt, prove
from tests.role_matrix import CAST, Row

NIGHTLY = ScheduleFields(cadence="daily", time_of_day=time(2), weekday=0, cron="", time_zone="UTC")


@dataclass(frozen=True, kw_only=True)
class World:
    org: Organization
    clients: Mapping[str, Client]
    rows: Mapping[str, Any]

    def address(self, row: Row, arguments: tuple[str, ...]) -> str:
        known = {"org_slug": self.org.slug, "project_slug": "lumenboard", **self.filled(row.at)}
        return reverse(row.name, kwargs={argument: known[argument] for argument in arguments})

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The primary key where a value names a row."""
        return {name: self.rows.get(value, value) if isinstance(value, str) else value for name, value in given.items()}


def make_world() -> World:
    org = make_org("Acme", "acme")
    users = _users(org)
    with org_scope(org):
        rows = _library(org) | _people(org, users) | _webhook(org, users["owner"])
    return World(org=org, clients={who: _browser(users.get(who)) for who in CAST}, rows=rows)


def _users(org: Organization) -> dict[str, User]:
    """`removed` signs in like the others; the membership that they had is gone."""
    users = {who: User.objects.create_user(f"{who}@example.com", name=who.title()) for who in CAST[1:]}
    neighbour = make_org("Globex", "globex")
    with org_scope(neighbour):
        Membership.objects.for_org(neighbour).create(org=neighbour, user=users["outsider"], role=Role.OWNER)
    with org_scope(org):
        for role in Role:
            Membership.objects.for_org(org).create(org=org, user=users[role], role=role)
        Membership.objects.for_org(org).create(org=org, user=users["removed"], role=Role.ADMIN)
        Membership.objects.for_org(org).filter(user=users["removed"]).delete()
    return users


def _browser(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        prove(client)
    return client


def _people(org: Organization, users: Mapping[str, User]) -> dict[str, Any]:
    colleague = User.objects.create_user("colleague@example.com", name="Colleague")
    invited = Invitation.objects.for_org(org).create(
        org=org,
        email="invited@example.com",
        role=Role.MEMBER,
        token_digest="0" * 64,
        expires_at=timezone.now() + timedelta(days=7),
        sent_at=timezone.now(),
    )
    set_logo(org, b"picture", actor=users["owner"])
    told = Notification.objects.for_org(org).create(
        org=org, user=users["viewer"], event=Event.objects.for_org(org).latest("pk"), kind="access"
    )
    return {
        "notification": told.pk,
        "logo": org.logo_digest,
        "invitation": invited.pk,
        "viewer": Membership.objects.for_org(org).get(user=users["viewer"]).pk,
        "colleague": Membership.objects.for_org(org).create(org=org, user=colleague, role=Role.MEMBER).pk,
    }


def _webhook(org: Organization, owner: User) -> dict[str, Any]:
    fields = EndpointFields(url="https://93.184.215.14/in", events=("scan.finished",), description="Of Acme")
    endpoint, _secret = endpoints.add(org, fields, actor=owner)
    tested = endpoints.test(endpoint, actor=owner)
    type(tested).objects.for_org(org).filter(pk=tested.pk).update(status="failed", finished_at=timezone.now())
    return {"webhook": endpoint.pk, "delivery": tested.pk}


def _library(org: Organization) -> dict[str, Any]:
    engines = ["openai:gpt-5-mini/web_search"]
    projects = Project.objects.for_org(org)
    project = projects.create(org=org, name="Lumenboard", slug="lumenboard", engines=engines)
    projects.create(org=org, name="Old", slug="archived", archived_at=timezone.now())
    ProjectIcon.objects.for_org(org).create(org=org, project=project, png=b"picture")
    brands = Brand.objects.for_org(org)
    prompt = make_prompt(project, "Which task board is best for a small team?", tags=["discovery"])
    return {
        "project": project.pk,
        "brand": brands.create(org=org, project=project, name="Lumenboard", is_own=True).pk,
        "competitor": brands.create(org=org, project=project, name="Taskwell").pk,
        "prompt": prompt.pk,
        "archived prompt": make_prompt(project, "Which one was it?", archived_at=timezone.now()).pk,
        "provider key": save_key(org, provider="openai", api_key="sk-secret-of-acme").pk,
        "schedule": save_schedule(project, NIGHTLY, actor=None).pk,
        **_scan(project, prompt),
    }


def _scan(project: Project, prompt: Any) -> dict[str, Any]:
    same = {"org_id": project.org_id, "project": project}
    scan = Scan.objects.for_org(project.org_id).create(
        **same, source="command", engines=project.engines, total=1, status="done"
    )
    answer = Answer.objects.for_org(project.org_id).create(
        **same,
        scan=scan,
        prompt=prompt,
        prompt_text=prompt.text,
        engine=project.engines[0],
        lane="sim-openai|openai:gpt-5-mini",
        turn=1,
        status="succeeded",
        text="Lumenboard is a secret of Acme.",
        finished_at=timezone.now(),
    )
    return {"scan": scan.pk, "answer": answer.pk}
