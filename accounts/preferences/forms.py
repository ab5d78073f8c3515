"""What a person chooses about how the product is written for them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from accounts.long_select import LongSelect
from accounts.models import NumberFormat, Theme, User
from accounts.preferences import zones


class PreferencesForm(forms.ModelForm):
    language = forms.ChoiceField(
        required=False, label=_lazy("Language"), help_text=_lazy("Mails to you are written in it too.")
    )
    time_zone = forms.ChoiceField(
        required=False,
        label=_lazy("Time zone"),
        help_text=_lazy("Every time on every page is that of this place."),
        widget=LongSelect(attrs={"data-combobox": ""}),
    )
    number_format = forms.ChoiceField(
        required=False,
        label=_lazy("Numbers"),
        help_text=_lazy("Files and the API keep the machine's format: 1234.5."),
    )
    theme = forms.ChoiceField(label=_lazy("Theme"), choices=Theme.choices)

    class Meta:
        model = User
        fields = ("language", "time_zone", "number_format", "theme")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer("language", [("", _("As the browser asks")), *settings.LANGUAGES])
        self._offer("time_zone", [("", _("As the browser says")), *zones.choices(besides=self.instance.time_zone)])
        self._offer("number_format", [("", _("As the language writes them")), *NumberFormat.choices])

    def _offer(self, name: str, choices: list[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]
