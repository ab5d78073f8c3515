"""The mailbox of everybody on a journey: a folder that the site and its worker deliver into."""

import email
import re
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from django.conf import settings

from accounts import mail

PATIENCE = 60.0
BACKEND = "django.core.mail.backends.filebased.EmailBackend"
LINK = re.compile(r"https?://[^/\s]+(/\S+)")


def deliver_into(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """From now on, in this process and in those that it starts."""
    for name, value in {"EMAIL_BACKEND": BACKEND, "EMAIL_FILE_PATH": str(folder)}.items():
        patch.setattr(settings, name, value)
        patch.setenv(name, value)


def link_for(address: str) -> str:
    """The path of the link in the latest mail to somebody. A worker may deliver it; where there is none, we do."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        mail.deliver_waiting()
        for message in _letters():
            found = LINK.findall(_text(message))
            if address in str(message["To"]) and found:
                return str(found[0])
        time.sleep(0.05)
    raise AssertionError(f"no mail with a link came for {address}")


def _letters() -> Iterator[EmailMessage]:
    """The latest first."""
    for path in sorted(Path(settings.EMAIL_FILE_PATH).glob("*.log"), key=lambda path: path.stat().st_mtime_ns)[::-1]:
        yield email.message_from_bytes(path.read_bytes(), policy=default)


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    return str(body.get_content()) if body else ""
