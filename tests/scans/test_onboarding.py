"""The guided setup, step by step: saved on its own, skipped, left and come back to."""

import base64
import itertools
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.icons import drawn_anew
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project, ProjectIcon, Prompt, Suggestion
from scans.models import Scan
from scans.onboarding import STEPS
from tests.cast import make_prompt
from tests.prompts.test_sites import picture
from tests.scans.made import make_scan
from tests.screens import ClientOf

SIMULATED = "openai:gpt-5-mini/web_search"
SUGGESTED = [
    {"name": "Flowdeck", "domain": "flowdeck.example"},
    {"name": "Orbit & Co", "domain": ""},
]
QUESTIONS = [
    {"text": "Which board is best?", "tags": ["awareness"], "language": "en", "is_branded": False},
    {"text": "Is Lumenboard good?", "tags": ["decision", "brand"], "language": "en", "is_branded": True},
]


@pytest.fixture
def setup(project: Project, own_brand: Brand) -> Project:
    """In the middle of its setup."""
    with org_scope(project.org_id):
        project.setup_step, project.website, project.engines = "brand", "lumenboard.example", []
        project.save()
    return project


@pytest.fixture
def browser(member: User, client_of: ClientOf) -> Client:
    return client_of(member)


def at(step: str, name: str = "onboarding") -> str:
    return reverse(name, args=["acme", "lumenboard", step])


def suggested(project: Project, kind: str, result: list[dict[str, Any]], **fields: Any) -> Suggestion:
    given = {"status": "done", "engine": SIMULATED, "simulated": True, **fields}
    with org_scope(project.org_id):
        return Suggestion.objects.for_org(project.org_id).create(
            org_id=project.org_id, project=project, kind=kind, result=result, **given
        )


def reread(project: Project) -> Project:
    with org_scope(project.org_id):
        return Project.objects.for_org(project.org_id).get(pk=project.pk)


def names(project: Project) -> list[str]:
    with org_scope(project.org_id):
        return list(
            Brand.objects.for_org(project.org_id).filter(project=project).order_by("pk").values_list("name", flat=True)
        )


def kinds(project: Project) -> list[str]:
    with org_scope(project.org_id):
        return list(Suggestion.objects.for_org(project.org_id).order_by("pk").values_list("kind", flat=True))


def text_of(response: Any) -> str:
    return str(response.content.decode())


# Starting


def test_looking_at_the_start_creates_nothing(owner: User, client_of: ClientOf, org: Organization) -> None:
    response = client_of(owner).get(reverse("onboarding-start", args=["acme"]))
    assert response.status_code == 200
    with org_scope(org):
        assert not Project.objects.for_org(org).exists()


def test_a_name_and_a_site_make_a_project_with_its_own_brand(
    owner: User, client_of: ClientOf, org: Organization
) -> None:
    told = {"website": "https://www.Lumenboard.example/about", "name": "Lumenboard", "country": "de", "language": "de"}
    response = client_of(owner).post(reverse("onboarding-start", args=["acme"]), told)
    assert response.url == at("brand")
    with org_scope(org):
        project = Project.objects.for_org(org).get()
        brand = Brand.objects.for_org(org).get()
    assert (project.website, project.setup_step) == ("lumenboard.example", "brand")
    assert (project.country, project.language) == ("DE", "de")
    assert (brand.name, brand.domains, brand.is_own) == ("Lumenboard", ["lumenboard.example"], True)
    assert kinds(project) == ["site"]


