"""Forms about organizations."""

from __future__ import annotations

from django import forms


class OrganizationForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        label="Name",
        help_text="Your company or team. Everybody whom you invite sees it.",
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).split())
        if not any(character.isalnum() for character in name):
            raise forms.ValidationError("Give the organization a name with a letter or a digit in it.")
        return name
