"""Takes batches in, keeps them, and hands their results out, over the three protocols that have such endpoints."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from .batches import Entry, Fate, Job
from .exchange import Ask, Json, Operation, Refused, Trouble
from .faults import ENDINGS, Fault
from .wires import batching
from .wires.base import Incoming, Wire
from .wires.batching import Counter, Question, Shown, Verb, Visit

if TYPE_CHECKING:
    from .app import Simulator


class Desk:
    """The batches of one simulator since its last reset."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.jobs: dict[str, Job] = {}
        self.files: dict[str, bytes] = {}
        self.numbers = itertools.count(1)

    def read(self, wire: Wire, incoming: Incoming) -> Ask | None:
        """What somebody at the desk wants; None when the request is for somewhere else. Its key is checked."""
        counter = batching.COUNTERS.get(wire.provider)
        visit = counter.visit(incoming) if counter else None
        if counter is None or visit is None:
            return None
        key = counter.key(incoming)
        return Ask(
            provider=wire.provider,
            operation=Operation.BATCH,
            model="",
            key=key,
            prompt=visit.verb.value,  # for faults to match
            payload={"visit": visit},
        )

    def serve(self, ask: Ask) -> Json | bytes:
        visit: Visit = ask.payload["visit"]
        counter = batching.COUNTERS[ask.provider]
        if visit.verb is Verb.UPLOAD:
            name = f"file-{next(self.numbers):08d}"
            self.files[name] = counter.uploaded(visit.incoming)
            return counter.file(name, len(self.files[name]))
        if visit.verb is Verb.CREATE:
            return counter.job(self.shown(self._taken_in(ask, visit, counter)))
        if visit.verb is Verb.LIST:
            mine = [job for job in self.jobs.values() if (job.provider, job.key) == (ask.provider, ask.key)]
            return counter.listed([self.shown(job, results=False) for job in reversed(mine)])
        job = self._job(ask, visit.id)
        if visit.verb is Verb.CANCEL:
            job.cancel()
        if visit.verb is Verb.RESULTS:
            return counter.results(self.shown(job, results=True), visit)
        return counter.job(self.shown(job))

    def shown(self, job: Job, *, results: bool | None = None) -> Shown:
        """A job with its results where the protocol wants them inline."""
        counter = batching.COUNTERS[job.provider]
        wanted = job.ended and counter.inline if results is None else results and job.ended
        return Shown(
            job=job,
            fates=job.fates() if job.ended else {},
            lines=list(self._lines(job)) if wanted else [],
            noisy=self.simulator.options.batch_noise,
            metadata=self.simulator.options.batch_metadata,
        )

    def _job(self, ask: Ask, name: str) -> Job:
        job = self.jobs.get(name)
        if job is None or (job.provider, job.key) != (ask.provider, ask.key):
            raise Refused(Trouble.NOT_FOUND, f"No batch found with id '{name}'.", code="path")
        return job

    def _taken_in(self, ask: Ask, visit: Visit, counter: Counter) -> Job:
        questions = counter.questions(visit, self.files)
        if not questions or len({question.custom_id for question in questions}) < len(questions):
            raise Refused(Trouble.BAD_REQUEST, "Every request of a batch needs a custom_id of its own.")
        options = self.simulator.options
        entries = [self._entry(ask, question) for question in questions]
        job = Job(
            id=counter.name(next(self.numbers)),
            provider=ask.provider,
            key=ask.key,
            model=next((entry.ask.model for entry in entries if entry.ask), ""),
            entries=entries,
            seconds=options.batch_seconds,
            expires=options.batch_expires,
            **counter.labels(visit),
        )
        self.jobs[job.id] = job
        return job

    def _entry(self, ask: Ask, question: Question) -> Entry:
        """Checked, counted and perhaps doomed now; written when the results are read."""
        wire = self.simulator.wires[ask.provider]
        try:
            asked = replace(wire.read(question.incoming), batched=True)
            if not self.simulator.world.knows_model(asked.provider, asked.model):
                raise Refused(Trouble.NOT_FOUND)
        except Refused as refused:
            return Entry(question.custom_id, refused=refused)
        self.simulator.stats.tally(asked.provider, asked.model).batched += 1
        self.simulator.stats.prompt(asked).asked += 1
        rule = self.simulator.faults.draw(asked)
        entry = Entry(question.custom_id, asked, ordinal=self.simulator.ordinal(asked))
        if rule and isinstance(rule.kind, Trouble):
            entry.refused = Refused(rule.kind)
        elif rule and isinstance(rule.kind, Fault):
            entry.ending = ENDINGS.get(rule.kind)
        return entry

    def _lines(self, job: Job) -> Iterator[tuple[Entry, Fate, Json]]:
        wire = self.simulator.wires[job.provider]
        for place, entry in enumerate(job.entries):
            fate = job.fate(place)
            page: Json = {}
            if fate is Fate.ANSWERED and entry.ask:
                answer = self.simulator.written(entry.ask, ordinal=entry.ordinal, ending=entry.ending)
                page = orjson.loads(orjson.dumps(wire.page(entry.ask, answer)))
            elif fate is Fate.ERRORED and entry.refused:
                status, page = wire.error(entry.refused, ask=entry.ask, allowance=batching.FULL)
                page = {"status": status, "body": page}
            yield entry, fate, page
