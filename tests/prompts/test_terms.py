"""Help stands beside the words it explains, and leads to the definition."""

import re

import pytest
from django.template import engines
from django.test import Client
from django.urls import reverse

from prompts.terms import TERMS


def rendered(source: str) -> str:
    return engines["django"].from_string("{% load explain %}" + source).render({})


@pytest.mark.parametrize("name", TERMS)
def test_every_definition_is_where_the_help_leads(client: Client, db: None, name: str) -> None:
    term = TERMS[name]
    page = client.get(reverse("docs-page", args=[term.page]))
    assert page.status_code == 200
    assert not term.anchor or f'id="{term.anchor}"' in page.content.decode()


def test_help_opens_without_a_script() -> None:
    html = rendered('{% explain "visibility" %}')
    opened = re.search(r'popovertarget="([^"]+)"', html)
    assert opened
    assert re.search(rf'id="{opened[1]}"\s+popover', html)
    assert 'aria-label="What does visibility mean?"' in html


def test_two_helps_of_one_page_are_apart() -> None:
    ids = re.findall(r'\bid="([^"]+)"', rendered('{% explain "interval" %}{% explain "interval" asked=True %}'))
    assert len(set(ids)) == len(ids) == 4


def test_a_question_can_be_asked_aloud() -> None:
    html = rendered('{% explain "surface" asked=True %}')
    assert "What is a surface?" in html
    assert 'aria-label="' not in html


def test_a_word_that_nobody_explains_is_an_error() -> None:
    with pytest.raises(KeyError):
        rendered('{% explain "nonsense" %}')
