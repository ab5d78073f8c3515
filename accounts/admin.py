"""Operators' pages of users, and of what they sign in with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.backstage import LookedAtAdmin, OperatorAdmin, RecordAdmin, asks_first, changes, chosen
from accounts.models import AccountEvent, Export, Letter, User
from accounts.records import MEANINGS, record
from accounts.sessions import end_other_places, end_place

if TYPE_CHECKING:
    UserBase = DjangoUserAdmin[Any]
else:
    UserBase = DjangoUserAdmin

for taken in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession):
    if admin.site.is_registered(taken):
        admin.site.unregister(taken)  # ours show no secrets; apps are set up by settings, tokens are not kept

_POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")
_RECORDED = ("email", "name", "is_active", "is_staff", "is_superuser")


@admin.register(User)
class UserAdmin(OperatorAdmin, UserBase):
    """Users are never deleted: what they did stays theirs. They close their account themselves."""

    ordering = ("-pk",)
    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login", "impersonate")
    list_filter = ("is_active", "is_staff", "is_superuser", ("closed_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "name", "=id")
    readonly_fields = ("date_joined", "last_login", "closed_at", "language", "time_zone", "theme")
    filter_horizontal = ()  # its script is not accessible
    fieldsets = (
        (None, {"fields": ("email", "password", "name")}),
        (gettext_lazy("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (gettext_lazy("Preferences"), {"fields": ("language", "time_zone", "theme")}),
        (gettext_lazy("Dates"), {"fields": ("date_joined", "last_login", "closed_at")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),)
    actions = ("sign_out",)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Operators are changed by superusers alone: whoever may change one could become one."""
        mine = super().has_change_permission(request, obj)
        above = obj is not None and (obj.is_staff or obj.is_superuser) and not _is_superuser(request)
        return mine and not above

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        kept = list(super().get_readonly_fields(request, obj))
        return kept if _is_superuser(request) else [*kept, *_POWERS, "email"]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        if not _is_superuser(request):
            raise PermissionDenied("Whoever sets a password can sign in with it.")
        return super().user_change_password(request, id, form_url)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        before = User.objects.get(pk=obj.pk) if change else None
        super().save_model(request, obj, form, change)
        was, became = changes(obj, before, _RECORDED) if before else ({}, {"created": True})
        if became:
            record(obj, "operator.changed", before=was, after=became, data={"operator": request.user.pk})
        if before and before.is_active and not obj.is_active:
            end_other_places(obj, current_key=None)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> LogEntry:
        if message == "Changed password." or "password" in str(message).lower():
            record(obj, "operator.changed", after={"password": "set"}, data={"operator": request.user.pk})
        return super().log_change(request, obj, message)

    @admin.display(description=gettext_lazy("Act as"))
    def impersonate(self, user: User) -> str:
        if user.is_staff or user.is_superuser or not user.is_active:
            return ""
        return format_html('<a href="{}">{}</a>', reverse("operators-impersonate", args=[user.pk]), _("Act as"))

    @admin.action(description=gettext_lazy("Sign out everywhere"), permissions=["change"])
    @asks_first(
        lambda: _("End every session of these users? They sign in again with their password and second factor.")
    )
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            if not self.has_change_permission(request, user):
                self.message_user(request, _("%(user)s: only a superuser may.") % {"user": user}, messages.ERROR)
                continue
            count = end_other_places(user, current_key=None)
            record(user, "operator.signed_out", data={"operator": request.user.pk, "sessions": count})
            self.message_user(request, _("%(user)s: signed out.") % {"user": user}, messages.SUCCESS)


@admin.register(AccountEvent)
class AccountEventAdmin(RecordAdmin):
    list_display = ("created_at", "user", "name", "impersonator", "address")
    list_filter = (chosen(gettext_lazy("name"), "name", lambda: [(name, name) for name in sorted(MEANINGS)]),)
    list_select_related = ("user", "impersonator")
    search_fields = ("=user__email", "=address")


@admin.register(Letter)
class LetterAdmin(RecordAdmin):
    """Mail on its way, and what could not be sent. The texts hold links that open accounts: they are not shown."""

    list_display = ("created_at", "to", "template", "attempts", "due_at", "last_error", "given_up_at")
    list_filter = (("given_up_at", admin.EmptyFieldListFilter),)
    search_fields = ("to", "template")
    exclude = ("text", "html", "subject", "headers")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.delete_letter")


@admin.register(Export)
class ExportAdmin(RecordAdmin):
    """That somebody asked for what is held about them; the file is theirs alone."""

    list_display = ("user", "asked_at", "ready_at")
    list_select_related = ("user",)
    search_fields = ("=user__email",)
    exclude = ("content",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        return super().get_queryset(request).defer("content")


class OfUserAdmin(LookedAtAdmin):
    """Something that a user signs in with: looked at, and removed where that is lost or stolen."""

    list_select_related = ("user",)
    removal = "operator.changed"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        of_operator = obj is not None and obj.user.is_staff and obj.user_id != request.user.pk
        return super().has_delete_permission(request, obj) and (not of_operator or _is_superuser(request))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        user, told = obj.user, self.told(obj)
        self.remove(obj)
        record(user, self.removal, before=told, data={"operator": request.user.pk})

    def remove(self, obj: Any) -> None:
        obj.delete()

    def told(self, obj: Any) -> dict[str, Any]:
        return {obj._meta.model_name: str(obj)[:60]}


@admin.register(Authenticator)
class AuthenticatorAdmin(OfUserAdmin):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("=user__email",)
    exclude = ("data",)
    removal = "operator.removed_factor"

    def remove(self, obj: Authenticator) -> None:
        """Recovery codes alone are no second factor; they go with the last one."""
        obj.delete()
        delete_dangling_recovery_codes(obj.user)

    def told(self, obj: Authenticator) -> dict[str, Any]:
        return {"kind": obj.type}


@admin.register(UserSession)
class UserSessionAdmin(OfUserAdmin):
    list_display = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    search_fields = ("=user__email", "=ip")
    exclude = ("session_key", "data")
    removal = "operator.signed_out"

    def remove(self, obj: UserSession) -> None:
        end_place(cast("User", obj.user), obj.pk)

    def told(self, obj: UserSession) -> dict[str, Any]:
        return {"address": obj.ip}


@admin.register(EmailAddress)
class EmailAddressAdmin(OfUserAdmin):
    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    search_fields = ("email",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.primary)


@admin.register(SocialAccount)
class SocialAccountAdmin(OfUserAdmin):
    list_display = ("user", "provider", "date_joined", "last_login")
    list_filter = (chosen(gettext_lazy("provider"), "provider", lambda: _providers()),)
    search_fields = ("=user__email", "=uid")
    exclude = ("extra_data",)

    def told(self, obj: SocialAccount) -> dict[str, Any]:
        return {"provider": obj.provider}


@admin.register(LogEntry)
class LogEntryAdmin(RecordAdmin):
    """What operators did on these pages."""

    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    search_fields = ("=user__email", "object_repr")


def _providers() -> list[tuple[str, str]]:
    from allauth.socialaccount import providers

    return [(name, str(label)) for name, label in providers.registry.as_choices()]


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))
