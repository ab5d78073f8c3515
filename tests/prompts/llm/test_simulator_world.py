"""What simulated answers say: deterministic, drifting, in the asker's language, like real ones."""

import re
from collections import Counter

import pytest

from prompts.llm.simulator.author import Author
from prompts.llm.simulator.exchange import Answer, Ask, Finish, Operation, count_tokens
from prompts.llm.simulator.language import detect
from prompts.llm.simulator.options import Options
from prompts.llm.simulator.world import World, default_world

QUESTION = "What is the best project management tool for small teams?"
MODELS = {
    "openai": "gpt-5-mini",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-3.5-flash",
    "perplexity": "sonar",
    "compatible": "llama3.3",
}


@pytest.fixture(scope="module")
def author() -> Author:
    return Author(default_world())


def write(author: Author, prompt: str = QUESTION, *, provider: str = "openai", ordinal: int = 0, **kwargs) -> Answer:
    options = Options(**({"day": 10} | kwargs.pop("options", {})))
    ask = Ask(
        provider=provider,
        operation=Operation.CHAT,
        model=kwargs.pop("model", MODELS[provider]),
        key="sim-key",
        prompt=prompt,
        **({"web_search": True, "input_tokens": 12} | kwargs),
    )
    return author.write(ask, options=options, ordinal=ordinal)


def share_naming(author: Author, brand: str, prompt: str = QUESTION, *, samples: int = 250, **kwargs) -> float:
    forms = author.world.brands[brand].forms
    answers = [write(author, prompt, ordinal=ordinal, **kwargs) for ordinal in range(samples)]
    return sum(any(form in answer.text for form in forms) for answer in answers) / samples


def test_same_seed_day_and_ordinal_give_the_same_answer(author):
    first, second = write(author, ordinal=3), write(author, ordinal=3)
    assert (first.text, first.sources, first.token) == (second.text, second.sources, second.token)


@pytest.mark.parametrize(
    "other",
    [
        {"ordinal": 1},
        {"options": {"seed": 8}},
        {"options": {"day": 11}},
        {"provider": "google"},
        {"model": "gpt-5"},
        {"country": "DE"},
        {"web_search": False},
    ],
)
def test_anything_else_gives_another_answer(author, other):
    assert write(author).text != write(author, **other).text


def test_brands_drift_over_the_days(author):
    early = share_naming(author, "lumenboard", provider="perplexity", options={"day": 0})
    late = share_naming(author, "lumenboard", provider="perplexity", options={"day": 120})
    assert late > early + 0.1
    orbit = "Which project portfolio tool suits an enterprise with governance?"
    assert share_naming(author, "orbit", orbit, options={"day": 0}) > share_naming(
        author, "orbit", orbit, options={"day": 150}
    )


def test_providers_favour_different_brands(author):
    prompt = "Which project management software is recommended?"
    kanbanery = {
        provider: share_naming(author, "kanbanery", prompt, provider=provider) for provider in ("google", "anthropic")
    }
    assert kanbanery["google"] > kanbanery["anthropic"]


def test_topics_favour_different_brands(author):
    kanban, enterprise = "best kanban board?", "best enterprise portfolio tool?"
    assert share_naming(author, "kanbanery", kanban) > share_naming(author, "kanbanery", enterprise) + 0.3
    assert share_naming(author, "orbit", enterprise) > share_naming(author, "orbit", kanban) + 0.3


def test_a_brand_in_the_question_is_in_the_answer(author):
    assert share_naming(author, "lumenboard", "Is Lumenboard a good choice?", samples=100) > 0.9


def test_some_answers_name_no_brand_at_all(author):
    names = [form for brand in author.world.brands.values() for form in brand.forms]
    answers = [write(author, ordinal=ordinal).text for ordinal in range(300)]
    without = [text for text in answers if not any(name in text for name in names)]
    assert 0 < len(without) < 40


def test_brands_appear_under_several_names(author):
    answers = " ".join(write(author, ordinal=ordinal).text for ordinal in range(200))
    for form in ("Lumenboard", "Lumen Board", "**Lumenboard**", "Lumenboard's", "Orbit & Co"):
        assert form in answers


def test_answers_have_a_readable_length_and_several_layouts(author):
    answers = [write(author, ordinal=ordinal, options={"refusal_rate": 0.0}).text for ordinal in range(200)]
    lengths = [len(text.split()) for text in answers]
    assert min(lengths) > 80
    assert max(lengths) < 500
    seen = Counter(
        "table" if "| --- |" in text else "numbered" if re.search(r"^1\. ", text, re.M) else "other" for text in answers
    )
    assert seen["table"] > 5
    assert seen["numbered"] > 5
    assert not any("\n\n\n" in text or "{" in text for text in answers)


