"""Operators' pages: everything can be found, history cannot be changed, scans can be started, cancelled and retried."""

from collections.abc import Callable
from datetime import time, timedelta
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission as AuthPermission
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.backstage import RecordAdmin
from accounts.models import User
from orgs.admin import HistoryAdmin
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.credentials import save_key
from prompts.llm.simulator.server import Running
from prompts.models import LlmCall, Project, ProviderKey
from scans.models import Answer, Scan, Schedule
from scans.schedule import ScheduleFields, save_schedule
from tests.scans.running import add_prompts, answers_of, reread, started, statuses

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
HISTORY = [model for model in MODELS if issubclass(type(admin.site._registry[model]), HistoryAdmin | RecordAdmin)]


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    return client_of(operator)


@pytest.fixture
def scan(project: Project, simulator: Running) -> Scan:
    add_prompts(project, 2)
    return started(project)


def page(model: type, name: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def act(client: Client, model: type, action: str, *rows: object) -> list[str]:
    data = {"action": action, "_selected_action": [row.pk for row in rows], "confirmed": "yes"}
    response: HttpResponse = client.post(page(model, "changelist"), data)
    assert response.status_code == 302
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_every_list_opens_and_is_searched(operators: Client, scan: Scan, model: type) -> None:
    assert operators.get(page(model, "changelist")).status_code == 200
    if admin.site._registry[model].search_fields:
        assert operators.get(page(model, "changelist"), {"q": "lumenboard"}).status_code == 200


@pytest.mark.parametrize("model", [Project, Scan, Organization, User, ProviderKey, Answer])
def test_a_row_opens(operators: Client, scan: Scan, model: type, operator: User) -> None:
    with org_scope(scan.org_id):
        save_key(scan.project.org, provider="openai", api_key="sk-proj-very-secret-1234", actor=None)
        pk = model._default_manager.order_by("pk").first().pk
    response = operators.get(page(model, "change", pk))
    assert response.status_code == 200
    assert b"very-secret" not in response.content


@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model._meta.label_lower)
def test_history_is_read_only(operators: Client, scan: Scan, model: type) -> None:
    assert operators.get(page(model, "add")).status_code == 403
    with org_scope(scan.org_id):
        first = model._default_manager.order_by("pk").first()
    if first is not None:
        assert operators.get(page(model, "change", first.pk)).status_code == 200
        assert operators.post(page(model, "change", first.pk), {}).status_code == 403


@pytest.mark.parametrize("model", [Scan, Answer, Event])
def test_history_is_not_deleted(operators: Client, scan: Scan, model: type) -> None:
    with org_scope(scan.org_id):
        pk = model._default_manager.order_by("pk").first().pk
    assert operators.post(page(model, "delete", pk), {"post": "yes"}).status_code == 403


def test_history_has_pages(db: None) -> None:
    assert {Scan, Answer, Event, LlmCall} <= set(HISTORY)


def test_an_operator_starts_a_scan(operators: Client, project: Project, simulator: Running, operator: User) -> None:
    add_prompts(project, 2)
    [message] = act(operators, Project, "start", project)
    with org_scope(project.org_id):
        scan = Scan.objects.for_org(project.org_id).get()
    assert (scan.source, scan.started_by, scan.total) == ("admin", operator, 2)
    assert "2 answers to come" in message


def test_a_project_that_cannot_be_scanned_says_why(operators: Client, project: Project, simulator: Running) -> None:
    [message] = act(operators, Project, "start", project)
    assert "no active prompts" in message


def test_an_operator_cancels_a_scan(operators: Client, scan: Scan) -> None:
    assert act(operators, Scan, "cancel", scan) == [f"Scan {scan.pk} was cancelled."]
    assert act(operators, Scan, "cancel", scan)[-1] == f"Scan {scan.pk} had ended already."
    assert reread(scan).status == "cancelled"


