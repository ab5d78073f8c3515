"""Perplexity, which always searches the web.

`sonar` and `sonar-pro` speak chat completions, whose support Perplexity ended on 27 September 2026; servers that still
offer them under that protocol (OpenRouter, the simulator) are asked the same way. Models of the Agent API that
replaced it (`perplexity/sonar`) speak OpenAI's Responses protocol at `/v1`, with tools and sources of its own.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from openai.types.responses import Response

from .adapter import Adapter
from .chat_completions import ChatCompletionsAdapter, Transcript, told_cost
from .citations import SourceList
from .openai import ResponsesAdapter, annotated, tokens
from .types import Credential, Delta, Reply, Request, Surface, Usage

BASE_URL = "https://api.perplexity.ai"
_MARKER = re.compile(r"\[(\d{1,3})\]")


class PerplexityAdapter(ChatCompletionsAdapter):
    base_url = BASE_URL
    _embed = Adapter._embed

    def __init__(self, credential: Credential) -> None:
        super().__init__(credential)
        root = (credential.base_url or BASE_URL).rstrip("/")
        self._agent = AgentAdapter(replace(credential, base_url=f"{root}/v1"))

    async def aclose(self) -> None:
        await super().aclose()
        await self._agent.aclose()

    async def _complete(self, request: Request) -> Reply:
        return await (self._agent._complete(request) if "/" in request.model else super()._complete(request))

    def _stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        return self._agent._stream(request) if "/" in request.model else super()._stream(request)

    def params(self, request: Request) -> dict[str, Any]:
        params = super().params(request)
        if request.surface is Surface.MODEL:
            params["extra_body"] = {"disable_search": True}
        elif request.country:
            params["extra_body"] = {"web_search_options": _near(request.country)}
        return params

    def _stream_params(self) -> dict[str, Any]:
        return {}  # usage comes unasked, and unknown fields are refused

    def _sources(self, text: str, transcript: Transcript) -> SourceList:
        return _marked(SourceList(), text, enumerate(_results(transcript.extras), start=1))


class AgentAdapter(ResponsesAdapter):
    """The Agent API: a search is a tool that must be offered, and its results are an item of the output."""

    _embed = Adapter._embed

    def params(self, request: Request) -> dict[str, Any]:
        params = super().params(request)
        if request.surface is Surface.WEB_SEARCH:
            params["tools"] = [{"type": "web_search"} | (_near(request.country) if request.country else {})]
            params["tool_choice"] = {"type": "web_search"}  # offered alone, it may go unused
        return params

    def _sources(self, response: Response, text: str) -> SourceList:
        found = (result for item in _searches(response) for result in item.get("results") or ())
        numbered = (
            (int(result.get("id") or place), (str(result.get("url") or ""), str(result.get("title") or "")))
            for place, result in enumerate(found, start=1)
        )
        return _marked(annotated(response), text, numbered)

    def _usage(self, response: Response) -> Usage:
        extras = (response.usage.model_extra or {}) if response.usage else {}
        searches = len(list(self._queries(response)))
        return replace(tokens(response), searches=searches, cost=told_cost(extras.get("cost")))

    def _queries(self, response: Response) -> Iterator[str]:
        for item in _searches(response):
            yield from (str(query) for query in item.get("queries") or ())


def _near(country: str) -> dict[str, Any]:
    return {"user_location": {"country": country.upper()}}


def _searches(response: Response) -> Iterator[dict[str, Any]]:
    for item in response.output:
        if str(item.type) == "search_results":  # not one of OpenAI's own, so the SDK's types do not know it
            yield item.model_dump()


def _marked(sources: SourceList, text: str, numbered: Iterable[tuple[int, tuple[str, str]]]) -> SourceList:
    """A source is cited when its number stands in the text, as in `[2]`; the first such marker is its place."""
    marks: dict[int, re.Match[str]] = {}
    for mark in _MARKER.finditer(text):
        marks.setdefault(int(mark[1]), mark)
    for number, (url, title) in numbered:
        if found := marks.get(number):
            sources.cite(url, title=title, start=found.start(), end=found.end())
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
