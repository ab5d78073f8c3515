"""An organization with as many rows of everything as asked for, written straight into the tables."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from orgs.founding import found_organization
from orgs.logos import set_logo
from orgs.models import Invitation, Membership, Organization, WebhookDelivery
from orgs.roles import Role
from orgs.scoping import org_scope
from orgs.webhooks.endpoints import EndpointFields
from orgs.webhooks.endpoints import add as add_endpoint
from prompts.costs import sum_up
from prompts.credentials import save_key
from prompts.ledger import Entry, book
from prompts.models import Brand, Budget, Project, Prompt, ProviderKey
from prompts.prompt_text import prompt_key
from scans.models import Answer, Citation, Mention, Scan

ENGINES = (
    "openai:gpt-5-mini/web_search",
    "anthropic:claude-haiku-4-5/web_search",
    "google:gemini-3.5-flash/web_search",
    "perplexity:sonar/web_search",
)
NAMED, CITED = 3, 5


@dataclass(frozen=True, kw_only=True)
class Filled:
    """`arguments` are those of the addresses, `<kind>_pk` standing for `pk`."""

    email: str
    arguments: dict[str, Any]


def fill(size: int, *, slug: str) -> Filled:
    user = User.objects.create_user(f"owner@{slug}.example", "a long enough secret", name="Owner")
    org = found_organization(user, name=slug)
    with transaction.atomic(), org_scope(org):
        _members(org, size - 1)
        project = _projects(org, size)
        brands = _brands(project, size)
        prompts = _prompts(project, size)
        scan = _scans(project, size)
        answers = _answers(scan, prompts, size)
        _mentions(answers, brands)
        _citations(answers)
        save_key(org, provider="openai", api_key="sk-never-used", actor=user)
        key = ProviderKey.objects.for_org(org).get()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does within a minute of so many rows
    pks = {"brand_pk": brands[1].pk, "prompt_pk": prompts[0].pk, "scan_pk": scan.pk, "answer_pk": answers[0].pk}
    pks["provider-key_pk"] = key.pk
    with transaction.atomic(), org_scope(org):
        pks |= _people(org, user, size) | _webhook(org, user, size)
        _ledger(org, size)
        _budgets(org)
    sum_up()
    known = {"org_slug": org.slug, "project_slug": project.slug, "digest": org.logo_digest, "step": "brand"}
    return Filled(email=user.email, arguments={**known, **pks})


def _people(org: Organization, owner: User, count: int) -> dict[str, int]:
    set_logo(org, b"picture", actor=owner)
    soon = timezone.now() + timedelta(days=7)
    rows = [
        Invitation(org=org, email=f"new-{number}@{org.slug}.example", role=Role.MEMBER, invited_by=owner)
        for number in range(count)
    ]
    for row in rows:
        row.token_digest, row.sent_at, row.expires_at = row.email, timezone.now(), soon
    Invitation.objects.for_org(org).bulk_create(rows)
    return {
        "member_pk": Membership.objects.for_org(org).exclude(user=owner).earliest("pk").pk,
        "invitation_pk": rows[0].pk,
    }


def _webhook(org: Organization, owner: User, count: int) -> dict[str, int]:
    fields = EndpointFields(url="https://93.184.215.14/hooks", events=("scan.finished",), description="Reports")
    endpoint, _secret = add_endpoint(org, fields, actor=owner)
    now = timezone.now()
    rows = [
        WebhookDelivery(
            org=org,
            endpoint=endpoint,
            type="ping",
            body="{}",
            status="succeeded",
            attempts=1,
            code=200,
            finished_at=now,
        )
        for _ in range(count)
    ]
    deliveries = WebhookDelivery.objects.for_org(org).bulk_create(rows)
    return {"webhook_pk": endpoint.pk, "webhook-delivery_pk": deliveries[0].pk}


def _ledger(org: Organization, count: int) -> None:
    """A call an hour, back from now, in turn for every project and engine."""
    projects, now = list(Project.objects.for_org(org)), timezone.now()
    entries = [
        Entry(
            org_id=org.pk,
            at=now - timedelta(hours=number),
            fields={
                "project_id": projects[number % len(projects)].pk,
                "purpose": "scan",
                "engine": ENGINES[number % len(ENGINES)],
                "provider": ENGINES[number % len(ENGINES)].partition(":")[0],
                "model": "model",
                "credential": "shared",
                "outcome": "ok",
                "input_tokens": 20,
                "output_tokens": 400,
                "cost": Decimal("0.001"),
            },
        )
        for number in range(count)
    ]
    book(org.pk, entries)


def _budgets(org: Organization) -> None:
    rows = [Budget(org=org, project=project, answers=10_000) for project in Project.objects.for_org(org)]
    Budget.objects.for_org(org).bulk_create([Budget(org=org, money=Decimal(100)), *rows])


def _members(org: Organization, count: int) -> None:
    users = [User(email=f"member-{number}@{org.slug}.example", name=f"Member {number}") for number in range(count)]
    User.objects.bulk_create(users)
    rows = [Membership(org=org, user=user, role=Role.MEMBER) for user in users]
    Membership.objects.for_org(org).bulk_create(rows)


def _projects(org: Organization, count: int) -> Project:
    rows = [
        Project(org=org, name=f"Project {number}", slug=f"project-{number}", engines=list(ENGINES))
        for number in range(count)
    ]
    return Project.objects.for_org(org).bulk_create(rows)[0]


def _brands(project: Project, count: int) -> list[Brand]:
    rows = [
        Brand(
            org_id=project.org_id,
            project=project,
            name=f"Brand {number}",
            aliases=[f"The Brand {number}"],
            domains=[f"brand-{number}.example"],
            is_own=number == 0,
        )
        for number in range(count)
    ]
    return Brand.objects.for_org(project.org_id).bulk_create(rows)


def _prompts(project: Project, count: int) -> list[Prompt]:
    texts = [f"Which of the tools is the best one for team number {number}?" for number in range(count)]
    rows = [
        Prompt(
            org_id=project.org_id,
            project=project,
            text=text,
            key=prompt_key(text, "US", "en"),
            tags=["discovery", f"tag {number % 20}"],
            country="US",
            language="en",
        )
        for number, text in enumerate(texts)
    ]
    return Prompt.objects.for_org(project.org_id).bulk_create(rows)


def _scans(project: Project, count: int) -> Scan:
    """The last of them is the latest; it has the answers."""
    rows = [
        Scan(
            org_id=project.org_id,
            project=project,
            status=Scan.Status.DONE,
            source=Scan.Source.SCHEDULE,
            engines=list(ENGINES),
            total=count,
            simulated=True,
            finished_at=timezone.now(),
        )
        for _ in range(count)
    ]
    return Scan.objects.for_org(project.org_id).bulk_create(rows)[-1]


def _answers(scan: Scan, prompts: list[Prompt], count: int) -> list[Answer]:
    """As many as there are prompts; every tenth failed."""
    rows = [_answer(scan, prompts[turn], turn=turn) for turn in range(count)]
    return Answer.objects.for_org(scan.org_id).bulk_create(rows)


def _answer(scan: Scan, prompt: Prompt, *, turn: int) -> Answer:
    failed = turn % 10 == 9
    engine = ENGINES[turn % len(ENGINES)]
    outcome = (
        {"status": "failed", "error_kind": "server", "error": "The provider had an error of its own."}
        if failed
        else {"status": "succeeded", "text": f"**Brand {turn}** is a solid choice.\n\n" * 20, "finish_reason": "stop"}
    )
    return Answer(
        org_id=scan.org_id,
        scan=scan,
        project_id=scan.project_id,
        prompt=prompt,
        prompt_text=prompt.text,
        engine=engine,
        lane=f"sim|{engine}",
        turn=turn,
        latency_ms=2_000,
        finished_at=timezone.now(),
        **outcome,
    )


def _mentions(answers: list[Answer], brands: list[Brand]) -> None:
    rows = [
        Mention(
            org_id=answer.org_id,
            answer=answer,
            brand=brands[(answer.turn + rank) % len(brands) if rank else 0],
            start=rank * 10 + 2,
            end=rank * 10 + 9,
            kind="name",
            text="Brand",
            rank=rank + 1,
            matcher_version="1",
        )
        for answer in answers
        if answer.text
        for rank in range(NAMED)
    ]
    Mention.objects.for_org(answers[0].org_id).bulk_create(rows, batch_size=2_000)


def _citations(answers: list[Answer]) -> None:
    rows = [
        Citation(
            org_id=answer.org_id,
            answer=answer,
            url=f"https://site-{answer.turn % 200}.example/page-{position}",
            normalized_url=f"https://site-{answer.turn % 200}.example/page-{position}",
            domain=f"site-{answer.turn % 200}.example",
            title=f"Page {position}",
            kind=Citation.Kind.OTHER,
            position=position,
        )
        for answer in answers
        if answer.text
        for position in range(1, CITED + 1)
    ]
    Citation.objects.for_org(answers[0].org_id).bulk_create(rows, batch_size=2_000)
