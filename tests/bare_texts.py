"""Finds texts that people read and that no translator would ever see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

from django.template.base import Lexer, Token, TokenType

_GAP = " \x00 "  # where a template tag stood
_READ_ATTRIBUTES = {"title", "aria-label", "aria-description", "placeholder", "alt", "data-label"}
_UNREAD_ELEMENTS = {"script", "style", "code", "pre", "kbd", "samp"}
_READ_ARGUMENTS = re.compile(
    r"\b(?:title|text|action|label|heading|noun|here|note|other_action|sentence|verb|subtitle|caption|help|hint"
    r"|action_label|placeholder|description)=(?:\"([^\"]*)\"|'([^']*)')"
)
_DEFAULTS = re.compile(r"\|(?:default|default_if_none|yesno):(?:\"([^\"]*)\"|'([^']*)')")
_CLASSES = re.compile(r"block \w*class$")  # what a parent puts into an attribute
_WORD = re.compile(r"[^\W\d_]{2,}")
# Names, units and marks that are the same in every language.
NAMES = {
    "Prompter", "JavaScript", "CSV", "API", "REST", "JSON", "URL", "UTC", "HTML", "MIT", "px", "ms", "MB", "Esc",
    "ChatGPT", "Claude", "Gemini", "Perplexity", "OpenAI", "Anthropic", "Google", "GitHub", "Markdown", "Postgres",
    "Redis", "Lumenboard", "Chalkline", "FAQ", "nbsp", "hellip", "mdash", "ndash", "times", "middot", "min", "Ctrl",
}  # fmt: skip


def has_words(text: str) -> bool:
    return any(word not in NAMES for word in _WORD.findall(text))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD_ELEMENTS
        given = dict(attrs)
        for name, value in attrs:
            read = name in _READ_ATTRIBUTES or name.startswith("data-confirm") or self._is_description(tag, name, given)
            if read and value and has_words(value.replace(_GAP, " ")):
                self.found.append(_plain(value))

    def handle_endtag(self, tag: str) -> None:
        self._unread = max(0, self._unread - (tag in _UNREAD_ELEMENTS))

    def handle_data(self, data: str) -> None:
        text = data.replace(_GAP, " ")
        if not self._unread and has_words(text):
            self.found.append(_plain(text))

    @staticmethod
    def _is_description(tag: str, name: str, attrs: dict[str, str | None]) -> bool:
        described = {attrs.get("name"), attrs.get("property")} & {"description", "og:title", "og:description"}
        return tag == "meta" and name == "content" and bool(described)


def _plain(text: str) -> str:
    return " ".join(text.replace(_GAP, "\u2026").split())


def of_page(html: str) -> list[str]:
    """Every text of a page that people read or hear: of elements and of attributes."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found


def of_template(source: str, *, html: bool = True) -> list[str]:
    """Texts of a template that stand outside `translate`, `blocktranslate` and `_()`."""
    tokens = list(Lexer(source).tokenize())
    found = [literal for token in tokens for literal in _literals(token) if has_words(literal)]
    rest = "".join(_outside(tokens))
    if not html:
        return found + [_plain(line) for line in rest.replace(_GAP, " ").splitlines() if has_words(line)]
    return found + of_page(_whole(rest))


def _whole(text: str) -> str:
    """A template may write a tag's name, or attributes alone."""
    if "<" not in text and '="' in text:
        return f"<x {text}>"
    return text.replace(f"<{_GAP}", "<x ").replace(f"</{_GAP}", "</x ")


def _literals(token: Token) -> Iterator[str]:
    if token.token_type is TokenType.BLOCK and token.contents.split()[0] in ("include", "with"):
        yield from (first or second for first, second in _READ_ARGUMENTS.findall(token.contents))
    if token.token_type in (TokenType.BLOCK, TokenType.VAR):
        yield from (text for pair in _DEFAULTS.findall(token.contents) for text in pair if _is_prose(text))


def _is_prose(text: str) -> bool:
    return " " in text or text[:1].isupper()


def _outside(tokens: list[Token]) -> Iterator[str]:
    """The template's own text; whatever a translator or a comment holds left out."""
    closed_by = ""
    for token in tokens:
        word = token.contents.split()[0] if token.token_type is TokenType.BLOCK else ""
        if closed_by:
            closed_by = "" if word == closed_by else closed_by
        elif word in ("blocktranslate", "blocktrans", "comment", "verbatim") or _CLASSES.match(token.contents):
            closed_by = f"end{word}"
            yield _GAP
        else:
            yield token.contents if token.token_type is TokenType.TEXT else _GAP


_MESSAGES = {"success", "error", "warning", "info", "debug"}


def of_python(source: str) -> list[str]:
    """Texts given to messages, forms and validation errors as they are."""
    return [
        ast.unparse(argument)[:80]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for argument in _read_arguments(node)
        if _is_bare(argument)
    ]


def _read_arguments(call: ast.Call) -> Iterator[ast.expr]:
    if not isinstance(call.func, ast.Attribute | ast.Name):
        return
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
    base = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(base, ast.Name) and base.id == "messages" and name in _MESSAGES:
        yield from call.args[1:]
    if name in ("ValidationError", "add_error", "show_confirm"):
        yield from call.args[-1:]
    ours = base is None and name in ("show_confirm", "TextField")
    if ours or (isinstance(base, ast.Name) and base.id == "forms"):
        yield from (k.value for k in call.keywords if k.arg in ("label", "help_text", "title", "sentence", "verb"))


def _is_bare(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.Constant) and has_words(str(part.value)) for part in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and has_words(node.value)


_EAGER = {"gettext", "ngettext", "pgettext", "npgettext"}


def settled_at_import(source: str) -> list[str]:
    """Texts that are looked up while a module is imported: they would stay in the language of that moment."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name in _EAGER
    }
    speaking = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _calls(node.body, names)}
    return [ast.unparse(call)[:80] for call in _calls(list(_run_at_import(tree.body)), names | speaking)]


def _run_at_import(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (*statement.args.defaults, *filter(None, statement.args.kw_defaults), *statement.decorator_list)
        elif isinstance(statement, ast.ClassDef):
            yield from _run_at_import(statement.body)
        else:
            yield statement


def _calls(nodes: Sequence[ast.AST], names: set[str]) -> list[ast.Call]:
    """Calls of these names outside lambdas."""
    found, waiting = [], list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            found.append(node)
        if not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found
