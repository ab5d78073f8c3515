"""Scans, the answers they ask for, and what was found in those."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from orgs.scoping import OrgForeignKey, OrgModel
from prompts.models import Brand, Project, Prompt


class Scan(OrgModel):
    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        PARTIAL = "partial", "Partly done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Source(models.TextChoices):
        BROWSER = "browser", "Browser"
        COMMAND = "command", "Command line"
        ADMIN = "admin", "Operator"
        API = "api", "API"
        SCHEDULE = "schedule", "Schedule"

    OPEN = (Status.QUEUED, Status.RUNNING)

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="scans")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    source = models.CharField(max_length=10, choices=Source.choices)
    engines = ArrayField(models.CharField(max_length=120))
    samples = models.PositiveSmallIntegerField(default=1)
    total = models.PositiveIntegerField(help_text="Answers asked for.")
    simulated = models.BooleanField(default=False)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(status__in=["queued", "running"]), name="scans_scan_one_open"
            ),
            models.CheckConstraint(condition=Q(total__gte=1), name="scans_scan_not_empty"),
        ]
        indexes = [models.Index(fields=["project", "-created_at"], name="scans_scan_recent")]

    def __str__(self) -> str:
        return f"Scan {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class Answer(OrgModel):
    """One prompt asked once of one engine. `lane` is credential x model; `turn` is the ordinal within the scan."""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        CLAIMED = "claimed", "Asking"
        SUCCEEDED = "succeeded", "Answered"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (Status.PENDING, Status.CLAIMED)

    scan = OrgForeignKey(Scan, on_delete=models.CASCADE, related_name="answers")
    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    prompt = OrgForeignKey(Prompt, on_delete=models.CASCADE, related_name="answers")
    prompt_text = models.TextField(help_text="The question as it was asked.")
    country = models.CharField(max_length=2, blank=True)
    language = models.CharField(max_length=20, blank=True)
    engine = models.CharField(max_length=120)
    sample = models.PositiveSmallIntegerField(default=1)
    lane = models.CharField(max_length=180)
    turn = models.PositiveIntegerField()

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Calls made.")
    lost_leases = models.PositiveSmallIntegerField(default=0, help_text="Workers that died holding it.")
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True)

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
                fields=["lane", "engine", "turn", "due_at"], condition=Q(status="pending"), name="scans_answer_due"
            ),
            models.Index(fields=["lease_until"], condition=Q(status="claimed"), name="scans_answer_leased"),
            models.Index(fields=["scan", "status"], name="scans_answer_by_scan"),
        ]

    def __str__(self) -> str:
        return f"Answer {self.pk} of {self.engine}"

    @property
    def is_truncated(self) -> bool:
        return self.finish_reason == "length"


class Mention(OrgModel):
    """One span of an answer that names a brand: offsets in code points of `Answer.text`, end exclusive."""

    answer = OrgForeignKey(Answer, on_delete=models.CASCADE, related_name="mentions")
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
        OWN = "own", "Own"
        COMPETITOR = "competitor", "Competitor"
        OTHER = "other", "Other"

    answer = OrgForeignKey(Answer, on_delete=models.CASCADE, related_name="citations")
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
