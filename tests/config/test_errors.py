"""What is shown when a request cannot be served."""

import json
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from config import errors
from config.sizes import Bounded


@pytest.mark.parametrize(
    ("handler", "status"),
    [
        (errors.bad_request, 400),
        (errors.payment_required, 402),
        (errors.forbidden, 403),
        (errors.forged, 403),
        (errors.not_found, 404),
        (errors.length_required, 411),
        (errors.too_large, 413),
        (errors.too_many_requests, 429),
        (errors.broken, 500),
    ],
)
def test_each_error_has_a_page_and_an_answer_for_programs(handler: object, status: int) -> None:
    assert callable(handler)
    page: HttpResponse = handler(RequestFactory().get("/o/acme/"))
    assert page.status_code == status
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h1" in page.content.decode()
    told: HttpResponse = handler(RequestFactory().get("/api/v1/o/acme/scans/"))
    assert told.status_code == status
    assert json.loads(told.content)["detail"].endswith(".")


def test_a_throttled_request_says_when_to_come_back() -> None:
    response = errors.too_many_requests(RequestFactory().get("/"), retry_after=3.2)
    assert response.headers["Retry-After"] == "4"


def test_over_quota_says_why() -> None:
    page = errors.payment_required(RequestFactory().get("/"), sentence="Nine answers are left.")
    assert "Nine answers are left." in page.content.decode()


class Body:
    """What is being sent, and whether anybody looked."""

    asked = False

    def read(self, *_: int) -> bytes:
        self.asked = True
        return b""

    readline = read


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/o/acme/members/1/"])
def test_what_is_too_large_is_refused_before_it_is_read(db: None, settings: Any, path: str) -> None:
    body, most = Body(), settings.REQUEST_MAX_BYTES
    kind = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "wsgi.input": body}
    refused = Client().post(path, CONTENT_LENGTH=str(most + 1), **kind)
    assert (refused.status_code, body.asked) == (413, False)
    assert "Content-Security-Policy" in refused.headers
    for said in ("9" * 40, "0" * 30 + str(most + 1), "9" * 5000):
        assert Client().post(path, CONTENT_LENGTH=said, **kind).status_code == 413
    assert not body.asked


@pytest.mark.parametrize("said", ["\u0661", "-1", "+1", "1_0", "0x10", "1, 1"])
def test_a_length_that_is_no_number_is_refused(db: None, said: str) -> None:
    for address in ("/accounts/login/", "/api/v1/o/acme/members/1/"):
        assert Client().post(address, CONTENT_LENGTH=said).status_code == 400


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/o/acme/members/1/"])
@pytest.mark.parametrize(
    "said", [{}, {"CONTENT_LENGTH": "3"}], ids=["without a length", "with one that counts nothing"]
)
def test_what_comes_in_chunks_is_refused_before_it_is_read(db: None, path: str, said: dict[str, str]) -> None:
    body = Body()
    kind: dict[str, Any] = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "wsgi.input": body}
    sent = RequestFactory().post(path, HTTP_TRANSFER_ENCODING="chunked", **kind, **said)
    if not said:
        del sent.META["CONTENT_LENGTH"]
    refused = Bounded(lambda request: HttpResponse(request.body))(sent)
    assert (refused.status_code, body.asked) == (411, False)


def test_an_unknown_address_is_404_for_people_and_programs(db: None) -> None:
    assert "<h1" in Client().get("/nowhere/").content.decode()
    response = Client().get("/api/v1/nowhere/")
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/json")


def test_a_form_without_its_token_says_what_to_do(db: None) -> None:
    page = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a@b.example"})
    assert page.status_code == 403
    assert "reload the page" in page.content.decode()


def _explode(request: HttpRequest) -> HttpResponse:
    raise ValueError("the secret reason")


urlpatterns = [path("broken", _explode), path("api/v1/broken", _explode)]
handler500 = "config.errors.broken"


@pytest.mark.parametrize("url", ["/broken", "/api/v1/broken"])
def test_a_broken_view_is_500_without_its_reason(url: str, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    client = Client(raise_request_exception=False)
    response = client.get(url)
    assert response.status_code == 500
    assert "secret reason" not in response.content.decode()


def test_too_many_sign_ins_are_throttled_with_a_time_to_wait(db: None, owner: Any) -> None:
    client = Client()
    wrong = {"login": owner.email, "password": "not this one"}
    responses = [client.post("/accounts/login/", wrong) for _ in range(31)]
    assert responses[-1].status_code == 429
    assert int(responses[-1].headers["Retry-After"]) > 0