@pytest.mark.parametrize(
    ("site", "name"),
    [("lumen-board.example", "Lumen board"), ("https://app.lumen.co.uk/", "Lumen"), ("lumen.de", "Lumen")],
)
def test_a_site_alone_gives_the_brand_its_name(
    site: str, name: str, owner: User, client_of: ClientOf, org: Organization
) -> None:
    client_of(owner).post(reverse("onboarding-start", args=["acme"]), {"website": site})
    with org_scope(org):
        assert Brand.objects.for_org(org).get().name == name


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"name": "   "},
        {"website": "http://127.0.0.1/"},
        {"website": "localhost"},
        {"website": "not a site"},
        {"website": "x\x00.example"},
        {"name": "\u202e\u200b"},
        {"name": "x" * 500},
        {"name": "Lumen\x00"},
        {"name": "Lumen", "country": "Narnia"},
        {"name": "Lumen", "language": "Klingon!"},
    ],
)
def test_a_start_that_is_not_valid_creates_nothing(
    told: dict[str, str], owner: User, client_of: ClientOf, org: Organization
) -> None:
    response = client_of(owner).post(reverse("onboarding-start", args=["acme"]), told)
    assert response.status_code == 422
    with org_scope(org):
        assert not Project.objects.for_org(org).exists()


def test_a_name_that_is_taken_is_said_to_be(owner: User, client_of: ClientOf, project: Project) -> None:
    response = client_of(owner).post(reverse("onboarding-start", args=["acme"]), {"name": "lumenboard"})
    assert response.status_code == 422
    assert "already" in text_of(response)


# Every step


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_shown_without_suggestions_and_engines(
    step: str, setup: Project, browser: Client, settings: Any
) -> None:
    settings.SIMULATOR_URL = ""
    assert browser.get(at(step)).status_code == 200


@pytest.mark.parametrize("step", STEPS)
def test_a_step_takes_few_queries(
    step: str, setup: Project, browser: Client, simulator: Running, django_assert_max_num_queries: Any
) -> None:
    suggested(setup, "competitors", SUGGESTED)
    suggested(setup, "prompts", QUESTIONS)
    with django_assert_max_num_queries(22):  # with savepoints and the scope's own statements
        browser.get(at(step))


@pytest.mark.parametrize(("step", "following"), [*itertools.pairwise(STEPS), ("scan", "")])
def test_a_step_is_skipped_and_the_setup_goes_on_after_it(
    step: str, following: str, setup: Project, browser: Client
) -> None:
    response = browser.post(at(step), {"skip": "1", "name": ""})
    assert response.url == (at(following) if following else reverse("project-overview", args=["acme", "lumenboard"]))
    assert reread(setup).setup_step == following
    assert kinds(setup) == []


def test_there_are_no_other_steps(setup: Project, browser: Client) -> None:
    assert browser.get(at("payment")).status_code == 404
    assert browser.post(at("engines", "onboarding-suggest")).status_code == 404


def test_a_setup_that_was_left_goes_on_from_the_overview(setup: Project, browser: Client, viewer: User) -> None:
    overview = reverse("project-overview", args=["acme", "lumenboard"])
    browser.post(at("brand"), {"skip": "1"})
    assert at("competitors") in text_of(browser.get(overview))
    browser.post(at("scan"), {"skip": "1"})
    assert "Continue setup" not in text_of(browser.get(overview))


def test_a_viewer_is_not_told_to_go_on(setup: Project, viewer: User, client_of: ClientOf) -> None:
    overview = reverse("project-overview", args=["acme", "lumenboard"])
    assert "Continue setup" not in text_of(client_of(viewer).get(overview))
    for step in STEPS:
        assert client_of(viewer).get(at(step)).status_code == 403


def test_a_finished_setup_can_be_walked_again_without_starting_over(setup: Project, browser: Client) -> None:
    with org_scope(setup.org_id):
        Project.objects.for_org(setup.org_id).update(setup_step="")
    assert browser.post(at("brand"), {"skip": "1"}).url == at("competitors")
    assert reread(setup).setup_step == ""


# The brand


def test_what_the_site_says_is_offered(setup: Project, browser: Client) -> None:
    icon = base64.b64encode(drawn_anew(picture()) or b"").decode()
    suggested(setup, "site", [{"title": "T", "name": "L", "description": "Boards <b>", "language": "de", "icon": icon}])
    page = text_of(browser.get(at("brand")))
    assert "Boards &lt;b&gt;" in page
    assert f"data:image/png;base64,{icon}" in page
    assert 'value="de"' in page


