"""Projects in the middle of their guided setup: one with everything suggested, one that waits, one that was refused."""

import base64
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone
from PIL import Image, ImageDraw

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import library
from prompts.models import Project, Suggestion
from scans import onboarding

ENGINE = "openai:gpt-5.4-mini/model"
COMPETITORS = [
    {"name": name, "domain": domain}
    for name, domain in (
        ("Taskwell", "taskwell.example"),
        ("Flowdeck", "flowdeck.example"),
        ("Kanbanery Pro", "kanbanery-pro.example"),
        ("Orbit & Co", ""),
    )
]
PROMPTS = [
    ("How do small teams get started with project management?", ["awareness", "basics"], False),
    ("Which project management tools have a useful free plan?", ["consideration", "pricing"], False),
    ("What are good alternatives to Taskwell?", ["consideration", "alternatives"], False),
    ("Is Lumenboard a good choice for agencies?", ["decision", "brand"], True),
]


def begin_setups(org: Organization, user: User) -> dict[str, Project]:
    with org_scope(org):
        whole, waiting, refused = (_begun(org, user, name) for name in ("Lumenboard Go", "Lumendesk", "Lumenfile"))
        for kind, result in (("site", [_site()]), ("competitors", COMPETITORS), ("prompts", _prompts())):
            _suggest(whole, kind, result=result)
            lease = {"lease_token": uuid4(), "lease_until": timezone.now() + timedelta(days=1)}
            _suggest(waiting, kind, status=Suggestion.Status.RUNNING, **lease)
            reason = "OpenAI has been failing and is paused. Try again in 60 s."
            _suggest(refused, kind, status=Suggestion.Status.FAILED, error=reason)
        rows = onboarding.own_rows(whole, ["Which task board suits a school?"], names=["Lumenboard"])
        library.add_prompts(whole, rows, actor=user)
    return {"whole": whole, "waiting": waiting, "refused": refused}


def _begun(org: Organization, user: User, name: str) -> Project:
    site = f"{name.lower().replace(' ', '-')}.example"
    return onboarding.begin(
        org, onboarding.BrandDetails(name=name, website=site, country="US", language="en"), actor=user
    )


def _suggest(project: Project, kind: str, **fields: Any) -> None:
    engine = {} if kind == "site" else {"engine": ENGINE, "simulated": True}
    given = {"status": Suggestion.Status.DONE, **engine, **fields}
    Suggestion.objects.for_org(project.org_id).create(org_id=project.org_id, project=project, kind=kind, **given)


def _prompts() -> list[dict[str, Any]]:
    return [{"text": text, "tags": tags, "language": "en", "is_branded": branded} for text, tags, branded in PROMPTS]


def _site() -> dict[str, str]:
    picture, out = Image.new("RGB", (64, 64), "#1f4d3a"), io.BytesIO()
    ImageDraw.Draw(picture).ellipse((16, 16, 48, 48), fill="#f3efe4")
    picture.save(out, "PNG")
    return {
        "title": "Boards for small teams | Lumenboard Go",
        "name": "Lumenboard Go",
        "description": "Lumenboard Go is a project board for teams that are on their way.",
        "language": "en",
        "icon": base64.b64encode(out.getvalue()).decode(),
    }
