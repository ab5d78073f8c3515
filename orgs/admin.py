"""Operators' pages of organizations, and what the pages of every tenant table share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from waffle.models import Sample, Switch

from accounts.backstage import LookedAtAdmin, OperatorAdmin, asks_first, changes, chosen
from accounts.models import User
from orgs import members, upkeep
from orgs.events import declared, emit
from orgs.flags import FEATURES
from orgs.founding import keep_for, rename
from orgs.models import (
    Event,
    Flag,
    Invitation,
    Logo,
    Membership,
    Notification,
    NotificationPreference,
    Organization,
    PendingEvent,
    WebhookDelivery,
    WebhookEndpoint,
)
from orgs.naming import UnfitName, clean_title
from orgs.roles import Role
from orgs.scoping import org_scope

if TYPE_CHECKING:
    Form = forms.ModelForm[Any]
else:
    Form = forms.ModelForm


class TenantAdmin(LookedAtAdmin):
    """Rows of one organization each. They come into being in the product, where their organization is known; what an
    operator changes or deletes is told to that organization."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        names = super().get_readonly_fields(request, obj)
        return ["org", *(name for name in names if name != "org")]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.editable) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = self.model._default_manager.get(pk=obj.pk)
        super().save_model(request, obj, form, change)
        was, became = changes(obj, before, self.editable)
        if became:
            with org_scope(obj.org_id):
                emit(obj.org_id, "admin.changed", actor=actor(request), target=obj, before=was, after=became)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with org_scope(obj.org_id):
            emit(obj.org_id, "admin.deleted", actor=actor(request), target=obj)
            obj.delete()