def test_the_brand_is_saved_with_its_icon(setup: Project, browser: Client, simulator: Running) -> None:
    icon = base64.b64encode(drawn_anew(picture()) or b"").decode()
    suggested(setup, "site", [{"title": "", "name": "", "description": "", "language": "", "icon": icon}])
    told = {"name": "Lumen", "website": "lumen.example", "description": "Boards.", "country": "US", "use_icon": "on"}
    assert browser.post(at("brand"), told).url == at("competitors")
    project = reread(setup)
    assert (project.name, project.website, project.description) == ("Lumen", "lumen.example", "Boards.")
    assert (project.slug, project.setup_step, project.country) == ("lumenboard", "competitors", "US")
    with org_scope(setup.org_id):
        brand = Brand.objects.for_org(setup.org_id).get(is_own=True)
    assert (brand.name, brand.aliases, brand.domains) == ("Lumen", ["Lumen Board"], ["lumen.example"])
    shown = browser.get(reverse("project-icon", args=["acme", "lumenboard"]))
    assert shown["Content-Type"] == "image/png"
    assert shown.content.startswith(b"\x89PNG")
    assert kinds(setup) == ["site", "competitors"]
    browser.post(at("brand"), {**told, "use_icon": ""})
    with org_scope(setup.org_id):
        assert not ProjectIcon.objects.for_org(setup.org_id).exists()
    assert browser.get(reverse("project-icon", args=["acme", "lumenboard"])).status_code == 404


def test_a_brand_that_is_not_valid_saves_nothing(setup: Project, competitor: Brand, browser: Client) -> None:
    for told in ({"name": ""}, {"name": "Taskwell"}, {"name": "Lumen", "website": "taskwell.example"}):
        response = browser.post(at("brand"), told)
        assert response.status_code == 422
    too_long = browser.post(at("brand"), {"name": "Lumen", "description": "x" * 601})
    assert too_long.status_code == 422
    assert (reread(setup).name, reread(setup).setup_step) == ("Lumenboard", "brand")


# Suggestions


@pytest.mark.parametrize(("step", "kind"), [("brand", "site"), ("competitors", "competitors"), ("prompts", "prompts")])
def test_a_page_waits_for_what_is_under_way_and_can_go_on_by_hand(
    step: str, kind: str, setup: Project, browser: Client
) -> None:
    suggested(setup, kind, [], status="queued")
    waiting = text_of(browser.get(at(step)))
    assert at(step, "onboarding-suggestion") in waiting
    assert 'http-equiv="refresh"' in waiting
    assert 'http-equiv="refresh"' not in text_of(browser.get(at(step) + "?by-hand=1"))
    asked = {"HX-Request": "true"}
    assert "HX-Refresh" not in browser.get(at(step, "onboarding-suggestion"), headers=asked)
    with org_scope(setup.org_id):
        Suggestion.objects.for_org(setup.org_id).update(status="done")
    assert browser.get(at(step, "onboarding-suggestion"), headers=asked)["HX-Refresh"] == "true"
    assert browser.get(at(step, "onboarding-suggestion")).url == at(step)


def test_reloading_asks_for_nothing(setup: Project, browser: Client, simulator: Running) -> None:
    for _ in range(3):
        browser.get(at("competitors"))
    assert kinds(setup) == []
    for _ in range(3):
        assert browser.post(at("competitors", "onboarding-suggest")).url == at("competitors")
    assert kinds(setup) == ["competitors"]


def test_a_failed_suggestion_says_why_and_offers_to_ask_again(
    setup: Project, browser: Client, simulator: Running
) -> None:
    suggested(setup, "competitors", [], status="failed", error="OpenAI has been failing.")
    page = text_of(browser.get(at("competitors")))
    assert "OpenAI has been failing." in page
    assert "Ask again" in page


def test_without_engines_a_suggestion_is_refused_in_words(setup: Project, browser: Client, settings: Any) -> None:
    settings.SIMULATOR_URL = ""
    response = browser.post(at("competitors", "onboarding-suggest"), follow=True)
    assert "Type your own" in text_of(response)
    assert kinds(setup) == []


# Competitors and prompts


def rows(prefix: str, *given: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}-{place}-{name}": value for place, row in enumerate(given) for name, value in row.items()}


