"""OpenAI's error bodies and headers, which Perplexity and compatible servers vary."""

from __future__ import annotations

from prompts.llm.simulator.exchange import Allowance, Ask, Headers, Json, Level, Refused, Trouble

BASIC: dict[Trouble, tuple[int, str, str | None, str]] = {
    # trouble: status, type, code, message
    Trouble.BAD_REQUEST: (400, "invalid_request_error", None, "Invalid request."),
    Trouble.BLOCKED: (
        400,
        "invalid_request_error",
        "invalid_prompt",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    ),
    Trouble.FORBIDDEN: (
        403,
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    Trouble.BILLING: (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Trouble.TOO_LARGE: (413, "invalid_request_error", "request_too_large", "Request body is too large."),
    Trouble.SERVER: (
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    Trouble.UNAVAILABLE: (503, "server_error", None, "The engine is currently overloaded, please try again later."),
    Trouble.OVERLOADED: (503, "server_error", None, "The engine is currently overloaded, please try again later."),
}


def openai_error(refused: Refused, *, ask: Ask | None, allowance: Allowance) -> tuple[int, Json]:
    if refused.trouble is Trouble.RATE_LIMITED:
        return 429, _rate_limited(ask, allowance)
    if refused.trouble is Trouble.AUTH:
        code = None if refused.code == "missing" else "invalid_api_key"
        return 401, _body(refused.message or "Incorrect API key provided.", "invalid_request_error", None, code)
    if refused.trouble is Trouble.NOT_FOUND:
        model = ask.model if ask else ""
        message = refused.message or f"The model `{model}` does not exist or you do not have access to it."
        return 404, _body(message, "invalid_request_error", None, refused.code or "model_not_found")
    status, kind, code, message = BASIC[refused.trouble]
    return status, _body(refused.message or message, kind, refused.param, refused.code or code)


def _rate_limited(ask: Ask | None, allowance: Allowance) -> Json:
    level = allowance.tokens if allowance.exceeded == "tokens" else allowance.requests
    unit = "tokens per min (TPM)" if allowance.exceeded == "tokens" else "requests per min (RPM)"
    limit, used = (level.limit, level.limit - level.remaining) if level else (3, 3)
    wanted = ask.input_tokens if ask and allowance.exceeded == "tokens" else 1
    message = (
        f"Rate limit reached for {ask.model if ask else ''} in organization org-simulated on {unit}: "
        f"Limit {limit}, Used {used}, Requested {wanted}. Please try again in {go_duration(allowance.retry_after)}."
    )
    return _body(message, allowance.exceeded, None, "rate_limit_exceeded")


def _body(message: str, kind: str, param: str | None, code: str | None) -> Json:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def go_duration(seconds: float) -> str:
    """As OpenAI writes it: `120ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{round(rest)}s" if minutes else f"{rest:.3f}".rstrip("0").rstrip(".") + "s"


def limit_headers(allowance: Allowance) -> Headers:
    headers: Headers = []
    for name, level in (("requests", allowance.requests), ("tokens", allowance.tokens)):
        if level:
            headers += _level(name, level)
    if allowance.retry_after:
        headers.append((b"retry-after", str(max(1, round(allowance.retry_after))).encode()))
        headers.append((b"retry-after-ms", str(max(1, round(allowance.retry_after * 1000))).encode()))
    return headers


def _level(name: str, level: Level) -> Headers:
    return [
        (f"x-ratelimit-limit-{name}".encode(), str(level.limit).encode()),
        (f"x-ratelimit-remaining-{name}".encode(), str(level.remaining).encode()),
        (f"x-ratelimit-reset-{name}".encode(), go_duration(level.reset).encode()),
    ]
