"""Forms about scans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from scans.launch import MAX_SAMPLES
from scans.models import Answer


class StartForm(forms.Form):
    samples = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_SAMPLES, label=_lazy("Answers per prompt and engine")
    )


class AnswerFilterForm(forms.Form):
    """Read from the query string. A value that makes no sense filters nothing."""

    q = forms.CharField(required=False, max_length=200, label=_lazy("Search prompts"))
    engine = forms.ChoiceField(required=False, label=_lazy("Engine"))
    status = forms.ChoiceField(
        required=False,
        label=_lazy("Status"),
        choices=[("", _lazy("All states")), *((s.value, s.label) for s in Answer.Status)],
    )

    def __init__(self, data: Any, *, engines: Iterable[tuple[str, str]]) -> None:
        super().__init__(data, auto_id="filter_%s")
        self.fields["engine"].choices = [("", _("All engines")), *engines]  # type: ignore[attr-defined]
        self.full_clean()

    @property
    def lookups(self) -> dict[str, str]:
        names = {"q": "prompt_text__icontains", "engine": "engine", "status": "status"}
        return {names[name]: value for name, value in self.cleaned_data.items() if value}
