"""Perplexity's Sonar models, which always search the web."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .adapter import Adapter
from .chat_completions import ChatCompletionsAdapter, Transcript
from .citations import SourceList
from .types import Request, Surface

_MARKER = re.compile(r"\[(\d{1,3})\]")


class PerplexityAdapter(ChatCompletionsAdapter):
    base_url = "https://api.perplexity.ai"

    _embed = Adapter._embed

    def _params(self, request: Request) -> dict[str, Any]:
        params = super()._params(request)
        if request.surface is Surface.MODEL:
            params["extra_body"] = {"disable_search": True}
        elif request.country:
            location = {"country": request.country.upper()}
            params["extra_body"] = {"web_search_options": {"user_location": location}}
        return params

    def _stream_params(self) -> dict[str, Any]:
        return {}  # usage comes unasked, and unknown fields are refused

    def _sources(self, text: str, transcript: Transcript) -> SourceList:
        """A source is cited when its number stands in the text, as in `[2]`; the first such marker is its place."""
        marks: dict[int, re.Match[str]] = {}
        for mark in _MARKER.finditer(text):
            marks.setdefault(int(mark[1]), mark)
        sources = SourceList()
        for number, (url, title) in enumerate(_results(transcript.extras), start=1):
            if place := marks.get(number):
                sources.cite(url, title=title, start=place.start(), end=place.end())
            else:
                sources.look(url, title=title)
        return sources


def _results(extras: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`search_results` carry titles; `citations` are the same URLs in the same order, alone."""
    for result in extras.get("search_results") or ():
        yield str(result.get("url") or ""), str(result.get("title") or "")
    if not extras.get("search_results"):
        for url in extras.get("citations") or ():
            yield str(url), ""
