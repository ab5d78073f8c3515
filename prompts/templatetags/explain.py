"""Help where a word stands: a mark that opens what the word means, and engines by their names."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from orgs.templatetags.ui import fresh_id
from prompts.engine_names import engine_label, tells_search
from prompts.terms import TERMS

register = template.Library()
register.filter(engine_label)
register.filter(tells_search)


@register.inclusion_tag("components/_help.html")
def explain(name: str, *, asked: bool = False) -> dict[str, Any]:
    """A mark, or with `asked` the question itself. Not inside a paragraph or a heading: what it opens is a block."""
    term = TERMS[name]
    address = reverse("docs-page", args=[term.page]) + (f"#{term.anchor}" if term.anchor else "")
    return {"term": term, "key": fresh_id("help"), "address": address, "asked": asked}
