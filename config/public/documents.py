"""The repository's `docs/` folder as pages: safe HTML, headings one can link to, links between documents.

Files are read once and again when they change. What is not inside the folder is not there, whatever an address says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from django.conf import settings

from config.public.markdown import Heading, Rendered, render

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PICTURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_INDEX = "README"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`path` is that of the address: empty for the first page, `adr` for a folder's, without `.md`."""

    path: str
    rendered: Rendered

    @property
    def url(self) -> str:
        return f"/docs/{self.path}/" if self.path else "/docs/"

    @property
    def title(self) -> str:
        return self.rendered.title

    @property
    def description(self) -> str:
        return self.rendered.description

    @property
    def contents(self) -> Sequence[Heading]:
        return self.rendered.contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One part of the navigation."""

    title: str
    documents: tuple[Document, ...]


class Library:
    """Documents of one folder, kept in memory for as long as their files stay as they are."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._kept: dict[Path, tuple[tuple[int, int], Document]] = {}

    def get(self, path: str) -> Document | None:
        file = self._file(path)
        return None if file is None else self._load(file)

    def all(self) -> list[Document]:
        """Every document, the first page first."""
        files = sorted(self.root.rglob("*.md"), key=lambda file: (file.stem != _INDEX, file))
        return [self._load(file) for file in files if file == self._file(self._address(file))]

    def chapters(self) -> list[Chapter]:
        """What the first page links to, under its second headings."""
        first = self.get("")
        if first is None:
            return []
        found = [(title, map(self.get, links)) for title, links in first.rendered.links_by_heading]
        return [Chapter(title=title, documents=tuple(filter(None, documents))) for title, documents in found]

    def guide(self) -> Sequence[Document]:
        """The documents of all chapters, each once."""
        return list({one.path: one for chapter in self.chapters() for one in chapter.documents}.values())

    def within(self, folder: str) -> list[Document]:
        """The documents of a folder, but for its own page, in the order of their names."""
        if folder and not all(_PART.fullmatch(part) for part in folder.split("/")):
            return []
        return [one for one in self.all() if PurePosixPath(one.path).parent == PurePosixPath(folder) and one.path]

    def image(self, name: str) -> Path | None:
        if not _PICTURE.fullmatch(name):
            return None
        file = (self.root / "img" / name).resolve()
        return file if file.parent == self.root / "img" and file.is_file() else None

    def _file(self, path: str) -> Path | None:
        parts = path.split("/") if path else []
        if not all(_PART.fullmatch(part) for part in parts) or parts[-1:] == [_INDEX]:
            return None
        folder = self.root.joinpath(*parts)
        files = [folder / f"{_INDEX}.md", *([folder.with_name(f"{folder.name}.md")] if parts else [])]
        # A link on the disk may lead out of the folder.
        inside = (file for file in files if file.is_file() and file.resolve().is_relative_to(self.root))
        return next(inside, None)

    def _address(self, file: Path) -> str:
        stem = file.relative_to(self.root).with_suffix("")
        path = (stem.parent if stem.name == _INDEX else stem).as_posix()
        return "" if path == "." else path

    def _load(self, file: Path) -> Document:
        stat = file.stat()
        state = (stat.st_mtime_ns, stat.st_size)
        kept = self._kept.get(file)
        if kept and kept[0] == state:
            return kept[1]
        folder = file.relative_to(self.root).parent.as_posix()
        rendered = render(file.read_text(encoding="utf-8"), folder="" if folder == "." else folder, root=self.root)
        document = Document(path=self._address(file), rendered=rendered)
        self._kept[file] = (state, document)
        return document


@cache
def library() -> Library:
    return Library(Path(settings.BASE_DIR) / "docs")
