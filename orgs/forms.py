"""Forms about organizations, their members and invitations."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import formats
from orgs.invitations import MAX_EMAIL, MOST_AT_ONCE, is_address
from orgs.logos import UnfitImage, drawn_again
from orgs.models import Membership, Organization
from orgs.naming import UnfitName, clean_title
from orgs.roles import INVITED, Role, may_give

_BETWEEN = re.compile(r"[\s,;]+")


class OrganizationForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Your company or team. Everybody whom you invite sees it."),
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )

    def clean_name(self) -> str:
        try:
            return clean_title(str(self.cleaned_data["name"]))
        except UnfitName as unfit:
            raise forms.ValidationError(str(unfit)) from unfit


class LogoForm(forms.Form):
    """`image` is cleaned to the bytes that are kept and shown."""

    image = forms.FileField(
        label=gettext_lazy("Picture"),
        help_text=gettext_lazy("PNG, JPEG or WebP, at most 2 MB. It is shown as a square."),
        max_length=255,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )

    def clean_image(self) -> bytes:
        upload = self.cleaned_data["image"]
        try:
            return drawn_again(upload.file, size=upload.size)
        except UnfitImage as unfit:
            raise forms.ValidationError(str(unfit)) from unfit


class DeleteForm(forms.Form):
    """The organization's name, typed."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, org: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.org = org
        self.fields["name"].label = _("Type %(name)s") % {"name": formats.isolated(org.name)}

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).split())
        if name != self.org.name:
            raise forms.ValidationError(_("That is not the organization's name."))
        return name


def _roles(actor: Membership, among: Any) -> list[tuple[str, Any]]:
    return [(role.value, role.label) for role in among if may_give(actor.role, role)]


class RoleForm(forms.Form):
    """The roles that `actor` may give."""

    role = forms.ChoiceField(label=gettext_lazy("Role"))

    def __init__(self, *args: Any, actor: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _roles(actor, Role)


class TransferForm(forms.Form):
    """`email` is cleaned to another member. It is typed, for a list would be as long as the organization."""

    email = forms.EmailField(
        max_length=MAX_EMAIL,
        label=gettext_lazy("E-mail address of the new owner"),
        help_text=gettext_lazy("Somebody who is a member already."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, actor: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def clean_email(self) -> Membership:
        others = Membership.objects.for_org(self.actor.org_id).exclude(pk=self.actor.pk)
        found = others.filter(user__email__iexact=self.cleaned_data["email"], user__is_active=True).first()
        if found is None:
            raise forms.ValidationError(_("No other member has this address."))
        return found


class InviteForm(forms.Form):
    emails = forms.CharField(
        label=gettext_lazy("E-mail addresses"),
        help_text=gettext_lazy("One or several, apart by commas, spaces or lines."),
        max_length=MOST_AT_ONCE * (MAX_EMAIL + 2),
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), initial=Role.MEMBER)

    def __init__(self, *args: Any, actor: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _roles(actor, INVITED)

    def clean_emails(self) -> list[str]:
        emails = list(dict.fromkeys(part for part in _BETWEEN.split(self.cleaned_data["emails"]) if part))
        if not emails:
            raise forms.ValidationError(_("Give at least one address."))
        if len(emails) > MOST_AT_ONCE:
            most = ngettext(
                "Invite at most %(most)s person at once.", "Invite at most %(most)s people at once.", MOST_AT_ONCE
            )
            raise forms.ValidationError(most % {"most": MOST_AT_ONCE})
        if wrong := [email for email in emails if not is_address(email)]:
            raise forms.ValidationError(_("Not an e-mail address: %(emails)s") % {"emails": ", ".join(wrong)[:300]})
        return list(dict.fromkeys(email.lower() for email in emails))
