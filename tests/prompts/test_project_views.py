"""Projects, their engines, and the organization's provider keys."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.llm import catalog
from prompts.models import Project, ProviderKey
from tests.screens import ClientOf

URL = ("acme", "lumenboard")
WEB, PLAIN = "openai:gpt-5.4/web_search", "openai:gpt-5.4/model"
KEY = "sk-this-is-a-secret-key-1234"


@pytest.fixture
def client(client_of: ClientOf, admin: User) -> Client:
    return client_of(admin)


def reload(project: Project) -> Project:
    with org_scope(project.org_id):
        return Project.objects.for_org(project.org_id).get(pk=project.pk)


def test_a_project_is_added(client: Client, org: Organization) -> None:
    data = {"name": " Blue  Kite ", "country": "at", "language": "DE", "samples": "3"}
    response = client.post(reverse("project-add", args=["acme"]), data)
    assert response.url == reverse("project-overview", args=["acme", "blue-kite"])
    with org_scope(org):
        project = Project.objects.for_org(org).get()
        assert [event.name for event in Event.objects.for_org(org)] == ["project.created"]
    assert (project.name, project.country, project.language, project.samples) == ("Blue Kite", "AT", "de", 3)
    assert client.get(response.url).status_code == 200


@pytest.mark.parametrize(
    ("name", "slug"), [("日本", "project"), ("Lumen board", "lumen-board"), ("lumenboard!", "lumenboard-2")]
)
def test_every_name_gets_a_slug_of_its_own(client: Client, project: Project, name: str, slug: str) -> None:
    response = client.post(reverse("project-add", args=["acme"]), {"name": name, "samples": 1})
    assert response.url == reverse("project-overview", args=["acme", slug])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "???"),
        ("name", "a\0b"),
        ("name", "x" * 121),
        ("country", "XX"),
        ("language", "?"),
        ("samples", "0"),
        ("samples", "11"),
        ("samples", "many"),
    ],
)
def test_a_bad_project_is_refused_in_its_field(client: Client, org: Organization, field: str, value: str) -> None:
    data = {"name": "Kite", "samples": "1", field: value}
    response = client.post(reverse("project-add", args=["acme"]), data)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_a_name_is_used_once(client: Client, project: Project) -> None:
    response = client.post(reverse("project-add", args=["acme"]), {"name": "LUMENBOARD", "samples": 1})
    assert response.status_code == 422
    assert "already" in response.context["form"].errors["name"][0]


def test_a_project_is_changed_and_keeps_its_address(client: Client, project: Project) -> None:
    url = reverse("project-edit", args=URL)
    assert client.get(url).context["form"]["name"].value() == "Lumenboard"
    assert client.post(url, {"name": "Lumen", "samples": 2}).url == reverse("project-overview", args=URL)
    assert (reload(project).name, reload(project).slug, reload(project).samples) == ("Lumen", "lumenboard", 2)


def test_an_archived_project_has_no_pages_and_frees_its_name(client: Client, project: Project) -> None:
    url = reverse("project-archive", args=URL)
    assert "Nothing is deleted" in client.get(url).content.decode()
    assert client.post(url).url == "/o/acme/"
    assert reload(project).archived_at is not None
    assert client.get(reverse("project-overview", args=URL)).status_code == 404
    assert "Lumenboard" not in [row.project.name for row in client.get("/o/acme/").context["rows"]]
    added = client.post(reverse("project-add", args=["acme"]), {"name": "Lumenboard", "samples": 1})
    assert added.url == reverse("project-overview", args=["acme", "lumenboard-2"])


def test_engines_without_a_key_say_what_to_do(client: Client, project: Project) -> None:
    groups = client.get(reverse("engines", args=URL)).context["groups"]
    assert {group.provider for group in groups} >= {"OpenAI", "Anthropic", "Google", "Perplexity"}
    assert all(not group.available and "key" in group.reason for group in groups)


def test_simulated_engines_are_offered_and_labelled(client: Client, project: Project, settings: object) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"  # type: ignore[attr-defined]
    groups = client.get(reverse("engines", args=URL)).context["groups"]
    assert all(group.available and group.simulated for group in groups)
    row = next(row for group in groups for row in group.engines if row.key == WEB)
    assert (row.surface_label, row.checked, row.rate) == ("Web search", False, 6_000)
    assert row.price.startswith("about $")


def test_engines_are_chosen(client: Client, project: Project, settings: object) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"  # type: ignore[attr-defined]
    response = client.post(reverse("engines", args=URL), {"engines": [WEB, PLAIN, WEB]}, follow=True)
    assert "2 engines will be asked" in response.content.decode()
    assert reload(project).engines == [WEB, PLAIN]
    assert client.post(reverse("engines", args=URL), {}).status_code == 302
    assert reload(project).engines == []


def test_an_unknown_engine_is_refused(client: Client, project: Project) -> None:
    response = client.post(reverse("engines", args=URL), {"engines": ["openai:nothing/model", "<script>"]})
    assert response.status_code == 422
    assert len(response.context["errors"]) == 2
    assert "<script>alert" not in response.content.decode()
    assert reload(project).engines == project.engines


def test_an_engine_without_a_key_is_refused_unless_it_was_chosen_before(client: Client, project: Project) -> None:
    response = client.post(reverse("engines", args=URL), {"engines": [WEB]})
    assert response.status_code == 422
    assert "No OpenAI key" in response.context["errors"][0]
    assert client.post(reverse("engines", args=URL), {"engines": project.engines}).status_code == 302


def test_a_viewer_sees_engines_and_chooses_none(client_of: ClientOf, viewer: User, project: Project) -> None:
    client = client_of(viewer)
    assert client.get(reverse("engines", args=URL)).status_code == 200
    assert client.post(reverse("engines", args=URL), {"engines": []}).status_code == 403
    assert reload(project).engines == project.engines


def test_a_key_is_saved_encrypted_and_never_shown(client: Client, org: Organization) -> None:
    url = reverse("provider-keys", args=["acme"])
    response = client.post(url, {"provider": "openai", "api_key": f" {KEY}\n"}, follow=True)
    page = response.content.decode()
    assert "OpenAI key was saved" in page
    assert KEY not in page
    assert "1234" in page
    with org_scope(org):
        row = ProviderKey.objects.for_org(org).get()
        assert KEY.encode() not in bytes(row.ciphertext)
        event = Event.objects.for_org(org).get()
    assert (event.name, KEY in str(event.data)) == ("provider_key.saved", False)


@pytest.mark.parametrize("key", ["", "two words", "käse", "x" * 501, "a\0b"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(client: Client, org: Organization, key: str) -> None:
    response = client.post(reverse("provider-keys", args=["acme"]), {"provider": "openai", "api_key": key})
    assert response.status_code == 422
    assert response.context["form"].errors["api_key"]
    assert not key or f'value="{key}"' not in response.content.decode()


@pytest.mark.parametrize("provider", ["", "compatible", "nobody"])
def test_a_key_of_another_provider_is_refused(client: Client, org: Organization, provider: str) -> None:
    response = client.post(reverse("provider-keys", args=["acme"]), {"provider": provider, "api_key": KEY})
    assert response.status_code == 422
    assert response.context["form"].errors["provider"]
    assert KEY not in response.content.decode()


def test_a_key_is_replaced_and_removed(client: Client, org: Organization, settings: object) -> None:
    settings.ANTHROPIC_API_KEY = "sk-of-the-installation"  # type: ignore[attr-defined]
    url = reverse("provider-keys", args=["acme"])
    for key in (KEY, "sk-a-whole-other-key-9876"):
        client.post(url, {"provider": "openai", "api_key": key})
    own, shared = client.get(url).context["keys"]
    assert (own.provider_label, own.hint, own.source) == ("OpenAI", "9876", "organization")
    assert (shared.provider_label, shared.source, shared.pk) == ("Anthropic", "environment", None)
    remove = reverse("provider-key-delete", args=["acme", own.pk])
    assert "OpenAI" in client.get(remove).content.decode()
    assert client.post(remove).url == url
    assert client.post(remove).status_code == 404
    assert [row.source for row in client.get(url).context["keys"]] == ["environment"]


def test_every_engine_of_the_catalog_can_be_shown(client: Client, project: Project, settings: object) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"  # type: ignore[attr-defined]
    with org_scope(project.org_id):
        Project.objects.for_org(project.org_id).update(engines=[engine.key for engine in catalog.all_engines()])
    groups = client.get(reverse("engines", args=URL)).context["groups"]
    assert {row.key for group in groups for row in group.engines if row.checked} == {
        engine.key for engine in catalog.all_engines()
    }
