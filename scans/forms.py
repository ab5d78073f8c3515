"""Forms about scans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from accounts.long_select import LongSelect
from prompts.llm.types import Provider
from scans import timetable
from scans.launch import MAX_SAMPLES
from scans.models import Answer, Schedule
from scans.overview import EngineName
from scans.schedule import MAX_JITTER, ScheduleFields, refuse_swallowing
from scans.timetable import MAX_EXPRESSION, zones


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


class ScheduleForm(forms.Form):
    """When a project is scanned by itself."""

    PLACED = ("cadence", "time_of_day", "weekday", "cron", "time_zone", "engines", "samples", "jitter_minutes")

    cadence = forms.ChoiceField(label=_lazy("How often"), choices=Schedule.Cadence.choices)
    time_of_day = forms.TimeField(
        label=_lazy("Time of day"),
        input_formats=["%H:%M", "%H:%M:%S"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    weekday = forms.TypedChoiceField(label=_lazy("Day of the week"), choices=Schedule.Weekday.choices, coerce=int)
    cron = forms.CharField(
        label=_lazy("Cron expression"),
        required=False,
        max_length=MAX_EXPRESSION,
        help_text=_lazy(
            "Five fields: minute, hour, day of the month, month, day of the week. For example: 0 2 * * 1-5"
        ),
    )
    time_zone = forms.ChoiceField(label=_lazy("Time zone"), widget=LongSelect(attrs={"data-combobox": ""}))
    engines = forms.MultipleChoiceField(
        label=_lazy("Engines"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "input"}),
        help_text=_lazy("None ticked: the project's engines at that time."),
    )
    samples = forms.IntegerField(
        label=_lazy("Answers per prompt and engine"),
        required=False,
        min_value=1,
        max_value=MAX_SAMPLES,
        help_text=_lazy("Empty: the project's number at that time."),
    )
    jitter_minutes = forms.IntegerField(
        label=_lazy("Spread, in minutes"),
        min_value=0,
        max_value=MAX_JITTER,
        help_text=_lazy("The scan starts at a fixed moment within so many minutes after its time, to spread the load."),
    )
    economy = forms.BooleanField(
        label=_lazy("Economy mode"),
        required=False,
        help_text=_lazy(
            "Cheaper, but may take hours: engines whose providers answer in batches are asked that way. What a"
            " batch has not answered in time is asked at once."
        ),
    )

    def __init__(self, data: Any, *, engines: Iterable[EngineName], initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        self._engines = list(engines)
        self.fields["engines"].choices = [(engine.key, engine.label) for engine in self._engines]  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = [(zone, zone.replace("_", " ")) for zone in sorted(zones())]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and given["cadence"] == Schedule.Cadence.CRON:
            try:
                table = timetable.parse(given["cron"], given["time_zone"])
                given["cron"] = table.expression
                refuse_swallowing(table, given["jitter_minutes"])
            except timetable.BadTimetable as bad:
                self.add_error(bad.field, str(bad))
        return given

    @property
    def more_fields(self) -> list[forms.BoundField]:
        """Those that have no place of their own on the page."""
        return [self[name] for name in self.fields if name not in self.PLACED]

    @property
    def own_engines(self) -> int:
        """How many are ticked."""
        return len(self["engines"].value() or [])

    @property
    def engines_by_provider(self) -> list[tuple[str, list[dict[str, Any]]]]:
        chosen, groups = set(self["engines"].value() or []), dict[str, list[dict[str, Any]]]()
        for engine in self._engines:
            row = {"key": engine.key, "label": engine.label, "surface": engine.surface_label}
            groups.setdefault(_provider(engine.key), []).append(row | {"chosen": engine.key in chosen})
        return list(groups.items())

    @property
    def fields_given(self) -> ScheduleFields:
        return ScheduleFields(**{**self.cleaned_data, "engines": tuple(self.cleaned_data["engines"])})


def _provider(engine: str) -> str:
    name = engine.partition(":")[0]
    return Provider(name).label if name in set(Provider) else name