def test_kept_and_typed_competitors_are_tracked(setup: Project, browser: Client, simulator: Running) -> None:
    suggested(setup, "competitors", SUGGESTED)
    page = text_of(browser.get(at("competitors")))
    assert "Flowdeck" in page
    assert "Orbit &amp; Co" in page
    sent = rows(
        "row",
        {"keep": "on", "name": "Flowdeck Pro", "domain": "flowdeck.example"},
        {"name": "Orbit & Co", "domain": ""},
    ) | rows("own", {"name": "Muster", "domain": "https://muster.example/x"}, {"name": "", "domain": ""})
    assert browser.post(at("competitors"), sent).url == at("prompts")
    assert names(setup) == ["Lumenboard", "Flowdeck Pro", "Muster"]
    assert reread(setup).setup_step == "prompts"
    assert kinds(setup) == ["competitors", "prompts"]
    assert "Orbit &amp; Co" in text_of(browser.get(at("competitors")))
    assert 'value="Flowdeck"' not in text_of(browser.get(at("competitors")))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "", "domain": ""}, "required"),
        ({"name": "!!!", "domain": ""}, "letter or digit"),
        ({"name": "Flow", "domain": "not a site"}, "not a domain"),
        ({"name": "lumenboard", "domain": ""}, "tracked already"),
        ({"name": "Other", "domain": "lumenboard.example"}, "already"),
        ({"name": "x" * 500, "domain": ""}, "at most"),
        ({"name": "<script>alert(1)</script>\x00", "domain": ""}, "not allowed"),
    ],
)
def test_one_row_that_is_not_valid_keeps_all_of_them_out(
    row: dict[str, str], said: str, setup: Project, browser: Client
) -> None:
    sent = rows("row", {"keep": "on", "name": "Good One", "domain": ""}, {"keep": "on", **row})
    response = browser.post(at("competitors"), sent)
    assert response.status_code == 422
    assert said in text_of(response)
    assert 'value="Good One"' in text_of(response)
    assert "<script>alert" not in text_of(response)
    assert names(setup) == ["Lumenboard"]


def test_the_same_competitor_twice_is_refused_on_the_second_row(setup: Project, browser: Client) -> None:
    sent = rows("row", {"keep": "on", "name": "Flowdeck"}) | rows("own", {"name": "flowdeck"})
    assert browser.post(at("competitors"), sent).status_code == 422
    assert names(setup) == ["Lumenboard"]


def test_more_rows_than_a_page_has_are_not_read(setup: Project, browser: Client) -> None:
    sent = rows("row", *({"keep": "on", "name": f"Brand {number}"} for number in range(200)))
    assert browser.post(at("competitors"), sent).status_code == 302
    assert len(names(setup)) == 25


def test_kept_and_typed_prompts_are_tracked_once(setup: Project, browser: Client, simulator: Running) -> None:
    suggested(setup, "prompts", QUESTIONS)
    page = text_of(browser.get(at("prompts")))
    assert "Which board is best?" in page
    sent = rows(
        "row",
        {"keep": "on", "text": "Which board is best?", "tags": "awareness, teams", "language": "en"},
        {"keep": "on", "text": "Is Lumenboard good?", "tags": "", "language": "en", "branded": "on"},
        {"text": "Not this one", "tags": "", "language": "en"},
    )
    sent["lines"] = "- Which board is best?\n- What does Lumenboard cost?\n\n"
    with org_scope(setup.org_id):
        Project.objects.for_org(setup.org_id).update(language="en")
    assert browser.post(at("prompts"), sent).url == at("engines")
    with org_scope(setup.org_id):
        found = list(Prompt.objects.for_org(setup.org_id).order_by("pk"))
    assert [(prompt.text, prompt.tags, prompt.is_branded) for prompt in found] == [
        ("Which board is best?", ["awareness", "teams"], False),
        ("Is Lumenboard good?", [], True),
        ("What does Lumenboard cost?", [], True),
    ]
    assert "Which board is best?" not in text_of(browser.get(at("prompts")))