def test_an_operator_has_failed_answers_asked_again(operators: Client, scan: Scan) -> None:
    with org_scope(scan.org_id):
        answers = Answer.objects.for_org(scan.org_id)
        answers.update(status="failed", error_kind="auth", finished_at=scan.created_at)
        Scan.objects.for_org(scan.org_id).update(status="failed", finished_at=scan.created_at)
    assert act(operators, Scan, "retry", scan) == [f"Scan {scan.pk}: 2 answers are asked again."]
    assert statuses(scan) == {"pending": 2}
    assert act(operators, Scan, "retry", scan)[-1] == f"Scan {scan.pk}: nothing to ask again."


def test_the_pages_are_for_operators_only(client_of: Callable[[User], Client], owner: User) -> None:
    response = client_of(owner).get(page(Scan, "changelist"))
    assert response.status_code == 302
    assert "login" in response["Location"]


@pytest.mark.parametrize(
    ("model", "action", "view", "change"),
    [
        (Scan, "cancel", "scans.view_scan", "scans.change_scan"),
        (Scan, "retry", "scans.view_scan", "scans.change_scan"),
        (Project, "start", "prompts.view_project", "scans.change_scan"),
    ],
)
def test_who_only_looks_changes_nothing(
    client_of: Callable[[User], Client], scan: Scan, model: type, action: str, view: str, change: str
) -> None:
    staff = User.objects.create_user("staff@prompter.example", "correct horse battery staple", is_staff=True)
    client, row = client_of(staff), scan if model is Scan else scan.project
    grant(staff, view)
    client.post(page(model, "changelist"), {"action": action, "_selected_action": [row.pk], "confirmed": "yes"})
    assert f'value="{action}"' not in client.get(page(model, "changelist")).content.decode()
    assert reread(scan).status == "queued"
    grant(staff, change)
    assert f'value="{action}"' in client.get(page(model, "changelist")).content.decode()


def grant(user: User, name: str) -> None:
    app, codename = name.split(".")
    user.user_permissions.add(AuthPermission.objects.get(content_type__app_label=app, codename=codename))


def test_an_organization_is_disabled_and_not_deleted(operators: Client, org: Organization) -> None:
    assert operators.post(page(Organization, "delete", org.pk), {"post": "yes"}).status_code == 403
    assert Organization.objects.filter(pk=org.pk).exists()


def test_stuck_answers_are_requeued_and_their_holder_is_refused(operators: Client, operator: User, scan: Scan) -> None:
    held, waiting = answers_of(scan)
    token = uuid4()
    with org_scope(scan.org_id):
        rows = Answer.objects.for_org(scan.org_id)
        until = timezone.now() + timedelta(minutes=5)
        rows.filter(pk=held.pk).update(status="claimed", lease_token=token, lease_until=until)
    assert act(operators, Answer, "requeue", held, waiting) == ["1 answer was requeued."]
    assert statuses(scan) == {"pending": 2}
    assert answers_of(scan)[0].lease_token is None
    with org_scope(scan.org_id):
        [event] = Event.objects.for_org(scan.org_id).filter(name="scan.requeued")
    assert (event.actor, event.target_id, event.data["count"]) == (operator, scan.pk, 1)
    assert act(operators, Answer, "requeue", waiting)[-1] == "0 answers were requeued."


def test_an_operator_pauses_a_schedule(operators: Client, operator: User, project: Project) -> None:
    fields = ScheduleFields(cadence="daily", time_of_day=time(6), weekday=0, cron="", time_zone="UTC")
    with org_scope(project.org_id):
        schedule = save_schedule(project, fields, actor=None)
    assert act(operators, Schedule, "pause", schedule) == ["Lumenboard: paused."]
    with org_scope(project.org_id):
        assert Schedule.objects.for_org(project.org_id).get().paused_at is not None
        assert Event.objects.for_org(project.org_id).filter(name="schedule.paused", actor=operator).exists()


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_act_on_scans_asks_first(operators: Client, scan: Scan, action: str) -> None:
    data = {"action": action, "_selected_action": [scan.pk]}
    page_asked = operators.post(page(Scan, "changelist"), data)
    assert page_asked.status_code == 200
    assert 'name="confirmed"' in page_asked.content.decode()
    assert reread(scan).status == "queued"
