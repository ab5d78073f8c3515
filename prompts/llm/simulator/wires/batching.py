"""The batch endpoints of OpenAI, Anthropic and Google: how each takes batches in and shows them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import orjson

from prompts.llm.simulator.batches import Entry, Fate, Job
from prompts.llm.simulator.exchange import Allowance, Json, Refused, Trouble

from .base import Incoming, check_key

FULL = Allowance()
_CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BROKEN = b'{"custom_id": "broken", "re'


class Verb(StrEnum):
    UPLOAD = "upload"
    CREATE = "create"
    SHOW = "show"
    LIST = "list"
    CANCEL = "cancel"
    RESULTS = "results"


@dataclass(frozen=True, slots=True)
class Visit:
    verb: Verb
    incoming: Incoming
    id: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One request of a batch, as it would have come by itself."""

    custom_id: str
    incoming: Incoming


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A job, and what came of its entries where that is asked for. `noisy`: with a line that breaks off, one of
    nobody's and one twice."""

    job: Job
    fates: Mapping[Fate, int]
    lines: Sequence[tuple[Entry, Fate, Json]]
    noisy: bool
    metadata: bool


class Counter(Protocol):
    inline: bool  # results are part of the job

    def key(self, incoming: Incoming) -> str: ...
    def visit(self, incoming: Incoming) -> Visit | None: ...
    def name(self, number: int) -> str: ...
    def labels(self, visit: Visit) -> dict[str, Any]: ...
    def uploaded(self, incoming: Incoming) -> bytes: ...
    def file(self, name: str, size: int) -> Json: ...
    def questions(self, visit: Visit, files: Mapping[str, bytes]) -> list[Question]: ...
    def job(self, shown: Shown) -> Json: ...
    def listed(self, jobs: Sequence[Shown]) -> Json: ...
    def results(self, shown: Shown, visit: Visit) -> bytes: ...


class OpenAICounter:
    inline = False
    paths = (
        (Verb.CREATE, "POST", re.compile(r"/batches")),
        (Verb.LIST, "GET", re.compile(r"/batches")),
        (Verb.SHOW, "GET", re.compile(r"/batches/([\w-]+)")),
        (Verb.CANCEL, "POST", re.compile(r"/batches/([\w-]+)/cancel")),
        (Verb.RESULTS, "GET", re.compile(r"/files/(?:output|errors)-([\w-]+)/content")),
    )

    def key(self, incoming: Incoming) -> str:
        return check_key(incoming.bearer(), missing="You didn't provide an API key.", wrong="Incorrect API key.")

    def visit(self, incoming: Incoming) -> Visit | None:
        path = incoming.path.removeprefix("/v1")
        if (incoming.method, path) == ("POST", "/files") and b'name="purpose"\r\n\r\nbatch\r\n' in incoming.body:
            return Visit(Verb.UPLOAD, incoming)
        return _found(self.paths, incoming, path)

    def name(self, number: int) -> str:
        return f"batch_{number:08d}"

    def labels(self, visit: Visit) -> dict[str, Any]:
        return {"metadata": visit.incoming.json().get("metadata") or {}}

    def uploaded(self, incoming: Incoming) -> bytes:
        boundary = incoming.header(b"content-type").partition("boundary=")[2].strip('"').encode()
        for part in incoming.body.split(b"--" + boundary):
            head, _, body = part.partition(b"\r\n\r\n")
            if b'name="file"' in head:
                return body.removesuffix(b"\r\n")
        raise Refused(Trouble.BAD_REQUEST, "No file was uploaded.", param="file")

    def file(self, name: str, size: int) -> Json:
        known = {"object": "file", "filename": "batch.jsonl", "purpose": "batch", "status": "processed"}
        return {"id": name, "bytes": size, "created_at": _seconds(), **known}

    def questions(self, visit: Visit, files: Mapping[str, bytes]) -> list[Question]:
        asked = visit.incoming.json()
        content = files.get(str(asked.get("input_file_id")))
        if content is None or asked.get("completion_window") != "24h":
            raise Refused(Trouble.BAD_REQUEST, "The batch needs an input file and a window of 24h.")
        lines = [orjson.loads(line) for line in content.splitlines() if line.strip()]
        if any(line["url"] != asked.get("endpoint") for line in lines):
            raise Refused(Trouble.BAD_REQUEST, "The URLs of all requests must be the batch's endpoint.")
        return [_question(visit, line["custom_id"], line["url"], line["body"]) for line in lines]

    def job(self, shown: Shown) -> Json:
        job, fates = shown.job, shown.fates
        failed = fates.get(Fate.ERRORED, 0)
        done = fates[Fate.ANSWERED] if fates else job.answered_by_now()
        lost = sum(fates.get(fate, 0) for fate in (Fate.ERRORED, Fate.EXPIRED, Fate.CANCELLED))
        return {
            "id": job.id,
            "object": "batch",
            "endpoint": "/v1/responses",
            "completion_window": "24h",
            "input_file_id": "file-input",
            "created_at": int(job.created),
            "expires_at": int(job.created) + 86_400,
            "status": _openai_status(job),
            "metadata": job.metadata,
            "request_counts": {"total": len(job.entries), "completed": done, "failed": failed},
            "output_file_id": f"output-{job.id}" if fates.get(Fate.ANSWERED) else None,
            "error_file_id": f"errors-{job.id}" if lost else None,
        }

    def listed(self, jobs: Sequence[Shown]) -> Json:
        return {"object": "list", "data": [self.job(shown) for shown in jobs], "has_more": False}

    def results(self, shown: Shown, visit: Visit) -> bytes:
        """One file of answers and one of everything else; neither in the order of the questions."""
        wanted_answers = visit.incoming.path.removeprefix("/v1").startswith("/files/output-")
        lines = [
            orjson.dumps(self._line(entry, fate, page))
            for entry, fate, page in reversed(shown.lines)
            if (fate is Fate.ANSWERED) == wanted_answers
        ]
        return _jsonl(lines, noisy=shown.noisy)

    def _line(self, entry: Entry, fate: Fate, page: Json) -> Json:
        line: Json = {"id": f"batch_req_{entry.custom_id}", "custom_id": entry.custom_id, "response": None}
        if fate is Fate.ANSWERED:
            response = {"status_code": 200, "request_id": f"req_{entry.custom_id}", "body": page}
            return line | {"response": response, "error": None}
        if fate is Fate.ERRORED:
            response = {"status_code": page["status"], "request_id": f"req_{entry.custom_id}", "body": page["body"]}
            return line | {"response": response, "error": None}
        message = "This request could not be executed before the batch ended."
        return line | {"error": {"code": f"batch_{fate.value}", "message": message}}


