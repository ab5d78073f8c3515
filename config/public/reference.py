"""The API's operations as a list people can read, from the schema that the code is checked against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_METHODS = ("get", "post", "put", "patch", "delete")
_HIDDEN = ("org_slug",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    method: str
    path: str
    text: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    operations: tuple[Operation, ...]


def read(file: Path) -> tuple[Group, ...]:
    stat = file.stat()
    return _read(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2)
def _read(file: Path, modified: int, size: int) -> tuple[Group, ...]:
    schema = yaml.safe_load(file.read_text(encoding="utf-8"))
    groups: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                name = (operation.get("tags") or ["other"])[0]
                groups.setdefault(name, []).append(_operation(operation, method=method, path=path, schema=schema))
    return tuple(Group(name=name, operations=tuple(found)) for name, found in sorted(groups.items()))


def _operation(operation: Mapping[str, Any], *, method: str, path: str, schema: Mapping[str, Any]) -> Operation:
    parameters = [one for one in operation.get("parameters", []) if one["name"] not in _HIDDEN]
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        text=operation.get("description", "").strip(),
        parameters=tuple(
            Field(
                name=one["name"],
                kind=_kind(one["schema"]),
                required=one.get("required", False),
                text=one.get("description", ""),
            )
            for one in parameters
        ),
        body=tuple(_body(operation, schema)),
        answers=tuple(_answer(status, found) for status, found in operation.get("responses", {}).items()),
    )


def _body(operation: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Field]:
    found = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    wanted = _resolve(found, schema)
    for name, field in wanted.get("properties", {}).items():
        if not field.get("readOnly"):
            required = name in wanted.get("required", [])
            yield Field(name=name, kind=_kind(field), required=required, text=field.get("description", ""))


def _answer(status: str, found: Mapping[str, Any]) -> str:
    kind = _kind(found.get("content", {}).get("application/json", {}).get("schema", {}))
    return f"{status} {kind}".strip()


def _resolve(found: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = _reference(found)
    return schema["components"]["schemas"][name] if name else found


def _reference(found: Mapping[str, Any]) -> str:
    return str(found.get("$ref", "")).rpartition("/")[2]


def _kind(found: Mapping[str, Any]) -> str:
    """A word or two: the name of a schema, or a type with its format."""
    if _reference(found):
        return _reference(found)
    for one in (*found.get("allOf", ()), *found.get("oneOf", ())):
        return _kind(one)
    if found.get("type") == "array":
        return f"list of {_kind(found.get('items', {}))}"
    return str(found.get("format") or found.get("type") or "")
