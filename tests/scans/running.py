"""Starting scans and running them in this process, as the worker does in its own."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from orgs.scoping import org_scope
from prompts import gateway
from prompts.models import Project
from scans import runner
from scans.launch import start_scan
from scans.models import Answer, Scan
from tests.cast import make_prompt

ENGINES = (
    "openai:gpt-5-mini/web_search",
    "anthropic:claude-haiku-4-5/web_search",
    "google:gemini-3.5-flash/web_search",
    "perplexity:sonar/web_search",
)


def add_prompts(project: Project, count: int) -> None:
    with org_scope(project.org_id):
        for number in range(count):
            make_prompt(project, f"Which project management tool is best for team {number}?", country="US")


def started(project: Project, **options: Any) -> Scan:
    with org_scope(project.org_id):
        return start_scan(project, source="browser", **options)


def run(*, budget_seconds: float = 30.0, stop: Callable[[], bool] = lambda: False) -> bool:
    async def once() -> bool:
        try:
            return await runner.run(budget_seconds=budget_seconds, stop=stop)
        finally:
            await gateway.close()

    return asyncio.run(once())


def reread(scan: Scan) -> Scan:
    with org_scope(scan.org_id):
        return Scan.objects.for_org(scan.org_id).get(pk=scan.pk)


def answers_of(scan: Scan) -> list[Answer]:
    with org_scope(scan.org_id):
        return list(Answer.objects.for_org(scan.org_id).filter(scan=scan).order_by("turn"))


def statuses(scan: Scan) -> Counter[str]:
    return Counter(answer.status for answer in answers_of(scan))


def engines_of(answers: Sequence[Answer]) -> list[str]:
    return [answer.engine for answer in answers]
