"""Mail: rendered at once, kept as a row in the caller's transaction, sent by a worker once that has committed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F
from django.template import Context, Template
from django.template.loader import get_template
from django.utils import timezone

from accounts.models import Letter, User
from accounts.preferences import as_read_by

logger = logging.getLogger("prompter.mail")

LEASE = timedelta(minutes=2)
PATIENCE = (30, 120, 600, 3600, 4 * 3600, 12 * 3600)  # seconds before each further attempt
BATCH = 50


def site_link(path: str) -> str:
    """`path` on our own site, as configured: what a request claims its host is never gets into a mail."""
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path!r} is not a path of this site")
    site = urlsplit(settings.SITE_URL)
    return f"{site.scheme}://{site.netloc}{path}"


def send(
    template: str,
    *,
    to: User | str,
    context: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    language: str = "",
) -> Letter:
    """Write `templates/email/<template>.subject.txt`, `.txt` and `.html` to somebody, in their language.

    Both bodies extend `email/layout.*`, which offers the blocks `title`, `body`, `action` and `reason` and draws a
    button from `action_url` and `action_label` in the context. A text recipient is written to in `language`, or the
    present one.
    """
    recipient = to if isinstance(to, User) else None
    known = {"site_url": site_link("/"), "recipient": recipient, **context}
    with as_read_by(to, language=language):
        subject = _rendered(f"email/{template}.subject.txt", known, escape=False)
        text = _rendered(f"email/{template}.txt", known, escape=False)
        html = _rendered(f"email/{template}.html", known, escape=True)
    letter = Letter.objects.create(
        to=recipient.email if recipient else str(to),
        template=template,
        subject=" ".join(subject.split())[:200],
        text=text.strip() + "\n",
        html=html.strip(),
        headers=dict(headers or {}),
    )
    transaction.on_commit(partial(_nudge, letter.pk))
    return letter


def _rendered(name: str, context: Mapping[str, Any], *, escape: bool) -> str:
    compiled: Template = get_template(name).template  # type: ignore[attr-defined]
    return str(compiled.render(Context(dict(context), autoescape=escape)))


def _nudge(letter_id: int) -> None:
    from accounts.tasks import send_letter

    send_letter(letter_id)


def deliver(letter_id: int) -> bool:
    """Send one letter that is due, and forget it. One process has it at a time; a dead one's comes back by itself."""
    now = timezone.now()
    due = Letter.objects.filter(pk=letter_id, due_at__lte=now, given_up_at=None)
    if not due.update(due_at=now + LEASE, attempts=F("attempts") + 1):
        return False
    letter = Letter.objects.get(pk=letter_id)
    try:
        _hand_over(letter)
    except Exception as error:  # noqa: BLE001 - backends raise what their transport raises; every kind is tried again
        _postpone(letter, error)
        return False
    letter.delete()
    return True


def deliver_waiting() -> int:
    """Everything that is due; how many were sent."""
    waiting = Letter.objects.filter(due_at__lte=timezone.now(), given_up_at=None).order_by("due_at")
    return sum(map(deliver, list(waiting.values_list("pk", flat=True)[:BATCH])))


def _hand_over(letter: Letter) -> None:
    message = EmailMultiAlternatives(letter.subject, letter.text, settings.DEFAULT_FROM_EMAIL, [letter.to])
    message.attach_alternative(letter.html, "text/html")
    message.extra_headers.update({"Auto-Submitted": "auto-generated", **letter.headers})
    message.send()


def _postpone(letter: Letter, error: Exception) -> None:
    """After the last attempt the row stays for operators, without what was written: links in it are secrets."""
    now = timezone.now()
    kind = type(error).__name__
    logger.warning("letter %s (%s), attempt %s: %s", letter.pk, letter.template, letter.attempts, kind)
    letter.last_error = kind
    if letter.attempts > len(PATIENCE):
        letter.given_up_at, letter.text, letter.html = now, "", ""
    else:
        letter.due_at = now + timedelta(seconds=PATIENCE[letter.attempts - 1])
    letter.save(update_fields=["last_error", "given_up_at", "text", "html", "due_at"])
