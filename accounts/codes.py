"""A code by mail, for confirming who it is. The session keeps only what the code is compared with."""

from __future__ import annotations

import secrets
import time

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts import mail
from accounts.models import User

SESSION_KEY = "accounts_code"
WORKS_FOR = 10 * 60
ATTEMPTS = 5


def send_code(request: HttpRequest, user: User) -> None:
    code = f"{secrets.randbelow(10**8):08}"
    request.session[SESSION_KEY] = {"digest": _digest(code), "at": time.time(), "left": ATTEMPTS}
    mail.send("reauthentication_code", to=user, context={"code": code})


def is_sent(request: HttpRequest) -> bool:
    kept = request.session.get(SESSION_KEY, {"at": 0, "left": 0})
    return time.time() - kept["at"] < WORKS_FOR and kept["left"] > 0


def is_right(request: HttpRequest, code: str) -> bool:
    """Every question costs an attempt; the right answer is good once."""
    if not is_sent(request):
        return False
    kept = request.session[SESSION_KEY]
    request.session[SESSION_KEY] = {**kept, "left": kept["left"] - 1}
    if not constant_time_compare(kept["digest"], _digest(code)):
        return False
    del request.session[SESSION_KEY]
    return True


def _digest(code: str) -> str:
    return salted_hmac("accounts.codes", code, algorithm="sha256").hexdigest()
