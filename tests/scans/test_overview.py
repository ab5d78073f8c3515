"""A project's overview: counted by the database, equal to what the measures say of each answer."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from scans import scoring
from scans.models import Answer, Citation, Mention, Scan
from scans.overview import cited_domains, live_projects, overview_of, project_rows, window_of
from scans.tallies import own_visibility, tally
from tests.cast import make_prompt
from tests.scans.made import ENGINE, make_answer, make_citation, make_scan
from tests.screens import ClientOf

PLAIN = "openai:gpt-5.4/model"
URL = ("acme", "lumenboard")


@pytest.fixture
def scan(project: Project, own_brand: Brand, competitor: Brand) -> Scan:
    """Sixty answers of every kind, the same each time."""
    chance = random.Random(7)
    with org_scope(project.org_id):
        prompts = [make_prompt(project, f"Question {number}?") for number in range(6)]
    made = make_scan(project, status="partial", total=60, engines=[ENGINE, PLAIN])
    for number in range(60):
        names = tuple(brand for brand, often in ((own_brand, 0.5), (competitor, 0.7)) if chance.random() < often)
        kind = chance.choices(["whole", "cut", "empty", "failed"], [8, 2, 1, 1])[0]
        fields: dict[str, Any] = {"engine": ENGINE if number % 3 else PLAIN}
        if kind == "cut":
            fields["finish_reason"] = "length"
        if kind == "empty":
            names, fields["text"] = (), ""
        if kind == "failed":
            names, fields["status"], fields["error_kind"] = (), "failed", "timeout"
        answer = make_answer(made, prompts[number % 6], names=names, **fields)
        if number % 3 and kind != "failed":
            make_citation(answer, chance.choice(["a.example", "b.example", "lumenboard.example"]))
    return made


def as_rows(scan: Scan) -> list[scoring.AnswerRow]:
    """The scan's answers, one by one, as the measures take them."""
    answers = Answer.objects.for_org(scan.org_id).filter(scan=scan)
    named: dict[int, set[int]] = {answer.pk: set() for answer in answers}
    for mention in Mention.objects.for_org(scan.org_id):
        named[mention.answer_id].add(mention.brand_id)
    pages: dict[int, list[scoring.CitedPage]] = {answer.pk: [] for answer in answers}
    for citation in Citation.objects.for_org(scan.org_id):
        pages[citation.answer_id].append(scoring.CitedPage(citation.domain))
    return [
        scoring.AnswerRow(
            prompt_id=answer.prompt_id,
            engine=answer.engine,
            status_succeeded=answer.status == "succeeded",
            truncated=answer.is_truncated,
            empty=not answer.text,
            brand_ids=frozenset(named[answer.pk]),
            citations=tuple(pages[answer.pk]),
            can_cite=answer.engine.endswith("/web_search"),
        )
        for answer in answers
    ]


def test_the_database_counts_what_the_measures_say(scan: Scan, own_brand: Brand, competitor: Brand) -> None:
    with org_scope(scan.org_id):
        rows, counts = as_rows(scan), tally(scan.org_id, scan.pk)
        own = own_visibility(scan.org_id, [scan.pk])[scan.pk]
    for brand in (own_brand, competitor):
        expected, found = scoring.visibility(rows, brand.pk), counts.visibility(brand.pk)
        assert (found.value, found.low, found.high, found.n) == (
            expected.estimate,
            expected.low,
            expected.high,
            expected.n,
        )
        for engine in (ENGINE, PLAIN):
            alone = scoring.visibility([row for row in rows if row.engine == engine], brand.pk)
            assert counts.visibility(brand.pk, engine=engine).value == alone.estimate
    assert own == counts.visibility(own_brand.pk)
    assert counts.failed == sum(not row.status_succeeded for row in rows)
    assert counts.succeeded() == sum(row.counts for row in rows)


def test_share_of_voice_and_domains_follow_the_measures(scan: Scan, own_brand: Brand, competitor: Brand) -> None:
    with org_scope(scan.org_id):
        rows, found = as_rows(scan), overview_of([scan], [own_brand, competitor])
    both = [own_brand.pk, competitor.pk]
    shares = {row.name: row.share for row in found.brands}
    for brand in (own_brand, competitor):
        assert shares[brand.name] == pytest.approx(scoring.share_of_voice(rows, brand.pk, both).estimate)
    expected = [(score.domain, score.answers, score.rate) for score in scoring.top_cited_domains(rows)]
    assert [(row.domain, row.answers, row.share) for row in found.domains] == expected


