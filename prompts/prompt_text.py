"""What a prompt's text, country, language and tags may be, and when two prompts are the same question."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from django.utils.translation import gettext as _

from accounts import formats

MAX_TEXT = 4_000
MAX_TAGS = 20
MAX_TAG = 40

COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """.split()  # noqa: SIM905
)

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?", re.IGNORECASE | re.ASCII)
# Overrides and embeddings can make a prompt read differently from what is sent; plain marks (LRM, RLM) are kept.
_BIDI_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
_CONTROLS = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")


class PromptTextError(ValueError):
    """A value that a prompt cannot have; the message is for the person who typed it."""


def clean_text(text: str) -> str:
    """The text as it is stored: NUL refused, other control characters a space, bidi overrides removed."""
    if "\0" in text:
        raise PromptTextError(_("The text contains a NUL character."))
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PromptTextError(_("The text contains a broken character (half of a surrogate pair)."))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _BLANKS.sub(" ", _CONTROLS.sub(" ", _BIDI_OVERRIDES.sub("", text))).strip()
    if not text:
        raise PromptTextError(_("The text is empty."))
    if not any(unicodedata.category(character)[0] in "LNS" for character in text):
        raise PromptTextError(_("The text has no letter, digit or symbol in it."))
    if len(text) > MAX_TEXT:
        raise PromptTextError(
            _("The text has %(number)s characters; at most %(most)s are allowed.")
            % {"number": formats.number(len(text)), "most": formats.number(MAX_TEXT)}
        )
    return text


def clean_country(value: str) -> str:
    """ISO 3166-1 alpha-2 in upper case, or empty."""
    code = value.strip().upper()
    if code and code not in COUNTRIES:
        known = {"value": value.strip()[:40]}
        if code == "UK":
            raise PromptTextError(_("“%(value)s” is not a country code. Use GB.") % known)
        raise PromptTextError(
            _("“%(value)s” is not a country code. Use a two-letter ISO 3166 code such as DE or US.") % known
        )
    return code


def clean_language(value: str) -> str:
    """A BCP 47 tag of language, script and region (`de`, `pt-BR`, `zh-Hant-TW`) in its usual case, or empty."""
    tag = value.strip().replace("_", "-")
    if not tag:
        return ""
    found = _LANGUAGE.fullmatch(tag)
    if found is None:
        raise PromptTextError(
            _("“%(value)s” is not a language tag. Use one such as de, en or pt-BR.") % {"value": value.strip()[:40]}
        )
    language, script, region = found.groups(default="")
    return "-".join(part for part in (language.lower(), script.title(), region.upper()) if part)


def clean_tags(value: str) -> tuple[str, ...]:
    """Tags from one cell, separated by comma, semicolon or bar; the first spelling of each is kept."""
    kept: dict[str, str] = {}
    for part in re.split(r"[,;|\n]", value):
        tag = " ".join(_CONTROLS.sub(" ", _BIDI_OVERRIDES.sub("", part)).split())
        if "\0" in tag:
            raise PromptTextError(_("A tag contains a NUL character."))
        if len(tag) > MAX_TAG:
            raise PromptTextError(
                _("The tag “%(tag)s…” has %(number)s characters; at most %(most)s are allowed.")
                % {"tag": tag[:30], "number": len(tag), "most": MAX_TAG}
            )
        if tag:
            kept.setdefault(tag.casefold(), tag)
    if len(kept) > MAX_TAGS:
        raise PromptTextError(
            _("%(number)s tags; at most %(most)s are allowed.") % {"number": len(kept), "most": MAX_TAGS}
        )
    return tuple(kept.values())


def normalised_text(text: str) -> str:
    """Width, case and white space folded away: what makes two spellings one question."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def prompt_key(text: str, country: str, language: str) -> str:
    """64 hex digits, equal for the same question in the same country and language. Takes cleaned values."""
    identity = "\x1f".join((normalised_text(text), country.upper(), language.lower()))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
