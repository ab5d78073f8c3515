"""The built stylesheet knows every class that a template names: what was added without a build would not be seen."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.guards.tree import ROOT

SHEETS = ("static/dist/app.css", "static/operators/impersonation.css")
# Letters and Django's admin have styles of their own.
ELSEWHERE = ("email", "admin")

_NAME = re.compile(r"\.((?:\\.|[\w-])+)")
_TAG = re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_CLASS = re.compile(r'\bclass="([^"]*)"')


def styled(*sheets: str) -> set[str]:
    return {re.sub(r"\\(.)", r"\1", name) for sheet in sheets for name in _NAME.findall(sheet)}


def unstyled(template: str, known: set[str]) -> Iterator[str]:
    """A name that a value completes (`is-{{ kind }}`) says too little to be looked up."""
    for names in _CLASS.findall(_VALUE.sub("\0", _TAG.sub(" ", template))):
        yield from (name for name in names.split() if "\0" not in name and name not in known)


def _templates(root: Path = ROOT / "templates") -> Iterator[Path]:
    for path in sorted(root.rglob("*.html")):
        if path.relative_to(root).parts[0] not in ELSEWHERE:
            yield path


def test_every_class_of_a_template_is_in_the_stylesheet() -> None:
    known = styled(*((ROOT / sheet).read_text() for sheet in SHEETS))
    paths = list(_templates())
    assert len(paths) > 100
    found = {str(path.relative_to(ROOT)): list(unstyled(path.read_text(), known)) for path in paths}
    assert {path: names for path, names in found.items() if names} == {}, "npm run build, or take the class away"


def test_a_planted_class_without_a_style_is_found() -> None:
    known = styled(r".a{color:red}.b\:c-1\.5:hover,.is-bad{margin:0}")
    template = '<p class="a b:c-1.5 d is-bad{% if x == "e" %} f{% endif %}">{{ g }}</p>'
    assert list(unstyled(template, known)) == ["d", "f"]
