"""Many prompts at once: pasted, or out of a CSV file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts import formats
from orgs.access import OrgRequest, org_view
from orgs.roles import Permission
from prompts import library
from prompts.csv_import import MAX_ROWS, ParsedPrompts, parse_csv
from prompts.forms import ImportForm, PasteForm
from prompts.views import READ_OR_POST, project_of, show_form

SHOWN_ERRORS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    required: bool
    help: str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLine:
    line: int
    message: str
    column: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of an imported file; `fatal` says why nothing of it was taken."""

    added: int = 0
    duplicates: int = 0
    errors: tuple[RefusedLine, ...] = ()
    errors_left_off: int = 0
    fatal: str = ""
    notices: tuple[str, ...] = ()

    @property
    def refused(self) -> int:
        return len(self.errors) + self.errors_left_off


COLUMNS = (
    Column(name="text", required=True, help=_lazy("The question as people ask it.")),
    Column(name="tags", required=False, help=_lazy("Separated by commas, in one cell.")),
    Column(name="country", required=False, help=_lazy("Two letters, as in DE. The project's where it is empty.")),
    Column(name="language", required=False, help=_lazy("As in de or pt-BR. The project's where it is empty.")),
    Column(name="branded", required=False, help=_lazy("yes where the question names your brand.")),
)


@org_view(Permission.PROMPTS_EDIT)
@require_http_methods(READ_OR_POST)
def prompts_paste(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    initial = {"country": project.country, "language": project.language}
    form = PasteForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        rows = [replace(row, tags=form.cleaned_data["tags"]) for row in form.parsed.rows]
        done = library.add_prompts(project, rows, actor=request.user)
        messages.success(request, _summary(done.added, done.already + len(form.parsed.duplicates)))
        return redirect("prompts", request.org.slug, project.slug)
    return show_form(request, "prompts/prompts_paste.html", {"project": project, "form": form, "nav": "prompts"})


@org_view(Permission.PROMPTS_EDIT)
@require_http_methods(READ_OR_POST)
def prompts_import(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    posted = request.method == "POST"
    form = ImportForm(request.POST, request.FILES) if posted else ImportForm()
    context = {"project": project, "form": form, "columns": COLUMNS, "limit": MAX_ROWS, "nav": "prompts"}
    if not form.is_valid():
        return show_form(request, "prompts/prompts_import.html", context)
    parsed = parse_csv(form.cleaned_data["file"], country=project.country, language=project.language)
    done = library.add_prompts(project, parsed.rows, actor=request.user)
    report = _report(parsed, done)
    return render(
        request, "prompts/prompts_import.html", {**context, "report": report}, status=422 if report.fatal else 200
    )


def _report(parsed: ParsedPrompts, done: library.Added) -> Report:
    fatal = next((error for error in parsed.errors if not parsed.rows and len(parsed.errors) == 1), None)
    if fatal and not parsed.duplicates:
        told = _("Line %(line)s: %(message)s") % {"line": fatal.line, "message": fatal.message}
        return Report(fatal=told if fatal.line else fatal.message, notices=tuple(parsed.notices))
    shown = islice(parsed.errors, SHOWN_ERRORS)
    return Report(
        added=done.added,
        duplicates=done.already + len(parsed.duplicates),
        errors=tuple(RefusedLine(line=error.line, message=error.message) for error in shown),
        errors_left_off=max(0, len(parsed.errors) - SHOWN_ERRORS),
        notices=tuple(parsed.notices),
    )


def _summary(added: int, already: int) -> str:
    done = ngettext("%(number)s prompt was added.", "%(number)s prompts were added.", added)
    said = done % {"number": formats.number(added)}
    if not already:
        return said
    there = ngettext("%(number)s was already there.", "%(number)s were already there.", already)
    return f"{said} {there % {'number': formats.number(already)}}"
