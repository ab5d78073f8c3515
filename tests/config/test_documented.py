"""Every environment variable that is read is documented in .env.example and in the README."""

import re

from tests.guards.tree import ROOT, python_files

READ = re.compile(r"""(?:env(?:\.\w+)?\(|environ(?:\.get\(|\[|\.setdefault\()|getenv\()\s*["']([A-Z][A-Z0-9_]+)["']""")
# Read for tests, or by the tools that run them, set by the demo for its processes, or the system's own.
INTERNAL = re.compile(r"PROMPTER_DEMO|PROMPTER_TEST\w*|DJANGO_SETTINGS_MODULE|PYTEST_\w+|PATH")


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
