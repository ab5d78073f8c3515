"""Every environment variable that is read is documented in .env.example and in the README, with its default."""

import re
from collections.abc import Iterable

from tests.guards.tree import ROOT, python_files

READ = re.compile(r"""(?:env(?:\.\w+)?\(|environ(?:\.get\(|\[|\.setdefault\()|getenv\()\s*["']([A-Z][A-Z0-9_]+)["']""")
# Read for tests, or by the tools that run them, set by the demo for its processes, or the system's own.
INTERNAL = re.compile(r"PROMPTER_DEMO|PROMPTER_TEST\w*|DJANGO_SETTINGS_MODULE|PYTEST_\w+|PATH")
NUMBER = re.compile(r"""\.integer\(\s*"([A-Z][A-Z0-9_]+)",\s*default=([\d_]+)[,)]""")
EXAMPLES = {"EMAIL_PORT"}  # stands beside an example of a mail server


def variables_read() -> set[str]:
    found = {name for path in python_files() for name in READ.findall(path.read_text())}
    return {name for name in found if not INTERNAL.fullmatch(name)}


def test_every_variable_is_in_the_example_file() -> None:
    example = (ROOT / ".env.example").read_text()
    names = variables_read()
    assert {"DATABASE_URL", "SECRET_KEY", "OPENAI_API_KEY"} <= names
    assert sorted(name for name in names if not re.search(rf"^#? ?{name}=", example, re.M)) == []


def test_the_readme_table_knows_every_variable() -> None:
    readme = (ROOT / "README.md").read_text()
    in_families = re.compile(r"\w+_(REQUESTS|TOKENS)_PER_MINUTE")
    missing = [name for name in variables_read() if f"`{name}`" not in readme and not in_families.fullmatch(name)]
    assert sorted(missing) == []


def default_numbers() -> dict[str, int]:
    return {name: int(number) for path in python_files() for name, number in NUMBER.findall(path.read_text())}


def other_numbers(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of the documented (variable, number) that are not the code's."""
    numbers = default_numbers()
    return {name: said for name, said in given if name in numbers and int(re.sub("[,_]", "", said)) != numbers[name]}


def test_the_numbers_in_the_example_file_are_the_defaults() -> None:
    example = re.findall(r"^#([A-Z0-9_]+)=(\d+)$", (ROOT / ".env.example").read_text(), re.M)
    missing = default_numbers().keys() - {name for name, _number in example}
    assert (missing, other_numbers(pair for pair in example if pair[0] not in EXAMPLES)) == (set(), {})
    assert len(example) > 25


def test_the_numbers_in_the_readme_table_are_the_defaults() -> None:
    table = re.findall(r"^\| `([A-Z0-9_]+)` \| (\d[\d,]*)\b", (ROOT / "README.md").read_text(), re.M)
    assert other_numbers(table) == {}
    assert len(table) >= 10


def test_a_number_that_is_another_one_is_found() -> None:
    assert other_numbers([("SCAN_CONCURRENCY", "400"), ("WEB_THREADS", "9")]) == {"WEB_THREADS": "9"}
