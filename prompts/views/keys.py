"""An organization's provider keys: saved, replaced, removed, never shown again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import formats
from orgs.access import OrgRequest, org_view
from orgs.models import Organization
from orgs.roles import Permission
from prompts.credentials import (
    OWN_KEY_PROVIDERS,
    EngineChoice,
    RefusedKey,
    available_engines,
    batched_answers,
    remove_key,
    save_key,
)
from prompts.forms import KeyLimitsForm, ProviderKeyForm
from prompts.key_limits import FIGURES, limits_of, save_limits, source_of, tier_label
from prompts.llm.allowances import TIERS
from prompts.llm.types import Limits, Provider
from prompts.models import ProviderKey
from prompts.views import READ_OR_POST, show_confirm


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    provider_label: str
    source: str
    pk: int | None = None
    hint: str = ""
    base_url: str = ""
    added_at: datetime | None = None
    added_by: str = ""
    tier: str = ""
    limits: Limits | None = None
    batched: int = 0  # answers in batches that were sent with it

    @property
    def warning(self) -> str:
        return _warning(self.batched)


@sensitive_post_parameters("api_key")
@org_view(Permission.KEYS_MANAGE)
@require_http_methods(READ_OR_POST)
def provider_keys(request: OrgRequest) -> HttpResponse:
    form = ProviderKeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        provider = Provider(form.cleaned_data["provider"])
        try:
            save_key(request.org, provider=provider, api_key=form.cleaned_data["api_key"], actor=request.user)
        except RefusedKey as refused:
            form.add_error("api_key", refused.message)
        else:
            messages.success(
                request, _("The %(provider)s key was saved. The next scan uses it.") % {"provider": provider.label}
            )
            return redirect("provider-keys", request.org.slug)
    context = {"form": form, "keys": key_rows(request.org), "nav": "provider-keys"}
    return render(request, "orgs/provider_keys.html", context, status=422 if form.errors else 200)


@org_view(Permission.KEYS_MANAGE)
@require_http_methods(READ_OR_POST)
def provider_key_limits(request: OrgRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(ProviderKey.objects.for_org(request.org), pk=pk)
    provider = Provider(key.provider)
    initial = {"tier": key.tier, **{column: getattr(key, column) for column in FIGURES.values()}}
    form = KeyLimitsForm(request.POST if request.method == "POST" else None, initial=initial, provider=provider)
    if form.is_valid():
        save_limits(key, tier=form.cleaned_data["tier"], figures=form.figures, actor=request.user)
        messages.success(request, _("The limits of the %(provider)s key were saved.") % {"provider": provider.label})
        return redirect("provider-keys", request.org.slug)
    context = {
        "form": form,
        "provider": provider.label,
        "tiers": _tier_rows(provider),
        "source": source_of(provider),
        "nav": "provider-keys",
    }
    return render(request, "orgs/provider_key_limits.html", context, status=422 if form.errors else 200)


@org_view(Permission.KEYS_MANAGE)
@require_http_methods(READ_OR_POST)
def provider_key_delete(request: OrgRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(ProviderKey.objects.for_org(request.org), pk=pk)
    label = Provider(key.provider).label
    if request.method == "POST":
        remove_key(request.org, provider=key.provider, actor=request.user)
        messages.success(request, _("The %(provider)s key was removed.") % {"provider": label})
        return redirect("provider-keys", request.org.slug)
    sentence = _("Scans can ask %(provider)s only with a key of this installation. The key cannot be shown again.")
    warning = _warning(batched_answers(request.org.pk)[key.provider])
    return show_confirm(
        request,
        title=_("Remove the %(provider)s key?") % {"provider": label},
        sentence=f"{sentence % {'provider': label}} {warning}".strip(),
        verb=_("Remove key"),
        cancel_url=reverse("provider-keys", args=[request.org.slug]),
        nav="provider-keys",
    )


def key_rows(org: Organization) -> list[KeyRow]:
    """The organization's keys, then those of the installation that it uses without seeing them."""
    own = {row.provider: row for row in ProviderKey.objects.for_org(org).select_related("created_by")}
    batched = batched_answers(org.pk) if own else Counter[str]()
    rows = [
        _own_row(own[provider.value], batched=batched[provider.value])
        for provider in OWN_KEY_PROVIDERS
        if provider.value in own
    ]
    shared = {choice.engine.provider: choice for choice in available_engines(org.pk) if choice.available}
    others = [provider for provider in OWN_KEY_PROVIDERS if provider.value not in own and provider in shared]
    return rows + [_shared_row(shared[provider]) for provider in others]


def _warning(batched: int) -> str:
    """What becomes of answers that wait in batches sent with a key that is removed; nothing where none do."""
    if not batched:
        return ""
    return ngettext(
        "%(number)s answer waits in a batch sent with this key. The batch is stopped with it; if the answer has not"
        " come by then, it is asked anew and may be paid for twice.",
        "%(number)s answers wait in batches sent with this key. The batches are stopped with it; what they have not"
        " answered by then is asked anew and may be paid for twice.",
        batched,
    ) % {"number": formats.number(batched)}


def _own_row(key: ProviderKey, *, batched: int) -> KeyRow:
    return KeyRow(
        pk=key.pk,
        provider_label=Provider(key.provider).label,
        source="organization",
        hint=key.hint,
        added_at=key.created_at,
        added_by=key.created_by.display_name if key.created_by else "",
        tier=tier_label(key.tier) if key.tier else "",
        limits=limits_of(key),
        batched=batched,
    )


def _tier_rows(provider: Provider) -> list[tuple[str, Limits]]:
    return [(tier_label(name), limits) for name, limits in TIERS[provider].items()]


def _shared_row(choice: EngineChoice) -> KeyRow:
    source = "simulator" if choice.simulated else "environment"
    return KeyRow(provider_label=choice.engine.provider.label, source=source)
