from typing import Any

import pytest

from prompts.llm.errors import ErrorKind
from prompts.llm.failures import Rejection, from_rejection, scrubbed

K = ErrorKind


def openai(code: str | None, message: str = "m", *, type: str = "invalid_request_error") -> dict[str, Any]:
    return {"message": message, "type": type, "param": None, "code": code}  # the SDK unwraps `error`


def anthropic(type: str, message: str = "m") -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": message}, "request_id": "req_1"}


def google(code: int, status: str, message: str = "m", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, openai("insufficient_quota", type="insufficient_quota"), K.BILLING),
        (429, openai("rate_limit_exceeded", type="tokens"), K.RATE_LIMITED),
        (
            429,
            openai("rate_limit_exceeded", "Request too large for gpt-5 on tokens per min", type="tokens"),
            K.BAD_REQUEST,
        ),
        (401, openai("invalid_api_key"), K.AUTH),
        (403, openai("unsupported_country_region_territory"), K.AUTH),
        (404, openai("model_not_found"), K.NOT_FOUND),
        (400, openai("context_length_exceeded"), K.BAD_REQUEST),
        (400, openai("content_policy_violation"), K.CONTENT_POLICY),
        (500, openai(None, type="server_error"), K.SERVER),
        (503, openai("slow_down"), K.OVERLOADED),
        (None, openai("server_error"), K.SERVER),
        (None, openai("rate_limit_exceeded"), K.RATE_LIMITED),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access the API."), K.BILLING),
        (400, anthropic("invalid_request_error", "prompt is too long: 250000 tokens"), K.BAD_REQUEST),
        (401, anthropic("authentication_error"), K.AUTH),
        (403, anthropic("permission_error"), K.AUTH),
        (402, anthropic("billing_error"), K.BILLING),
        (429, anthropic("rate_limit_error"), K.RATE_LIMITED),
        (529, anthropic("overloaded_error"), K.OVERLOADED),
        (None, anthropic("overloaded_error"), K.OVERLOADED),
        (500, anthropic("api_error"), K.SERVER),
        (504, anthropic("timeout_error"), K.TIMEOUT),
        (400, google(400, "INVALID_ARGUMENT", "API key not valid.", BAD_KEY), K.AUTH),
        (400, google(400, "INVALID_ARGUMENT"), K.BAD_REQUEST),
        (400, google(400, "FAILED_PRECONDITION", "Please make sure billing to be enabled"), K.BILLING),
        (403, google(403, "PERMISSION_DENIED"), K.AUTH),
        (404, google(404, "NOT_FOUND"), K.NOT_FOUND),
        (429, google(429, "RESOURCE_EXHAUSTED"), K.RATE_LIMITED),
        (429, [google(429, "RESOURCE_EXHAUSTED")], K.RATE_LIMITED),
        (503, google(503, "UNAVAILABLE"), K.OVERLOADED),
        (504, google(504, "DEADLINE_EXCEEDED"), K.TIMEOUT),
        (401, "<html><body>401 Authorization Required</body></html>", K.AUTH),
        (502, "<!DOCTYPE html><title>Bad gateway</title>", K.SERVER),
        (404, {"error": "model 'llama9' not found"}, K.NOT_FOUND),
        (422, {"detail": "messages: field required"}, K.BAD_REQUEST),
        (413, None, K.BAD_REQUEST),
        (418, "", K.BAD_REQUEST),
    ],
)
def test_kind_follows_the_code_before_the_status(status: int | None, body: object, kind: ErrorKind) -> None:
    assert from_rejection(Rejection(status=status, body=body, headers={})).kind is kind


def test_error_carries_what_the_headers_said() -> None:
    told = {"retry-after": "7", "x-request-id": "req_9", "x-ratelimit-remaining-requests": "0"}
    error = from_rejection(Rejection(status=429, body=openai("rate_limit_exceeded", "Slow down."), headers=told))
    assert (error.retry_after, error.request_id, error.status) == (7.0, "req_9", 429)
    assert error.rate_limits.requests_remaining == 0
    assert error.message == "Slow down."
    assert error.retryable


def test_google_retry_delay_is_the_wait() -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    body = google(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", delay)
    error = from_rejection(Rejection(status=429, body=body, headers={}))
    assert (error.kind, error.retry_after, error.message) == (K.RATE_LIMITED, 34.5, "Quota exceeded.")


def test_web_page_never_becomes_the_message() -> None:
    error = from_rejection(Rejection(status=502, body="<html><h1>nginx</h1></html>", headers={}))
    assert error.message == "502 Bad Gateway"


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided: sk-proj-abcdefgh12345678. Find yours.",
        "Incorrect API key provided: sk-abcd**********wxyz.",
        "GET /v1/models?key=AIzaSyA1234567890 failed",
        "AIzaSyA-1234567890abc is not valid",
        "header Authorization: Bearer pplx-1234567890abcdef refused",
        "the key 'tenant secret' is wrong",
    ],
)
def test_keys_are_scrubbed(message: str) -> None:
    clean = scrubbed(message, secret="tenant secret")
    assert "[key]" in clean
    for secret in ("sk-", "AIza", "pplx-", "tenant secret", "wxyz"):
        assert secret not in clean


def test_long_messages_are_cut_and_on_one_line() -> None:
    clean = scrubbed("word \n" * 500)
    assert len(clean) == 300
    assert "\n" not in clean
