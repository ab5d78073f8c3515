"""Asking again who it is, before an act that a stranger at an open screen must not do."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponseBase

View = Callable[..., HttpResponseBase]


def reauthenticated(view: View) -> View:
    """Only for somebody who has proven within the last minutes who they are: by password, passkey, code of an app or,
    where they have none of these here, a code by mail. Others are asked, and come back to what they were about to do.

    It stands inside `org_view` (below it), so that strangers are turned away before they are asked anything.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not is_fresh(request):
            raise ReauthenticationRequired
        return view(request, *args, **kwargs)

    return guarded


def reauthenticated_to_post(view: View) -> View:
    """Reading the page asks nothing."""
    asking = reauthenticated(view)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return (view if request.method in ("GET", "HEAD") else asking)(request, *args, **kwargs)

    return guarded


def is_fresh(request: HttpRequest) -> bool:
    """Stricter than allauth, which asks nothing of whoever came through another service."""
    records = get_authentication_records(request, request.user)
    proofs = [record["at"] for record in records if record.get("reauthenticated")]
    return bool(proofs) and time.time() - proofs[-1] < app_settings.REAUTHENTICATION_TIMEOUT
