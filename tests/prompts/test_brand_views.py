"""A project's own brand and its competitors."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.brand_names import BrandError, clean_domain, clean_domains, clean_name, clean_names
from prompts.models import Brand, Project
from scans.models import Citation, Mention
from tests.scans.made import make_answer, make_citation, make_scan
from tests.screens import ClientOf

URL = ("acme", "lumenboard")


@pytest.fixture
def client(client_of: ClientOf, member: User, project: Project) -> Client:
    return client_of(member)


def brands(org: Organization) -> list[Brand]:
    with org_scope(org):
        return list(Brand.objects.for_org(org).order_by("pk"))


def test_a_brand_is_added_with_aliases_and_domains(client: Client, org: Organization) -> None:
    data = {
        "name": " Lumen  Board ",
        "aliases": "LB Boards\r\nlb boards\nlumen board\n",
        "domains": "https://WWW.Lumenboard.example/pricing?x=1, bücher.example",
        "is_own": "on",
    }
    assert client.post(reverse("brand-add", args=URL), data).url == reverse("brands", args=URL)
    [brand] = brands(org)
    assert (brand.name, brand.aliases, brand.is_own) == ("Lumen Board", ["LB Boards"], True)
    assert brand.domains == ["lumenboard.example", "xn--bcher-kva.example"]
    with org_scope(org):
        assert Event.objects.for_org(org).get().name == "brand.saved"
    assert "Lumen Board" in client.get(reverse("brands", args=URL)).content.decode()


def test_the_first_brand_is_offered_as_the_own_one(client: Client, project: Project) -> None:
    assert client.get(reverse("brand-add", args=URL)).context["form"]["is_own"].value() is True


def test_the_next_brand_is_offered_as_a_competitor(client: Client, own_brand: Brand) -> None:
    assert client.get(reverse("brand-add", args=URL)).context["form"]["is_own"].value() is False


@pytest.mark.parametrize("name", ["", "  ", "!!!", "\u200b", "\U0001f600", "a\0b", "x" * 101, "7", "ー"])
def test_an_impossible_name_is_refused_in_its_field(client: Client, org: Organization, name: str) -> None:
    response = client.post(reverse("brand-add", args=URL), {"name": name})
    assert response.status_code == 422
    assert response.context["form"].errors["name"]
    assert brands(org) == []


@pytest.mark.parametrize("name", [".NET", "Yahoo!", "AT&T", "Nestlé", "Яндекс", "小米", "3M"])
def test_an_odd_name_is_a_brand(client: Client, org: Organization, name: str) -> None:
    assert client.post(reverse("brand-add", args=URL), {"name": name}).status_code == 302
    assert [brand.name for brand in brands(org)] == [name]


@pytest.mark.parametrize(
    ("name", "said"), [("Inc", "legal form"), ("SA", "legal form"), ("X", "only where it is written so")]
)
def test_a_risky_name_is_taken_with_a_caution(client: Client, org: Organization, name: str, said: str) -> None:
    response = client.post(reverse("brand-add", args=URL), {"name": name}, follow=True)
    assert len(brands(org)) == 1
    assert said in response.content.decode()


@pytest.mark.parametrize("field", ["aliases", "domains"])
@pytest.mark.parametrize("value", ["!!!", "a\0b", "\n".join(f"name{n}.example" for n in range(31))])
def test_a_bad_alias_or_domain_is_refused_in_its_field(client: Client, field: str, value: str) -> None:
    response = client.post(reverse("brand-add", args=URL), {"name": "Fine", field: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_a_second_own_brand_and_a_repeated_name_are_refused(
    client: Client, own_brand: Brand, org: Organization
) -> None:
    own = client.post(reverse("brand-add", args=URL), {"name": "Second", "is_own": "on"})
    assert own.status_code == 422
    assert "Lumenboard" in own.context["form"].errors["is_own"][0]
    again = client.post(reverse("brand-add", args=URL), {"name": "LUMENBOARD"})
    assert again.status_code == 422
    assert again.context["form"].errors["name"]
    assert len(brands(org)) == 1


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", {"name": "LUMEN-BOARD"}),
        ("aliases", {"name": "Kite", "aliases": "Fine\nLúmenboard"}),
        ("aliases", {"name": "Kite", "aliases": "lumen board"}),
        ("domains", {"name": "Kite", "domains": "kite.example, WWW.lumenboard.example"}),
    ],
)
def test_what_another_brand_is_found_by_is_refused_in_its_field(
    client: Client, own_brand: Brand, org: Organization, field: str, given: dict[str, str]
) -> None:
    response = client.post(reverse("brand-add", args=URL), given)
    assert response.status_code == 422
    assert "Lumenboard" in response.context["form"].errors[field][0]
    assert brands(org) == [own_brand]


def test_a_brand_may_keep_its_own_names_and_have_a_domain_below_anothers(client: Client, own_brand: Brand) -> None:
    given = {"name": "Lumenboard", "aliases": "Lumen Board", "domains": "lumenboard.example", "is_own": "on"}
    assert client.post(reverse("brand-edit", args=[*URL, own_brand.pk]), given).status_code == 302
    given = {"name": "Kite", "domains": "kite.lumenboard.example"}
    assert client.post(reverse("brand-add", args=URL), given).status_code == 302


def test_a_brand_is_changed(client: Client, own_brand: Brand, org: Organization) -> None:
    url = reverse("brand-edit", args=[*URL, own_brand.pk])
    form = client.get(url).context["form"]
    assert (form["aliases"].value(), form["is_own"].value()) == ("Lumen Board", True)
    client.post(url, {"name": "Lumen", "aliases": "", "domains": "", "is_own": "on"})
    [brand] = brands(org)
    assert (brand.name, brand.aliases, brand.domains, brand.is_own) == ("Lumen", [], [], True)


def test_a_refused_change_shows_the_brand_as_it_is(client: Client, own_brand: Brand, competitor: Brand) -> None:
    response = client.post(reverse("brand-edit", args=[*URL, competitor.pk]), {"name": "lumenboard"})
    assert response.status_code == 422
    assert response.context["brand"].name == "Taskwell"


def test_a_brand_is_deleted_with_its_mentions(
    client: Client, own_brand: Brand, competitor: Brand, project: Project, prompt: object, org: Organization
) -> None:
    answer = make_answer(make_scan(project), prompt, names=(own_brand, competitor))
    make_citation(answer, "taskwell.example", kind="competitor", brand=competitor)
    url = reverse("brand-delete", args=[*URL, competitor.pk])
    assert "Taskwell" in client.get(url).content.decode()
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 404
    assert brands(org) == [own_brand]
    with org_scope(org):
        assert [mention.brand_id for mention in Mention.objects.for_org(org)] == [own_brand.pk]
        assert Citation.objects.for_org(org).get().brand_id is None


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("example.com", "example.com"),
        ("HTTPS://User:pw@WWW.Example.com:8443/a?b#c", "example.com"),
        ("example.com.", "example.com"),
        ("shop.example.co.uk", "shop.example.co.uk"),
        ("münchen.example", "xn--mnchen-3ya.example"),
    ],
)
def test_a_domain_is_the_host_alone(value: str, domain: str) -> None:
    assert clean_domain(value) == domain


@pytest.mark.parametrize(
    "value",
    ["localhost", "127.0.0.1", "[::1]", "http://", "a..b", "-", "exa mple.com", "x" * 64 + ".com", "ftp:", "1.2.3.4.5"],
)
def test_what_is_no_domain_is_refused(value: str) -> None:
    with pytest.raises(BrandError, match="not a domain"):
        clean_domain(value)


def test_names_and_domains_are_each_kept_once() -> None:
    assert clean_names("One\nONE\n\nTwo\nBrand", besides="brand") == ["One", "Two"]
    assert clean_domains("a.example, www.a.example;b.example") == ["a.example", "b.example"]


def test_invisible_characters_are_no_part_of_a_name() -> None:
    assert clean_name("\u202eAc\u200bme\ufeff ") == "Acme"


def test_many_brands_are_paged_with_the_own_one_first(client: Client, own_brand: Brand, project: Project) -> None:
    with org_scope(project.org_id):
        rows = [Brand(org_id=project.org_id, project=project, name=f"Brand {n:03}") for n in range(150)]
        Brand.objects.for_org(project.org_id).bulk_create(rows)
    first = client.get(reverse("brands", args=URL)).context
    assert [brand.name for brand in first["brands"][:2]] == ["Lumenboard", "Brand 000"]
    second = client.get(reverse("brands", args=URL), {"after": first["page"].next}).context
    assert [brand.name for brand in second["brands"]] == [f"Brand {n:03}" for n in range(100, 150)]
