"""The form of an endpoint."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from orgs.webhooks.endpoints import EndpointFields, RefusedEndpoint, checked_address
from orgs.webhooks.offers import offers


class EndpointForm(forms.Form):
    url = forms.CharField(
        max_length=2_048,
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("Where your system takes POST requests, beginning with https://."),
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(
        max_length=120,
        required=False,
        label=gettext_lazy("Description"),
        help_text=gettext_lazy("What it is for, to know it by in this list."),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        help_text=gettext_lazy("The documentation says what each of them tells."),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["events"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, f"{one.label} ({name})") for name, one in offers().items()]

    def clean_url(self) -> str:
        try:
            return checked_address(self.cleaned_data["url"])
        except RefusedEndpoint as refused:
            raise forms.ValidationError(refused.message) from refused

    @property
    def fields_given(self) -> EndpointFields:
        data = self.cleaned_data
        return EndpointFields(url=data["url"], events=tuple(data["events"]), description=data["description"])
