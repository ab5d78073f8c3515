"""The demo's first scan spends nothing: it asks simulated engines, and says what it left to the person to start."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orgs.scoping import org_scope
from prompts.credentials import EngineChoice, available_engines
from prompts.estimates import answer_cost
from prompts.models import Project, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstScan:
    """Keys of the engines to ask, and a line about those that would be billed; empty where none would."""

    engines: tuple[str, ...]
    warning: str


def first_scan(project: Project) -> FirstScan:
    with org_scope(project.org_id):
        chosen = [c for c in available_engines(project.org_id) if c.engine.key in project.engines and c.available]
        prompts = Prompt.objects.for_org(project.org_id).filter(project=project, is_active=True, archived_at=None)
        each = prompts.count() * project.samples
    real = [choice for choice in chosen if not choice.simulated]
    simulated = tuple(choice.engine.key for choice in chosen if choice.simulated)
    return FirstScan(engines=simulated, warning=_warning(real, answers=each) if real else "")


def _warning(real: Sequence[EngineChoice], *, answers: int) -> str:
    costs = [answer_cost(choice.engine) for choice in real]
    known = sum((cost for cost in costs if cost is not None), Decimal(0)) * answers
    about = "at a price unknown here" if None in costs else f"about ${known:.2f} a scan"
    labels = ", ".join(choice.engine.label for choice in real)
    return f"Left out of the first scan, as your key makes it real and billed ({about}): {labels}. Start it yourself."
