"""Starting, watching, cancelling and retrying scans in the browser, and reading their answers."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.models import Usage
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from scans.models import Answer, Scan
from tests.cast import make_prompt
from tests.scans.made import ENGINE, make_answer, make_citation, make_scan
from tests.screens import ClientOf

URL = ("acme", "lumenboard")


@pytest.fixture
def client(client_of: ClientOf, member: User, project: Project) -> Client:
    return client_of(member)


@pytest.fixture
def simulated(settings: object) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"  # type: ignore[attr-defined]


def scans(org: Organization) -> list[Scan]:
    with org_scope(org):
        return list(Scan.objects.for_org(org).order_by("pk"))


def url_of(name: str, pk: int) -> str:
    return reverse(name, args=[*URL, pk])


def test_a_scan_is_started(client: Client, prompt: Prompt, org: Organization, simulated: None) -> None:
    response = client.post(reverse("scan-start", args=URL), {"samples": "2"})
    [scan] = scans(org)
    assert response.url == url_of("scan", scan.pk)
    assert (scan.source, scan.total, scan.samples, scan.simulated) == ("browser", 2, 2, True)
    page = client.get(response.url)
    assert page.context["progress"].open == 2
    assert "every 1s" in page.content.decode()


def test_a_second_start_leads_to_the_running_scan(
    client: Client, prompt: Prompt, org: Organization, simulated: None
) -> None:
    urls = {client.post(reverse("scan-start", args=URL)).url for _ in range(3)}
    [scan] = scans(org)
    assert urls == {url_of("scan", scan.pk)}
    assert "already running" in client.get(url_of("scan", scan.pk)).content.decode()


def test_a_start_over_quota_is_402_and_leaves_nothing(
    client: Client, prompt: Prompt, org: Organization, simulated: None
) -> None:
    with org_scope(org):
        month = timezone.now().date().replace(day=1)
        Usage.objects.for_org(org).create(org=org, metric="answers", month=month, allowance=0)
    assert isinstance(month, date)
    response = client.post(reverse("scan-start", args=URL))
    assert response.status_code == 402
    assert "This needs 1 answer, but 0 of this month" in response.content.decode()
    assert scans(org) == []


@pytest.mark.parametrize(
    ("engines", "with_prompt", "said"),
    [
        ([ENGINE], False, "no active prompts"),
        ([], True, "No engine is chosen"),
        (["openai:gone/model"], True, "engine"),
    ],
)
def test_a_start_that_cannot_be_says_why(
    client: Client,
    project: Project,
    org: Organization,
    simulated: None,
    engines: list[str],
    with_prompt: bool,
    said: str,
) -> None:
    with org_scope(org):
        Project.objects.for_org(org).update(engines=engines)
        if with_prompt:
            make_prompt(project, "Which board?")
    response = client.post(reverse("scan-start", args=URL), follow=True)
    assert response.redirect_chain[-1][0] == reverse("scans", args=URL)
    assert said in response.content.decode()
    assert response.context["plan"].problem
    assert scans(org) == []


@pytest.mark.parametrize("samples", ["0", "11", "-1", "many", "9" * 40])
def test_an_impossible_number_of_samples_starts_nothing(
    client: Client, prompt: Prompt, org: Organization, simulated: None, samples: str
) -> None:
    response = client.post(reverse("scan-start", args=URL), {"samples": samples}, follow=True)
    assert "Ask for 1 to 10 answers" in response.content.decode()
    assert scans(org) == []


def test_without_a_key_the_plan_says_what_is_missing(client: Client, prompt: Prompt) -> None:
    plan = client.get(reverse("scans", args=URL)).context["plan"]
    assert "No OpenAI key" in plan.problem
    assert plan.problem_url == reverse("engines", args=URL)


def test_the_plan_says_what_a_scan_asks_and_about_costs(client: Client, prompt: Prompt, simulated: None) -> None:
    plan = client.get(reverse("scans", args=URL)).context["plan"]
    assert (plan.prompts, plan.engines, plan.samples, plan.answers, plan.problem) == (1, 1, 1, 1, "")
    assert 0 < plan.forecast.cost.low < plan.forecast.cost.likely < plan.forecast.cost.high < 1


def test_progress_is_polled_until_the_scan_has_ended(client: Client, project: Project, prompt: Prompt) -> None:
    scan = make_scan(project, status="running", total=2)
    make_answer(scan, prompt)
    late = make_answer(scan, prompt, status="pending")
    url, headers = url_of("scan-progress", scan.pk), {"HX-Request": "true", "HX-Target": f"scan-{scan.pk}"}
    running = client.get(url, headers=headers)
    assert "HX-Refresh" not in running.headers
    assert running.context["progress"].percent == 50
    body = running.content.decode()
    assert f'id="scan-{scan.pk}"' in body
    assert "<html" not in body
    with org_scope(project.org_id):
        Answer.objects.for_org(project.org_id).filter(pk=late.pk).update(
            status="failed", error_kind="timeout", error="Too slow.", finished_at=timezone.now()
        )
        Scan.objects.for_org(project.org_id).update(status="partial", finished_at=timezone.now())
    ended = client.get(url, headers=headers)
    assert ended.headers["HX-Refresh"] == "true"
    assert "hx-get" not in ended.content.decode()
    assert ended.context["progress"].percent == 100


def test_an_ended_scan_shows_its_answers_and_failures(
    client: Client, project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand
) -> None:
    scan = make_scan(project, status="partial", total=4)
    first = make_answer(scan, prompt, names=(competitor, own_brand), cost="0.01", latency_ms=1_500)
    make_citation(first, "lumenboard.example", kind="own", brand=own_brand)
    make_answer(scan, prompt, finish_reason="length")
    for _ in range(2):
        make_answer(scan, prompt, status="failed", error_kind="timeout", error="The provider was too slow.")
    response = client.get(url_of("scan", scan.pk))
    progress, lines = response.context["progress"], response.context["page"].items
    assert (progress.succeeded, progress.failed, progress.failed_retryable, progress.finished) == (2, 2, 2, True)
    [failure] = progress.failures
    assert (failure.count, failure.reason) == (2, "The provider was too slow.")
    assert [brand.name for brand in lines[0].mentioned] == ["Taskwell", "Lumenboard"]
    assert (lines[0].citations, lines[0].latency, lines[1].truncated) == (1, 1.5, True)
    [lane] = progress.lanes
    assert (lane.visibility.hits, lane.visibility.n) == (1, 1)  # what was cut off says nothing of who is missing
    assert "Retry 2 failed" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 2), ("q=TASK", 2), ("q=nothing", 0), ("status=failed", 1), (f"engine={ENGINE}", 2), ("engine=x&status=y", 2)],
)
def test_answers_are_filtered(client: Client, project: Project, prompt: Prompt, query: str, count: int) -> None:
    scan = make_scan(project, total=2)
    make_answer(scan, prompt)
    make_answer(scan, prompt, status="failed", error_kind="timeout", error="Too slow.")
    assert len(client.get(f"{url_of('scan', scan.pk)}?{query}").context["page"].items) == count


def test_a_scan_is_cancelled_once(client: Client, prompt: Prompt, org: Organization, simulated: None) -> None:
    client.post(reverse("scan-start", args=URL))
    url = url_of("scan-cancel", scans(org)[0].pk)
    assert "Answers that have come in stay" in client.get(url).content.decode()
    assert "The scan was cancelled." in client.post(url, follow=True).content.decode()
    assert "had ended already" in client.post(url, follow=True).content.decode()
    assert scans(org)[0].status == "cancelled"


def test_failed_answers_are_asked_again(
    client: Client, project: Project, prompt: Prompt, org: Organization, simulated: None
) -> None:
    scan = make_scan(project, status="partial", total=2)
    make_answer(scan, prompt)
    make_answer(scan, prompt, status="failed", error_kind="timeout", error="Too slow.")
    url = url_of("scan-retry", scan.pk)
    assert client.post(url).url == url_of("scan", scan.pk)
    assert scans(org)[0].status == "running"
    assert "There is nothing to retry." in client.post(url, follow=True).content.decode()


def test_a_retry_without_a_key_says_why(client: Client, project: Project, prompt: Prompt, org: Organization) -> None:
    scan = make_scan(project, status="failed")
    make_answer(scan, prompt, status="failed", error_kind="timeout", error="Too slow.")
    response = client.post(url_of("scan-retry", scan.pk), follow=True)
    assert response.redirect_chain[-1][0] == url_of("scan", scan.pk)
    assert "No OpenAI key" in response.content.decode()
    assert scans(org)[0].status == "failed"


def test_an_answer_is_shown_with_its_mentions_and_sources(
    client: Client, project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand
) -> None:
    scan = make_scan(project, total=3)
    before = make_answer(scan, prompt)
    text = "**Taskwell** leads; [Lumenboard](https://lumenboard.example) follows. <script>x</script>"
    answer = make_answer(scan, prompt, names=(competitor, own_brand), text=text, finish_reason="length")
    make_citation(answer, "taskwell.example", kind="competitor", brand=competitor)
    after = make_answer(scan, prompt)
    response = client.get(url_of("answer", answer.pk))
    page, context = response.content.decode(), response.context
    assert f'<mark data-brand="{own_brand.pk}" title="Lumenboard" data-own="">Lumenboard</mark>' in page
    assert "<script>x" not in page
    assert [(brand.rank, brand.name, brand.own, brand.count) for brand in context["mentions"]] == [
        (1, "Taskwell", False, 1),
        (2, "Lumenboard", True, 1),
    ]
    assert [(line.domain, line.kind, line.brand) for line in context["citations"]] == [
        ("taskwell.example", "competitor", "Taskwell")
    ]
    assert (context["previous_pk"], context["next_pk"]) == (before.pk, after.pk)
    assert "cut off" in page
    assert client.get(url_of("answer", before.pk)).context["previous_pk"] is None


def test_a_failed_answer_says_why(client: Client, project: Project, prompt: Prompt) -> None:
    answer = make_answer(
        make_scan(project, status="failed"), prompt, status="failed", error_kind="auth", error="The key was refused."
    )
    response = client.get(url_of("answer", answer.pk))
    assert "The key was refused." in response.content.decode()
    assert response.context["answer_html"] == ""


def test_an_answer_of_an_engine_that_is_gone_is_still_shown(client: Client, project: Project, prompt: Prompt) -> None:
    scan = make_scan(project, engines=["acme:old-model/model"])
    answer = make_answer(scan, prompt, engine="acme:old-model/model")
    engine = client.get(url_of("answer", answer.pk)).context["engine"]
    assert (engine.label, engine.surface_label) == ("old-model", "Model alone")
    assert client.get(url_of("scan", scan.pk)).context["progress"].lanes[0].label == "old-model"


def test_scans_are_listed_newest_first(client: Client, project: Project, prompt: Prompt, own_brand: Brand) -> None:
    for number in range(25):
        make_answer(make_scan(project), prompt, names=(own_brand,) if number % 2 else (), cost="0.5")
    page = client.get(reverse("scans", args=URL)).context["page"]
    assert len(page.items) == 20
    assert [row.scan.pk for row in page.items] == sorted((row.scan.pk for row in page.items), reverse=True)
    assert {row.visibility.value for row in page.items} == {0.0, 1.0}
    older = client.get(reverse("scans", args=URL), {"after": page.next}).context["page"]
    assert len(older.items) == 5


@pytest.mark.parametrize("name", ["scan", "scan-progress", "scan-cancel", "answer"])
def test_another_projects_rows_are_not_found_here(
    client: Client, project: Project, prompt: Prompt, org: Organization, name: str
) -> None:
    with org_scope(org):
        other = Project.objects.for_org(org).create(org=org, name="Other", slug="other")
        question = make_prompt(other, "Elsewhere?")
    scan = make_scan(other)
    pk = make_answer(scan, question).pk if name == "answer" else scan.pk
    assert client.get(url_of(name, pk)).status_code == 404
    assert client.get(url_of(name, 2**70)).status_code == 404
