"""Forms about projects, brands, prompts and provider keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django import forms
from django.utils.functional import Promise, lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext

from accounts import formats
from orgs.naming import UnfitName, clean_title
from prompts import brand_names, library
from prompts.credentials import MAX_KEY, OWN_KEY_PROVIDERS, RefusedKey, cleaned
from prompts.csv_import import ParsedPrompts, parse_paste
from prompts.key_limits import FIGURES, tier_choices
from prompts.llm.types import Provider
from prompts.models import Brand, Project, Prompt
from prompts.prompt_text import (
    MAX_TEXT,
    PromptTextError,
    clean_country,
    clean_language,
    clean_tags,
    clean_text,
)

T = TypeVar("T")
_number = lazy(formats.number, str)
_LETTERS = _lazy("Two letters, as in DE.")
_TAG = _lazy("As in de or pt-BR.")

MAX_UPLOAD = 5 * 1024 * 1024
MAX_PASTE = 2_000_000


def _checked(clean: Callable[[str], T], value: str) -> T:
    try:
        return clean(value)
    except (PromptTextError, brand_names.BrandError, RefusedKey, UnfitName) as error:
        raise forms.ValidationError(str(error)) from error


class TextField(forms.CharField):
    """Text that one of our own functions cleans: it says itself what is wrong, NUL characters included."""

    def __init__(self, *, cleaner: Callable[[str], Any], **kwargs: Any) -> None:
        kwargs.setdefault("strip", False)
        super().__init__(**kwargs)
        self.cleaner = cleaner

    def clean(self, value: Any) -> Any:
        return _checked(self.cleaner, super().clean(value) or "")


def _country(help_text: str | Promise = _LETTERS) -> forms.Field:
    return TextField(cleaner=clean_country, required=False, max_length=20, label=_lazy("Country"), help_text=help_text)


def _language(help_text: str | Promise = _TAG) -> forms.Field:
    return TextField(
        cleaner=clean_language, required=False, max_length=40, label=_lazy("Language"), help_text=help_text
    )


def _tags() -> forms.Field:
    help_text = _lazy("Separate tags with commas.")
    return TextField(cleaner=clean_tags, required=False, max_length=1_000, label=_lazy("Tags"), help_text=help_text)


class ProjectForm(forms.Form):
    name = TextField(
        cleaner=clean_title,
        max_length=120,
        label=_lazy("Name"),
        help_text=_lazy("Usually the brand whose answers you track."),
    )
    country = _country(_lazy("Default of new prompts: two letters, as in DE."))
    language = _language(_lazy("Default of new prompts, as in de or pt-BR."))
    samples = forms.IntegerField(
        min_value=1,
        max_value=10,
        initial=1,
        label=_lazy("Answers per prompt and engine"),
        help_text=_lazy("Assistants answer differently each time. More answers narrow the interval and cost more."),
    )

    @property
    def fields_given(self) -> library.ProjectFields:
        return library.ProjectFields(**self.cleaned_data)

    @classmethod
    def of(cls, project: Project) -> ProjectForm:
        return cls(initial={name: getattr(project, name) for name in cls.base_fields})


class BrandForm(forms.Form):
    name = TextField(cleaner=brand_names.clean_name, max_length=400, label=_lazy("Name"))
    aliases = forms.CharField(
        required=False,
        label=_lazy("Also known as"),
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_lazy("Other names that mean this brand, one a line."),
    )
    domains = TextField(
        cleaner=brand_names.clean_domains,
        required=False,
        label=_lazy("Domains"),
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_lazy("Its sites, one a line, as in example.com. Subdomains count too."),
    )
    is_own = forms.BooleanField(
        required=False,
        label=_lazy("This is our own brand"),
        help_text=_lazy("The one whose visibility the project measures."),
    )

    def clean_aliases(self) -> list[str]:
        name = str(self.cleaned_data.get("name", ""))
        return _checked(lambda value: brand_names.clean_names(value, besides=name), self.cleaned_data["aliases"])

    @property
    def fields_given(self) -> library.BrandFields:
        return library.BrandFields(**self.cleaned_data)

    @property
    def cautions(self) -> list[str]:
        return brand_names.cautions([self.cleaned_data["name"], *self.cleaned_data["aliases"]])

    @classmethod
    def of(cls, brand: Brand) -> BrandForm:
        lines = {"aliases": "\n".join(brand.aliases), "domains": "\n".join(brand.domains)}
        return cls(initial={"name": brand.name, "is_own": brand.is_own, **lines})


class PromptForm(forms.Form):
    text = TextField(
        cleaner=clean_text,
        label=_lazy("Prompt"),
        help_text=format_lazy(
            _lazy("The question as people ask it. At most {number} characters."), number=_number(MAX_TEXT)
        ),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    tags = _tags()
    country = _country()
    language = _language()
    branded = forms.BooleanField(
        required=False,
        label=_lazy("Names our brand"),
        help_text=_lazy("Branded prompts are measured apart from the others."),
    )

    @property
    def fields_given(self) -> library.PromptFields:
        given = dict(self.cleaned_data)
        return library.PromptFields(is_branded=given.pop("branded"), is_active=given.pop("active", True), **given)

    @classmethod
    def defaults(cls, project: Project) -> PromptForm:
        return cls(initial={"country": project.country, "language": project.language})


class PromptEditForm(PromptForm):
    active = forms.BooleanField(required=False, label=_lazy("Ask it in scans"))

    @classmethod
    def of(cls, prompt: Prompt) -> PromptEditForm:
        same = {name: getattr(prompt, name) for name in ("text", "country", "language")}
        return cls(
            initial={
                **same,
                "tags": ", ".join(prompt.tags),
                "branded": prompt.is_branded,
                "active": prompt.is_active,
            },
            auto_id=f"id_{prompt.pk}_%s",
        )


class PasteForm(forms.Form):
    lines = forms.CharField(
        max_length=MAX_PASTE,
        strip=False,
        label=_lazy("Prompts"),
        help_text=_lazy("One prompt a line. Bullets and numbers in front are removed."),
        widget=forms.Textarea(attrs={"rows": 12}),
    )
    tags = _tags()
    country = _country()
    language = _language()

    parsed: ParsedPrompts

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        self.parsed = parse_paste(given["lines"], country=given["country"], language=given["language"])
        for error in self.parsed.errors[:20]:
            self.add_error(
                "lines",
                _("Line %(line)s: %(message)s") % {"line": error.line, "message": error.message}
                if error.line
                else error.message,
            )
        if len(self.parsed.errors) > 20:
            left = len(self.parsed.errors) - 20
            more = ngettext("%(number)s more line has errors.", "%(number)s more lines have errors.", left)
            self.add_error("lines", more % {"number": formats.number(left)})
        return given


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_lazy("CSV file"),
        help_text=format_lazy(_lazy("UTF-8, at most {number} MB."), number=MAX_UPLOAD // 1024**2),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"empty": _lazy("The file is empty.")},
    )

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if file.size > MAX_UPLOAD:
            known = {"size": formats.number(file.size / 1024**2, digits=1), "most": MAX_UPLOAD // 1024**2}
            raise forms.ValidationError(_("The file has %(size)s MB; at most %(most)s MB can be imported.") % known)
        return bytes(file.read())


class PromptFilterForm(forms.Form):
    """Read from the query string. A value that makes no sense filters nothing."""

    q = forms.CharField(required=False, max_length=200, label=_lazy("Search"))
    tag = forms.ChoiceField(required=False, label=_lazy("Tag"))
    state = forms.ChoiceField(
        required=False,
        label=_lazy("State"),
        choices=[
            ("", _lazy("Not archived")),
            ("active", _lazy("Active")),
            ("paused", _lazy("Paused")),
            ("archived", _lazy("Archived")),
            ("all", _lazy("All")),
        ],
    )
    branded = forms.ChoiceField(
        required=False,
        label=_lazy("Branded"),
        choices=[("", _lazy("Branded or not")), ("yes", _lazy("Branded")), ("no", _lazy("Unbranded"))],
    )

    def __init__(self, data: Any, *, tags: Iterable[str]) -> None:
        super().__init__(data, auto_id="filter_%s")
        self.fields["tag"].choices = [("", _("All tags")), *((tag, tag) for tag in tags)]  # type: ignore[attr-defined]
        self.full_clean()

    @property
    def values(self) -> dict[str, Any]:
        """Arguments of `library.find_prompts`."""
        given = {name: value for name, value in self.cleaned_data.items() if value}
        if "branded" in given:
            given["branded"] = given["branded"] == "yes"
        return given


def _most(label: Any, most: int) -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=1, max_value=most, label=label)


class ProviderKeyForm(forms.Form):
    provider = forms.ChoiceField(
        label=_lazy("Provider"), choices=[(provider.value, provider.label) for provider in OWN_KEY_PROVIDERS]
    )
    api_key = TextField(
        cleaner=cleaned,
        max_length=MAX_KEY + 100,
        label=_lazy("API key"),
        help_text=_lazy("Stored encrypted and never shown again. A key that is there already is replaced."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}, render_value=False),
    )


class KeyLimitsForm(forms.Form):
    """What the account behind a key allows; all left empty, the installation's settings count."""

    tier = forms.ChoiceField(
        required=False,
        label=_lazy("Tier"),
        help_text=_lazy("As the provider's console names it. It stands for the figures published for that tier."),
    )
    requests_per_minute = _most(_lazy("Requests a minute"), 1_000_000)
    tokens_per_minute = _most(_lazy("Tokens a minute"), 2_000_000_000)
    requests_per_day = _most(_lazy("Requests a day"), 1_000_000_000)
    tokens_per_day = _most(_lazy("Tokens a day"), 1_000_000_000_000)

    def __init__(self, *args: Any, provider: Provider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tiers = tier_choices(provider, kept=self.initial.get("tier", ""))
        self.fields["tier"].choices = [("", _("Not chosen")), *tiers]  # type: ignore[attr-defined]
        help_text = _("For each model. It counts instead of the tier's; empty, the tier's counts.")
        self.fields["requests_per_minute"].help_text = help_text
        self.fields["requests_per_day"].help_text = _(
            "The day is the provider's own: Google's ends at midnight Pacific."
        )

    @property
    def figures(self) -> dict[str, int | None]:
        return {column: self.cleaned_data[column] for column in FIGURES.values()}


class BudgetForm(forms.Form):
    """Both limits of a month; left empty there is none."""

    money = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=9,
        decimal_places=2,
        label=_lazy("US dollars a month"),
        help_text=_lazy("As providers bill them. Answers of engines without a known price are not in it."),
    )
    answers = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=1_000_000_000,
        label=_lazy("Answers a month"),
        help_text=_lazy("Answers that came in. One that failed is not counted."),
    )