@pytest.mark.parametrize(
    "sent",
    [
        rows("row", {"keep": "on", "text": "", "tags": "", "language": ""}),
        rows("row", {"keep": "on", "text": "Which?", "tags": "x" * 50, "language": ""}),
        rows("row", {"keep": "on", "text": "Which?", "tags": "", "language": "Klingon!"}),
        rows("row", {"keep": "on", "text": "x" * 4_001, "tags": "", "language": ""}),
        {"lines": "\n".join(f"Question {number}?" for number in range(101))},
        {"lines": "Which?\x00"},
    ],
)
def test_prompts_that_are_not_valid_are_shown_again(sent: dict[str, str], setup: Project, browser: Client) -> None:
    assert browser.post(at("prompts"), sent).status_code == 422
    with org_scope(setup.org_id):
        assert not Prompt.objects.for_org(setup.org_id).exists()


# Engines and the scan


def test_one_engine_of_each_provider_is_proposed(setup: Project, browser: Client, simulator: Running) -> None:
    page = text_of(browser.get(at("engines")))
    assert page.count(" checked") == 4
    assert "Simulated" in page


def test_engines_are_chosen_or_the_step_says_what_is_wrong(setup: Project, browser: Client, simulator: Running) -> None:
    for sent in ({}, {"engines": "nobody:none/model"}):
        assert browser.post(at("engines"), sent).status_code == 422
    assert browser.post(at("engines"), {"engines": [SIMULATED]}).url == at("scan")
    assert (reread(setup).engines, reread(setup).setup_step) == ([SIMULATED], "scan")


def test_the_scan_is_estimated_started_watched_and_leads_to_the_overview(
    setup: Project, browser: Client, simulator: Running
) -> None:
    with org_scope(setup.org_id):
        make_prompt(setup, "Which board is best?")
        Project.objects.for_org(setup.org_id).update(engines=[SIMULATED], setup_step="scan")
    assert "About $" in text_of(browser.get(at("scan")))
    assert browser.post(at("scan")).url == at("scan")
    assert reread(setup).setup_step == ""
    with org_scope(setup.org_id):
        scan = Scan.objects.for_org(setup.org_id).get()
    watched = text_of(browser.get(at("scan")))
    assert reverse("scan-progress", args=["acme", "lumenboard", scan.pk]) in watched
    assert browser.post(at("scan")).url == at("scan")  # clicked twice
    with org_scope(setup.org_id):
        Scan.objects.for_org(setup.org_id).update(status="done", finished_at=scan.created_at)
    assert browser.get(at("scan")).url == reverse("project-overview", args=["acme", "lumenboard"])


def test_a_scan_that_failed_is_shown_as_it_is(setup: Project, browser: Client) -> None:
    scan = make_scan(setup, status="failed")
    with org_scope(setup.org_id):
        Project.objects.for_org(setup.org_id).update(setup_step="")
    assert browser.get(at("scan")).url == reverse("scan", args=["acme", "lumenboard", scan.pk])


def test_what_stands_in_the_way_of_the_scan_leads_to_its_step(setup: Project, browser: Client) -> None:
    assert at("prompts") in text_of(browser.get(at("scan")))
    response = browser.post(at("scan"), follow=True)
    assert "no active prompts" in text_of(response) or "No engine is chosen" in text_of(response)
    assert reread(setup).setup_step == "brand"


def test_over_its_quota_nothing_starts(setup: Project, browser: Client, simulator: Running, settings: Any) -> None:
    settings.MONTHLY_ANSWERS = 1
    with org_scope(setup.org_id):
        make_prompt(setup, "Which board is best?")
        make_prompt(setup, "Which board is fast?")
        Project.objects.for_org(setup.org_id).update(engines=[SIMULATED])
    assert browser.post(at("scan")).status_code == 402
    assert reread(setup).setup_step == "brand"


def test_somebody_elses_project_has_no_setup(setup: Project, outsider: User, client_of: ClientOf) -> None:
    for step in STEPS:
        assert client_of(outsider).get(at(step)).status_code == 404
        elsewhere = reverse("onboarding", args=["globex", "lumenboard", step])
        assert client_of(outsider).get(elsewhere).status_code == 404
