"""Functions, files and indents stay small enough to read at a glance."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guards.tree import ROOT, parse, python_files

FUNCTION, VIEW, FILE, TEST_FILE, INDENTS = 60, 25, 400, 500, 3
FORBIDDEN_NAMES = {"services.py", "utils.py", "helpers.py", "common.py", "misc.py"}
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def _depth(node: ast.AST, depth: int = 0) -> int:
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deepest = max(deepest, _depth(child, depth + (isinstance(child, BLOCKS) and not is_elif)))
    return deepest


def _is_view(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(d, ast.Call) and getattr(d.func, "id", "") == "org_view" for d in node.decorator_list)


def size_problems(path: Path, *, is_test: bool = False) -> Iterator[str]:
    lines = len(path.read_text().splitlines())
    if lines > (TEST_FILE if is_test else FILE):
        yield f"{path.name}: {lines} lines"
    if path.name in FORBIDDEN_NAMES:
        yield f"{path.name}: a file without a subject"
    for node in ast.walk(parse(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > (VIEW if _is_view(node) else FUNCTION):
            yield f"{path.name}: {node.name} has {length} lines"
        if _depth(node) > INDENTS:
            yield f"{path.name}: {node.name} is indented {_depth(node)} deep"


def test_every_file_and_function_is_small() -> None:
    sources = [path for path in python_files() if "migrations" not in path.parts]
    problems = [f"{path.relative_to(ROOT)}: {problem}" for path in sources for problem in size_problems(path)]
    tests = list(python_files("tests"))
    problems += [f"{path.relative_to(ROOT)}: {p}" for path in tests for p in size_problems(path, is_test=True)]
    assert problems == []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1\n" * 401, "lines"),
        ("def long():\n" + "    x = 1\n" * 60, "long has 61 lines"),
        ("@org_view(P)\ndef seen():\n" + "    x = 1\n" * 25, "seen has 26 lines"),
        (
            "def deep():\n if a:\n  for b in c:\n   while d:\n    if e:\n     pass",
            "4 deep",
        ),
    ],
)
def test_a_planted_giant_is_found(tmp_path: Path, source: str, problem: str) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(source)
    assert any(problem in found for found in size_problems(planted))


def test_a_planted_file_without_a_subject_is_found(tmp_path: Path) -> None:
    (tmp_path / "utils.py").write_text("")
    assert list(size_problems(tmp_path / "utils.py")) == ["utils.py: a file without a subject"]