def test_the_overview_speaks_in_sentences(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand
) -> None:
    scan = make_scan(project)
    for names in ((own_brand, competitor), (competitor,), (competitor,), (own_brand,), ()):
        answer = make_answer(scan, prompt, names=names)
    make_citation(answer, "reviews.example")
    response = client_of(viewer).get(reverse("project-overview", args=URL))
    context = response.context
    assert context["verdict"] == "Assistants name Lumenboard in 40% of answers, second of two brands."
    assert context["verdict"] in response.content.decode()
    assert context["engines"].title == "GPT-5 mini with web search names Lumenboard in 40% of its answers."
    assert context["voices"].title == "Taskwell is named most, Lumenboard second of two brands."
    assert context["domains_verdict"] == "reviews.example is cited most, in 20% of answers; your own sites in none."
    assert (context["answers"], context["failed"], context["visibility"].n) == (5, 0, 5)
    assert context["simulated"] is True


def test_only_the_latest_finished_scan_counts(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, own_brand: Brand
) -> None:
    make_answer(make_scan(project), prompt, names=(own_brand,))
    latest = make_scan(project)
    make_answer(latest, prompt)
    make_answer(make_scan(project, status="cancelled"), prompt, names=(own_brand,))
    running = make_scan(project, status="running")
    context = client_of(viewer).get(reverse("project-overview", args=URL)).context
    assert (context["scan"].pk, context["plan"].running.pk) == (latest.pk, running.pk)
    assert context["verdict"] == "Assistants name Lumenboard in none of 1 answer."


def test_the_course_of_the_latest_scans_is_drawn_oldest_first(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, own_brand: Brand
) -> None:
    for naming, silent in ((1, 3), (1, 1)):
        scan = make_scan(project)
        for names in [(own_brand,)] * naming + [()] * silent:
            make_answer(scan, prompt, names=names)
    response = client_of(viewer).get(reverse("project-overview", args=URL))
    course = response.context["course"]
    assert [point.value for point in course.series[0].points] == [0.25, 0.5]
    assert course.title == "In the last 2 scans 25% to 50% of answers named Lumenboard."
    assert response.content.decode().count("trend-point") == 2


def test_one_scan_has_no_course(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, own_brand: Brand
) -> None:
    make_answer(make_scan(project), prompt, names=(own_brand,))
    assert client_of(viewer).get(reverse("project-overview", args=URL)).context["course"] is None


def test_before_the_first_scan_the_overview_shows_the_way(
    client_of: ClientOf, member: User, project: Project, settings: Any
) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    response = client_of(member).get(reverse("project-overview", args=URL))
    assert [step.done for step in response.context["setup"]] == [False, False, False, True, False]
    assert "Add your own brand" in response.content.decode()


def test_without_an_own_brand_the_overview_asks_for_one(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, competitor: Brand
) -> None:
    make_answer(make_scan(project), prompt, names=(competitor,))
    context = client_of(viewer).get(reverse("project-overview", args=URL)).context
    assert context["verdict"].startswith("Say which brand is yours")
    assert context["voices"].title == "Taskwell is the only brand that is tracked."


def test_a_scan_whose_answers_all_failed_is_no_finding(project: Project, prompt: Prompt, own_brand: Brand) -> None:
    scan = make_scan(project, status="partial")
    make_answer(scan, prompt, status="failed", error_kind="timeout", error="Too slow.")
    with org_scope(project.org_id):
        found = overview_of([scan], [own_brand])
    assert found.verdict == "No answer came in, so nothing can be said yet."
    assert (found.visibility.value if found.visibility else 1, found.failed, found.domains) == (None, 1, [])


def test_home_shows_where_every_project_stands(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, own_brand: Brand, org: Organization
) -> None:
    make_answer(make_scan(project), prompt, names=(own_brand,))
    newer = make_scan(project, status="running")
    with org_scope(org):
        Project.objects.for_org(org).create(org=org, name="Empty", slug="empty")
    empty, full = client_of(viewer).get("/o/acme/").context["rows"]
    assert (empty.brand, empty.prompts, empty.scan, empty.visibility) == ("", 0, None, None)
    assert (full.brand, full.prompts, full.engines, full.scan.pk) == ("Lumenboard", 1, 1, newer.pk)
    assert full.visibility.value == 1.0