class AnthropicCounter:
    inline = False
    paths = (
        (Verb.CREATE, "POST", re.compile(r"/messages/batches")),
        (Verb.LIST, "GET", re.compile(r"/messages/batches")),
        (Verb.SHOW, "GET", re.compile(r"/messages/batches/([\w-]+)")),
        (Verb.CANCEL, "POST", re.compile(r"/messages/batches/([\w-]+)/cancel")),
        (Verb.RESULTS, "GET", re.compile(r"/messages/batches/([\w-]+)/results")),
    )

    def key(self, incoming: Incoming) -> str:
        key = incoming.header(b"x-api-key") or incoming.bearer()
        return check_key(key, missing="x-api-key header is required", wrong="invalid x-api-key")

    def visit(self, incoming: Incoming) -> Visit | None:
        return _found(self.paths, incoming, incoming.path.removeprefix("/v1"))

    def name(self, number: int) -> str:
        return f"msgbatch_{number:08d}"

    def labels(self, visit: Visit) -> dict[str, Any]:
        return {"name": visit.incoming.header(b"host")}  # where the results are read

    def uploaded(self, incoming: Incoming) -> bytes:
        raise Refused(Trouble.NOT_FOUND)

    def file(self, name: str, size: int) -> Json:
        raise Refused(Trouble.NOT_FOUND)

    def questions(self, visit: Visit, files: Mapping[str, bytes]) -> list[Question]:
        asked = visit.incoming.json().get("requests") or []
        if not all(_CUSTOM_ID.fullmatch(str(one.get("custom_id") or "")) for one in asked):
            raise Refused(Trouble.BAD_REQUEST, "requests.0.custom_id: String should match pattern")
        return [_question(visit, one["custom_id"], "/v1/messages", one["params"]) for one in asked]

    def job(self, shown: Shown) -> Json:
        job, fates = shown.job, shown.fates
        counts = {
            "processing": 0 if fates else len(job.entries),
            "succeeded": fates.get(Fate.ANSWERED, 0),
            "errored": fates.get(Fate.ERRORED, 0),
            "canceled": fates.get(Fate.CANCELLED, 0),
            "expired": fates.get(Fate.EXPIRED, 0),
        }
        url = f"http://{job.name}/anthropic/v1/messages/batches/{job.id}/results"
        return {
            "id": job.id,
            "type": "message_batch",
            "processing_status": "ended" if fates else "in_progress",
            "request_counts": counts,
            "created_at": _moment(job.created),
            "expires_at": _moment(job.created + 86_400),
            "ended_at": _moment(job.end()) if fates else None,
            "cancel_initiated_at": _moment(job.cancelled) if job.cancelled else None,
            "archived_at": None,
            "results_url": url if fates else None,
        }

    def listed(self, jobs: Sequence[Shown]) -> Json:
        data = [self.job(shown) for shown in jobs]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return {"data": data, "has_more": False, **ends}

    def results(self, shown: Shown, visit: Visit) -> bytes:
        lines = [
            orjson.dumps({"custom_id": entry.custom_id, "result": self._result(fate, page)})
            for entry, fate, page in reversed(shown.lines)
        ]
        return _jsonl(lines, noisy=shown.noisy)

    def _result(self, fate: Fate, page: Json) -> Json:
        if fate is Fate.ANSWERED:
            return {"type": "succeeded", "message": page}
        if fate is Fate.ERRORED:
            return {"type": "errored", "error": page["body"]}
        return {"type": "expired" if fate is Fate.EXPIRED else "canceled"}


