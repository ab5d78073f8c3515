"""An app imports only what stands to its right: config > knowledge > scans > prompts > billing > orgs > accounts."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.guards.tree import PACKAGES, ROOT


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def _copy(folder: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.json"))
    shutil.copy(ROOT / ".importlinter", folder)


def test_layers_hold_and_a_planted_upward_import_is_found(tmp_path: Path) -> None:
    _copy(tmp_path)
    clean = lint_imports(tmp_path)
    assert clean.returncode == 0, clean.stdout
    (tmp_path / "accounts" / "planted.py").write_text("import scans.models\n")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert "accounts.planted -> scans.models" in broken.stdout


def test_a_planted_import_of_an_adapter_past_the_gateway_is_found(tmp_path: Path) -> None:
    _copy(tmp_path)
    (tmp_path / "scans" / "planted.py").write_text("import prompts.llm.openai\n")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert "scans.planted -> prompts.llm.openai" in broken.stdout


def test_a_planted_model_in_the_pure_layer_is_found(tmp_path: Path) -> None:
    _copy(tmp_path)
    (tmp_path / "prompts" / "llm" / "planted.py").write_text("import prompts.models\n")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert "prompts.llm.planted -> prompts.models" in broken.stdout
