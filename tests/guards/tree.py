"""What the guards walk: the product's Python files, models, URLs and tasks."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "orgs", "billing", "prompts", "scans", "knowledge")
PACKAGES = (*APPS, "config")


def python_files(*packages: str, root: Path = ROOT) -> Iterator[Path]:
    for package in packages or PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@dataclass(frozen=True, kw_only=True)
class Address:
    """One URL pattern: the whole route, its name, its callback, and the names of its arguments."""

    route: str
    name: str
    callback: object
    arguments: tuple[str, ...]


def addresses(resolver: URLResolver | None = None, prefix: str = "", outer: tuple[str, ...] = ()) -> Iterator[Address]:
    resolver = resolver or get_resolver()
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        arguments = (*outer, *pattern.pattern.converters, *pattern.pattern.regex.groupindex)
        arguments = tuple(dict.fromkeys(arguments))
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, route, arguments)
        elif isinstance(pattern, URLPattern):
            yield Address(route=route, name=pattern.name or "", callback=pattern.callback, arguments=arguments)


def tenant_addresses() -> list[Address]:
    return [address for address in addresses() if "org_slug" in address.arguments]
