"""The documentation: pages, pictures, the API's reference and a search over all of it."""

from __future__ import annotations

import mimetypes
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from config.public import reference
from config.public.documents import Document, library
from config.public.frame import show
from config.public.searching import LONGEST, find


@require_safe
def document(request: HttpRequest, path: str = "") -> HttpResponse:
    if not path and "q" in request.GET:
        return search(request)
    found = library().get(path)
    if found is None:
        return _folder(request, path)
    return _show(
        request,
        "public/document.html",
        title=found.title,
        description=found.description,
        document=found,
        siblings=library().within(path) if path else [],
    )


def search(request: HttpRequest) -> HttpResponse:
    query = request.GET["q"].strip().replace("\0", "")[:LONGEST]
    hits = find(library().all(), query)
    count = ngettext("%(count)d place names it.", "%(count)d places name it.", len(hits)) % {"count": len(hits)}
    return _show(
        request,
        "public/search.html",
        title=_("Search"),
        description=_("Search the documentation."),
        query=query,
        hits=hits,
        count=count,
    )


@require_safe
def api_reference(request: HttpRequest) -> HttpResponse:
    return _show(
        request,
        "public/reference.html",
        title=_("API reference"),
        description=_("Every operation of the REST API with its parameters and answers."),
        groups=reference.read(library().root / "openapi.yaml"),
    )


@require_safe
@cache_control(max_age=3600)
def schema(request: HttpRequest) -> HttpResponse:
    text = (library().root / "openapi.yaml").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="application/yaml; charset=utf-8")


@require_safe
@cache_control(max_age=3600)
def image(request: HttpRequest, name: str) -> FileResponse:
    file = library().image(name)
    if file is None:
        raise Http404
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return FileResponse(file.open("rb"), content_type=kind)


def _folder(request: HttpRequest, path: str) -> HttpResponse:
    """The list of a folder that has no page of its own."""
    inside = library().within(path)
    if not inside:
        raise Http404
    title = _("Decisions") if path == "adr" else path.rpartition("/")[2].capitalize()
    description = _("Why it is built as it is: one decision a page.") if path == "adr" else ""
    return _show(request, "public/folder.html", title=title, description=description, documents=inside)


def _show(request: HttpRequest, template: str, *, title: str, description: str, **context: Any) -> HttpResponse:
    known = {"chapters": library().chapters(), "documentation": True, "here": request.path, **context}
    return show(request, template, title=title, description=description, context=known)


def all_addresses() -> list[str]:
    """For the site map."""
    folders = {one.path.rpartition("/")[0] for one in library().all()} - {""}
    pages: list[Document] = library().all()
    own = {one.path for one in pages}
    return [
        *(one.url for one in pages),
        *(f"/docs/{folder}/" for folder in sorted(folders - own)),
        "/docs/api-reference/",
    ]
