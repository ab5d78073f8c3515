"""The served files: collected under names that change with their content."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client


@pytest.fixture
def as_shipped(settings: Any, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path / "static"
    storages = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    settings.STORAGES = storages
    # The house's own: compressing what the packages bring takes half a minute and proves nothing more.
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    return settings.STATIC_ROOT


def test_everything_served_is_collected_and_nothing_it_is_built_from(as_shipped: Path) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    assert (as_shipped / "staticfiles.json").exists()
    assert "app." in staticfiles_storage.url("dist/app.css")
    assert not (as_shipped / "src").exists()
    assert list(as_shipped.glob("dist/app.*.css.br"))


def test_a_private_installation_serves_them_without_collecting(client: Client) -> None:
    response = client.get("/static/dist/app.css")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")
    # Read to its end, which closes the file: closing the response would ask the database, which this test has not.
    assert b"".join(response) == Path(finders.find("dist/app.css")).read_bytes()
