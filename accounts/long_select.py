"""A select of hundreds of options."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class LongSelect(forms.Select):
    """Written in one go: Django renders a template for every option, which takes longer than the rest of the page."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = "" if value is None else str(value)
        options = format_html_join("", "{}", ((self._entry(key, label, chosen),) for key, label in self.choices))
        return format_html(
            '<select name="{}"{}>{}</select>', name, flatatt(self.build_attrs(self.attrs, attrs)), options
        )

    def _entry(self, key: Any, label: Any, chosen: str) -> SafeString:
        if not isinstance(label, list | tuple):
            return _option(key, label, chosen)
        inside = format_html_join("", "{}", ((_option(value, text, chosen),) for value, text in label))
        return format_html('<optgroup label="{}">{}</optgroup>', key, inside)


def _option(key: Any, label: Any, chosen: str) -> SafeString:
    selected = SafeString(" selected") if str(key) == chosen else ""
    return format_html('<option value="{}"{}>{}</option>', key, selected, label)
