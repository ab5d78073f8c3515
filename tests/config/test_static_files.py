"""The served files: collected under names that change with their content, again only when something changed."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command

from config import static_files


@pytest.fixture
def as_shipped(settings: Any, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path / "static"
    storages = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    settings.STORAGES = storages
    return settings.STATIC_ROOT


def test_everything_served_is_collected_and_nothing_it_is_built_from(as_shipped: Path) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    assert (as_shipped / "staticfiles.json").exists()
    assert "app." in staticfiles_storage.url("dist/app.css")
    assert not (as_shipped / "src").exists()
    assert list(as_shipped.glob("dist/app.*.css.br"))


def test_files_are_collected_again_only_when_one_changed(as_shipped: Path, tmp_path: Path, settings: Any) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "probe.txt").write_text("one")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    finders.get_finder.cache_clear()
    try:
        assert static_files.collect_if_changed()
        assert not static_files.collect_if_changed()
        (folder / "probe.txt").write_text("two!")
        assert static_files.collect_if_changed()
        assert (as_shipped / "probe.txt").read_text() == "two!"
    finally:
        finders.get_finder.cache_clear()
