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

from orgs.scoping import OrgForeignKey, OrgModel
from prompts.csv_import import MAX_TEXT


class Project(OrgModel):
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60)
    country = models.CharField(max_length=2, blank=True, help_text="Default country of new prompts, as in DE.")
    language = models.CharField(max_length=20, blank=True, help_text="Default language of new prompts, as in de.")
    engines = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    samples = models.PositiveSmallIntegerField(default=1)
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
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["org", "provider"], name="prompts_providerkey_once")]

    def __str__(self) -> str:
        return f"{self.provider} \u2026{self.hint}"


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
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        indexes = [models.Index(fields=["org", "-created_at"], name="prompts_llmcall_recent")]

    def __str__(self) -> str:
        return f"{self.engine}: {self.outcome}"
