"""Selects of hundreds of options say what Django's say."""

import pytest
from django import forms
from selectolax.lexbor import LexborHTMLParser

from accounts.long_select import LongSelect

CHOICES = [("", "None"), ("a&b", "<script>"), ("3", "three"), (4, "four"), ("Group", [("5", "five"), ("6", "<six>")])]


def options_of(markup: str) -> list[tuple[str | None, bool, str]]:
    options = LexborHTMLParser(markup).css("option")
    return [(one.attributes["value"], "selected" in one.attributes, one.text()) for one in options]


@pytest.mark.parametrize("value", ["", None, "a&b", "3", 4, "6", "elsewhere"])
def test_it_offers_and_chooses_what_a_plain_select_does(value: object) -> None:
    class Form(forms.Form):
        plain = forms.ChoiceField(choices=CHOICES)
        long = forms.ChoiceField(choices=CHOICES, widget=LongSelect(attrs={"data-combobox": ""}))

    form = Form(initial={"plain": value, "long": value})
    plain, long = str(form["plain"]), str(form["long"])
    assert options_of(long) == options_of(plain)
    assert "&lt;script&gt;" in long
    assert '<optgroup label="Group">' in long
    assert long.startswith('<select name="long" data-combobox="" id="id_long" required>')