def test_refusals_happen_now_and_then(author):
    rate = {"options": {"refusal_rate": 0.2}}
    answers = [write(author, ordinal=ordinal, **rate) for ordinal in range(100)]
    refused = [answer for answer in answers if answer.finish is Finish.REFUSAL]
    assert 5 < len(refused) < 40
    assert all(answer.text and not answer.sources for answer in refused)


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        (QUESTION, "en"),
        ("Welche Software ist für kleine Teams am besten?", "de"),
        ("Quel est le meilleur logiciel pour une petite équipe ?", "fr"),
        ("¿Cuál es la mejor herramienta para equipos pequeños?", "es"),
        ("おすすめのツールは何ですか？", "ja"),
        ("", "en"),
    ],
)
def test_language_is_recognised(prompt, language):
    assert detect(prompt) == language


def test_country_decides_where_the_words_do_not():
    assert detect("Lumenboard", "DE") == "de"
    assert detect("Lumenboard", "US") == "en"


def test_answers_are_in_the_language_of_the_question(author):
    for prompt in author.world.demo["prompts"]:
        answer = write(author, prompt["text"], country=prompt["country"])
        assert detect(answer.text) == prompt["language"], prompt["text"]


def test_local_sources_serve_local_questions(author):
    german = "Welche Projektmanagement-Software ist für kleine Teams am besten?"
    domains = {source.domain for ordinal in range(20) for source in write(author, german, ordinal=ordinal).sources}
    assert "softwarevergleich.example" in domains
    assert "logiciel-avis.example" not in domains


def test_unknown_topics_name_what_the_question_names(author):
    texts = " ".join(
        write(author, "Is Acme better than Globex Corp for accounting?", ordinal=i).text for i in range(10)
    )
    assert "Acme" in texts
    assert "Globex Corp" in texts


def test_configured_brands_appear_at_their_rate(author):
    options = {"brands": ({"name": "Zyx Runner", "rate": 0.5, "domain": "zyx.example"},)}
    answers = [write(author, "best running shoes", ordinal=i, options=options).text for i in range(200)]
    assert 0.3 < sum("Zyx Runner" in text for text in answers) / 200 < 0.65


@pytest.mark.parametrize(
    "prompt", ["", " ", "x" * 10_000, "{0} {b} %s", "a\x00b", "🙂🙂", "ما هو أفضل برنامج؟", "AT&T?"]
)
def test_strange_questions_get_answers_too(author, prompt):
    answer = write(author, prompt)
    assert answer.text
    assert all(source.url.isascii() and " " not in source.url for source in answer.sources)


def test_token_limit_cuts_the_answer(author):
    whole, short = write(author, provider="compatible"), write(author, provider="compatible", max_tokens=40)
    assert whole.finish is Finish.STOP
    assert short.finish is Finish.LENGTH
    assert whole.text.startswith(short.text)
    assert count_tokens(short.text) <= short.output_tokens <= 40


def test_no_search_means_no_sources(author):
    answer = write(author, web_search=False)
    assert answer.sources == answer.queries == ()


def test_demo_is_complete(author):
    demo = author.world.demo
    assert len(demo["prompts"]) == 20
    assert len(demo["competitors"]) == 4
    assert {demo["own"], *demo["competitors"]} <= set(author.world.brands)
    assert sum(prompt.get("is_branded", False) for prompt in demo["prompts"]) == 2
    assert {prompt["language"] for prompt in demo["prompts"]} == {"en", "de", "fr", "es", "ja"}
    for engine in demo["engines"]:
        provider, _, rest = engine.partition(":")
        assert author.world.knows_model(provider, rest.partition("/")[0])


def test_every_demo_question_has_a_topic(author):
    assert all(author.world.topic(prompt["text"]).brands for prompt in author.world.demo["prompts"])


def test_world_may_be_another_file(tmp_path):
    source = tmp_path / "world.json"
    source.write_text(
        '{"epoch": "2026-01-01", "brands": {"a": {"name": "Aardvark"}}, "sources": {}, "providers": {},'
        '"topics": [{"key": "cars", "keywords": ["car"], "labels": {"en": "cars"},'
        '"brands": {"a": 0.97}, "sources": {}}'
        "],"
        '"models": {"openai": {"known": ["m"], "snapshots": {"m": [[0, "m-1"], [5, "m-2"]]}}},'
        '"generic": {"sources": {}, "invented": ["Bee"]}}'
    )
    world = World.load(source)
    assert "Aardvark" in write(Author(world), "Which car?", model="m", ordinal=1).text
    assert [world.snapshot("openai", "m", day) for day in (0, 4, 5)] == ["m-1", "m-1", "m-2"]
