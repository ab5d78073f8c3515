"""What operators are asked before they act as somebody."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class ReasonForm(forms.Form):
    reason = forms.CharField(
        min_length=10,
        max_length=300,
        label=_("Reason"),
        help_text=_("The user and the admins of their organizations read it: say what you look into, and for whom."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
