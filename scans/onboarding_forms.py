"""Forms of the guided setup: the brand, and rows of suggestions of which somebody keeps some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.forms.utils import ErrorDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from prompts.brand_names import clean_domain, clean_name
from prompts.csv_import import PromptRow, parse_paste
from prompts.forms import TextField
from prompts.library import BrandFields
from prompts.models import Project
from prompts.prompt_text import PromptTextError, clean_country, clean_language, clean_tags, clean_text
from prompts.suggested import MAX_COMPETITORS, MAX_PROMPTS
from scans.hosts import registrable_domain
from scans.onboarding import BrandDetails

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

OWN_ROWS = 3
MAX_DESCRIPTION = 600
MAX_OWN_PROMPTS = 100

T = TypeVar("T")


def if_given(clean: Callable[[str], Any], *, blank: Any = "") -> Callable[[str], Any]:
    return lambda value: clean(value) if value.strip() else blank


def name_of(domain: str) -> str:
    """What a brand is probably called whose domain this is."""
    label = registrable_domain(domain).partition(".")[0] or domain.partition(".")[0]
    return label.replace("-", " ").capitalize()


def _description(value: str) -> str:
    text = clean_text(value)
    if len(text) > MAX_DESCRIPTION:
        raise PromptTextError(
            _("The text has %(length)d characters; at most %(most)d are allowed.")
            % {"length": len(text), "most": MAX_DESCRIPTION}
        )
    return text


def _website() -> forms.Field:
    return TextField(
        cleaner=if_given(clean_domain),
        required=False,
        max_length=2_000,
        label=_lazy("Website"),
        help_text=_lazy("As in example.com. Its title, description and icon are read once."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "url", "spellcheck": "false"}),
    )


def _name(*, required: bool) -> forms.Field:
    clean = clean_name if required else if_given(clean_name)
    attrs = {"autocomplete": "organization"}
    return TextField(
        cleaner=clean,
        required=required,
        max_length=400,
        label=_lazy("Brand name"),
        help_text=_lazy("As buyers and assistants write it."),
        widget=forms.TextInput(attrs=attrs),
    )


class _MarketForm(forms.Form):
    country = TextField(
        cleaner=clean_country,
        required=False,
        max_length=20,
        label=_lazy("Country of your buyers"),
        help_text=_lazy("Two letters, as in DE. Assistants answer differently in other countries."),
    )
    language = TextField(
        cleaner=clean_language,
        required=False,
        max_length=40,
        label=_lazy("Their language"),
        help_text=_lazy("As in de or pt-BR. Prompts are suggested in it."),
    )


class StartForm(_MarketForm):
    """The name may be left out where there is a site: it is then made of the domain."""

    website = _website()
    name = _name(required=False)
    field_order = ("website", "name", "country", "language")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors and not given["name"]:
            if not given["website"]:
                raise forms.ValidationError(_("Type the brand's name or its website."))
            given["name"] = name_of(given["website"])
        return given

    @property
    def details(self) -> BrandDetails:
        return BrandDetails(**self.cleaned_data)


class BrandStepForm(_MarketForm):
    name = _name(required=True)
    website = _website()
    description = TextField(
        cleaner=if_given(_description),
        required=False,
        max_length=4_000,
        label=_lazy("What it offers, and to whom"),
        help_text=_lazy("One or two sentences. Competitors and prompts are suggested from them."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    use_icon = forms.BooleanField(required=False, label=_lazy("Use this icon"))
    field_order = ("name", "website", "description", "country", "language")

    @property
    def details(self) -> BrandDetails:
        given = {name: value for name, value in self.cleaned_data.items() if name != "use_icon"}
        return BrandDetails(**given)

    @classmethod
    def of(cls, project: Project, *, name: str, offered: Mapping[str, Any]) -> BrandStepForm:
        """What the site says fills what nobody has told yet."""
        guessed = project.website and offered.get("name") and name == name_of(project.website)
        said = offered.get("description") or offered.get("title") or ""
        initial = {
            "name": offered["name"] if guessed else name,
            "website": project.website,
            "description": project.description or said,
            "country": project.country,
            "language": project.language or offered.get("language", ""),
            "use_icon": bool(project.icon_digest or offered.get("icon")),
        }
        return cls(initial=initial)


def _line(placeholder: StrPromise) -> forms.TextInput:
    return forms.TextInput(attrs={"placeholder": placeholder})


def _checkbox() -> forms.CheckboxInput:
    return forms.CheckboxInput(attrs={"class": "input"})


class Row(forms.Form):
    """One line of several. What is neither kept nor typed is not looked at."""

    first: str  # the field that makes a line of its own one
    use_required_attribute = False  # a line that is left out may be empty
    keep = forms.BooleanField(required=False, widget=_checkbox())

    def __init__(self, *args: Any, own: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = own

    @property
    def wanted(self) -> bool:
        name = self.first if self.own else "keep"
        return self.is_bound and bool(str(self.data.get(self.add_prefix(name), "")).strip())

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and not self.wanted:
            self._errors, self.cleaned_data = ErrorDict(), {}


class CompetitorRow(Row):
    first = "name"
    name = TextField(cleaner=clean_name, max_length=400, widget=_line(_lazy("Name")))
    domain = TextField(
        cleaner=if_given(clean_domain),
        required=False,
        max_length=2_000,
        widget=_line(_lazy("Domain, as in example.com")),
    )

    @property
    def brand(self) -> BrandFields:
        domain = self.cleaned_data["domain"]
        return BrandFields(name=self.cleaned_data["name"], domains=(domain,) if domain else ())


class PromptRowForm(Row):
    first = "text"
    text = TextField(
        cleaner=clean_text,
        max_length=5_000,
        # As high as its text; templates/onboarding/_prompt_row.html names the class where the style sheet finds it.
        widget=forms.Textarea(attrs={"rows": 1, "class": "field-sizing-content", "placeholder": _lazy("Prompt")}),
    )
    tags = TextField(
        cleaner=clean_tags, required=False, max_length=1_000, widget=_line(_lazy("Tags, separated by commas"))
    )
    branded = forms.BooleanField(required=False, widget=_checkbox())
    language = TextField(cleaner=clean_language, required=False, max_length=40, widget=forms.HiddenInput())

    def prompt(self, project: Project, line: int) -> PromptRow:
        given = self.cleaned_data
        return PromptRow(
            line=line,
            text=given["text"],
            tags=given["tags"],
            country=project.country,
            language=given["language"] or project.language,
            is_branded=given["branded"],
        )


R = TypeVar("R", bound=Row)


def shown_rows(kind: type[R], initial: Sequence[Mapping[str, Any]]) -> list[R]:
    """Suggested lines, all of them kept to begin with."""
    return [kind(initial={"keep": True, **row}, prefix=f"row-{place}") for place, row in enumerate(initial)]


def blank_rows(kind: type[R]) -> list[R]:
    return [kind(prefix=f"own-{place}", own=True) for place in range(OWN_ROWS)]


def posted_rows(kind: type[R], data: Mapping[str, Any], *, own: bool = False) -> list[R]:
    """As many lines as were shown, and never more than fit the page."""
    prefix, most = ("own", OWN_ROWS) if own else ("row", max(MAX_COMPETITORS, MAX_PROMPTS))
    first = kind.first
    shown = [place for place in range(most) if f"{prefix}-{place}-{first}" in data]
    return [kind(data, prefix=f"{prefix}-{place}", own=own) for place in shown]


class OwnPromptsForm(forms.Form):
    lines = forms.CharField(
        required=False,
        max_length=50_000,
        strip=False,
        label=_lazy("Your own prompts"),
        help_text=_lazy("One question a line."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean_lines(self) -> list[str]:
        given = self.cleaned_data["lines"]
        if not given.strip():
            return []
        parsed = parse_paste(given)
        if parsed.errors:
            raise forms.ValidationError(parsed.errors[0].message)
        if len(parsed.rows) > MAX_OWN_PROMPTS:
            raise forms.ValidationError(_("At most %(most)d at once.") % {"most": MAX_OWN_PROMPTS})
        return [row.text for row in parsed.rows]
