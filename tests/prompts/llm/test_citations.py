import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.llm.citations import Offsets, SourceList, byte_offsets, place


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40), st.data())
def test_byte_offsets_become_code_points(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    assert byte_offsets(text)(len(text[:offset].encode())) == offset


@pytest.mark.parametrize(("codec", "unit"), [("utf-8", 1), ("utf-16-le", 2)])
@given(text=st.text(st.sampled_from("aé日🎉\ud83c\udf89"), max_size=12), offset=st.integers(-2, 60))
def test_offsets_inside_a_character_round_down_whatever_the_text(codec: str, unit: int, text: str, offset: int) -> None:
    """A lone surrogate is a character, too."""
    widths = [len(char.encode(codec, "surrogatepass")) // unit for char in text]
    whole = sum(sum(widths[: n + 1]) <= offset for n in range(len(widths)))
    offsets = Offsets(text, codec=codec, unit=unit)
    assert (offsets(offset), offsets.end) == (whole, sum(widths))


def test_byte_offsets_outside_the_text_stay_inside() -> None:
    offsets = byte_offsets("né🎉")
    assert (offsets(-3), offsets(0), offsets(999)) == (0, 0, 3)
    assert offsets(5) == 2  # inside the emoji


def test_link_is_found_in_code_points_and_in_utf16_units() -> None:
    text = "🎉🎉 Best: ([a.com](https://a.com/x)) and more 🎉"
    start = text.index("(")
    end = text.index(" and")
    shift = 2  # two emoji before the link take two units each
    for told in ((start, end), (start + shift, end + shift)):
        assert place(text, *told, url="https://a.com/x") == (start, end)


def test_span_outside_the_text_is_no_span() -> None:
    assert place("short", 3, 99, url="https://a.com") is None
    assert place("short", 4, 2, url="https://a.com") is None


def test_cited_sources_come_first_in_order_of_the_text() -> None:
    sources = SourceList()
    sources.look("https://read.example/")
    sources.cite("https://b.example/", title="B", start=20, end=30)
    sources.cite("https://a.example/", start=5, end=9)
    sources.cite("https://a.example", title="A", start=40, end=44)
    found = [(c.url, c.title, c.position, c.cited, c.start) for c in sources.citations()]
    assert found == [
        ("https://a.example/", "A", 1, True, 5),
        ("https://b.example/", "B", 2, True, 20),
        ("https://read.example/", "", 3, False, None),
    ]


def test_source_only_looked_at_becomes_cited() -> None:
    sources = SourceList()
    sources.look("https://a.example/page", title="A")
    sources.cite("https://a.example/page?utm_source=openai", start=1, end=2)
    (only,) = sources.citations()
    assert (only.url, only.cited, only.start, only.title) == ("https://a.example/page", True, 1, "A")


def test_only_web_addresses_are_sources() -> None:
    sources = SourceList()
    for url in ("javascript:alert(1)", "", "/relative", "data:text/html,x", "https://ok.example/"):
        sources.cite(url)
    assert [citation.url for citation in sources.citations()] == ["https://ok.example/"]
