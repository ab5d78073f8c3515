"""Prompts from CSV files and pasted lists: every kind of file people really have."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.csv_import import MAX_ROWS, MAX_TEXT, ParsedPrompts, csv_safe, parse_csv, parse_paste
from prompts.prompt_text import PromptTextError, clean_language, clean_text, prompt_key


def one_error(parsed: ParsedPrompts) -> str:
    assert parsed.rows == []
    assert len(parsed.errors) == 1
    return parsed.errors[0].message


def test_all_five_columns_are_read():
    parsed = parse_csv(b'text,tags,country,language,branded\nBest CRM?,"crm; sales",de,DE-at,yes\n')
    (row,) = parsed.rows
    assert (row.line, row.text, row.tags, row.country, row.language, row.is_branded) == (
        2,
        "Best CRM?",
        ("crm", "sales"),
        "DE",
        "de-AT",
        True,
    )
    assert parsed.errors == parsed.duplicates == parsed.notices == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_unicode_files_with_and_without_a_mark_are_read(encoding: str):
    content = "text;land\nWelche Bürostühle sind gut?;\n最好的项目管理软件？;\n"
    data = b"\xff\xfe" + content.encode("utf-16-le") if encoding == "utf-16-le-bom" else content.encode(encoding)
    parsed = parse_csv(data)
    assert [row.text for row in parsed.rows] == ["Welche Bürostühle sind gut?", "最好的项目管理软件？"]


def test_latin_1_file_is_read_with_a_notice():
    parsed = parse_csv("text\nWelche Bürostühle sind gut?\n".encode("latin-1"))
    assert parsed.rows[0].text == "Welche Bürostühle sind gut?"
    assert "Windows-1252" in parsed.notices[0]


def test_undecodable_file_is_told_to_be_saved_as_utf_8():
    assert "UTF-8" in one_error(parse_csv(b"text\nB\xfcro \x81\x8d\n"))


def test_workbook_is_told_apart_from_csv():
    assert "workbook" in one_error(parse_csv(b"PK\x03\x04" + b"\0" * 100))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_found_from_the_header(delimiter: str):
    parsed = parse_csv(
        f'"Question"{delimiter}"Tags, all"{delimiter}Market\nWhat is best?{delimiter}{delimiter}US\n'.encode()
    )
    assert parsed.rows[0].country == "US"
    assert parsed.notices == ["Ignored columns: tags, all."]


def test_excel_separator_line_is_obeyed():
    parsed = parse_csv(b"sep=;\r\ntext;country\r\nBest, cheapest CRM?;FR\r\n")
    assert (parsed.rows[0].text, parsed.rows[0].country, parsed.rows[0].line) == ("Best, cheapest CRM?", "FR", 3)


@pytest.mark.parametrize("header", ["TEXT", "Prompt", " question ", "Query"])
def test_header_synonyms_are_understood_in_any_case(header: str):
    assert len(parse_csv(f"{header}\nBest CRM?\n".encode()).rows) == 1


def test_wrong_columns_name_the_expected_ones():
    message = one_error(parse_csv(b"keyword,volume\ncrm,100\n"))
    assert "text, tags, country, language, branded" in message
    assert "keyword, volume" in message


def test_two_columns_of_one_meaning_are_refused():
    assert "Two columns" in one_error(parse_csv(b"text,prompt\na,b\n"))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b" , ,\n"])
def test_empty_file_says_so(data: bytes):
    assert "empty" in one_error(parse_csv(data))


def test_header_alone_says_there_are_no_rows():
    assert "no rows" in one_error(parse_csv(b"text,tags\n"))


def test_quoted_newlines_stay_and_lines_are_counted_from_the_record_start():
    parsed = parse_csv(b'text,country\n"First line\r\nsecond line",\nNext?,XX\n')
    assert parsed.rows[0].text == "First line\nsecond line"
    assert [(error.line, "XX" in error.message) for error in parsed.errors] == [(4, True)]


def test_good_rows_are_kept_beside_bad_ones():
    parsed = parse_csv(
        b"text,country,language,branded\n"
        b"Good?,,,\n"
        b",,,\n"
        b",DE,,\n"
        b"a?,UK,,\n"
        b"b?,,english,\n"
        b"c?,,,perhaps\n"
        b"d, e?,,,,\n"
        b"Also good?,DE,de,no\n"
    )
    assert [row.line for row in parsed.rows] == [2, 9]
    reasons = {error.line: error.message for error in parsed.errors}
    assert list(reasons) == [4, 5, 6, 7, 8]
    assert "empty" in reasons[4]
    assert "GB" in reasons[5]
    assert "pt-BR" in reasons[6]
    assert "neither yes nor no" in reasons[7]
    assert "d" not in [row.text for row in parsed.rows]


@pytest.mark.parametrize("cell", ['=HYPERLINK("https://bad.example","x")', "@SUM(A1)", " =1+1"])
def test_formula_cells_are_refused_with_the_reason(cell: str):
    stream = io.StringIO()
    csv.writer(stream).writerows([["text"], [cell], ["Best CRM?"]])
    parsed = parse_csv(stream.getvalue().encode())
    assert [row.text for row in parsed.rows] == ["Best CRM?"]
    assert "formula" in parsed.errors[0].message


@pytest.mark.parametrize("text", ["-5 degrees: which jacket?", "+49 numbers: which carrier?", "'quoted' word?"])
def test_signs_and_quotes_in_front_are_ordinary_text(text: str):
    assert parse_csv(f"text\n{text}\n".encode()).rows[0].text == text


@pytest.mark.parametrize("text", ["-5 degrees?", "+49 numbers?", "=1+1?", "@handle?"])
def test_an_exported_text_comes_back_as_it_was(text: str):
    assert parse_csv(f"text\n{csv_safe(text)}\n".encode()).rows[0].text == text


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"])
def test_exported_formula_gets_an_apostrophe(cell: str):
    assert csv_safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "plain", 5, -3, None, 1.5])
def test_exported_values_that_are_no_formula_stay(cell: object):
    assert csv_safe(cell) == cell


def test_fifty_thousand_rows_are_refused_with_the_count():
    message = one_error(parse_csv(b"text\n" + b"".join(b"Prompt %d?\n" % n for n in range(50_000))))
    assert "50,000" in message
    assert "10,000" in message


def test_as_many_rows_as_allowed_are_taken():
    parsed = parse_csv(b"text\n" + b"".join(b"Prompt %d?\n" % n for n in range(MAX_ROWS)))
    assert len(parsed.rows) == MAX_ROWS
    assert not parsed.errors


def test_duplicates_are_skipped_and_reported_with_the_first_line():
    parsed = parse_csv("text,country\nBest CRM?,DE\n best  ｃｒｍ?,de\nBest CRM?,US\n".encode())
    assert [row.line for row in parsed.rows] == [2, 4]
    assert [(item.line, item.first_line) for item in parsed.duplicates] == [(3, 2)]


def test_default_country_and_language_fill_empty_cells():
    parsed = parse_csv(b"text,country\na?,\nb?,US\n", country="DE", language="de")
    assert [(row.country, row.language) for row in parsed.rows] == [("DE", "de"), ("US", "de")]


def test_ten_thousand_characters_are_too_many():
    parsed = parse_csv(b"text\n" + b"x" * 10_000 + b"\nok?\n")
    assert "10,000" in parsed.errors[0].message
    assert "4,000" in parsed.errors[0].message
    assert parsed.rows[0].text == "ok?"


def test_longest_allowed_text_is_taken():
    assert parse_csv(b"text\n" + b"x" * MAX_TEXT).rows[0].text == "x" * MAX_TEXT


def test_nul_is_refused_and_other_controls_become_spaces():
    parsed = parse_csv(b"text\nbad\0one\ngood\x0bone\x1b\n")
    assert "NUL" in parsed.errors[0].message
    assert parsed.rows[0].text == "good one"


@pytest.mark.parametrize("text", ["ما هو أفضل برنامج؟", "מה הכי טוב?", "🚀 best launcher? 👩‍👩‍👧", "🍊"])
def test_right_to_left_and_emoji_prompts_are_taken(text: str):
    assert parse_csv(f"text\n{text}\n".encode()).rows[0].text == text


def test_bidi_overrides_are_removed():
    assert clean_text("a\u202egnp.exe\u202c \u2066b\u2069") == "agnp.exe b"


@pytest.mark.parametrize("text", ["\ud800", "a\udc00b"])
def test_lone_surrogate_is_refused(text: str):
    with pytest.raises(PromptTextError):
        clean_text(text)


def test_unclosed_quote_is_reported_where_it_opens():
    parsed = parse_csv(b'text\nfine?\n"never closed\nswallowed\n')
    assert [row.text for row in parsed.rows] == ["fine?"]
    assert parsed.errors[0].line == 3
    assert "never closed" in parsed.errors[0].message


def test_mismatched_quotes_cost_one_line_only():
    parsed = parse_csv(b'text\n"a" b\nfine?\n')
    assert [row.text for row in parsed.rows] == ["fine?"]
    assert parsed.errors[0].line == 2


def test_too_many_and_too_long_tags_are_refused():
    parsed = parse_csv(
        ("text,tags\na?,{}\nb?,{}\nc?,crm|CRM\n".format("t" * 41, ";".join(map(str, range(21))))).encode()
    )
    assert [error.line for error in parsed.errors] == [2, 3]
    assert parsed.rows[0].tags == ("crm",)


def test_pasted_list_loses_bullets_and_numbers_and_keeps_line_numbers():
    parsed = parse_paste("1. Best CRM?\n\n- Best ERP?\n• Best CRM?\n2024 trends?\n***\n")
    assert [(row.line, row.text) for row in parsed.rows] == [(1, "Best CRM?"), (3, "Best ERP?"), (5, "2024 trends?")]
    assert [(item.line, item.first_line) for item in parsed.duplicates] == [(4, 1)]
    assert [error.line for error in parsed.errors] == [6]


def test_pasting_nothing_or_too_much_says_so():
    assert "Nothing" in one_error(parse_paste(" \n "))
    assert "10,000" in one_error(parse_paste("\n".join(map(str, range(MAX_ROWS + 1)))))


@pytest.mark.parametrize(
    ("given_tag", "expected"), [("EN", "en"), ("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("", "")]
)
def test_language_tags_get_their_usual_case(given_tag: str, expected: str):
    assert clean_language(given_tag) == expected


def test_key_depends_on_country_and_language_but_not_on_case_or_spacing():
    assert prompt_key("Best  CRM?", "DE", "de") == prompt_key("best crm?", "de", "DE")
    assert len({prompt_key("a", c, lang) for c in ("", "DE") for lang in ("", "de")}) == 4
    assert len(prompt_key("a", "", "")) == 64


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_raise(data: bytes):
    parsed = parse_csv(b"text,tags\n" + data)
    assert all(row.text and "\0" not in row.text for row in parsed.rows)
    assert isinstance(parse_csv(data), ParsedPrompts)


@given(st.text(max_size=200))
def test_no_text_makes_paste_raise(text: str):
    for row in parse_paste(text).rows:
        assert clean_text(row.text) == row.text
