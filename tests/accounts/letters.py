"""Reading mail in tests."""

import re
from collections.abc import Callable

from django.core.mail import EmailMessage

Mailbox = Callable[[], list[EmailMessage]]


def link_in(message: EmailMessage) -> str:
    """The path of the link, on our own site and no other."""
    found = re.search(r"^http://localhost:8000(/\S+)$", str(message.body), re.MULTILINE)
    assert found is not None, message.body
    return found[1]


def everything_in(message: EmailMessage) -> str:
    bodies = [str(content) for content, _kind in getattr(message, "alternatives", [])]
    return "\n".join([message.subject, str(message.body), *bodies])
