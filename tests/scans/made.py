"""Finished scans, written straight into the tables."""

from typing import Any

from django.utils import timezone

from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from scans.models import Answer, Citation, Mention, Scan

ENGINE = "openai:gpt-5-mini/web_search"
# What a scan keeps of the budget that stopped it.
STOP = {
    "project": None,
    "project_name": "",
    "limit": "answers",
    "amount": "2",
    "month": "2026-11-01",
    "starts_anew": "2026-12-01",
}


def make_scan(project: Project, *, status: str = "done", total: int = 1, **fields: Any) -> Scan:
    given = {"source": "browser", "engines": [ENGINE], "simulated": True, **fields}
    if status not in Scan.OPEN:
        given.setdefault("finished_at", timezone.now())
    with org_scope(project.org_id):
        return Scan.objects.for_org(project.org_id).create(
            org_id=project.org_id, project=project, status=status, total=total, **given
        )


def make_answer(scan: Scan, prompt: Prompt, *, names: tuple[Brand, ...] = (), **fields: Any) -> Answer:
    """An answer that names `names`, in that order; finished unless `status` says otherwise."""
    org_id, status = scan.org_id, fields.pop("status", "succeeded")
    with org_scope(org_id):
        turn = Answer.objects.for_org(org_id).filter(scan=scan).count() + 1
        text = fields.pop("text", " and ".join(brand.name for brand in names) or "Nobody in particular.")
        given = {
            "engine": ENGINE,
            "lane": "sim-openai|openai:gpt-5-mini",
            "sample": turn,
            "text": text if status == "succeeded" else "",
            "finished_at": None if status in Answer.OPEN else timezone.now(),
            **fields,
        }
        answer = Answer.objects.for_org(org_id).create(
            org_id=org_id,
            scan=scan,
            project_id=scan.project_id,
            prompt=prompt,
            prompt_text=prompt.text,
            turn=turn,
            status=status,
            **given,
        )
        for rank, brand in enumerate(names, 1):
            _mention(answer, brand, rank=rank)
    return answer


def make_citation(answer: Answer, domain: str, *, kind: str = "other", brand: Brand | None = None) -> Citation:
    with org_scope(answer.org_id):
        rows = Citation.objects.for_org(answer.org_id)
        url = f"https://{domain}/page"
        return rows.create(
            org_id=answer.org_id,
            answer=answer,
            brand=brand,
            url=url,
            normalized_url=url,
            domain=domain,
            title=f"Page of {domain}",
            kind=kind,
            position=rows.filter(answer=answer).count() + 1,
        )


def _mention(answer: Answer, brand: Brand, *, rank: int) -> None:
    start = answer.text.index(brand.name)
    Mention.objects.for_org(answer.org_id).create(
        org_id=answer.org_id,
        answer=answer,
        brand=brand,
        start=start,
        end=start + len(brand.name),
        kind="name",
        text=brand.name,
        rank=rank,
        matcher_version="1",
    )
