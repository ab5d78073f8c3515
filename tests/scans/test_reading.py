"""What a page writes in its reader's way, and what programs get in theirs."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.models import Project, Prompt
from scans.models import Answer, Scan

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
ENGINE = "openai:gpt-5-mini/web_search"


@pytest.fixture
def answer(org: Organization, project: Project, prompt: Prompt) -> Answer:
    same = {"org": org, "project": project}
    with org_scope(org):
        scan = Scan.objects.for_org(org).create(
            **same, source="command", engines=[ENGINE], total=1, status="done", created_at=NOON, finished_at=NOON
        )
        return Answer.objects.for_org(org).create(
            **same,
            scan=scan,
            prompt=prompt,
            prompt_text=prompt.text,
            engine=ENGINE,
            lane="sim-openai|openai:gpt-5-mini",
            turn=1,
            status="succeeded",
            text="Lumenboard.",
            cost=Decimal("1234.5"),
            input_tokens=12_345,
            finished_at=NOON,
        )


@pytest.fixture
def reader(member: User, client: Client) -> Client:
    User.objects.filter(pk=member.pk).update(language="de", time_zone="Asia/Tokyo", number_format="1 234,5")
    client.force_login(member)
    return client


def test_a_page_is_written_in_its_readers_way(reader: Client, answer: Answer) -> None:
    html = reader.get(reverse("answer", args=["acme", "lumenboard", answer.pk])).content.decode()
    assert '<time datetime="2026-01-15T12:00:00+00:00">15. Jan 2026, 21:00:00</time>' in html
    assert "1\u202f234,50\u00a0$" in html
    assert "12\u202f345" in html


def test_days_of_the_overview_are_the_readers(reader: Client, answer: Answer, org: Organization) -> None:
    with org_scope(org):
        late = datetime(2026, 1, 15, 20, 0, tzinfo=UTC)
        Scan.objects.for_org(org).filter(pk=answer.scan_id).update(created_at=late, finished_at=late)
    html = reader.get(reverse("project-overview", args=["acme", "lumenboard"])).content.decode()
    assert "1 Antwort, 16. Jan 2026." in html


def test_drawings_keep_their_decimal_points(reader: Client, answer: Answer) -> None:
    html = reader.get(reverse("project-overview", args=["acme", "lumenboard"])).content.decode()
    assert "<svg" in html
    drawn = [part.split('"', 1)[0] for name in ("x", "x1", "x2", "width", "d") for part in html.split(f' {name}="')[1:]]
    assert [value for value in drawn if "," in value] == []


def test_programs_get_plain_numbers_and_the_sites_own_zone(reader: Client, answer: Answer) -> None:
    response = reader.get(reverse("api-answer-detail", args=["acme", answer.pk]), headers={"accept-language": "de"})
    assert response.status_code == 200, response.content
    found = response.json()
    assert found["finished_at"] == "2026-01-15T12:00:00Z"
    assert Decimal(str(found["cost"])) == Decimal("1234.5")
    assert found["input_tokens"] == 12_345
