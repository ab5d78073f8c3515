"""The Nu HTML checker: what it says of pages, in one run of Java."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from config.embedded.place import BASE_DIR

JAR = BASE_DIR / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
PATIENCE = 300


def missing() -> str:
    """What is not on this machine; empty where the checker can run."""
    if not shutil.which("java"):
        return "Java (apt-get install default-jre-headless)"
    return "" if JAR.is_file() else "node_modules/vnu-jar (npm ci)"


def may_be_skipped() -> bool:
    """Never on a build machine."""
    return os.environ.get("CI") != "true"


def errors(pages: Mapping[str, str], *, folder: Path) -> list[str]:
    """`page:line: message` for every error in these pages, by their names."""
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    command = [
        "java",
        "-Xss1m",
        "-jar",
        str(JAR),
        "--errors-only",
        "--format",
        "json",
        "--exit-zero-always",
        str(folder),
    ]
    ran = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
    said = json.loads(ran.stderr)["messages"]
    return [_line(one) for one in said if one["type"] in ("error", "non-document-error")]


def _line(said: Mapping[str, object]) -> str:
    name = Path(str(said.get("url", ""))).stem
    return f"{name}:{said.get('lastLine', '')}: {said['message']}  {str(said.get('extract', '')).strip()[:140]}"
