"""Operators' pages of what organizations track, their provider keys and the ledger. Projects: scans/admin.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.backstage import chosen
from orgs.admin import HistoryAdmin, TenantAdmin, actor
from orgs.scoping import org_scope
from prompts import brand_names, library
from prompts.credentials import remove_key
from prompts.llm.errors import ErrorKind
from prompts.llm.types import Provider
from prompts.models import (
    Brand,
    Budget,
    HourCost,
    HourMark,
    LlmCall,
    ProjectIcon,
    Prompt,
    ProviderKey,
    Spending,
    Suggestion,
)

if TYPE_CHECKING:
    Form = forms.ModelForm[Any]
else:
    Form = forms.ModelForm


class BrandNamesForm(Form):
    """The names and domains under the same rules as in the product: cleaned, and no other brand's."""

    aliases = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 4}), help_text=gettext_lazy("One a line.")
    )
    domains = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text=gettext_lazy("One a line.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("aliases", "domains"):
            self.initial[name] = "\n".join(getattr(self.instance, name))

    def clean_aliases(self) -> list[str]:
        try:
            return brand_names.clean_names(self.cleaned_data["aliases"], besides=self.instance.name)
        except brand_names.BrandError as error:
            raise forms.ValidationError(str(error)) from error

    def clean_domains(self) -> list[str]:
        try:
            return brand_names.clean_domains(self.cleaned_data["domains"])
        except brand_names.BrandError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                library.refuse_taken(self.instance.project, self.fields_given(given), brand=self.instance)
            except library.Taken as taken:
                self.add_error(taken.field if taken.field in self.fields else None, str(taken))
        return given

    def fields_given(self, given: dict[str, Any]) -> library.BrandFields:
        brand = self.instance
        return library.BrandFields(
            name=brand.name, is_own=brand.is_own, aliases=given["aliases"], domains=given["domains"]
        )


@admin.register(Brand)
class BrandAdmin(TenantAdmin):
    form = BrandNamesForm
    list_display = ("name", "project", "org", "is_own")
    list_filter = ("is_own",)
    list_select_related = ("project", "org")
    search_fields = ("name", "aliases", "project__name", "org__slug")
    editable = ("aliases", "domains")

    def save_model(self, request: HttpRequest, obj: Brand, form: Any, change: bool) -> None:
        with org_scope(obj.org_id):
            library.save_brand(obj.project, form.fields_given(form.cleaned_data), brand=obj, actor=actor(request))


@admin.register(Prompt)
class PromptAdmin(TenantAdmin):
    list_display = ("__str__", "project", "org", "country", "language", "is_active")
    list_filter = ("is_active", "is_branded", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("project", "org")
    search_fields = ("text", "project__name", "org__slug")
    editable = ("is_active",)


@admin.register(ProviderKey)
class ProviderKeyAdmin(TenantAdmin):
    """The key itself is nowhere to be seen; a leaked one can be deleted."""

    list_display = ("org", "provider", "hint", "tier", "requests_per_minute", "created_by", "created_at")
    list_filter = (chosen("provider", "provider", lambda: [(one.value, one.label) for one in Provider]),)
    list_select_related = ("org", "created_by")
    search_fields = ("org__name", "org__slug", "fingerprint")
    exclude = ("ciphertext", "uuid")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super(TenantAdmin, self).has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: ProviderKey) -> None:
        with org_scope(obj.org_id):
            remove_key(obj.org_id, provider=obj.provider, actor=actor(request))


@admin.register(ProjectIcon)
class ProjectIconAdmin(HistoryAdmin):
    list_display = ("project", "org")
    list_select_related = ("project", "org")
    search_fields = ("=org__slug", "project__name")
    exclude = ("png",)


@admin.register(Suggestion)
class SuggestionAdmin(HistoryAdmin):
    list_display = ("created_at", "project", "org", "kind", "status", "engine", "asked_by", "finished_at")
    list_filter = ("kind", "status", "simulated")
    list_select_related = ("project", "org", "asked_by")
    search_fields = ("=id", "=org__slug", "project__name")
    exclude = ("lease_token", "error", "error_values")
    readonly_fields = ("failure",)


def _outcomes() -> list[tuple[str, str]]:
    return [("ok", _("ok")), *((kind.value, kind.value) for kind in ErrorKind)]


@admin.register(LlmCall)
class LlmCallAdmin(HistoryAdmin):
    list_display = ("created_at", "org", "engine", "outcome", "attempt", "cost", "latency_ms", "reference")
    list_filter = (
        chosen("outcome", "outcome", _outcomes),
        chosen("provider", "provider", lambda: [(one.value, one.label) for one in Provider]),
        "simulated",
    )
    list_select_related = ("org",)
    search_fields = ("=id", "=reference", "=request_id", "=org__slug")


@admin.register(Budget)
class BudgetAdmin(HistoryAdmin):
    """Set by the organization's admins: it is their money."""

    list_display = ("org", "project", "money", "answers", "created_at")
    list_select_related = ("org", "project")
    search_fields = ("=org__slug", "project__name")


@admin.register(Spending)
class SpendingAdmin(HistoryAdmin):
    list_display = ("org", "project", "month", "money", "answers", "warned_at", "reached_at")
    list_filter = ("month",)
    list_select_related = ("org", "project")
    search_fields = ("=org__slug", "project__name")


@admin.register(HourCost)
class HourCostAdmin(HistoryAdmin):
    list_display = ("hour", "org", "project", "purpose", "engine", "calls", "unpriced", "cost")
    list_filter = ("simulated",)
    list_select_related = ("org", "project")
    search_fields = ("=org__slug", "project__name", "engine")


@admin.register(HourMark)
class HourMarkAdmin(HistoryAdmin):
    list_display = ("hour", "org")
    list_select_related = ("org",)
    search_fields = ("=org__slug",)
