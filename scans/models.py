"""Scans, the answers they ask for, and what was found in those."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orgs.scoping import OrgForeignKey, OrgModel
from orgs.telling import Told, told
from prompts.models import Brand, Project, Prompt
from scans import timetable
from scans.timetable import Timetable

_LIVE, _BATCHED = Q(status="pending", batch_job=None), Q(status="pending", batch_job__isnull=False)


def values_of(name: str) -> models.JSONField[Any, Any]:
    """What a sentence beside it is filled with when somebody reads it (orgs/telling.py)."""
    return models.JSONField(default=dict, db_default={}, blank=True, help_text=f"What fills the {name}'s places.")


class Scan(OrgModel):
    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        PARTIAL = "partial", _("Partly done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Source(models.TextChoices):
        BROWSER = "browser", _("Browser")
        COMMAND = "command", _("Command line")
        ADMIN = "admin", _("Operator")
        API = "api", _("API")
        SCHEDULE = "schedule", _("Schedule")

    OPEN = (Status.QUEUED, Status.RUNNING)

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="scans")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    source = models.CharField(max_length=10, choices=Source.choices)
    engines = ArrayField(models.CharField(max_length=120))
    samples = models.PositiveSmallIntegerField(default=1)
    total = models.PositiveIntegerField(help_text="Answers asked for.")
    simulated = models.BooleanField(default=False)
    economy = models.BooleanField(default=False, db_default=False, help_text="Through the providers' batches.")
    batch = models.CharField(max_length=60, blank=True, editable=False, help_text="The slot of a schedule it fills.")
    budget_stop = models.JSONField(null=True, blank=True, editable=False, help_text="The budget that stopped it.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(status__in=["queued", "running"]), name="scans_scan_one_open"
            ),
            models.UniqueConstraint(fields=["org", "batch"], condition=~Q(batch=""), name="scans_scan_batch_once"),
            models.CheckConstraint(condition=Q(total__gte=1), name="scans_scan_not_empty"),
        ]
        indexes = [
            models.Index(fields=["project", "-created_at"], name="scans_scan_recent"),
            models.Index(fields=["finished_at"], name="scans_scan_ended"),
        ]

    def __str__(self) -> str:
        return f"Scan {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class Schedule(OrgModel):
    """When a project is scanned by itself. `next_slot_at` is the time it is due by its timetable, `next_start_at` a
    little later, so that the schedules of one minute do not all start at once; both empty while it is paused."""

    class Cadence(models.TextChoices):
        DAILY = "daily", _("Every day")
        WEEKLY = "weekly", _("Every week")
        CRON = "cron", _("By a cron expression")

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    cadence = models.CharField(max_length=10, choices=Cadence.choices, default=Cadence.DAILY)
    time_of_day = models.TimeField(default=time(2))
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices, default=Weekday.MONDAY)
    cron = models.CharField(max_length=100, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    engines = ArrayField(models.CharField(max_length=120), default=list, blank=True, help_text="Empty: the project's.")
    samples = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: the project's.")
    jitter_minutes = models.PositiveSmallIntegerField(default=10)
    economy = models.BooleanField(default=False, db_default=False, help_text="Through the providers' batches.")
    paused_at = models.DateTimeField(null=True, blank=True)
    next_slot_at = models.DateTimeField(null=True, blank=True)
    next_start_at = models.DateTimeField(null=True, blank=True)
    last_slot_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=300, blank=True, help_text="Why the last slot started no scan.")
    last_problem_values = values_of("last problem")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["project"], name="scans_schedule_one_a_project"),
            models.CheckConstraint(
                condition=Q(paused_at=None, next_slot_at__isnull=False, next_start_at__isnull=False)
                | Q(paused_at__isnull=False, next_slot_at=None, next_start_at=None),
                name="scans_schedule_due_unless_paused",
            ),
            models.CheckConstraint(
                condition=Q(samples=None) | Q(samples__gte=1, samples__lte=10), name="scans_schedule_samples"
            ),
            models.CheckConstraint(condition=~Q(cadence="cron", cron=""), name="scans_schedule_cron_given"),
        ]
        indexes = [
            models.Index(fields=["next_start_at"], condition=Q(next_start_at__isnull=False), name="scans_schedule_due")
        ]

    def __str__(self) -> str:
        return f"Schedule of project {self.project_id}"

    @property
    def failure(self) -> Told:
        return told(self.last_problem, self.last_problem_values)

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def timetable(self) -> Timetable:
        hour, minute = self.time_of_day.hour, self.time_of_day.minute
        if self.cadence == self.Cadence.DAILY:
            expression = timetable.daily(hour=hour, minute=minute)
        elif self.cadence == self.Cadence.WEEKLY:
            expression = timetable.weekly(weekday=self.weekday, hour=hour, minute=minute)
        else:
            expression = self.cron
        return timetable.parse(expression, self.time_zone)


class BatchJob(OrgModel):
    """Answers of one engine that are handed to its provider together. They stay pending meanwhile, due when the batch
    has had its time, so that whatever it does not answer is asked live. `next_poll_at` is when somebody looks after it
    again; whoever does puts it off and holds the `token` meanwhile."""

    class State(models.TextChoices):
        QUEUED = "queued", _("To be handed over")
        SUBMITTING = "submitting", _("Being handed over")
        WAITING = "waiting", _("With the provider")
        STOPPING = "stopping", _("Being stopped")
        COLLECTING = "collecting", _("Coming in")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN = (State.QUEUED, State.SUBMITTING, State.WAITING, State.STOPPING, State.COLLECTING)

    scan = OrgForeignKey(Scan, on_delete=models.CASCADE, related_name="batch_jobs")
    engine = models.CharField(max_length=120)
    lane = models.CharField(max_length=180)
    simulated = models.BooleanField(default=False)
    name = models.CharField(max_length=40, unique=True, help_text="What we call it at the provider.")
    batch_id = models.CharField(max_length=200, blank=True, help_text="What the provider calls it.")
    proven = models.BooleanField(default=True, help_text="False: found again after a crash by its time and size only.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    total = models.PositiveIntegerField(help_text="Answers handed over.")
    progress = models.PositiveIntegerField(null=True, blank=True, help_text="Answered so far, as the provider says.")
    answered = models.PositiveIntegerField(default=0, help_text="Answers that it brought.")
    cost = models.DecimalField(max_digits=18, decimal_places=8, default=0, help_text="USD, of what it brought.")
    saved = models.DecimalField(max_digits=18, decimal_places=8, default=0, help_text="USD less than asked live.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Failures in a row.")
    problem = models.CharField(max_length=300, blank=True)
    problem_values = values_of("problem")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    submitted_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(help_text="When it is stopped.")
    key_removed_at = models.DateTimeField(null=True, blank=True, help_text="When its key was taken away.")
    parting_key = models.BinaryField(null=True, editable=False)  # encrypted: to stop it with, forgotten at its end
    results_at = models.DateTimeField(null=True, blank=True, help_text="When its results were first there.")
    finished_at = models.DateTimeField(null=True, blank=True)
    next_poll_at = models.DateTimeField(null=True, blank=True)
    token = models.UUIDField(null=True, blank=True, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=["queued", "submitting", "waiting", "stopping", "collecting"],
                    next_poll_at__isnull=False,
                    finished_at=None,
                )
                | Q(state__in=["done", "failed", "cancelled"], next_poll_at=None, finished_at__isnull=False),
                name="scans_batchjob_looked_after",
            ),
            models.CheckConstraint(condition=Q(total__gte=1), name="scans_batchjob_not_empty"),
            models.CheckConstraint(condition=Q(finished_at=None) | Q(parting_key=None), name="scans_batchjob_parted"),
        ]
        indexes = [
            models.Index(
                fields=["next_poll_at"], condition=Q(next_poll_at__isnull=False), name="scans_batchjob_to_poll"
            ),
            models.Index(fields=["org", "created_at"], name="scans_batchjob_month"),
        ]

    def __str__(self) -> str:
        return f"Batch {self.name} of {self.engine}"

    @property
    def failure(self) -> Told:
        return told(self.problem, self.problem_values)

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class Answer(OrgModel):
    """One prompt asked once of one engine. `lane` is credential x model; `turn` is the ordinal within the scan."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        CLAIMED = "claimed", _("Asking")
        SUCCEEDED = "succeeded", _("Answered")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN = (Status.PENDING, Status.CLAIMED)

    scan = OrgForeignKey(Scan, on_delete=models.CASCADE, related_name="answers", db_index=False)  # by_scan has it
    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    prompt = OrgForeignKey(Prompt, on_delete=models.CASCADE, related_name="answers")
    prompt_text = models.TextField(help_text="The question as it was asked.")
    country = models.CharField(max_length=2, blank=True)
    language = models.CharField(max_length=20, blank=True)
    engine = models.CharField(max_length=120)
    sample = models.PositiveSmallIntegerField(default=1)
    lane = models.CharField(max_length=180)
    turn = models.PositiveIntegerField()
    batch_job = OrgForeignKey(
        "scans.BatchJob",
        null=True,
        blank=True,
        db_index=False,
        on_delete=models.DO_NOTHING,
        related_name="answers",
        help_text="The batch it was handed over with.",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Calls made.")
    lost_leases = models.PositiveSmallIntegerField(default=0, help_text="Workers that died holding it.")
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True)
    held_month = models.DateField(null=True, blank=True, editable=False, help_text="Whose budgets the claim counts in.")
    held_cost = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, blank=True, editable=False, help_text="What it may cost at most."
    )
    quota_month = models.DateField(null=True, editable=False)  # whose allowance it is of; none: the month it was made

    text = models.TextField(blank=True)
    model = models.CharField(max_length=120, blank=True, help_text="The model id that the provider says answered.")
    surface = models.CharField(max_length=20, blank=True)
    simulated = models.BooleanField(default=False)
    finish_reason = models.CharField(max_length=12, blank=True)
    searches = models.JSONField(default=list, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=120, blank=True)
    matcher_version = models.CharField(max_length=20, blank=True)
    error_kind = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=500, blank=True)
    error_values = values_of("error")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["scan", "prompt", "engine", "sample"], name="scans_answer_once"),
            models.CheckConstraint(
                condition=Q(status="claimed", lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(status="claimed") & Q(lease_token=None, lease_until=None)),
                name="scans_answer_lease_iff_claimed",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["succeeded", "failed", "cancelled"]) | Q(finished_at__isnull=False),
                name="scans_answer_finished_at",
            ),
            models.CheckConstraint(condition=~Q(status="failed") | ~Q(error_kind=""), name="scans_answer_failed_why"),
        ]
        indexes = [
            models.Index(
                fields=["lane", "engine", "org", "turn", "due_at"], condition=_LIVE, name="scans_answer_to_ask"
            ),
            models.Index(fields=["org", "lane"], condition=_BATCHED, name="scans_answer_in_batch"),
            models.Index(fields=["org", "lease_until"], condition=Q(status="claimed"), name="scans_answer_in_flight"),
            models.Index(
                fields=["org", "finished_at"],
                condition=Q(status="cancelled", held_month__isnull=False),
                name="scans_answer_held_late",
            ),
            models.Index(fields=["scan", "status"], name="scans_answer_by_scan"),
            models.Index(fields=["batch_job"], condition=Q(batch_job__isnull=False), name="scans_answer_by_batch_job"),
        ]

    def __str__(self) -> str:
        return f"Answer {self.pk} of {self.engine}"

    @property
    def failure(self) -> Told:
        return told(self.error, self.error_values)

    @property
    def is_truncated(self) -> bool:
        return self.finish_reason == "length"