class GoogleCounter:
    inline = True
    paths = (
        (Verb.CREATE, "POST", re.compile(r"/v1(?:beta|alpha)?/models/([^:/]+):batchGenerateContent")),
        (Verb.LIST, "GET", re.compile(r"/v1(?:beta|alpha)?/batches")),
        (Verb.SHOW, "GET", re.compile(r"/v1(?:beta|alpha)?/(batches/[\w-]+)")),
        (Verb.CANCEL, "POST", re.compile(r"/v1(?:beta|alpha)?/(batches/[\w-]+):cancel")),
    )
    codes = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14}

    def key(self, incoming: Incoming) -> str:
        key = incoming.header(b"x-goog-api-key") or incoming.query.get("key", "")
        return check_key(key, missing="Method doesn't allow unregistered callers.", wrong="API key not valid.")

    def visit(self, incoming: Incoming) -> Visit | None:
        return _found(self.paths, incoming, incoming.path)

    def name(self, number: int) -> str:
        return f"batches/{number:08d}"

    def labels(self, visit: Visit) -> dict[str, Any]:
        return {"name": str(visit.incoming.json()["batch"].get("displayName") or "")}

    def uploaded(self, incoming: Incoming) -> bytes:
        raise Refused(Trouble.NOT_FOUND)

    def file(self, name: str, size: int) -> Json:
        raise Refused(Trouble.NOT_FOUND)

    def questions(self, visit: Visit, files: Mapping[str, bytes]) -> list[Question]:
        asked = visit.incoming.json().get("batch", {}).get("inputConfig", {}).get("requests", {}).get("requests") or []
        path = f"/v1beta/models/{visit.id}:generateContent"
        return [
            _question(visit, (one.get("metadata") or {}).get("key") or f"place-{place}", path, one["request"])
            for place, one in enumerate(asked)
        ]

    def job(self, shown: Shown) -> Json:
        job = shown.job
        metadata: Json = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "name": job.id,
            "model": f"models/{job.model}",
            "displayName": job.name,
            "createTime": _moment(job.created),
            "updateTime": _moment(job.created),
            "state": _google_state(job),
        }
        if shown.lines:
            answers = [self._response(*line, metadata=shown.metadata) for line in shown.lines]
            if shown.noisy:
                answers += [{"metadata": {"key": "nobody-1"}, "error": {"code": 13, "message": "?"}}, answers[0]]
            metadata["output"] = {"inlinedResponses": {"inlinedResponses": answers}}
            metadata["endTime"] = _moment(job.end())
        return {"name": job.id, "metadata": metadata} | ({"done": True} if job.ended else {})

    def listed(self, jobs: Sequence[Shown]) -> Json:
        return {"operations": [self.job(shown) for shown in jobs]} if jobs else {}

    def results(self, shown: Shown, visit: Visit) -> bytes:
        raise Refused(Trouble.NOT_FOUND)

    def _response(self, entry: Entry, fate: Fate, page: Json, *, metadata: bool) -> Json:
        told: Json = {"metadata": {"key": entry.custom_id}} if metadata else {}
        if fate is Fate.ANSWERED:
            return told | {"response": page}
        if fate is Fate.ERRORED:
            error = page["body"]["error"]
            return told | {"error": {"code": self.codes.get(page["status"], 13), "message": error["message"]}}
        return told | {"error": {"code": 1 if fate is Fate.CANCELLED else 4, "message": "The batch ended before."}}


COUNTERS: dict[str, Counter] = {
    "openai": OpenAICounter(),
    "anthropic": AnthropicCounter(),
    "google": GoogleCounter(),
}


def _found(paths: Sequence[tuple[Verb, str, re.Pattern[str]]], incoming: Incoming, path: str) -> Visit | None:
    for verb, method, pattern in paths:
        found = pattern.fullmatch(path) if method == incoming.method else None
        if found:
            return Visit(verb, incoming, found[1] if pattern.groups else "")
    return None


def _question(visit: Visit, custom_id: str, path: str, body: Json) -> Question:
    headers = visit.incoming.headers
    incoming = Incoming(method="POST", path=path, query=visit.incoming.query, headers=headers, body=orjson.dumps(body))
    return Question(custom_id, incoming)


def _jsonl(lines: list[bytes], *, noisy: bool) -> bytes:
    if noisy and lines:
        stranger = orjson.loads(lines[0]) | {"custom_id": "nobody-1"}
        lines = [_BROKEN, *lines, lines[0], orjson.dumps(stranger), b"[]", b"null"]
    return b"".join(line + b"\n" for line in lines)


def _openai_status(job: Job) -> str:
    if not job.ended:
        return "in_progress"
    if job.expired:
        return "expired"
    return "cancelled" if job.cancelled is not None else "completed"


def _google_state(job: Job) -> str:
    if not job.ended:
        return "BATCH_STATE_RUNNING"
    if job.expired:
        return "BATCH_STATE_EXPIRED"
    return "BATCH_STATE_CANCELLED" if job.cancelled is not None else "BATCH_STATE_SUCCEEDED"


def _seconds() -> int:
    return int(dt.datetime.now(dt.UTC).timestamp())


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
