"""Projects, the brands and prompts they track, provider keys, and the ledger of calls to models."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orgs.scoping import OrgForeignKey, OrgModel
from orgs.telling import Told, told
from prompts.csv_import import MAX_TEXT


class Project(OrgModel):
    """`setup_step` is where its guided setup goes on, empty once that is over; `icon_digest` names `ProjectIcon`."""

    class SetupStep(models.TextChoices):
        BRAND = "brand", _("Brand")
        COMPETITORS = "competitors", _("Competitors")
        PROMPTS = "prompts", _("Prompts")
        ENGINES = "engines", _("Engines")
        SCAN = "scan", _("First scan")

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60)
    country = models.CharField(max_length=2, blank=True, help_text="Default country of new prompts, as in DE.")
    language = models.CharField(max_length=20, blank=True, help_text="Default language of new prompts, as in de.")
    engines = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    samples = models.PositiveSmallIntegerField(default=1)
    website = models.CharField(max_length=253, blank=True)
    description = models.CharField(max_length=600, blank=True, help_text="What the company offers, and to whom.")
    setup_step = models.CharField(max_length=12, choices=SetupStep.choices, blank=True)
    icon_digest = models.CharField(max_length=16, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["org", "slug"], name="prompts_project_slug_uniq"),
            models.CheckConstraint(condition=~Q(name=""), name="prompts_project_named"),
            models.CheckConstraint(condition=Q(samples__gte=1, samples__lte=10), name="prompts_project_samples"),
        ]

    def __str__(self) -> str:
        return self.name


class ProjectIcon(OrgModel):
    """The brand's own icon, drawn anew by us as a small PNG: a table of its own, as few pages need it."""

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    png = models.BinaryField(editable=False)

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["project"], name="prompts_projecticon_one")]

    def __str__(self) -> str:
        return f"Icon of project {self.project_id}"


class Brand(OrgModel):
    """The project's own brand or a competitor. `aliases` and `domains` hold further names and registrable hosts."""

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="brands")
    name = models.CharField(max_length=100)
    aliases = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    is_own = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        ordering = ["-is_own", "name"]
        constraints = [
            models.UniqueConstraint("project", Lower("name"), name="prompts_brand_name_uniq"),
            models.UniqueConstraint(fields=["project"], condition=Q(is_own=True), name="prompts_brand_one_own"),
            models.CheckConstraint(condition=~Q(name=""), name="prompts_brand_named"),
        ]

    def __str__(self) -> str:
        return self.name


class Prompt(OrgModel):
    """A tracked question. `key` is its normalised form: the same question is tracked once per country and language."""

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="prompts")
    text = models.CharField(max_length=MAX_TEXT)
    key = models.CharField(max_length=64, editable=False)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    country = models.CharField(max_length=2, blank=True)
    language = models.CharField(max_length=20, blank=True)
    is_branded = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["project", "key"], condition=Q(archived_at=None), name="prompts_prompt_key_uniq"
            ),
            models.CheckConstraint(condition=~Q(text=""), name="prompts_prompt_has_text"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], condition=Q(archived_at=None), name="prompts_prompt_page"),
            GinIndex(fields=["tags"], name="prompts_prompt_tags"),
        ]

    def __str__(self) -> str:
        return self.text if len(self.text) <= 80 else f"{self.text[:79]}\u2026"


