"""Everything that is held about a person, as one JSON file that a worker puts together."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.dispatch import Signal
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mail
from accounts.models import AccountEvent, Export, User
from accounts.records import record

# Asked with `user`; receivers return what they hold about the person: section -> plain values, or an iterator of rows
# where there may be many.
account_exporting = Signal()

KEPT_FOR = timedelta(days=7)
BATCH = 20


def ask_export(user: User) -> Export:
    """The one that is under way already, where there is one."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        pending = Export.objects.filter(user=user, ready_at=None).first()
        if pending is not None:
            return pending
        export = Export.objects.create(user=user)
        record(user, "account.exported")
        transaction.on_commit(partial(_nudge, export.pk))
    return export


def _nudge(export_id: int) -> None:
    from accounts.tasks import send_export

    send_export(export_id)


def latest_export(user: User) -> Export | None:
    return Export.objects.filter(user=user).defer("content").order_by("-pk").first()


def build(export_id: int) -> bool:
    """False where it is built already, or gone. Two workers at once build the same; the first one's is kept."""
    export = Export.objects.select_related("user").filter(pk=export_id, ready_at=None).first()
    if export is None:
        return False
    content = _packed(export.user)
    with transaction.atomic():
        if not Export.objects.filter(pk=export_id, ready_at=None).update(content=content, ready_at=timezone.now()):
            return False
        mail.send(
            "export_ready",
            to=export.user,
            context={"action_url": mail.site_link(reverse("account-data")), "action_label": _("Get the file")},
        )
    return True


def sweep() -> None:
    """Build what a lost message left behind; forget what is old."""
    Export.objects.filter(asked_at__lt=timezone.now() - KEPT_FOR).delete()
    late = timezone.now() - timedelta(minutes=1)
    for export_id in Export.objects.filter(ready_at=None, asked_at__lt=late).values_list("pk", flat=True)[:BATCH]:
        build(export_id)


def everything_about(user: User) -> dict[str, Any]:
    """Secrets are left out: a password's hash, keys of second factors, session keys."""
    found: dict[str, Any] = {
        "profile": {
            name: getattr(user, name)
            for name in ("id", "email", "name", "language", "time_zone", "number_format", "theme", "date_joined")
        }
        | {"last_login": user.last_login, "has_password": user.has_usable_password()},
        "email_addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "second_factors": list(Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")),
        "sign_in_services": list(
            SocialAccount.objects.filter(user=user).values("provider", "uid", "extra_data", "date_joined", "last_login")
        ),
        "sessions": list(
            UserSession.objects.filter(user=user).values("ip", "user_agent", "created_at", "last_seen_at")
        ),
        "security_log": list(
            AccountEvent.objects.filter(user=user)
            .order_by("id")
            .values("name", "created_at", "address", "user_agent", "before", "after", "data")
        ),
    }
    for _receiver, sections in account_exporting.send(sender=User, user=user):
        found.update(cast("dict[str, Any]", sections or {}))
    return found


def _packed(user: User) -> bytes:
    """Rows of what may be long are read and packed one by one."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("account.json", "w") as file:
        for piece in _written(everything_about(user)):
            file.write(piece.encode())
    return packed.getvalue()


def _written(sections: Mapping[str, Any]) -> Iterator[str]:
    """One JSON object."""
    before = "{\n"
    for name, value in sections.items():
        yield f"{before}{json.dumps(name)}: "
        yield from _rows(value) if isinstance(value, Iterator) else [_json(value)]
        before = ",\n"
    yield "\n}\n"


def _rows(rows: Iterator[Any]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        yield before + _json(row)
        before = ",\n"
    yield "[]" if before == "[\n" else "\n]"


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
