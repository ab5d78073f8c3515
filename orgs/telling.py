"""Sentences kept in rows as the code has them, with what fills their places, for readers of any language."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import translation


def told(sentence: str, values: Mapping[str, str | int]) -> str:
    """For its reader. One that was kept filled in has no values, and is shown as it is where nothing translates it."""
    if not sentence:
        return ""
    said = translation.gettext(sentence)
    return said % values if values else said
