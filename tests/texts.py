"""Every text of the code that people read, and the catalogues of its translations. `make messages` runs it."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "billing", "config", "knowledge", "orgs", "prompts", "scans")
LANGUAGES = ("de",)

# Which of a call's arguments are texts: (singular[, plural]), and where its context stands.
_SHAPES: dict[str, tuple[tuple[int, ...], int | None]] = {
    "gettext": ((0,), None),
    "gettext_lazy": ((0,), None),
    "gettext_noop": ((0,), None),
    "ngettext": ((0, 1), None),
    "ngettext_noop": ((0, 1), None),
    "ngettext_lazy": ((0, 1), None),
    "pgettext": ((1,), 0),
    "pgettext_lazy": ((1,), 0),
    "npgettext": ((1, 2), 0),
    "npgettext_lazy": ((1, 2), 0),
}
# Where those names come from: `errors` is the LLM layer's, which knows no Django.
_MARKING = ("django.utils.translation", "orgs.telling", "errors")
_TEMPLATE_CALL = re.compile(r"(?<!\w)(gettext|ngettext|pgettext|npgettext|_)\(")
_IDLE_HEADER = re.compile(r'"(POT-|PO-|Project-|Report-|Last-|Language-T|Generated-)')
_PLACES = re.compile(r"%\(\w+\)[a-z]|%%|\{[\w.]*\}")


class UnfitText(ValueError):
    """A text that is put together at run time: no catalogue can hold it."""


@dataclass(frozen=True, slots=True, order=True)
class Text:
    singular: str
    plural: str = ""
    context: str = ""
    file: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return (self.context, self.singular)

    @property
    def id(self) -> str | tuple[str, str]:
        return (self.singular, self.plural) if self.plural else self.singular


def texts_of_python(source: str, file: str = "", *, strict: bool = True) -> Iterator[Text]:
    """Raises `UnfitText` where something other than plain text is marked for translation, or skips it."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in _MARKING
        for alias in node.names
        if alias.name in _SHAPES
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            with nullcontext() if strict else suppress(UnfitText):
                yield _text_of(node, names[node.func.id], file)


def texts_of_template(source: str, file: str = "") -> Iterator[Text]:
    marked = templatize(source, origin=file)
    for found in _TEMPLATE_CALL.finditer(marked):
        name = "gettext" if found[1] == "_" else found[1]
        yield _text_of(_call_at(marked, found.start()), name, file)


def _call_at(marked: str, start: int) -> ast.Call:
    """Django writes each marked text as one call on one line; blanked-out template stands around it."""
    line = marked[start:].split("\n", 1)[0]
    for end in (place.end() for place in re.finditer(r"\)", line)):
        try:
            node = ast.parse(line[:end], mode="eval").body
        except SyntaxError:
            continue
        if isinstance(node, ast.Call):
            return node
    raise UnfitText(line[:80])


def _text_of(call: ast.Call, name: str, file: str) -> Text:
    places, context = _SHAPES[name]
    given = [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]
    wanted = [*places, *([] if context is None else [context])]
    if any(place >= len(given) or not isinstance(given[place], str) for place in wanted):
        raise UnfitText(f"{file}: {ast.unparse(call)[:120]}")
    texts = [str(given[place]) for place in places]
    return Text(
        singular=texts[0],
        plural=texts[1] if len(texts) > 1 else "",
        context="" if context is None else str(given[context]),
        file=file,
    )


@cache
def all_texts() -> tuple[Text, ...]:
    """One of each context and singular, by file."""
    found: dict[tuple[str, str], Text] = {}
    for text in sorted(_walk(), key=lambda text: (text.file, text.singular)):
        kept = found.setdefault(text.key, text)
        if text.plural and not kept.plural:
            found[text.key] = text
    return tuple(found.values())


def _walk() -> Iterator[Text]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from texts_of_python(path.read_text(), str(path.relative_to(ROOT)))
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in (".html", ".txt"):
            yield from texts_of_template(path.read_text(), str(path.relative_to(ROOT)))


def po_of(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    with po_of(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)  # the same bytes every time
    write_mo(buffer, catalog)
    return buffer.getvalue()


def placeholders(text: str) -> list[str]:
    return sorted(place for place in _PLACES.findall(text) if place != "%%")


def translations(message: Message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


def updated(old: Catalog, texts: tuple[Text, ...]) -> Catalog:
    """The texts of the code with the translations that there are; own additions to other packages' texts stay."""
    new = Catalog(locale=old.locale, project="Prompter", charset="utf-8", fuzzy=False)
    new.header_comment = "# The texts of Prompter."
    for text in texts:
        had = old.get(text.singular, context=text.context or None)
        string = had.string if had and isinstance(had.id, tuple) == bool(text.plural) else None
        new.add(text.id, string=string, context=text.context or None, locations=[(text.file, 0)])
    for message in old:
        if message.id and "override" in " ".join(message.auto_comments + message.user_comments):
            new.add(
                message.id, string=message.string, context=message.context, user_comments=list(message.user_comments)
            )
    return new


def write(language: str, catalog: Catalog) -> None:
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=110, include_lineno=False, sort_output=True)
    # Dates change at every run and say nothing; the rest are blanks that nobody filled in.
    lines = [line for line in buffer.getvalue().decode().split("\n") if not _IDLE_HEADER.match(line)]
    path = po_of(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    path.with_suffix(".mo").write_bytes(compiled(read(language)))


def main() -> None:
    for language in LANGUAGES:
        old = read(language) if po_of(language).exists() else Catalog(locale=language)
        new = updated(old, all_texts())
        write(language, new)
        left = [message.id for message in new if message.id and not all(translations(message))]
        print(f"{language}: {len(new)} texts, {len(left)} to translate")


if __name__ == "__main__":
    main()