class Mention(OrgModel):
    """One span of an answer that names a brand: offsets in code points of `Answer.text`, end exclusive."""

    answer = OrgForeignKey(Answer, on_delete=models.CASCADE, related_name="mentions", db_index=False)  # once has it
    brand = OrgForeignKey(Brand, on_delete=models.CASCADE, related_name="+")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    text = models.CharField(max_length=300)
    rank = models.PositiveSmallIntegerField(help_text="The brand's place by first mention in this answer.")
    matcher_version = models.CharField(max_length=20)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["answer", "start", "brand"], name="scans_mention_once"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="scans_mention_span"),
        ]

    def __str__(self) -> str:
        return f"{self.text} at {self.start}"


class Citation(OrgModel):
    """One URL that an answer cited or only retrieved. `brand` is whose domain it is, where it is a tracked brand's."""

    class Kind(models.TextChoices):
        OWN = "own", _("Own")
        COMPETITOR = "competitor", _("Competitor")
        OTHER = "other", _("Other")

    answer = OrgForeignKey(Answer, on_delete=models.CASCADE, related_name="citations", db_index=False)  # once has it
    brand = OrgForeignKey(Brand, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    url = models.TextField()
    normalized_url = models.TextField()
    domain = models.CharField(max_length=253, blank=True)
    title = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    position = models.PositiveSmallIntegerField()
    cited = models.BooleanField(default=True, help_text="Cited in the answer, not only looked at.")

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["answer", "position"], name="scans_citation_once")]

    def __str__(self) -> str:
        return self.normalized_url


class Rematch(OrgModel):
    """A project whose answers are looked through again because its brands changed: written with the change, deleted
    when both looks are through. The second is at what was stored around the change, when no runner has old brands."""

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    change = models.BigIntegerField(help_text="The last event that changed a brand.")
    changed_at = models.DateTimeField(default=timezone.now)
    second = models.BooleanField(default=False)
    after = models.BigIntegerField(default=0, help_text="The last answer that was looked through.")
    due_at = models.DateTimeField(default=timezone.now, help_text="When the sweep takes it up.")

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["org", "project"], name="scans_rematch_one_a_project")]
        indexes = [models.Index(fields=["due_at"], name="scans_rematch_due")]

    def __str__(self) -> str:
        return f"Rematch of project {self.project_id}"
