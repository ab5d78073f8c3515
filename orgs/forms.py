"""Forms about organizations."""

from __future__ import annotations

from django import forms

from orgs.naming import UnfitName, clean_title


class OrganizationForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        label="Name",
        help_text="Your company or team. Everybody whom you invite sees it.",
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )

    def clean_name(self) -> str:
        try:
            return clean_title(str(self.cleaned_data["name"]))
        except UnfitName as unfit:
            raise forms.ValidationError(str(unfit)) from unfit
