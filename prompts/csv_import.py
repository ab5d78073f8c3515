"""Prompts out of a CSV file or a pasted list, with a report of every line that could not be taken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from accounts import formats
from prompts.prompt_text import (
    MAX_TEXT,
    PromptTextError,
    clean_country,
    clean_language,
    clean_tags,
    clean_text,
    prompt_key,
)

__all__ = [
    "COLUMNS",
    "MAX_BYTES",
    "MAX_ROWS",
    "MAX_TEXT",
    "Duplicate",
    "LineError",
    "ParsedPrompts",
    "PromptRow",
    "csv_safe",
    "parse_csv",
    "parse_paste",
    "prompt_key",
]

MAX_ROWS = 10_000
MAX_BYTES = 20_000_000
COLUMNS = ("text", "tags", "country", "language", "branded")

_SYNONYMS = {
    **{column: column for column in COLUMNS},
    **dict.fromkeys(("prompt", "prompts", "question", "query", "prompt text", "prompt_text"), "text"),
    **dict.fromkeys(("tag", "label", "labels", "topic", "topics", "category"), "tags"),
    **dict.fromkeys(("country code", "country_code", "market"), "country"),
    **dict.fromkeys(("lang", "locale", "language code", "language_code"), "language"),
    **dict.fromkeys(("is_branded", "is branded", "brand"), "branded"),
}
_TRUE = frozenset(["1", "y", "yes", "true", "t", "x", "branded", "ja", "oui", "si", "sí", "sim", "wahr", "vrai"])
_FALSE = frozenset(["", *["0", "n", "no", "false", "f", "-", "unbranded", "nein", "non", "não", "falsch", "faux"]])
_BULLET = re.compile(r"^\s*(?:[-*+\u2022\u2023\u25e6\u2013]|\d{1,4}[.)])\s+")
_ESCAPED = re.compile(r"^'(?=[=+\-@\t\r])")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """One prompt, cleaned. `line` is the 1-based line of the file on which its record starts."""

    line: int
    text: str
    tags: tuple[str, ...] = ()
    country: str = ""
    language: str = ""
    is_branded: bool = False

    @property
    def key(self) -> str:
        return prompt_key(self.text, self.country, self.language)


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line was not taken; line 0 means the whole file."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A line that repeats the question of `first_line`; it is skipped, not an error."""

    line: int
    first_line: int


@dataclass(frozen=True, slots=True)
class ParsedPrompts:
    rows: list[PromptRow] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


