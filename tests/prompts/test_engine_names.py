"""Engines have names in the reader's language."""

from django.utils import translation

from prompts.engine_names import engine_label


def test_web_search_is_said_in_the_readers_language() -> None:
    assert engine_label("GPT-5 mini with web search") == "GPT-5 mini with web search"
    with translation.override("de"):
        assert engine_label("GPT-5 mini with web search") == "GPT-5 mini mit Websuche"
        assert engine_label("Sonar") == "Sonar"
