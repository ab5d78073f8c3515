"""The demo organization: what the simulated world says somebody would track, created once and found again."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from orgs.founding import found_organization
from orgs.models import Organization
from orgs.roles import Role
from orgs.scoping import org_scope, user_scope
from prompts.csv_import import PromptRow
from prompts.library import BrandFields, ProjectFields, add_prompts, choose_engines, create_project, save_brand
from prompts.llm.simulator.world import DEFAULT_PATH
from prompts.models import Project
from scans.schedule import ScheduleFields, save_schedule

EMAIL = "demo@prompter.example"
WEEKLY = ScheduleFields(cadence="weekly", time_of_day=time(2), weekday=0, cron="", time_zone="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    org: Organization
    project: Project
    email: str
    password: str


def seed_demo() -> DemoResult:
    """Create what is missing; what people have changed since stays as they left it."""
    world = json.loads(DEFAULT_PATH.read_text(encoding="utf-8"))
    password = _password(settings.LOCAL_DIR / "demo_password")
    with transaction.atomic():
        user = _user(password)
        org = _organization(user) or found_organization(user, name=world["demo"]["organization"])
        with org_scope(org):
            live = Project.objects.for_org(org).filter(archived_at=None).order_by("pk")
            project = live.first() or _project(org, world, actor=user)
    return DemoResult(org=org, project=project, email=user.email, password=password)


def _password(path: Path) -> str:
    """Made once for this installation, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    password = secrets.token_urlsafe(12)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(password)
    return password


def _user(password: str) -> User:
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        return User.objects.create_user(EMAIL, password, name="Demo")
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def _organization(user: User) -> Organization | None:
    with user_scope(user.pk):
        membership = user.memberships.filter(role=Role.OWNER).select_related("org").order_by("pk").first()
    return membership.org if membership else None


def _project(org: Organization, world: dict[str, Any], *, actor: User) -> Project:
    demo = world["demo"]
    project = create_project(org, ProjectFields(name=demo["project"], country="US", language="en"), actor=actor)
    for key in (demo["own"], *demo["competitors"]):
        brand = world["brands"][key]
        fields = BrandFields(
            name=brand["name"],
            aliases=tuple(brand["aliases"]),
            domains=(brand["domain"],),
            is_own=key == demo["own"],
        )
        save_brand(project, fields, actor=actor)
    rows = [PromptRow(line=line, **_prompt(given)) for line, given in enumerate(demo["prompts"], start=1)]
    add_prompts(project, rows, actor=actor)
    choose_engines(project, demo["engines"], actor=actor)
    save_schedule(project, WEEKLY, actor=actor)
    return project


def _prompt(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "tags": tuple(given.get("tags", ()))}