class _WholeFile(Exception):
    """Nothing of the file can be used; carries the message and, where known, the line."""

    def __init__(self, message: str, *, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class _Collector:
    """Takes rows in order and sets repeated questions aside."""

    def __init__(self) -> None:
        self.parsed = ParsedPrompts()
        self._first: dict[str, int] = {}

    def add(self, row: PromptRow) -> None:
        first = self._first.setdefault(row.key, row.line)
        if first != row.line:
            self.parsed.duplicates.append(Duplicate(row.line, first))
        else:
            self.parsed.rows.append(row)

    def refuse(self, line: int, message: str) -> None:
        self.parsed.errors.append(LineError(line, message))


def parse_csv(data: bytes, *, country: str = "", language: str = "") -> ParsedPrompts:
    """Never raises. `country` and `language` fill cells that are empty; a file that is too long is refused whole."""
    collector = _Collector()
    try:
        text, notices = _decode(data)
        collector.parsed.notices.extend(notices)
        _read(text, collector, defaults={"country": country, "language": language})
    except _WholeFile as problem:
        return ParsedPrompts(errors=[LineError(problem.line, str(problem))], notices=collector.parsed.notices)
    return collector.parsed


def parse_paste(text: str, *, country: str = "", language: str = "") -> ParsedPrompts:
    """One prompt a line; blank lines are skipped, list bullets and numbers removed. Never raises."""
    collector = _Collector()
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MAX_ROWS:
        return ParsedPrompts(errors=[LineError(0, _too_many(len(lines)))])
    for number, line in lines:
        try:
            prompt = clean_text(_BULLET.sub("", line))
        except PromptTextError as problem:
            collector.refuse(number, str(problem))
        else:
            collector.add(PromptRow(line=number, text=prompt, country=country, language=language))
    if not lines:
        collector.refuse(0, _("Nothing was pasted. Put one prompt on each line."))
    return collector.parsed


def csv_safe(cell: object) -> object:
    """The cell as it may be exported: a text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if isinstance(cell, str) and cell[:1] in _FORMULA_STARTS and cell:
        return f"'{cell}"
    return cell


_FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def _expected() -> str:
    return _("Expected columns: %(columns)s; only “text” is required.") % {"columns": ", ".join(COLUMNS)}


def _decode(data: bytes) -> tuple[str, list[str]]:
    if len(data) > MAX_BYTES:
        raise _WholeFile(
            _("The file has %(number)s MB; at most %(most)s MB can be imported.")
            % {"number": formats.number(len(data) / 1e6), "most": MAX_BYTES // 1_000_000}
        )
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise _WholeFile(_("This is a spreadsheet workbook, not CSV. Save it as “CSV UTF-8” and import that file."))
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16"), []
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise _WholeFile(_("The file's encoding could not be read. Save it as “CSV UTF-8” and try again.")) from None
    return text, [
        _("The file is not UTF-8; it was read as Windows-1252 (Latin-1). Check accents, or save it as UTF-8.")
    ]


def _read(text: str, collector: _Collector, *, defaults: dict[str, str]) -> None:
    records = _records(text, delimiter=_delimiter(text))
    header = next((record for record in records if not isinstance(record[1], str)), None)
    if header is None:
        raise _WholeFile(_("The file is empty. %(expected)s") % {"expected": _expected()})
    columns = _columns(header, collector)
    taken = 0
    for line, cells in records:
        taken += 1
        if taken > MAX_ROWS:
            continue  # only counted, so that the message can say how long the file is
        if isinstance(cells, str):
            collector.refuse(line, cells)
            continue
        try:
            collector.add(_row(line, cells, columns=columns, defaults=defaults))
        except PromptTextError as problem:
            collector.refuse(line, str(problem))
    if taken > MAX_ROWS:
        raise _WholeFile(_too_many(taken))
    if not taken:
        raise _WholeFile(_("The file has a header but no rows."), line=header[0])


def _delimiter(text: str) -> str:
    """The separator that the header uses most, outside quotes; Excel's `sep=;` line decides where there is one."""
    declared = re.match(r"\s*\"?sep=([,;\t|])", text, re.IGNORECASE)
    if declared:
        return declared[1]
    header = next((line for line in io.StringIO(text[:10_000]) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=bare.count)


def _records(text: str, *, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """(first line, cells) of each record that is not blank; a string in place of the cells says what is broken."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            yield line, _broken_record(str(problem))
            continue
        if line == 1 and cells and cells[0].lower().startswith("sep="):
            continue
        if any(cell.strip() for cell in cells):
            yield line, cells


def _broken_record(problem: str) -> str:
    if "unexpected end" in problem:
        return _("A quotation mark is opened here and never closed; the rest of the file was not read.")
    if "field larger" in problem:
        return _("A cell is far too long; is a closing quotation mark missing?")
    return _('The quotation marks do not match. Inside a quoted cell write "" for each quotation mark.')


def _columns(header: tuple[int, list[str] | str], collector: _Collector) -> list[str]:
    """The column's name for each position, empty for one that is ignored."""
    line, cells = header
    assert not isinstance(cells, str)
    names = [" ".join(cell.split()).lower() for cell in cells]
    columns = [_SYNONYMS.get(name, "") for name in names]
    if "text" not in columns:
        found = ", ".join(name[:30] or "(blank)" for name in names[:8])
        raise _WholeFile(
            _("The first line has no column “text”. %(expected)s Found: %(found)s.")
            % {"expected": _expected(), "found": found},
            line=line,
        )
    for column in COLUMNS:
        if columns.count(column) > 1:
            raise _WholeFile(
                _("Two columns both mean “%(column)s”. %(expected)s") % {"column": column, "expected": _expected()},
                line=line,
            )
    ignored = [name[:40] for name, column in zip(names, columns, strict=True) if name and not column]
    if ignored:
        collector.parsed.notices.append(_("Ignored columns: %(columns)s.") % {"columns": ", ".join(ignored[:10])})
    return columns


def _row(line: int, cells: list[str], *, columns: list[str], defaults: dict[str, str]) -> PromptRow:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise PromptTextError(
            _("%(found)s cells where the header has %(expected)s. Put a text that contains the separator in quotes.")
            % {"found": len(cells), "expected": len(columns)}
        )
    values = {name: _cell(cell, name=name) for name, cell in zip(columns, cells, strict=False) if name}
    return PromptRow(
        line=line,
        text=clean_text(values.get("text", "")),
        tags=clean_tags(values.get("tags", "")),
        country=clean_country(values.get("country", "")) or defaults["country"],
        language=clean_language(values.get("language", "")) or defaults["language"],
        is_branded=_branded(values.get("branded", "")),
    )


def _cell(cell: str, *, name: str) -> str:
    """A formula is refused: what it shows in the spreadsheet is not in the file, only its code is. A leading `+` or `-`
    is ordinary text here, and is made harmless on export; an apostrophe in front of any of them is an escape."""
    stripped = cell.strip()
    if stripped[:1] in ("=", "@"):
        raise PromptTextError(
            _(
                "The cell “%(column)s” is a spreadsheet formula (%(formula)s). Paste it as a value, or put an "
                "apostrophe in front to keep it as text."
            )
            % {"column": name, "formula": stripped[:30]}
        )
    return _ESCAPED.sub("", stripped)


def _branded(value: str) -> bool:
    word = value.strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise PromptTextError(_("“%(value)s” in “branded” is neither yes nor no.") % {"value": value.strip()[:40]})


def _too_many(count: int) -> str:
    return _("%(count)s rows; at most %(most)s can be imported at once. Split the file.") % {
        "count": formats.number(count),
        "most": formats.number(MAX_ROWS),
    }
