"""`python -m tests.benchmarks` lists the benchmarks, `python -m tests.benchmarks <name>` runs one."""

import ast
import importlib
import sys
from pathlib import Path

from tests.benchmarks import stack
from tests.benchmarks.report import show

FOLDER = Path(__file__).parent


def main(arguments: list[str]) -> int:
    known = benchmarks()
    if not arguments:
        for name, summary in known.items():
            print(f"  make bench B={name:<12} {summary}")
        return 0
    if arguments[0] not in known:
        print(f"prompter: no benchmark {arguments[0]!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    stack.alone()
    module = importlib.import_module(f"tests.benchmarks.{arguments[0].replace('-', '_')}")
    show(module.bench(arguments[1:]))
    return 0


def benchmarks() -> dict[str, str]:
    """Names and summaries of the modules here that define `bench(arguments) -> Report`."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "bench" for node in tree.body):
            found[path.stem.replace("_", "-")] = (ast.get_docstring(tree) or "").splitlines()[0]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
