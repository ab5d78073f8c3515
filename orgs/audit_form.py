"""What the audit log is searched by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from accounts.models import User
from orgs.audit import NOBODY, Filters, kinds


class AuditFilterForm(forms.Form):
    """Read from the query string. A value that makes no sense filters nothing."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=_lazy("Search what it was done to"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _lazy("Search what it was done to"), "data-search": True}
        ),
    )
    kind = forms.ChoiceField(required=False, label=_lazy("Kind of event"))
    actor = forms.ChoiceField(required=False, label=_lazy("Done by"))
    since = forms.DateField(
        required=False, label=_lazy("From"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    until = forms.DateField(
        required=False, label=_lazy("To"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )

    def __init__(self, data: Any, *, actors: Iterable[User]) -> None:
        super().__init__(data, auto_id="filter_%s")
        people = [(str(user.pk), user.email) for user in actors]
        self.fields["kind"].choices = [("", _("All kinds")), *kinds()]  # type: ignore[attr-defined]
        self.fields["actor"].choices = [  # type: ignore[attr-defined]
            ("", _("Everybody")),
            (NOBODY, _("Prompter itself")),
            *people,
        ]
        self.full_clean()

    @property
    def filters(self) -> Filters:
        return Filters(**{name: value for name, value in self.cleaned_data.items() if value})
