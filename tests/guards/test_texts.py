"""Every text that people read can be translated, and is: into German, whole, with the same places in it."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from django.conf import settings

from tests import bare_texts, texts

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".txt"))
MODULES = sorted(path for app in texts.APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_template_has_no_text_that_cannot_be_translated(path: Path) -> None:
    assert bare_texts.of_template(path.read_text(), html=path.suffix == ".html") == []


def test_code_has_no_message_that_cannot_be_translated() -> None:
    found = {named(path): bare_texts.of_python(path.read_text()) for path in MODULES}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "planted",
    [
        "<p>Hello there</p>",
        "<p>{{ name }} was saved</p>",
        "{% if x %}Saved{% endif %}",
        '<button aria-label="Close">',
        '<input placeholder="Search">',
        '<img alt="A chart" src="/x.png">',
        '<a title="{{ n }} more">',
        '<a data-confirm="Delete {{ name }}?">',
        '{% include "_empty.html" with title="Nothing here" %}',
        '{{ name|default:"No brand yet" }}',
        '<meta name="description" content="What it does">',
        "{% translate 'One' %} and more",
        "{% blocktranslate %}One{% endblocktranslate %} two",
    ],
)
def test_guard_finds_a_bare_text_in_a_template(planted: str) -> None:
    assert bare_texts.of_template(planted)


@pytest.mark.parametrize(
    "fine",
    [
        '<p class="text-muted">{% translate "Hello" %}</p>',
        "{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}",
        "<p>{# a comment #}{{ name }} · 42 \u2013 n {{ n }}</p>",
        "<!-- a comment --><code>make demo</code><kbd>Esc</kbd>",
        '<a href="{% url "home" %}"{% if x %} aria-current="page"{% endif %}>Prompter</a>',
        '{% include "_empty.html" with title=_("Nothing here") image="tags" %}',
        '{{ next|default:"/" }}',
    ],
)
def test_guard_leaves_other_templates_alone(fine: str) -> None:
    assert bare_texts.of_template(fine) == []


@pytest.mark.parametrize(
    "planted",
    [
        'messages.success(request, "Saved.")',
        'messages.error(request, f"{name} is wrong")',
        'raise forms.ValidationError("Too long.")',
        'form.add_error("name", f"{name} is taken")',
        'forms.CharField(label="Name")',
        'forms.CharField(label=_("Name"), help_text="As people say it.")',
        'show_confirm(request, title="Delete it?", sentence=_("It goes."))',
    ],
)
def test_guard_finds_a_bare_text_in_code(planted: str) -> None:
    assert bare_texts.of_python(planted)


def test_no_text_is_settled_when_its_module_is_imported() -> None:
    found = {named(path): bare_texts.settled_at_import(path.read_text()) for path in MODULES}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "planted",
    [
        "LABEL = _('Name')",
        "class Form:\n    label = _('Name')",
        "def made(label=_('Name')): ...",
        "def made():\n    return _('Name')\nLABEL = made()",
    ],
)
def test_guard_finds_a_text_that_is_settled_at_import(planted: str) -> None:
    heading = "from django.utils.translation import gettext as _\n"
    assert bare_texts.settled_at_import(heading + planted)
    assert bare_texts.settled_at_import(heading.replace("gettext", "gettext_lazy") + planted) == []
    assert bare_texts.settled_at_import(heading + "ask = lambda: _('Name')\ndef name():\n    return _('Name')") == []


def faults_of(catalog: Catalog, wanted: tuple[texts.Text, ...]) -> list[str]:
    return [fault for text in wanted if (fault := _fault(catalog, text))]


def _fault(catalog: Catalog, text: texts.Text) -> str:
    message = catalog.get(text.singular, context=text.context or None)
    if message is None or isinstance(message.id, tuple) != bool(text.plural):
        return f"missing: {text.id}"
    given = texts.translations(message)
    if message.fuzzy or not all(given):
        return f"not translated: {text.id}"
    originals = [text.singular, *([text.plural] if text.plural else [])]
    if any(texts.placeholders(one) != texts.placeholders(other) for one, other in zip(originals, given, strict=True)):
        return f"other places: {given}"
    return ""


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    assert len(texts.all_texts()) > 1_000
    assert faults_of(texts.read(language), texts.all_texts()) == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_catalogue_holds_nothing_that_the_code_does_not_say(language: str) -> None:
    now = texts.read(language)
    kept = {message.id for message in texts.updated(now, texts.all_texts())}
    assert [message.id for message in now if message.id not in kept] == []
    assert now.obsolete == {}


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    assert texts.po_of(language).with_suffix(".mo").read_bytes() == texts.compiled(texts.read(language))


def test_guard_finds_what_a_catalogue_lacks() -> None:
    wanted = (texts.Text("Saved %(name)s."), texts.Text("%(n)s row", "%(n)s rows"))
    catalog = Catalog(locale="de")
    assert len(faults_of(catalog, wanted)) == 2
    catalog.add("Saved %(name)s.", "%(nome)s gespeichert.")
    catalog.add(("%(n)s row", "%(n)s rows"), ("%(n)s Zeile", ""))
    assert [fault.split(":")[0] for fault in faults_of(catalog, wanted)] == ["other places", "not translated"]
    catalog["Saved %(name)s."].string = "%(name)s gespeichert."
    catalog[("%(n)s row", "%(n)s rows")].string = ("%(n)s Zeile", "%(n)s Zeilen")
    assert faults_of(catalog, wanted) == []
    catalog["Saved %(name)s."].flags.add("fuzzy")
    assert faults_of(catalog, wanted) == ["not translated: Saved %(name)s."]


def test_texts_of_code_are_found_under_any_name_of_gettext() -> None:
    source = "from django.utils.translation import gettext as _, ngettext_lazy as many\n_('A b')\nmany('one', 'two', 3)"
    assert [text.id for text in texts.texts_of_python(source)] == ["A b", ("one", "two")]


def test_texts_of_templates_are_found_in_every_form() -> None:
    source = (
        '{% translate "A" %}{% translate "B" context "c" %}{% include "x" with y=_("D") %}{{ z|default:_("E") }}\n'
        "{% blocktranslate trimmed count n=1 %}\n  one {{ n }}\n{% plural %}\n  many {{ n }}\n{% endblocktranslate %}"
    )
    found = [(text.context, text.id) for text in texts.texts_of_template(source)]
    assert found == [("", "A"), ("c", "B"), ("", "D"), ("", "E"), ("", ("one %(n)s", "many %(n)s"))]


@pytest.mark.parametrize("planted", ["_(f'Hello {name}')", "_(name)", "_('a' + 'b')"])
def test_a_text_put_together_at_run_time_is_refused(planted: str) -> None:
    with pytest.raises(texts.UnfitText):
        list(texts.texts_of_python(f"from django.utils.translation import gettext as _\n{planted}"))
