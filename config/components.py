"""The living page of the design system, for staff: each piece in each state, drawn by the partials of the screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from orgs.charts import Chart, Point, Series

# Every one has a template of its name in templates/components/sections/.
SECTIONS = (
    ("colour", _("Colour")),
    ("type", _("Type, spacing, radius, elevation, motion")),
    ("button", _("Button")),
    ("field", _("Field, select and combobox")),
    ("message", _("Message and toast")),
    ("badge", _("Badge, status and menu")),
    ("stat", _("Stat with interval and n")),
    ("card", _("Card")),
    ("table", _("Table")),
    ("pagination", _("Pagination")),
    ("progress", _("Progress and skeleton")),
    ("tabs", _("Tabs")),
    ("dialog", _("Dialog and drawer")),
    ("chart", _("Chart")),
    ("code", _("Code, diff and text")),
)
COLOURS = (
    (_("Surfaces"), ("background", "card", "popover", "muted", "accent", "secondary", "sidebar", "field")),
    (_("Text and ink"), ("foreground", "muted-foreground", "primary", "ink", "ring")),
    (_("Lines"), ("border", "rule", "input", "track", "grid")),
    (_("Verdicts"), ("good", "good-soft", "warn", "warn-soft", "bad", "bad-soft", "busy", "busy-soft")),
    (_("Series of a chart"), ("series-1", "series-2", "series-3", "series-4", "series-5", "series-6", "other")),
)
COUNTRIES = ("", "Austria", "Brazil", "Canada", "Denmark", "France", "Germany", "Italy", "Japan", "Spain")
THEMES = ("light", "dark")
ENGINES = (
    ("GPT-5 mini", 0.42, 0.33, 0.51, 80),
    ("Claude Sonnet", 0.55, 0.44, 0.66, 80),
    ("Gemini Flash", 0.18, 0.10, 0.28, 76),
)
BRANDS = (
    ("Lumenboard", 0.34, 0.28, 0.41, 96),
    ("Chalkline", 0.29, 0.23, 0.36, 82),
    ("Boardwise", 0.12, 0.08, 0.17, 34),
)
DAYS = ("1 Oct 2026", "8 Oct 2026", "15 Oct 2026", "22 Oct 2026", "29 Oct 2026", "5 Nov 2026")
COURSES = (
    ("Lumenboard", (0.31, 0.33, None, 0.38, 0.42, 0.44)),
    ("Chalkline", (0.40, 0.38, 0.37, 0.36, 0.35, 0.33)),
    ("Boardwise", (0.12, 0.15, 0.14, 0.18, 0.17, 0.21)),
)


class SampleForm(forms.Form):
    """One of each control; bound to nothing it shows every error."""

    name = forms.CharField(label=_("Name"), help_text=_("As people say it."), initial="Lumenboard")
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    role = forms.ChoiceField(label=_("Select"), choices=[("", _("Choose")), ("admin", "Admin"), ("viewer", "Viewer")])
    country = forms.ChoiceField(
        label=_("Combobox"),
        choices=[(name, name or _("Any country")) for name in COUNTRIES],
        required=False,
        widget=forms.Select(attrs={"data-combobox": "", "data-none": _("Nothing matches")}),
    )
    agreed = forms.BooleanField(label=_("Checkbox"), help_text=_("What ticking it does."))
    several = forms.MultipleChoiceField(
        label=_("Several of a list"),
        choices=[(name, name) for name in COUNTRIES[1:5]],
        initial=COUNTRIES[1:2],
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "input"}),
    )
    locked = forms.CharField(label=_("Disabled"), required=False, disabled=True, initial="kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """An engine with its visibility, as the tables and figures of this page show it."""

    name: str
    estimate: Point

    @property
    def share(self) -> float:
        return self.estimate.value or 0.0


@require_safe
def components(request: HttpRequest) -> HttpResponse:
    """`?theme=` and `?dir=` show it in one theme or from right to left; `?sort=` sorts its table."""
    theme = request.GET.get("theme", "")
    context = {
        "sections": [(key, title, f"components/sections/{key}.html") for key, title in SECTIONS],
        "shown_theme": theme if theme in THEMES else "",
        "shown_direction": "rtl" if request.GET.get("dir") == "rtl" else "",
        "colours": COLOURS,
        "form": SampleForm(auto_id="sample_%s"),
        "wrong_form": SampleForm({}, auto_id="wrong_%s"),
        "rows": sample_rows(request.GET.get("sort", "")),
        **sample_pieces(),
    }
    return render(request, "components/page.html", context)


def sample_rows(sort: str) -> list[SampleRow]:
    rows = [SampleRow(name=name, estimate=point_of(name, *figures)) for name, *figures in ENGINES]
    column = "share" if sort.removeprefix("-") == "share" else "name"
    return sorted(rows, key=lambda row: getattr(row, column), reverse=sort.startswith("-"))


def sample_pieces() -> dict[str, Any]:
    """What partials take from their context."""
    return {
        "charts": [_engines_chart(), _brands_chart(), _course_chart()],
        "estimates": [row.estimate for row in sample_rows("")] + [point_of("Unknown", None, None, None, 0)],
        "page_between": {"next": "3", "previous": "1", "total": 240},
        "tabs": [
            {"key": "answers", "title": _("Answers"), "template": "components/sections/_answers.html"},
            {"key": "loading", "title": _("Loading"), "template": "components/_skeleton.html"},
        ],
        "command": "make screenshots\n.venv/bin/python manage.py demo --port 8000",
        "before": "Role: member\nName: Ann\nLanguage: en",
        "after": "Role: admin\nName: Ann\nLanguage: de",
    }


def point_of(label: str, *figures: Any, own: bool = False) -> Point:
    value, low, high, n = figures
    return Point(label=label, value=value, low=low, high=high, n=n, own=own)


def _engines_chart() -> Chart:
    points = [point_of(name, *figures, own=True) for name, *figures in ENGINES]
    return Chart(
        key="engines",
        title=str(_("Claude names Lumenboard most often")),
        subtitle=str(_("Visibility by engine, 95% interval, n 236, one scan of 5 Nov 2026.")),
        label=str(_("Engine")),
        measure=str(_("Visibility")),
        series=[Series(name="Lumenboard", points=points)],
    )


def _brands_chart() -> Chart:
    points = [point_of(name, *figures, own=name == "Lumenboard") for name, *figures in BRANDS]
    return Chart(
        key="brands",
        title=str(_("Lumenboard leads, but Chalkline is within its interval")),
        subtitle=str(_("Share of voice, 95% interval, n 236, one scan of 5 Nov 2026.")),
        label=str(_("Brand")),
        measure=str(_("Share of voice")),
        series=[Series(name=str(_("All brands")), points=points)],
    )


def _course_chart() -> Chart:
    def course(name: str, shares: tuple[float | None, ...]) -> Series:
        known = [
            (day, share, None, None) if share is None else (day, share, share - 0.06, share + 0.07)
            for day, share in zip(DAYS, shares, strict=True)
        ]
        return Series(name=name, points=[point_of(*figures, 80 if figures[1] is not None else 0) for figures in known])

    return Chart(
        key="course",
        kind="trend",
        title=str(_("Lumenboard overtook Chalkline in October")),
        subtitle=str(_("Visibility by scan, 95% interval, n 80 a scan, 1 Oct to 5 Nov 2026. One scan failed: a gap.")),
        label=str(_("Scan of")),
        measure=str(_("Visibility")),
        series=[course(name, shares) for name, shares in COURSES],
    )