class HistoryAdmin(TenantAdmin):
    """Rows that record what happened: nobody changes or deletes them."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def actor(request: HttpRequest) -> User:
    return cast("User", request.user)


def act_on_each(
    page: Any,
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any], str],
    *,
    refusals: tuple[type[Exception], ...] = (),
) -> None:
    """Do it to each row in the scope of its own organization, and say how each went."""
    for row in rows:
        try:
            with org_scope(getattr(row, "org_id", row.pk)):
                said, how = act(row), messages.SUCCESS
        except refusals as refused:
            said, how = f"{row}: {getattr(refused, 'message', refused)}", messages.ERROR
        page.message_user(request, said, level=how)


class OrganizationForm(Form):
    def clean_name(self) -> str:
        try:
            return clean_title(self.cleaned_data["name"])
        except UnfitName as error:
            raise forms.ValidationError(str(error)) from error


@admin.register(Organization)
class OrganizationAdmin(LookedAtAdmin):
    """Disabled instead of deleted: that closes every door and loses nothing. Deleting is the owners' own act."""

    form = OrganizationForm
    editable = ("name", "retention_months")
    list_display = ("name", "slug", "created_at", "disabled_at", "deletion_due_at", "deleted_at")
    list_filter = (
        ("disabled_at", admin.EmptyFieldListFilter),
        ("deletion_due_at", admin.EmptyFieldListFilter),
        ("deleted_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("name", "slug", "=id")
    actions = ("disable", "enable")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        stored = Organization.objects.get(pk=obj.pk)
        with org_scope(stored):
            rename(stored, obj.name, actor=actor(request))
            keep_for(stored, obj.retention_months, actor=actor(request))

    @admin.action(description=gettext_lazy("Disable organization"), permissions=["change"])
    @asks_first(lambda: _("Disable these organizations? Their members are locked out at once. Nothing is lost."))
    def disable(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        def act(org: Organization) -> str:
            done = upkeep.disable(org, actor=actor(request))
            return (_("%(org)s was disabled.") if done else _("%(org)s was disabled before.")) % {"org": org}

        act_on_each(self, request, queryset, act)

    @admin.action(description=gettext_lazy("Enable organization"), permissions=["change"])
    @asks_first(lambda: _("Enable these organizations again?"))
    def enable(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        def act(org: Organization) -> str:
            done = upkeep.enable(org, actor=actor(request))
            return (_("%(org)s was enabled.") if done else _("%(org)s was not disabled.")) % {"org": org}

        act_on_each(self, request, queryset, act)


class MembershipForm(Form):
    def clean_role(self) -> str:
        role = str(self.cleaned_data["role"])
        if role != Role.OWNER and members.is_last_owner(Membership(pk=self.instance.pk, **_stored(self.instance))):
            raise forms.ValidationError(members.LastOwner().message)
        return role


def _stored(membership: Membership) -> dict[str, Any]:
    return {"org_id": membership.org_id, "user_id": membership.user_id, "role": membership.role}


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    form = MembershipForm
    list_display = ("user", "org", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "org")
    search_fields = ("user__email", "org__name", "org__slug")
    editable = ("role",)
    actions = ("put_out",)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        stored = Membership.objects.for_org(obj.org_id).select_related("user", "org").get(pk=obj.pk)
        if stored.role != obj.role:
            with org_scope(obj.org_id):
                members.put_role(stored, role=Role(obj.role), operator=actor(request))

    @admin.action(description=gettext_lazy("Remove from the organization"), permissions=["change"])
    @asks_first(lambda: _("Remove these members from their organizations? Their access ends at once."))
    def put_out(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        def act(membership: Membership) -> str:
            members.put_out(membership, operator=actor(request))
            return _("%(user)s was removed from %(org)s.") % {"user": membership.user, "org": membership.org}

        rows = queryset.select_related("user", "org")
        act_on_each(self, request, rows, act, refusals=(members.LastOwner, Http404))


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    list_display = ("created_at", "org", "name", "target_label", "actor", "impersonator", "address")
    list_filter = (chosen(gettext_lazy("name"), "name", lambda: [(name, name) for name in sorted(declared())]),)
    list_select_related = ("org", "actor", "impersonator")
    search_fields = ("target_label", "=org__slug", "=actor__email", "=impersonator__email")


@admin.register(Invitation)
class InvitationAdmin(HistoryAdmin):
    """Revoked in the product; what the link holds is kept nowhere."""

    list_display = ("email", "org", "role", "invited_by", "sent_at", "expires_at", "accepted_at", "revoked_at")
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("org", "invited_by")
    search_fields = ("email", "=org__slug")
    exclude = ("token_digest",)


@admin.register(Logo)
class LogoAdmin(TenantAdmin):
    """One that must not be shown can be deleted."""

    list_display = ("org", "content_type")
    list_select_related = ("org",)
    search_fields = ("org__name", "=org__slug")
    exclude = ("image",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super(TenantAdmin, self).has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Logo) -> None:
        super().delete_model(request, obj)
        Organization.objects.filter(pk=obj.org_id).update(logo_digest="")


@admin.register(Notification)
class NotificationAdmin(HistoryAdmin):
    list_display = ("created_at", "org", "user", "kind", "read_at", "emailed_at")
    list_filter = (("emailed_at", admin.EmptyFieldListFilter),)
    list_select_related = ("org", "user")
    search_fields = ("=org__slug", "=user__email")


@admin.register(PendingEvent)
class PendingEventAdmin(HistoryAdmin):
    """Events that members are still to be told of."""

    list_display = ("event", "org", "created_at", "due_at")
    list_select_related = ("org", "event")
    search_fields = ("=org__slug",)


@admin.register(NotificationPreference)
class NotificationPreferenceAdmin(HistoryAdmin):
    list_display = ("org", "user", "kind", "channel", "enabled")
    list_filter = ("enabled",)
    list_select_related = ("org", "user")
    search_fields = ("=org__slug", "=user__email")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(HistoryAdmin):
    """The secrets are nowhere to be seen."""

    list_display = ("host", "org", "description", "disabled_at", "disabled_reason", "failing_since", "created_at")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter), ("failing_since", admin.EmptyFieldListFilter))
    list_select_related = ("org",)
    search_fields = ("=org__slug", "url")
    exclude = ("ciphertext", "previous_ciphertext", "uuid")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(HistoryAdmin):
    list_display = ("message_id", "org", "endpoint", "type", "status", "attempts", "code", "due_at", "finished_at")
    list_filter = ("status",)
    list_select_related = ("org", "endpoint", "event")
    search_fields = ("=org__slug", "=uuid")
    exclude = ("body",)


for unused in (Switch, Sample):
    admin.site.unregister(unused)  # features are flags, declared in orgs/flags.py


class FlagForm(Form):
    """Only what `orgs.flags` reads: whole organizations or users, never chance, languages or what a visitor sends."""

    name = forms.ChoiceField(choices=lambda: [(name, name) for name in sorted(FEATURES)])
    organizations = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("Their slugs, as in the address of their pages, one a line."),
    )
    users = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Their e-mail addresses, one a line."),
    )

    class Meta:
        model = Flag
        fields = ("name", "everyone", "organizations", "users", "superusers", "staff", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["organizations"] = "\n".join(self.instance.organizations.values_list("slug", flat=True))
            self.initial["users"] = "\n".join(self.instance.users.values_list("email", flat=True))

    def clean_organizations(self) -> list[Organization]:
        return _named(Organization.objects.all(), "slug", self.cleaned_data["organizations"])

    def clean_users(self) -> list[User]:
        return _named(User.objects.all(), "email", self.cleaned_data["users"].lower())


def _named(rows: QuerySet[Any], field: str, lines: str) -> list[Any]:
    wanted = set(lines.split())
    found = {getattr(row, field): row for row in rows.filter(**{f"{field}__in": wanted})}
    if missing := sorted(wanted - found.keys()):
        raise forms.ValidationError(_("Not found: %(names)s") % {"names": ", ".join(missing)})
    return list(found.values())


@admin.register(Flag)
class FlagAdmin(OperatorAdmin):
    form = FlagForm
    list_display = ("name", "meaning", "everyone", "superusers", "staff", "modified")
    list_filter = ("everyone",)
    search_fields = ("name", "note")
    readonly_fields = ("meaning",)
    fields = ("name", "meaning", "everyone", "organizations", "users", "superusers", "staff", "note")

    @admin.display(description=gettext_lazy("What it does"))
    def meaning(self, flag: Flag) -> str:
        feature = FEATURES.get(flag.name)
        return str(feature.meaning) if feature else _("No longer used: nothing reads this flag.")
