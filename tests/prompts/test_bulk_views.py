"""Pasting prompts and importing them from a CSV file."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.forms import MAX_UPLOAD
from prompts.models import Project, Prompt
from tests.screens import ClientOf

URL = ("acme", "lumenboard")


@pytest.fixture
def client(client_of: ClientOf, member: User, project: Project) -> Client:
    return client_of(member)


def texts(org: Organization) -> list[str]:
    with org_scope(org):
        return list(Prompt.objects.for_org(org).order_by("pk").values_list("text", flat=True))


def upload(client: Client, content: bytes | str, name: str = "prompts.csv") -> HttpResponse:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(name, data, content_type="text/csv")
    return client.post(reverse("prompts-import", args=URL), {"file": file})


def test_a_pasted_list_is_added_in_its_order(client: Client, org: Organization, prompt: Prompt) -> None:
    lines = f"1. First?\n\n- Second?\r\n{prompt.text}\nfirst?\n"
    response = client.post(reverse("prompts-paste", args=URL), {"lines": lines, "tags": "new, old"}, follow=True)
    assert "2 prompts were added. 2 were already there." in response.content.decode()
    assert texts(org) == [prompt.text, "First?", "Second?"]
    with org_scope(org):
        assert Prompt.objects.for_org(org).get(text="First?").tags == ["new", "old"]


def test_pasting_twice_adds_nothing(client: Client, org: Organization) -> None:
    for _ in range(2):
        response = client.post(reverse("prompts-paste", args=URL), {"lines": "One?\nTwo?"}, follow=True)
    assert "0 prompts were added. 2 were already there." in response.content.decode()
    assert texts(org) == ["One?", "Two?"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "required"),
        ("\n \n", "Nothing was pasted"),
        ("Fine?\n" + "x" * 10_000, "Line 2: The text has 10,000 characters"),
        ("Fine?\na\0b", "Null characters"),
        ("\n".join(f"{n}?" for n in range(10_001)), "at most 10,000"),
        ("\n".join("!!!" for _ in range(30)), "10 more lines"),
    ],
)
def test_a_bad_paste_adds_nothing_and_says_why(client: Client, org: Organization, lines: str, said: str) -> None:
    response = client.post(reverse("prompts-paste", args=URL), {"lines": lines})
    assert response.status_code == 422
    assert any(said in error for error in response.context["form"].errors["lines"])
    assert texts(org) == []


def test_the_form_starts_with_the_projects_market(client: Client, project: Project) -> None:
    with org_scope(project.org_id):
        Project.objects.for_org(project.org_id).update(country="DE", language="de")
    form = client.get(reverse("prompts-paste", args=URL)).context["form"]
    assert (form["country"].value(), form["language"].value()) == ("DE", "de")


def test_a_file_is_imported_with_a_report(client: Client, org: Organization, prompt: Prompt) -> None:
    rows = [
        "text,tags,country,branded",
        'Good?,"a, b",DE,yes',
        "Bad?,,Narnia,",
        "=1+1,,,",
        f"{prompt.text},,,",
        "Good?,,de,",
    ]
    response = upload(client, "\ufeff" + "\n".join(rows))
    assert response.status_code == 200
    report = response.context["report"]
    assert (report.added, report.duplicates, report.fatal) == (1, 2, "")
    assert [error.line for error in report.errors] == [3, 4]
    assert "Narnia" in response.content.decode()
    assert texts(org) == [prompt.text, "Good?"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("question please,b\n1,2\n", "no column"),
        ("text\n", "no rows"),
        ("text\n" + "".join(f"Question {n}?\n" for n in range(50_000)), "50,000 rows"),
        (b"PK\x03\x04 not csv", "workbook"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(
    client: Client, org: Organization, content: bytes | str, said: str
) -> None:
    response = upload(client, content)
    assert response.status_code == 422
    assert said in response.context["report"].fatal
    assert texts(org) == []


def test_a_latin_1_file_is_read_and_said_to_be(client: Client, org: Organization) -> None:
    response = upload(client, "text\nWelches Büro?\n".encode("latin-1"))
    assert response.context["report"].added == 1
    assert "Windows-1252" in response.context["report"].notices[0]
    assert texts(org) == ["Welches Büro?"]


def test_a_file_that_is_too_big_is_refused(client: Client, org: Organization) -> None:
    response = upload(client, b"text\n" + b"x" * MAX_UPLOAD)
    assert response.status_code == 422
    assert "at most 5 MB" in response.context["form"].errors["file"][0]


@pytest.mark.parametrize("content", ["", None])
def test_no_file_and_an_empty_file_are_refused(client: Client, content: str | None) -> None:
    response = upload(client, content) if content is not None else client.post(reverse("prompts-import", args=URL))
    assert response.status_code == 422
    assert response.context["form"].errors["file"]


def test_ten_thousand_rows_are_imported_at_once(client: Client, org: Organization) -> None:
    response = upload(client, "text\n" + "".join(f"Question {n}?\n" for n in range(10_000)))
    assert response.context["report"].added == 10_000
    assert texts(org)[-1] == "Question 9999?"


def test_many_bad_lines_are_cut_off_with_a_count(client: Client) -> None:
    report = upload(client, "text,country\nFine?,\n" + "Bad?,Narnia\n" * 130).context["report"]
    assert (len(report.errors), report.errors_left_off, report.added) == (100, 30, 1)
