"""What pages of accounts may ask."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def mail_is_printed() -> bool:
    """On somebody's own machine without a mail server, letters are printed by the worker."""
    return bool(settings.PRIVATE) and settings.EMAIL_BACKEND.startswith("django.core.mail.backends.console.")
