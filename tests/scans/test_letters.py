"""The letter about a scan that has ended: what came in, what failed and why, and how often the brand was named."""

from decimal import Decimal

import pytest

from accounts.models import Letter, User
from orgs.models import Event, Organization
from orgs.notify import announce
from orgs.scoping import org_scope
from orgs.topics import Channel, choose, topics
from prompts.models import Brand, Project, Prompt
from scans.ending import finish_scans
from scans.models import Scan
from tests.scans.made import STOP, make_answer, make_scan


@pytest.fixture
def scan(project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand) -> Scan:
    """With a failure, so that everybody who may see scans is mailed about it."""
    scan = make_scan(project, status="running", total=9)
    for names in ((own_brand, competitor), (competitor,), ()):
        make_answer(scan, prompt, names=names, cost=Decimal("0.01"))
    for number in range(6):
        make_answer(scan, prompt, status="failed", error_kind="timeout", error=f"<b>No answer</b> {number}")
    return scan


def ended(scan: Scan) -> None:
    finish_scans(scan.org_id, [scan.pk])
    with org_scope(scan.org_id):
        event = Event.objects.for_org(scan.org_id).get(name="scan.finished", target_id=scan.pk)
    announce(scan.org_id, event.pk)


def letter() -> Letter:
    return Letter.objects.get(template="scan_ended")


def test_it_says_what_came_in_and_what_failed_and_why(owner: User, scan: Scan) -> None:
    ended(scan)
    text = letter().text
    assert "3 of 9 answered" in text
    assert "1 answer: <b>No answer</b> 0" in text
    assert text.count("1 answer:") == 5
    assert "1 more failed for other reasons." in text
    assert "State: Partly done" in text
    assert "GPT-5 mini with web search: 3 of 9 answered" in text
    assert "Cost: $0.03" in text
    assert f"/o/acme/p/lumenboard/scans/{scan.pk}/" in text
    assert "&lt;b&gt;No answer&lt;/b&gt;" in letter().html
    assert "<b>No" not in letter().html


def test_it_says_which_budget_stopped_the_scan_and_calls_nothing_failed_that_was_not_asked(
    owner: User, scan: Scan, prompt: Prompt
) -> None:
    for _ in range(3):
        make_answer(scan, prompt, status="failed", error_kind="budget")
    with org_scope(scan.org_id):
        Scan.objects.for_org(scan.org_id).filter(pk=scan.pk).update(budget_stop=STOP)
    ended(scan)
    for body in (letter().text, letter().html):
        assert "The organization&#x27;s budget of 2 answers" in body or "The organization's budget of 2 answers" in body
        assert "Resumed, it asks only what is missing." in body
        assert "1 more failed for other reasons." in body


def test_it_says_visibility_with_its_interval_and_the_scan_before(
    owner: User, scan: Scan, project: Project, prompt: Prompt, own_brand: Brand
) -> None:
    earlier = make_scan(project)
    make_answer(earlier, prompt, names=(own_brand,))
    with org_scope(project.org_id):
        rows = Scan.objects.for_org(project.org_id)
        rows.filter(pk=earlier.pk).update(created_at=scan.created_at.replace(year=2025))
    ended(scan)
    text = letter().text
    assert "Visibility of Lumenboard: 33%" in text
    assert "with 95 % confidence, n = 3)" in text
    assert "The scan before it found 100%" in text


def test_what_is_simulated_says_so_first(owner: User, scan: Scan) -> None:
    ended(scan)
    assert letter().subject.startswith("Acme, simulated: ")
    assert "Simulated: these answers come from the simulator" in letter().text
    assert "Simulated: these answers" in letter().html


def test_what_is_real_does_not(owner: User, scan: Scan) -> None:
    with org_scope(scan.org_id):
        Scan.objects.for_org(scan.org_id).update(simulated=False)
    ended(scan)
    assert "imulated" not in letter().subject + letter().text + letter().html


def test_everybody_reads_it_in_their_own_way(owner: User, viewer: User, scan: Scan) -> None:
    User.objects.filter(pk=owner.pk).update(language="de")
    ended(scan)
    by_reader = {one.to: one.text for one in Letter.objects.filter(template="scan_ended")}
    assert "Cost: $0.03" in by_reader[viewer.email]
    assert "0,03" in by_reader[owner.email]
    assert "State:" not in by_reader[owner.email]


def test_a_whole_scan_is_mailed_to_all_who_want_it(
    org: Organization, owner: User, viewer: User, project: Project, prompt: Prompt, own_brand: Brand
) -> None:
    with org_scope(org):
        choose(org.pk, owner.pk, topics()["scan.finished"], Channel.EMAIL, enabled=False)
    scan = make_scan(project, status="running")
    make_answer(scan, prompt, names=(own_brand,))
    ended(scan)
    assert letter().to == viewer.email
    assert "What failed" not in letter().text
    assert "Visibility of Lumenboard: 100%" in letter().text


def test_a_scan_that_is_gone_is_still_told(org: Organization, owner: User, scan: Scan) -> None:
    finish_scans(scan.org_id, [scan.pk])
    with org_scope(org):
        Scan.objects.for_org(org).filter(pk=scan.pk).delete()
        event = Event.objects.for_org(org).get(name="scan.finished")
    announce(org.pk, event.pk)
    assert "3 of 9 answers came in" in letter().text
