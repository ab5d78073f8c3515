"""Text leaves compressed; what must leave at once, or is small already, as it is."""

import gzip

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory

from accounts.models import User
from config.asgi import STREAM_MIDDLEWARE
from config.compression import Compressed

UNPACKS = {"accept-encoding": "gzip, br"}
LONG = b"The same words again and again. " * 50


def _through(given: HttpResponseBase) -> HttpResponseBase:
    request = RequestFactory().get("/", headers=UNPACKS)

    def answer(request: HttpRequest) -> HttpResponseBase:
        return given

    response = Compressed(answer)(request)
    assert isinstance(response, HttpResponseBase)
    return response


@pytest.mark.django_db
def test_a_page_of_a_member_leaves_compressed(client: Client, owner: User) -> None:
    client.force_login(owner)
    plain, packed = client.get("/o/acme/members/"), client.get("/o/acme/members/", headers=UNPACKS)
    assert packed["Content-Encoding"] == "gzip"
    assert b"</html>" in gzip.decompress(packed.content)
    assert len(packed.content) * 3 < len(plain.content)
    assert "Accept-Encoding" in packed["Vary"]


@pytest.mark.django_db
def test_a_page_is_never_twice_of_the_same_size(client: Client) -> None:
    sizes = {len(client.get("/accounts/login/", headers=UNPACKS).content) for _ in range(12)}
    assert len(sizes) > 1


@pytest.mark.parametrize("kind", ["text/event-stream", "image/webp", "application/zip", "application/octet-stream"])
def test_what_is_no_text_is_left_alone(kind: str) -> None:
    assert "Content-Encoding" not in _through(HttpResponse(LONG, content_type=kind)).headers


def test_a_table_for_download_is_compressed_on_its_way() -> None:
    response = _through(StreamingHttpResponse(iter([LONG] * 100), content_type="text/csv; charset=utf-8"))
    assert isinstance(response, StreamingHttpResponse)
    assert gzip.decompress(b"".join(response)) == LONG * 100


def test_who_opts_out_is_left_alone() -> None:
    response = HttpResponse(LONG, headers={"Content-Encoding": "identity"})
    assert _through(response).headers["Content-Encoding"] == "identity"
    assert isinstance(response, HttpResponse)
    assert response.content == LONG


def test_streams_have_no_compression() -> None:
    assert not any("ompress" in name or "GZip" in name for name in STREAM_MIDDLEWARE)
