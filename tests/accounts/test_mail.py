"""Mail: a row first, sent afterwards, once, and always as text too."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from accounts import mail
from accounts.models import Letter, User

Mailbox = Callable[[], list[EmailMessage]]
NOTICE = {"subject": "A <new> & shiny key", "sentence": "Key <b>7</b> was added.", "timestamp": timezone.now()}


def test_a_letter_is_text_and_html_with_one_layout(owner: User, mailbox: Mailbox) -> None:
    mail.send("notice", to=owner, context=NOTICE | {"action_url": mail.site_link("/x/?a=1&b=2"), "action_label": "See"})
    (sent,) = mailbox()
    assert isinstance(sent, EmailMultiAlternatives)
    assert (sent.subject, sent.to) == ("A <new> & shiny key", [owner.email])
    assert "Key <b>7</b> was added." in sent.body
    assert "See:\nhttp://localhost:8000/x/?a=1&b=2" in sent.body
    html = str(sent.alternatives[0][0])
    assert "Key &lt;b&gt;7&lt;/b&gt; was added." in html
    assert 'href="http://localhost:8000/x/?a=1&amp;b=2"' in html
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    assert not Letter.objects.exists()


def test_a_subject_stays_one_line(owner: User, mailbox: Mailbox) -> None:
    mail.send("notice", to=owner, context=NOTICE | {"subject": "Hello\r\nBcc: everybody@evil.example\n"})
    assert mailbox()[0].subject == "Hello Bcc: everybody@evil.example"


def test_nothing_is_sent_for_what_was_rolled_back(owner: User, mailbox: Mailbox) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        mail.send("notice", to=owner, context=NOTICE)
        raise ZeroDivisionError
    assert mailbox() == []


def test_a_letter_is_nudged_once_its_transaction_has_committed(
    owner: User, redis: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        mail.send("notice", to=owner, context=NOTICE)
    assert redis.llen("default") == 0
    for callback in callbacks:
        callback()
    assert redis.llen("default") == 1


def test_a_letter_that_another_worker_has_is_left_to_it(owner: User, mailbox: Mailbox) -> None:
    letter = mail.send("notice", to=owner, context=NOTICE)
    Letter.objects.update(due_at=timezone.now() + mail.LEASE)
    assert not mail.deliver(letter.pk)
    assert mailbox() == []


def test_a_mail_server_that_is_down_is_tried_again_and_then_given_up(owner: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    letter = mail.send("notice", to=owner, context=NOTICE)
    now = timezone.now()
    for attempt in range(len(mail.PATIENCE) + 1):
        with time_machine.travel(now + timedelta(days=attempt), tick=False):
            assert mail.deliver_waiting() == 0
    letter.refresh_from_db()
    assert (letter.attempts, letter.last_error) == (7, "ConnectionRefusedError")
    assert letter.given_up_at is not None
    assert letter.text == letter.html == ""
    with time_machine.travel(now + timedelta(days=30), tick=False):
        assert not mail.deliver(letter.pk)


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/", "x"])
def test_a_link_leads_to_this_site_alone(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        mail.site_link(path)


def test_postmark_is_used_where_its_token_is_set() -> None:
    import os
    import subprocess
    import sys

    code = "from django.conf import settings; print(settings.EMAIL_BACKEND)"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "POSTMARK_SERVER_TOKEN": "token"}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "anymail.backends.postmark.EmailBackend"