def test_home_counts_in_as_many_queries_for_many_projects(org: Organization, django_assert_num_queries: Any) -> None:
    counted = []
    for first in (0, 3):
        for number in range(first, first + 3 * (1 + first)):
            with org_scope(org):
                project = Project.objects.for_org(org).create(org=org, name=f"P{number}", slug=f"p{number}")
                prompt = make_prompt(project, "Which?")
            make_answer(make_scan(project), prompt)
        with org_scope(org), django_assert_num_queries(5):
            counted.append(len(project_rows(org, list(live_projects(org)))))
    assert counted == [3, 15]


def test_cited_domains_of_one_answer_count_once(project: Project, prompt: Prompt, own_brand: Brand) -> None:
    scan = make_scan(project)
    answer = make_answer(scan, prompt)
    for _ in range(3):
        make_citation(answer, "a.example")
    make_citation(answer, "lumenboard.example", kind="own", brand=own_brand)
    with org_scope(project.org_id):
        rows, own = cited_domains(scan, answers=1)
    assert [(row.domain, row.kind, row.answers, row.share) for row in rows] == [
        ("a.example", "other", 1, 1.0),
        ("lumenboard.example", "own", 1, 1.0),
    ]
    assert own == 1.0


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (datetime(2026, 8, 2, 1, tzinfo=UTC), datetime(2026, 8, 2, 2, tzinfo=UTC), "2 Aug 2026"),
        (datetime(2026, 7, 27, tzinfo=UTC), datetime(2026, 8, 2, tzinfo=UTC), "27 Jul \u2013 2 Aug 2026"),
        (datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "31 Dec 2025 \u2013 1 Jan 2026"),
        (datetime(2026, 8, 2, tzinfo=UTC), None, "2 Aug 2026"),
    ],
)
def test_the_window_names_the_days(start: datetime, end: datetime | None, said: str) -> None:
    assert window_of([Scan(created_at=start, finished_at=end)]) == said


def test_branded_prompts_are_counted_apart(project: Project, own_brand: Brand, competitor: Brand) -> None:
    """A question that names the brand is answered with its name: it must not lift the brand's visibility."""
    with org_scope(project.org_id):
        asked = make_prompt(project, "Which board is best?")
        branded = make_prompt(project, "Is Lumenboard any good?", is_branded=True)
    made = make_scan(project, status="done", total=4, engines=[ENGINE])
    for sample, names in enumerate([(competitor,), (own_brand, competitor)], start=1):
        make_answer(made, asked, names=names, sample=sample)
        make_citation(make_answer(made, branded, names=(own_brand,), sample=sample), "lumenboard.example")
    with org_scope(project.org_id):
        shown = overview_of([made], [own_brand, competitor])
        listed = own_visibility(project.org_id, [made.pk])[made.pk]
    assert shown.visibility is not None
    assert (shown.visibility.hits, shown.visibility.n) == (listed.hits, listed.n) == (1, 2)
    assert shown.branded is not None
    assert (shown.branded.hits, shown.branded.n) == (2, 2)
    assert [(row.name, row.answers) for row in shown.brands] == [("Taskwell", 2), ("Lumenboard", 1)]
    assert shown.domains == []


def test_share_of_voice_has_its_interval(scan: Scan, own_brand: Brand, competitor: Brand) -> None:
    with org_scope(scan.org_id):
        rows, shown = as_rows(scan), overview_of([scan], [own_brand, competitor])
        expected = scoring.share_of_voice(rows, own_brand.pk, [own_brand.pk, competitor.pk])
    [own] = [row for row in shown.brands if row.own]
    assert own.voice is not None
    assert (own.voice.value, own.voice.low, own.voice.high) == (expected.estimate, expected.low, expected.high)
    assert own.share == own.voice.value


def test_the_overview_tells_how_many_cut_off_answers_are_left_out(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand
) -> None:
    scan = make_scan(project)
    for names, finish in (((own_brand,), "length"), ((competitor,), "length"), ((), "length"), ((competitor,), "stop")):
        make_answer(scan, prompt, names=names, finish_reason=finish)
    page = client_of(viewer).get(reverse("project-overview", args=URL))
    assert (page.context["visibility"].n, page.context["cut_off"], page.context["answers"]) == (2, 2, 4)
    assert "2 cut-off answers left out" in page.content.decode()


def test_a_shared_place_is_joint_in_the_tile_too(
    client_of: ClientOf, viewer: User, project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand
) -> None:
    make_answer(make_scan(project), prompt, names=(own_brand, competitor))
    page = client_of(viewer).get(reverse("project-overview", args=URL))
    assert page.context["place"] == "joint first of two brands"
    assert page.content.decode().count("joint first of two brands") == 2  # the title and the tile
