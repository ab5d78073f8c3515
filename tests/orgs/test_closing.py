"""The end of an organization: asked for, taken back, and what is left of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.closing import ClosingRefused, close_account, obstacles_to_closing
from accounts.models import Letter, User
from billing import meter
from orgs import closing
from orgs.models import Event, Flag, Membership, Notification, Organization
from orgs.roles import Role
from orgs.scoping import OrgModel, all_orgs_scope, org_scope
from orgs.tasks import purge_organizations
from prompts.models import Brand, LlmCall, Project, Prompt
from scans.models import Answer, Citation, Mention, Scan
from tests.cast import make_member, make_prompt, prove
from tests.orgs.invited import make_invitation, send_invitations
from tests.screens import ClientOf


def ask(client: Client, org: Organization, name: str = "Acme") -> object:
    return prove(client).post(reverse("org-delete", args=[org.slug]), {"name": name})


def pass_the_grace(org: Organization) -> None:
    Organization.objects.filter(pk=org.pk).update(deletion_due_at=timezone.now() - timedelta(seconds=1))


def rows_of(org: Organization) -> dict[str, int]:
    with all_orgs_scope("test"):
        found = {model.__name__: model.all_orgs.filter(org=org).count() for model in tables()}
    return {name: count for name, count in found.items() if count}


def tables() -> Iterator[type[OrgModel]]:
    return (model for model in apps.get_models() if issubclass(model, OrgModel))


def fill(project: Project, by: User) -> None:
    """One of everything, with all the references that there can be."""
    same = {"org_id": project.org_id}
    with org_scope(project.org_id):
        own = Brand.objects.for_org(project.org_id).create(**same, project=project, name="Own", is_own=True)
        prompt = make_prompt(project, "Which one?")
        LlmCall.objects.for_org(project.org_id).create(
            **same, project=project, purpose="scan", engine="e", provider="p", model="m", credential="c", outcome="ok"
        )
        meter.reserve(project.org_id, "answers", 1)
        scan = Scan.objects.for_org(project.org_id).create(
            **same, project=project, source="command", engines=["e"], total=1, status="running", started_by=by
        )
        answer = Answer.objects.for_org(project.org_id).create(
            **same, scan=scan, project=project, prompt=prompt, prompt_text="?", engine="e", lane="l", turn=1
        )
        Mention.objects.for_org(project.org_id).create(
            **same, answer=answer, brand=own, start=0, end=3, kind="name", text="Own", rank=1
        )
        Citation.objects.for_org(project.org_id).create(
            **same, answer=answer, brand=own, url="https://x.example/", kind="own", position=1
        )
    make_invitation(project.org, "new@example.com", by=by)


def test_deleting_needs_the_name_and_the_password(client_of: ClientOf, org: Organization, owner: User) -> None:
    client, address = client_of(owner), reverse("org-delete", args=[org.slug])
    assert client.get(address).url.startswith(reverse("account_reauthenticate"))
    assert client.post(address, {"name": "Acme"}).status_code == 302
    assert Organization.objects.get(pk=org.pk).is_open
    assert "14 days" in prove(client).get(address).content.decode()
    for wrong in ("", "acme", "Globex"):
        assert client.post(address, {"name": wrong}).status_code == 422
    assert Organization.objects.get(pk=org.pk).is_open
    assert client.post(address, {"name": " Acme "}).status_code == 302
    assert not Organization.objects.get(pk=org.pk).is_open


def test_a_closed_organization_is_there_for_its_owners_only(
    client_of: ClientOf, org: Organization, owner: User, admin: User, project: Project
) -> None:
    ask(client_of(owner), org)
    way_back = reverse("org-delete-cancel", args=[org.slug])
    for path in (f"/o/{org.slug}/", reverse("members", args=[org.slug]), way_back):
        assert client_of(admin).get(path).status_code == 404
        assert client_of(admin).post(path).status_code == 404
    assert client_of(owner).get(f"/o/{org.slug}/").url == way_back
    assert client_of(owner).get("/").url == way_back
    assert "will be deleted" in client_of(owner).get(way_back).content.decode()
    assert client_of(owner).get(f"/api/v1/o/{org.slug}/projects/").status_code == 404
    piece = client_of(owner).get(f"/o/{org.slug}/", headers={"HX-Request": "true"})
    assert (piece.status_code, piece["HX-Redirect"]) == (204, way_back)
    assert client_of(admin).get("/").status_code == 200  # no home any more


def test_every_owner_is_told_and_any_may_keep_it(client_of: ClientOf, org: Organization, owner: User) -> None:
    second = make_member(org, Role.OWNER, "second@example.com")
    ask(client_of(owner), org)
    letters = Letter.objects.filter(template="organization_closing")
    assert sorted(letter.to for letter in letters) == sorted([owner.email, second.email])
    way_back = reverse("org-delete-cancel", args=[org.slug])
    assert all(way_back in letter.text for letter in letters)
    assert client_of(second).post(way_back).url == f"/o/{org.slug}/"
    assert client_of(owner).get(f"/o/{org.slug}/").status_code == 200
    with org_scope(org):
        names = list(Event.objects.for_org(org).order_by("pk").values_list("name", flat=True))
    assert names == ["org.deletion_asked", "org.deletion_cancelled"]
    assert client_of(owner).get(way_back).url == reverse("org-settings", args=[org.slug])


def test_what_runs_is_cancelled(client_of: ClientOf, org: Organization, owner: User, project: Project) -> None:
    fill(project, owner)
    ask(client_of(owner), org)
    with org_scope(org):
        assert Scan.objects.for_org(org).get().status == Scan.Status.CANCELLED
        assert Answer.objects.for_org(org).get().status == Answer.Status.CANCELLED


def test_nothing_is_emptied_before_its_day(client_of: ClientOf, org: Organization, owner: User) -> None:
    ask(client_of(owner), org)
    before = rows_of(org)
    purge_organizations()
    assert not closing.purge(org.pk, batches=100)
    assert rows_of(org) == before
    assert Organization.objects.get(pk=org.pk).name == "Acme"


def test_after_its_day_nothing_is_left_but_the_audit_trail(
    client_of: ClientOf, org: Organization, owner: User, project: Project, outsider: User, other_org: Organization
) -> None:
    fill(project, owner)
    Flag.objects.create(name="new").organizations.add(org, other_org)
    theirs = rows_of(other_org)
    ask(client_of(owner), org)
    pass_the_grace(org)
    events = rows_of(org)["Event"]
    purge_organizations()
    assert rows_of(org) == {"Event": events + 1}
    assert rows_of(other_org) == theirs
    assert list(Flag.objects.get().organizations.all()) == [other_org]
    left = Organization.objects.get(pk=org.pk)
    assert (left.name, left.slug, left.deleted_at is None) == ("Deleted organization", f"_deleted-{org.pk}", False)
    assert client_of(owner).get(f"/o/{left.slug}/").status_code == 404
    assert client_of(owner).get("/").status_code == 200
    purge_organizations()
    assert rows_of(org) == {"Event": events + 1}


def test_emptying_goes_on_where_it_was_stopped(
    org: Organization, owner: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "BATCH", 2)
    fill(project, owner)
    with org_scope(org):
        for number in range(5):
            make_prompt(project, f"Prompt {number}?")
    pass_the_grace(org)
    runs = 1
    while not closing.purge(org.pk, batches=2):
        runs += 1
        with org_scope(org):
            assert Membership.objects.for_org(org).exists() or not Prompt.objects.for_org(org).exists()
        assert runs < 50
    assert runs > 3
    assert set(rows_of(org)) == {"Event"}


def test_one_that_cannot_be_emptied_holds_up_no_other(
    org: Organization, other_org: Organization, owner: User, caplog: pytest.LogCaptureFixture
) -> None:
    with org_scope(org), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE left_behind (membership_id bigint REFERENCES orgs_membership (id));"
            " INSERT INTO left_behind SELECT id FROM orgs_membership WHERE org_id = %s",
            [org.pk],
        )
    pass_the_grace(org)
    pass_the_grace(other_org)
    Organization.objects.filter(pk=org.pk).update(deletion_due_at=timezone.now() - timedelta(days=1))
    purge_organizations()
    assert Organization.objects.get(pk=other_org.pk).deleted_at
    assert not Organization.objects.get(pk=org.pk).deleted_at
    assert f"organization {org.pk} could not be emptied" in caplog.text


def test_it_is_too_late_once_the_day_has_come(client_of: ClientOf, org: Organization, owner: User) -> None:
    ask(client_of(owner), org)
    pass_the_grace(org)
    page = client_of(owner).post(reverse("org-delete-cancel", args=[org.slug]))
    assert "too late" in page.content.decode()
    assert not Organization.objects.get(pk=org.pk).is_open


def test_asking_twice_moves_no_date(org: Organization, owner: User) -> None:
    with org_scope(org):
        assert closing.ask_deletion(org, actor=owner)
        due = Organization.objects.get(pk=org.pk).deletion_due_at
        assert not closing.ask_deletion(org, actor=owner)
    assert Organization.objects.get(pk=org.pk).deletion_due_at == due


def test_no_table_of_an_organization_is_forgotten() -> None:
    emptied = closing.tables_to_empty()
    assert {model for model in tables() if model is not Event} <= set(emptied)
    assert Event not in emptied
    assert emptied[-1] is Membership
    assert Flag.organizations.through in emptied
    places = {model: place for place, model in enumerate(emptied)}
    for model in emptied:
        for field in model._meta.local_fields:
            if field.related_model in places and field.related_model is not model:
                assert places[model] < places[field.related_model], f"{model.__name__} after {field.related_model}"
    assert places[Notification] < places[Membership]


def test_an_organization_that_was_disabled_keeps_nobody_in_their_account(org: Organization, owner: User) -> None:
    Organization.objects.filter(pk=org.pk).update(disabled_at=timezone.now())
    assert obstacles_to_closing(owner) == []
    close_account(owner)
    assert "Membership" not in rows_of(org)


def test_the_only_owner_cannot_close_their_account(org: Organization, owner: User, member: User) -> None:
    (obstacle,) = obstacles_to_closing(owner)
    assert (obstacle.label, obstacle.url) == ("Acme", reverse("members", args=[org.slug]))
    with pytest.raises(ClosingRefused):
        close_account(owner)
    assert rows_of(org)["Membership"] == 2


def test_a_closed_account_is_in_no_organization(org: Organization, owner: User, member: User) -> None:
    send_invitations(org, ["new@example.com"], by=owner)
    close_account(member)
    with org_scope(org):
        assert [membership.user_id for membership in Membership.objects.for_org(org)] == [owner.pk]
        assert Event.objects.for_org(org).latest("pk").name == "membership.left"


def test_an_organization_that_is_to_be_deleted_holds_nobody(org: Organization, owner: User) -> None:
    with org_scope(org):
        closing.ask_deletion(org, actor=owner)
    close_account(owner)
    pass_the_grace(org)
    purge_organizations()
    assert set(rows_of(org)) == {"Event"}