class ProviderKey(OrgModel):
    """An organization's own key, encrypted and bound to this row by `uuid`. Never shown again: `hint` is its end."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.CharField(max_length=20)
    ciphertext = models.BinaryField(editable=False)
    fingerprint = models.CharField(max_length=32, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    tier = models.CharField(max_length=20, blank=True, help_text="The account's tier at the provider, as in tier-2.")
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="Instead of the tier's.")
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="Instead of the tier's.")
    requests_per_day = models.PositiveIntegerField(null=True, blank=True, help_text="Instead of the tier's.")
    tokens_per_day = models.PositiveBigIntegerField(null=True, blank=True, help_text="Instead of the tier's.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["org", "provider"], name="prompts_providerkey_once"),
            models.CheckConstraint(
                condition=~Q(requests_per_minute=0)
                & ~Q(tokens_per_minute=0)
                & ~Q(requests_per_day=0)
                & ~Q(tokens_per_day=0),
                name="prompts_providerkey_limits_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} \u2026{self.hint}"


class Suggestion(OrgModel):
    """What was offered to somebody who sets a project up: what its site says, competitors, or prompts. Looked up or
    asked for once, by a worker; `result` is a list of plain values, cleaned, that nobody has agreed to yet."""

    class Kind(models.TextChoices):
        SITE = "site", _("Site")
        COMPETITORS = "competitors", _("Competitors")
        PROMPTS = "prompts", _("Prompts")

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Asking")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    OPEN = (Status.QUEUED, Status.RUNNING)

    project = OrgForeignKey(Project, on_delete=models.CASCADE, related_name="suggestions")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    engine = models.CharField(max_length=120, blank=True, help_text="Empty where no engine is asked.")
    simulated = models.BooleanField(default=False)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=list, blank=True)
    error = models.CharField(max_length=500, blank=True)
    error_values = models.JSONField(default=dict, db_default={}, blank=True, help_text="What fills the error's places.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind"],
                condition=Q(status__in=["queued", "running"]),
                name="prompts_suggestion_one_open",
            ),
            models.CheckConstraint(
                condition=Q(status="running", lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(status="running") & Q(lease_token=None, lease_until=None)),
                name="prompts_suggestion_lease_iff_running",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "kind", "-id"], name="prompts_suggestion_latest"),
            models.Index(
                fields=["created_at"], condition=Q(status__in=["queued", "running"]), name="prompts_suggestion_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for project {self.project_id}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def failure(self) -> Told:
        return told(self.error, self.error_values)


class LlmCall(OrgModel):
    """The ledger: one attempt at one call to a model. `outcome` is `ok` or an error kind; unknown cost is null."""

    project = OrgForeignKey(Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    purpose = models.CharField(max_length=30)
    engine = models.CharField(max_length=120)
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=120)
    credential = models.CharField(max_length=40)
    simulated = models.BooleanField(default=False)
    reference = models.CharField(max_length=60, blank=True, help_text="What asked, as in answer:17.")
    attempt = models.PositiveSmallIntegerField(default=1)
    outcome = models.CharField(max_length=20)
    request_id = models.CharField(max_length=120, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    searches = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    latency_ms = models.PositiveIntegerField(default=0)
    batched = models.BooleanField(default=False, db_default=False, help_text="Asked through a provider's batch.")
    saved = models.DecimalField(
        max_digits=14, decimal_places=8, default=0, db_default=0, help_text="USD less than asked live."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        indexes = [models.Index(fields=["org", "-created_at"], name="prompts_llmcall_recent")]

    def __str__(self) -> str:
        return f"{self.engine}: {self.outcome}"


class Budget(OrgModel):
    """The most that a project, or the whole organization where `project` is empty, may spend in a calendar month (UTC):
    money in USD, answers that came in, or both."""

    project = OrgForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    money = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True, help_text="USD a month.")
    answers = models.PositiveBigIntegerField(null=True, blank=True, help_text="Answers a month.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["org", "project"], name="prompts_budget_once", nulls_distinct=False),
            models.CheckConstraint(
                condition=Q(money__isnull=False) | Q(answers__isnull=False), name="prompts_budget_limits_something"
            ),
            models.CheckConstraint(condition=Q(money=None) | Q(money__gte=0), name="prompts_budget_money"),
        ]

    def __str__(self) -> str:
        return f"Budget of project {self.project_id}" if self.project_id else "Budget of the organization"


class Spending(OrgModel):
    """What one calendar month (UTC) cost so far, by project and, where `project` is empty, in the whole organization.
    What claimed answers hold is not in it: that is told by the answers themselves."""

    project = OrgForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    month = models.DateField(help_text="First day of the month.")
    answers = models.PositiveBigIntegerField(default=0)
    money = models.DecimalField(
        max_digits=18, decimal_places=8, default=0, help_text="USD, as far as prices are known."
    )
    warned_at = models.DateTimeField(null=True, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["org", "project", "month"], name="prompts_spending_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.money} USD, {self.answers} answers"


class HourCost(OrgModel):
    """The ledger summed up by hour (UTC), made anew from it whenever an hour is marked. `unpriced` counts calls that
    were answered and whose price nobody knows."""

    project = OrgForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    purpose = models.CharField(max_length=30)
    engine = models.CharField(max_length=120)
    simulated = models.BooleanField(default=False)
    calls = models.PositiveIntegerField()
    answered = models.PositiveIntegerField()
    unpriced = models.PositiveIntegerField()
    input_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    searches = models.PositiveBigIntegerField()
    cost = models.DecimalField(max_digits=18, decimal_places=8, help_text="USD, as far as prices are known.")
    batched = models.PositiveIntegerField(db_default=0, help_text="Answered through a provider's batch.")
    batched_cost = models.DecimalField(max_digits=18, decimal_places=8, db_default=0, help_text="Part of the cost.")
    saved = models.DecimalField(max_digits=18, decimal_places=8, db_default=0, help_text="USD less than asked live.")

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["org", "hour", "project", "purpose", "engine", "simulated"],
                name="prompts_hourcost_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.engine} at {self.hour:%Y-%m-%d %H}: {self.cost} USD"


class HourMark(OrgModel):
    """An hour of the ledger that something was added to since it was last summed up. Only ever added and removed: a
    writer waits for nobody, and an hour marked while it is being summed up stays marked."""

    hour = models.DateTimeField()

    class Meta(OrgModel.Meta):
        indexes = [models.Index(fields=["org", "hour"], name="prompts_hourmark_of_org")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}"
