"""What the operators' first page shows of the installation's health."""

from __future__ import annotations

from typing import Any

from django import template

from config.operators.state import read_state

register = template.Library()


@register.inclusion_tag("admin/_summary.html")
def health_summary() -> dict[str, Any]:
    return {"state": read_state()}
