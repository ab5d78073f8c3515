"""What a brand's name, aliases and domains may be. The messages are for the person who typed them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import idna
from django.dispatch import Signal
from django.utils.translation import gettext as _

MAX_NAME = 100
MAX_ALIASES = 30
MAX_DOMAINS = 30

_HIDDEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")

# Sent with `name`; whoever looks for names in texts answers with a `NameVerdict`.
name_given = Signal()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameVerdict:
    """Why a name cannot be tracked, or what to know about how it is counted; both may be empty. `spellings` are the
    folded forms that it is found by: brands that share one would take each other's mentions."""

    problem: str = ""
    caution: str = ""
    spellings: frozenset[str] = frozenset()


class BrandError(ValueError):
    """A name, alias or domain that a brand cannot have."""


def clean_name(value: str) -> str:
    """The name as it is stored: one line, single spaces, with a letter or digit in it."""
    if "\0" in value:
        raise BrandError(_("The name contains a NUL character."))
    name = " ".join(_CONTROLS.sub(" ", _HIDDEN.sub("", value)).split())
    if not name:
        raise BrandError(_("The name is empty."))
    if not any(character.isalnum() for character in name):
        raise BrandError(
            _("“%(name)s” has no letter or digit in it, so it cannot be found in an answer.") % {"name": name[:40]}
        )
    if len(name) > MAX_NAME:
        raise BrandError(
            _("The name has %(number)s characters; at most %(most)s are allowed.")
            % {"number": len(name), "most": MAX_NAME}
        )
    for verdict in _verdicts(name):
        if verdict.problem:
            raise BrandError(f"\u201c{name[:40]}\u201d: {verdict.problem}")
    return name


def cautions(names: Iterable[str]) -> list[str]:
    """What the person should know about how these names are counted."""
    return [verdict.caution for name in names for verdict in _verdicts(name) if verdict.caution]


def spellings_of(name: str) -> frozenset[str]:
    """Everything that this name is found by, folded."""
    return frozenset({name.casefold()}).union(*(verdict.spellings for verdict in _verdicts(name)))


def _verdicts(name: str) -> list[NameVerdict]:
    answers: list[Any] = [answer for _, answer in name_given.send(sender=None, name=name)]
    return answers


def clean_names(lines: str, *, besides: str = "") -> list[str]:
    """Aliases, one a line; repetitions, also of the name `besides`, are dropped."""
    kept: dict[str, str] = {}
    for line in lines.splitlines():
        if line.strip():
            name = clean_name(line)
            if name.casefold() != besides.casefold():
                kept.setdefault(name.casefold(), name)
    if len(kept) > MAX_ALIASES:
        raise BrandError(
            _("%(number)s aliases; at most %(most)s are allowed.") % {"number": len(kept), "most": MAX_ALIASES}
        )
    return list(kept.values())


def clean_domain(value: str) -> str:
    """The host of a domain or URL: lower case, without `www.`, in its ASCII form."""
    value = value.strip()
    wrong = BrandError(_("“%(value)s” is not a domain. Write it as example.com.") % {"value": value[:60]})
    try:
        host = urlsplit(value if "//" in value else f"//{value}").hostname or ""
        host = idna.encode(host.rstrip("."), uts46=True).decode("ascii").lower()
    except ValueError:  # includes idna's errors
        raise wrong from None
    host = host.removeprefix("www.")
    labels = host.split(".")
    if len(labels) < 2 or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or _is_address(host):
        raise wrong
    return host


def clean_domains(lines: str) -> list[str]:
    """Domains, one a line or separated by commas or blanks; repetitions are dropped."""
    if "\0" in lines:
        raise BrandError(_("A domain contains a NUL character."))
    found = list(dict.fromkeys(clean_domain(part) for part in re.split(r"[\s,;]+", lines) if part))
    if len(found) > MAX_DOMAINS:
        raise BrandError(
            _("%(number)s domains; at most %(most)s are allowed.") % {"number": len(found), "most": MAX_DOMAINS}
        )
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdigit()
    return True
