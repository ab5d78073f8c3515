"""How fast a running scan's engines are answering, for saying how long the rest takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from scans.models import Answer

WINDOW = timedelta(minutes=10)  # what is longer ago tells of another time: a pause, or a worker that was away
ENOUGH = 3  # answers; fewer tell nothing


def paces_of(answers: QuerySet[Answer], *, due: Mapping[str, datetime]) -> dict[str, float]:
    """Engine -> answers a second lately, for those of which enough has ended to tell. `due` names the engines that are
    still asked, with the time of their oldest open answer: a scan that was retried or resumed counts from there. One
    query."""
    now = timezone.now()
    since = {engine: max(at, now - WINDOW) for engine, at in due.items() if at < now}
    if not since:
        return {}
    lately = [Q(engine=engine, finished_at__gte=start) for engine, start in since.items()]
    ended = answers.filter(reduce(or_, lately)).values("engine").annotate(count=Count("pk"))
    return {
        row["engine"]: row["count"] / (now - since[row["engine"]]).total_seconds()
        for row in ended
        if row["count"] >= ENOUGH
    }
