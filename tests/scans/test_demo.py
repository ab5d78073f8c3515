"""The demo organization."""

import stat
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from scans.demo import DemoResult, seed_demo
from scans.models import Schedule


@pytest.fixture
def local(tmp_path: Path, settings: Any) -> Path:
    settings.LOCAL_DIR = tmp_path / "local"
    return settings.LOCAL_DIR


def counted(demo: DemoResult) -> tuple[int, int, int]:
    with org_scope(demo.org):
        org = demo.org.pk
        return (
            Project.objects.for_org(org).count(),
            Brand.objects.for_org(org).count(),
            Prompt.objects.for_org(org).count(),
        )


def test_the_demo_has_a_brand_four_competitors_twenty_prompts_and_four_engines(db: None, local: Path) -> None:
    demo = seed_demo()
    assert counted(demo) == (1, 5, 20)
    with org_scope(demo.org):
        own = Brand.objects.for_org(demo.org).get(is_own=True)
        tags = {tag for prompt in Prompt.objects.for_org(demo.org) for tag in prompt.tags}
        schedule = Schedule.objects.for_org(demo.org).get()
    assert (own.name, own.domains) == ("Lumenboard", ["lumenboard.example"])
    assert len(demo.project.engines) == 4
    assert {"pricing", "alternatives"} <= tags
    assert (schedule.project_id, schedule.cadence, schedule.is_paused) == (demo.project.pk, "weekly", False)


def test_the_demo_is_made_once(db: None, local: Path) -> None:
    first, second = seed_demo(), seed_demo()
    assert first == second
    assert counted(second) == (1, 5, 20)
    assert Organization.objects.count() == 1


def test_the_password_signs_in_and_is_the_owners_secret(db: None, local: Path) -> None:
    demo = seed_demo()
    path = local / "demo_password"
    assert path.read_text() == demo.password
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Client().post("/accounts/login/", {"login": demo.email, "password": demo.password}).status_code == 302


def test_another_installation_has_another_password(db: None, local: Path) -> None:
    before = seed_demo()
    (local / "demo_password").unlink()
    after = seed_demo()
    assert after.password != before.password
    assert Client().login(email=after.email, password=after.password)


def test_what_people_changed_stays(db: None, local: Path) -> None:
    demo = seed_demo()
    with org_scope(demo.org):
        Prompt.objects.for_org(demo.org).first().delete()
        Project.objects.for_org(demo.org).update(name="Ours")
    again = seed_demo()
    assert counted(again) == (1, 5, 19)
    assert again.project.name == "Ours"
