"""What organizations may be called, and that no slug of theirs is an address of ours."""

import re
from collections.abc import Iterable

import pytest

from accounts.names import clean_line
from orgs.founding import free_slug
from orgs.naming import RESERVED, UnfitName, clean_title, unlinked
from tests.guards.tree import addresses


def first_words(routes: Iterable[str]) -> set[str]:
    """The first part of every address, where it is a word and not an argument."""
    starts = {re.split(r"[/.<(]", route.lstrip("^"), maxsplit=1)[0] for route in routes}
    return {start for start in starts if re.fullmatch(r"[-a-z0-9_]+", start)}


def test_every_first_word_of_an_address_is_reserved() -> None:
    words = first_words(address.route for address in addresses())
    assert {"o", "api", "accounts", "operators"} <= words
    assert words - RESERVED == set()


def test_a_planted_word_is_found() -> None:
    assert first_words(["^shiny/<slug:org_slug>/", "shiny.txt", "<slug:any>/", ""]) == {"shiny"}
    assert "shiny" not in RESERVED


@pytest.mark.parametrize(("name", "slug"), [("API", "api-2"), ("WWW", "www-2")])
def test_a_reserved_name_gets_a_number(db: None, name: str, slug: str) -> None:
    assert free_slug(name) == slug


def test_no_slug_stands_in_the_way_of_a_deleted_organization(db: None) -> None:
    assert not free_slug("_deleted-7").startswith("_")


@pytest.mark.parametrize("name", ["Visit http://evil.example/now", "www.evil.example", "me@evil.example"])
def test_mail_programs_find_no_link_in_a_name(name: str) -> None:
    shown = unlinked(name)
    assert not re.search(r"\w[.@]\w|://", shown)
    assert shown.replace("\u2060", "") == name


def test_an_ordinary_name_is_left_alone() -> None:
    assert unlinked("Äpfel & Co. KG") == "Äpfel & Co. KG"


@pytest.mark.parametrize("hidden", ["\u3164", "\u115f", "\u1160", "\uffa0", "\u2800", "\u034f", "\u200b", "\U000e0041"])
def test_a_name_of_nothing_that_shows_is_none(hidden: str) -> None:
    with pytest.raises(UnfitName):
        clean_title(hidden)
    assert clean_title(f"Blue{hidden}Kite") == "BlueKite"
    assert clean_line(f"Blue{hidden}Kite") == "BlueKite"
