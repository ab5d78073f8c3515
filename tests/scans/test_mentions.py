"""Where answers name brands: scripts, spellings, addresses, hostile names."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.brand_names import MAX_NAME, spellings
from scans.folding import fold
from scans.mentions import BrandSpec, MentionExtractor, MentionKind, first_ranks, validate_name


def surfaces(text: str, *names: str, domains: tuple[str, ...] = ()) -> list[str]:
    """What is found for one brand with these names."""
    brand = BrandSpec(id=1, name=names[0], aliases=names[1:], domains=domains)
    found = MentionExtractor([brand]).extract(text)
    assert all(text[span.start : span.end] == span.surface_text for span in found)
    return [span.surface_text for span in found]


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("Use Taskwell today", "Taskwell"),
        ("TASKWELL, taskwell", "TASKWELL"),
        ("(Taskwell)", "Taskwell"),
        ("Taskwell's board", "Taskwell"),
        ("Taskwell’s board", "Taskwell"),
        ("Taskwell-Nutzer und Nicht-Taskwell", "Taskwell"),
        ("Taskwell'in özellikleri", "Taskwell"),
        ("l’Taskwell", "Taskwell"),
        ("Taskwell/Trello", "Taskwell"),
        ("| Taskwell | 9 |", "Taskwell"),
        ("#Taskwell @taskwell", "Taskwell"),
        ("Taskwell² and Taskwell™", "Taskwell"),
        ("Ｔａｓｋｗｅｌｌは", "Ｔａｓｋｗｅｌｌ"),
        ("𝗧𝗮𝘀𝗸𝘄𝗲𝗹𝗹 rocks", "𝗧𝗮𝘀𝗸𝘄𝗲𝗹𝗹"),
        ("Task\u00adwell", "Task\u00adwell"),
        ("Task\u200bwell", "Task\u200bwell"),
        ("**Task**well", "Task**well"),
        ("_Taskwell_", "Taskwell"),
        ("__Taskwell__ is", "Taskwell"),
        ("`Taskwell`", "Taskwell"),
        ("~~Taskwell~~", "Taskwell"),
        ("使用Taskwell进行管理", "Taskwell"),
        ("Taskwellはいいです", "Taskwell"),
        ("Taskwell는 좋다", "Taskwell"),
        ("ใช้Taskwellเพื่อ", "Taskwell"),
        ("للـTaskwell", "Taskwell"),
        ("Täskwéll", "Täskwéll"),
        ("Ta\u0308skwell\u0301 x", "Ta\u0308skwell\u0301"),
    ],
)
def test_a_latin_name_is_found_in_any_surroundings(text: str, surface: str):
    assert surfaces(text, "Taskwell")[0] == surface


@pytest.mark.parametrize(
    "text",
    [
        "Taskwells",
        "Taskwellnutzer",
        "myTaskwell",
        "Taskwell2",
        "2Taskwell",
        "my_Taskwell",
        "Taskwell_id",
        "**Task**wells",
    ],
)
def test_a_latin_name_inside_a_longer_word_is_not_found(text: str):
    assert surfaces(text, "Taskwell") == []


@pytest.mark.parametrize(
    ("name", "text", "surface"),
    [
        ("百度", "我喜欢百度地图", "百度"),
        ("ルーメン", "このルーメンは", "ルーメン"),
        ("ルーメン", "ﾙｰﾒﾝは", "ﾙｰﾒﾝ"),
        ("ガーデン", "ｶﾞｰﾃﾞﾝを", "ｶﾞｰﾃﾞﾝ"),
        ("ルーメン ボード", "ルーメン・ボードを", "ルーメン・ボード"),
        ("루멘보드", "루멘보드는 좋다", "루멘보드"),
        ("루멘보드", "루멘보드에서는", "루멘보드"),
        ("루멘보드", unicodedata.normalize("NFD", "루멘보드"), unicodedata.normalize("NFD", "루멘보드")),
        ("Яндекс", "ЯНДЕКС и", "ЯНДЕКС"),
        ("تاسكويل", "أفضل وتاسكويل هو", "تاسكويل"),
        ("تاسكويل", "والتاسكويل", "تاسكويل"),
        ("تاسكويل", "تَاسكويل", "تَاسكويل"),
        ("طسكول", "طسـكول", "طسـكول"),
        ("ايفون", "أيفون", "أيفون"),
        ("کتابخانه", "کتابخانه‌ها", "کتابخانه"),
        ("לומנבורד", "ובלומנבורד", "לומנבורד"),
        ("แบรนด์", "ใช้แบรนด์นี้", "แบรนด์"),
        ("टास्कवेल", "टास्कवेल अच्छा है", "टास्कवेल"),
        ("Weiß & Söhne", "WEISS und; Weiss & Sohne", "Weiss & Sohne"),
        ("Straße", "die STRASSE", "STRASSE"),
        ("İstanbul", "istanbul ISTANBUL", "istanbul"),
        ("Işık", "IŞIK", "IŞIK"),
        ("Ørsted", "Orsted", "Orsted"),
        ("Office", "O\ufb03ce", "O\ufb03ce"),
        ("Σίσυφος", "ΣΙΣΥΦΟΣ", "ΣΙΣΥΦΟΣ"),
    ],
)
def test_names_are_found_in_their_own_script(name: str, text: str, surface: str):
    assert surfaces(text, name)[0] == surface


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ライン", "オンラインで"),
        ("ライン", "ラインナップ"),
        ("ハート", "バード"),
        ("루멘", "루멘보드"),
        ("멘보", "루멘보"),
        ("تاسكويل", "كتتاسكويل"),
        ("กา", "กาแฟ".replace("แฟ", "\u0e48")),
        ("ส", "แส"),
        ("Office", "o\ufb03cer"),
        ("trasse", "Straße"),
    ],
)
def test_names_inside_longer_words_are_not_found_in_other_scripts(name: str, text: str):
    assert surfaces(text, name) == []


@pytest.mark.parametrize(
    "text",
    [
        "Lumen Board",
        "Lumen-Board",
        "lumen\u00a0board",
        "Lumen  Board",
        "Lumen\nBoard",
        "Lumen‑Board",
        "**Lumen** *Board*",
    ],
)
def test_blanks_and_hyphens_between_words_are_one(text: str):
    assert surfaces(f"a {text} b", "Lumen Board") == [text.removeprefix("**").removesuffix("*")]
    assert surfaces(f"a {text} b", "Lumen-Board") == [text.removeprefix("**").removesuffix("*")]


@pytest.mark.parametrize(
    "text", ["Lumen\n\nBoard", "- Lumen\n- Board", "* Lumen\n* Board", "Lumen - Board", "Lumen. Board"]
)
def test_a_name_does_not_go_on_over_paragraphs_list_items_or_dashes(text: str):
    assert surfaces(text, "Lumen Board") == []


def test_the_longest_name_wins_and_a_failed_longer_one_does_not_hide_the_shorter():
    brands = [BrandSpec(id=1, name="Orbit Labs"), BrandSpec(id=2, name="Orbit Labs & Co")]
    text = "Orbit Labs & Co, Orbit Labs & Company, orbit labs and co, Orbit Labs&amp;Co"
    found = MentionExtractor(brands).extract(text)
    assert [(span.brand_id, span.surface_text) for span in found] == [
        (2, "Orbit Labs & Co"),
        (1, "Orbit Labs"),
        (2, "orbit labs and co"),
        (2, "Orbit Labs&amp;Co"),
    ]


def test_aliases_say_which_one_matched():
    extractor = MentionExtractor([BrandSpec(id=7, name="Lumenboard", aliases=("Lumen Desk",))])
    found = extractor.extract("LUMEN DESK by Lumenboard")
    assert [(span.matched_alias, span.kind) for span in found] == [
        ("Lumen Desk", MentionKind.ALIAS),
        ("Lumenboard", MentionKind.NAME),
    ]


def test_a_shared_name_belongs_to_the_brand_that_comes_first():
    brands = [BrandSpec(id=1, name="Taskwell"), BrandSpec(id=2, name="Other", aliases=("taskwell",))]
    assert [span.brand_id for span in MentionExtractor(brands).extract("Taskwell")] == [1]


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        (
            ".NET",
            ["use .NET 9", "(.NET)", "使用.NET开发", ".NET"],
            ["asp.network", "ASP.NET", "x.net", "a net", ".net"],
        ),
        ("Yahoo!", ["Yahoo! Mail", "ask Yahoo", "yahoo", "Yahoo!ニュース"], ["yahoos", "Yahooligans"]),
        ("AT&T", ["AT&T plans", "AT & T", "AT&amp;T", "AT and T", "AT&T's"], ["at&t", "BAT&T", "AT&Tx", "at and t"]),
        (
            "X",
            ["on X today", "X's feed", "(X)", "X/Twitter", "use X.", "X, Y", "**X**"],
            ["x", "X-ray", "SpaceX", "X.Org", "X&Y"],
        ),
        ("R", ["in R, use", "R 4.4"], ["R&D", "R & D", "r", "R-rated", "A.R.", "R#", "$R"]),
        ("C", ["in C", "C/C++"], ["C++", "C#", "C_x"]),
        ("C++", ["C++ code", "in C++."], ["C", "C++x"]),
        (
            "Inc",
            ["read Inc today", "In Inc, a", "Inc. magazine"],
            ["Acme Inc.", "Acme, Inc", "inc", "**Acme** Inc", "Incs"],
        ),
        ("SA", ["die SA", "in SA"], ["Nestlé SA", "NASA", "sa", "Visa"]),
        ("Target", ["Target stores", "at Target"], ["a target", "TARGETED", "TARGET"]),
        ("SAP", ["SAP HANA", "mit SAP-System"], ["sap", "SAPling"]),
        ("Can", ["the Can band"], ["Can't"]),
        ("McDonald's", ["McDonald’s", "mcdonalds", "McDonald's"], ["McDonald"]),
        ("E*TRADE", ["E*TRADE", "etrade", "E*Trade's"], ["etraders"]),
        (
            "Booking.com",
            ["Booking.com", "Booking.com's", "Booking.com-Nutzer", "BOOKING.COM"],
            ["secure.booking.com", "Booking"],
        ),
        ("Coca-Cola", ["Coca Cola", "Coca-Cola", "coca‑cola"], ["CocaCola"]),
    ],
)
def test_awkward_names(name: str, yes: list[str], no: list[str]):
    assert [text for text in yes if not surfaces(text, name)] == []
    assert [text for text in no if surfaces(text, name)] == []


@pytest.mark.parametrize(
    "name",
    ["Inc", "SA", ".NET", "Yahoo!", "AT&T", "X", "R", "3M", "Ø", "百度", "Lumenboard", "4711", "E*TRADE", "🍊 Orange"],
)
def test_awkward_names_may_be_tracked(name: str):
    assert validate_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "!!!",
        "🍊",
        "—",
        "***",
        "\u200b",
        "a\0b",
        "a\nb",
        "7",
        "12",
        "百",
        "루",
        "x" * (MAX_NAME + 1),
        "\ud800a",
    ],
)
def test_names_that_cannot_be_told_apart_are_refused_and_harmless(name: str):
    assert validate_name(name)
    assert surfaces("a !!! 🍊 — *** 7 12 百 루 \0 x", name) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://reviews.example/taskwell-review",
        "http://Taskwell.reviews.example/",
        "[this review](https://reviews.example/taskwell)",
        "[this review](/taskwell 'Taskwell review')",
        '[1]: https://reviews.example/a "Taskwell review"',
        "mail taskwell@reviews.example now",
        "see reviews.example/r/taskwell",
        "taskwell.blogspot.com",
        "taskwell-reviews.com",
        "www.taskwell.dev/x",
        "![](https://img.example/taskwell.png)",
        "<https://reviews.example/taskwell>",
    ],
)
def test_a_name_inside_somebody_elses_address_is_not_a_mention(text: str):
    assert surfaces(text, "Taskwell", domains=("taskwell.example",)) == []


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("[Taskwell](https://reviews.example/taskwell)", "Taskwell"),
        ("[A](https://a.example/x_(y))、Taskwell是", "Taskwell"),
        ("taskwell.create() runs", "taskwell"),
        ("I like Taskwell.It is good", "Taskwell"),
        ("Taskwell, see https://a.example/taskwell", "Taskwell"),
        ("Taskwell 2.0", "Taskwell"),
    ],
)
def test_a_name_beside_an_address_is_a_mention(text: str, surface: str):
    assert surfaces(text, "Taskwell") == [surface]


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("go to taskwell.example.", "taskwell.example"),
        ("go to www.Taskwell.example/pricing", "www.Taskwell.example"),
        ("docs.taskwell.example", "docs.taskwell.example"),
        ("访问taskwell.example吧", "taskwell.example"),
    ],
)
def test_a_brands_domain_in_the_text_is_a_domain_mention(text: str, surface: str):
    brand = BrandSpec(id=1, name="Taskwell", domains=("https://www.taskwell.example/",))
    (span,) = MentionExtractor([brand]).extract(text)
    assert (span.surface_text, span.kind, span.matched_alias) == (surface, MentionKind.DOMAIN, "taskwell.example")


@pytest.mark.parametrize(
    "text",
    [
        "nottaskwell.example",
        "taskwell.example.org",
        "me@taskwell.example",
        "https://taskwell.example/x",
        "Good tools ([taskwell.example](https://taskwell.example/?utm_source=openai)).",
        "([a.example](https://a.example/), [taskwell.example](https://taskwell.example/))",
        "a.example/taskwell.example",
    ],
)
def test_other_hosts_addresses_and_citation_markers_are_no_domain_mentions(text: str):
    assert surfaces(text, "Taskwell", domains=("taskwell.example",)) == []


def test_internationalised_domains_are_found_in_both_spellings():
    assert surfaces("bürowelt.example xn--browelt-n2a.example", "Bürowelt", domains=("bürowelt.example",)) == [
        "bürowelt.example",
        "xn--browelt-n2a.example",
    ]


def test_ranks_follow_first_mentions():
    brands = [BrandSpec(id=1, name="Taskwell"), BrandSpec(id=2, name="Lumenboard"), BrandSpec(id=3, name="Kanbanana")]
    found = MentionExtractor(brands).extract("Lumenboard, Taskwell, Lumenboard.")
    assert first_ranks(found) == {2: 1, 1: 2}
    assert first_ranks([]) == {}


def test_no_brands_or_no_text_find_nothing():
    assert MentionExtractor([]).extract("Taskwell") == []
    assert MentionExtractor([BrandSpec(id=1, name="Taskwell")]).extract("") == []


def test_offsets_count_code_points_of_the_original():
    text = "ŞİİİßßﬃÅ👩‍👩‍👧 **Lumen**\u00adboard!"
    (span,) = MentionExtractor([BrandSpec(id=1, name="Lumenboard")]).extract(text)
    assert text[span.start : span.end] == "Lumen**\u00adboard"


NAMES = [
    "Lumenboard",
    "Weiß & Söhne",
    "Yahoo!",
    ".NET",
    "ルーメン",
    "Orbit & Co",
    "X",
    "تاسكويل",
    "İstanbul Ofis",
    "루멘보드",
]
EXTRACTOR = MentionExtractor(
    BrandSpec(id=number, name=name, domains=(f"brand{number}.example",)) for number, name in enumerate(NAMES)
)
PIECES = st.sampled_from(
    [
        *NAMES,
        *(name.upper() for name in NAMES),
        *("brand0.example", "https://", "](", ")", "*", "_", "-", "&", "@", ".", "/", "\n", " ", "a"),
        *("\u200b", "\u200c", "\u0301", "\u3099", "ﾞ", "\u0e40", "ß", "İ", "は", "는", "و", "\ud800", "\x00", "\x03"),
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map("".join))


@given(TEXTS)
def test_spans_lie_inside_the_text_apart_and_in_order(text: str):
    found = EXTRACTOR.extract(text)
    edges = [edge for span in found for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= len(text) for span in found)
    assert all(text[span.start : span.end] == span.surface_text for span in found)


@given(TEXTS)
def test_what_was_found_folds_to_a_spelling_of_the_name(text: str):
    for span in EXTRACTOR.extract(text):
        folded = fold(span.surface_text).text
        if span.kind is MentionKind.DOMAIN:
            assert folded.endswith(span.matched_alias)
        else:
            assert folded in {fold(spelling).text.strip() for spelling in spellings(span.matched_alias)}


@given(TEXTS)
def test_folding_keeps_a_way_back_to_every_character(text: str):
    folded = fold(text)
    last = 0
    for position in range(len(folded.text)):
        found = folded.original(position, position + 1)
        if found is not None:
            assert last <= found[0] < found[1] <= len(text)
            last = found[1]
    if folded.text:
        assert folded.original(0, len(folded.text)) is not None


WORDS = st.text(string.ascii_lowercase, min_size=5, max_size=12)


@given(WORDS, st.sampled_from(string.ascii_letters + "éß7"), st.booleans())
def test_a_letter_beside_a_latin_name_removes_the_match(word: str, letter: str, before: bool):
    name = f"q{word}q"
    extractor = MentionExtractor([BrandSpec(id=1, name=name)])
    assert len(extractor.extract(f"the {name} board")) == 1
    glued = f"{letter}{name}" if before else f"{name}{letter}"
    assert extractor.extract(f"the {glued} board") == []


@given(st.lists(st.text(max_size=12), max_size=5), TEXTS)
def test_no_names_and_no_text_make_the_extractor_raise(names: list[str], text: str):
    brands = [BrandSpec(id=1, name=name, aliases=tuple(names), domains=tuple(names)) for name in names]
    MentionExtractor(brands).extract(text + "".join(names))
