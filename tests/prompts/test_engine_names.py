"""Engines have names in the reader's language."""

from django.utils import translation

from prompts.engine_names import engine_label, full_name, tells_search


def test_web_search_is_said_in_the_readers_language() -> None:
    assert engine_label("GPT-5 mini with web search") == "GPT-5 mini with web search"
    with translation.override("de"):
        assert engine_label("GPT-5 mini with web search") == "GPT-5 mini mit Websuche"
        assert engine_label("Sonar") == "Sonar"


def test_a_name_that_tells_of_the_search_needs_no_note() -> None:
    for language in ("en", "de"):
        with translation.override(language):
            for name in ("GPT-5 mini with web search", "Gemini 3.5 Flash with Google Search"):
                assert tells_search(engine_label(name))
            assert not tells_search(engine_label("Sonar"))


def test_a_full_name_says_once_how_was_asked() -> None:
    assert full_name("GPT-5 mini with web search", "with web search") == "GPT-5 mini with web search"
    assert full_name("GPT-5 mini", "model alone") == "GPT-5 mini, model alone"
