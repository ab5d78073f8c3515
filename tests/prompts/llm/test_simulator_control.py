"""The simulator as an instrument: limits, faults, counts, latency, control over HTTP, command line."""

import asyncio
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from prompts.llm.simulator.cli import parse_limits
from prompts.llm.simulator.options import BadOption, Options
from prompts.llm.simulator.server import Running, Unavailable, listen, serve_in_thread

PROMPT = "What is the best kanban board?"


@pytest.fixture
async def http(simulator: Running) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(simulator.root_url) as session:
        yield session


async def ask(
    http: aiohttp.ClientSession, prompt: str = PROMPT, *, model: str = "sonar", key: str = "sim-a", stream: bool = False
) -> tuple[int, Any, Any]:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": prompt}]}
    headers = {"authorization": f"Bearer {key}"}
    async with http.post("/perplexity/chat/completions", json=body, headers=headers) as response:
        raw = await response.read()
        return response.status, response.headers, raw if stream else orjson.loads(raw)


async def test_requests_over_the_limit_are_violations(http, simulator):
    simulator.options(limits={"perplexity": {"requests": 3}})
    answers = [await ask(http) for _ in range(5)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429, 429]
    assert 0 < int(answers[-1][1]["retry-after"]) <= 60
    lane = simulator.lane("perplexity", "sonar")
    assert (lane["requests"], lane["answers"], lane["violations"]) == (5, 3, 2)


async def test_limits_are_per_key_and_model(http, simulator):
    simulator.options(limits={"perplexity": {"requests": 1}})
    assert [(await ask(http))[0], (await ask(http))[0]] == [200, 429]
    assert (await ask(http, key="sim-b"))[0] == 200
    assert (await ask(http, model="sonar-pro"))[0] == 200


async def test_a_limit_that_is_lowered_remembers_what_was_let_in(http, simulator):
    simulator.options(limits={"perplexity": {"requests": 5, "window": 0.6}})
    assert [(await ask(http))[0] for _ in range(3)] == [200, 200, 200]
    simulator.options(limits={"perplexity": {"requests": 1, "window": 0.6}})
    assert (await ask(http))[0] == 429
    simulator.options(limits={"perplexity": {"requests": 4, "window": 60}})
    assert [(await ask(http))[0] for _ in range(2)] == [200, 429]


async def test_window_slides(http, simulator):
    simulator.options(limits={"perplexity": {"requests": 2, "window": 0.3}})
    assert [(await ask(http))[0] for _ in range(3)] == [200, 200, 429]
    await asyncio.sleep(0.35)
    assert (await ask(http))[0] == 200


async def test_tokens_are_limited_too(http, simulator):
    simulator.options(limits={"perplexity": {"requests": 100, "tokens": 50}})
    assert [(await ask(http))[0], (await ask(http))[0]] == [200, 429]


async def test_successes_carry_what_is_left(http, simulator):
    simulator.options(limits={"perplexity": {"requests": 10, "tokens": 100_000}})
    await ask(http)
    _, headers, _ = await ask(http)
    assert headers["x-ratelimit-limit-requests"] == "10"
    assert headers["x-ratelimit-remaining-requests"] == "8"
    assert int(headers["x-ratelimit-remaining-tokens"]) < 100_000
    assert headers["x-ratelimit-reset-requests"].endswith("s")


async def test_faults_strike_only_what_they_match(http, simulator):
    simulator.fault("500", match={"prompt_contains": "kanban", "key": "sim-a", "model": "sonar"})
    assert (await ask(http))[0] == 500
    assert (await ask(http, "pricing?"))[0] == 200
    assert (await ask(http, key="sim-b"))[0] == 200
    assert (await ask(http, model="sonar-pro"))[0] == 200


async def test_faults_wear_off_after_their_times(http, simulator):
    simulator.fault("503", match={"provider": "perplexity"}, times=2)
    assert [(await ask(http))[0] for _ in range(3)] == [503, 503, 200]
    assert simulator.lane("perplexity")["faults"] == 2


async def test_probable_faults_repeat_with_the_seed(http, simulator):
    runs = []
    for _ in range(2):
        simulator.reset()
        simulator.fault("500", probability=0.5)
        runs.append([(await ask(http))[0] for _ in range(20)])
    assert runs[0] == runs[1]
    assert 4 < runs[0].count(500) < 16


async def test_planted_rate_limits_are_no_violations(http, simulator):
    simulator.fault("429", retry_after=3, times=1)
    status, headers, _ = await ask(http)
    assert (status, headers["retry-after"]) == (429, "3")
    assert simulator.lane("perplexity")["violations"] == 0


async def test_failed_attempts_do_not_shift_the_samples(http, simulator):
    first = [(await ask(http))[2]["choices"] for _ in range(2)]
    simulator.reset()
    simulator.fault("500", times=1)
    assert (await ask(http))[0] == 500
    assert [(await ask(http))[2]["choices"] for _ in range(2)] == first


async def test_slow_and_trickling_answers_arrive_whole(http, simulator):
    simulator.fault("slow", delay=0.05, times=1)
    assert (await ask(http))[0] == 200
    simulator.fault("trickle", delay=0.002, times=2)
    assert (await ask(http))[2]["choices"]
    assert (await ask(http, stream=True))[2].endswith(b"data: [DONE]\r\n\r\n")


async def test_hanging_request_ends_when_the_client_leaves(http, simulator):
    simulator.fault("hang", times=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(http), 0.1)
    for _ in range(500):
        if not simulator.stats()["totals"]["in_flight"]:
            break
        await asyncio.sleep(0.01)
    assert simulator.stats()["totals"]["in_flight"] == 0
    assert simulator.lane("perplexity")["answers"] == 0


async def test_hang_ends_by_itself_after_its_delay(http, simulator):
    simulator.fault("hang", delay=0.05, times=1)
    with pytest.raises(aiohttp.ClientError):
        await ask(http)


async def test_garbled_json_comes_in_a_complete_response(http, simulator):
    simulator.fault("garbled")
    with pytest.raises(orjson.JSONDecodeError):
        await ask(http)


async def test_prompts_are_counted_by_text(http, simulator):
    simulator.fault("500", match={"prompt_contains": "kanban"}, times=1)
    for prompt in (PROMPT, PROMPT, "Another question about pricing?"):
        await ask(http, prompt)
    prompts = {row["prompt"]: (row["asked"], row["answered"]) for row in simulator.stats()["prompts"]}
    assert prompts == {PROMPT: (2, 1), "Another question about pricing?": (1, 1)}


async def test_concurrency_is_measured(http, simulator):
    simulator.options(latency=0.1)
    await asyncio.gather(*(ask(http) for _ in range(7)))
    assert simulator.lane("perplexity")["in_flight_max"] == 7
    assert simulator.stats()["totals"]["in_flight"] == 0


async def test_wrong_requests_are_counted_apart(http, simulator):
    assert (await ask(http, key="pplx-real"))[0] == 401
    assert (await ask(http, model="sonar-none"))[0] == 400
    lane = simulator.lane("perplexity")
    assert (lane["requests"], lane["rejected"], lane["answers"]) == (2, 2, 0)


async def test_control_over_http_does_what_the_handle_does(http, simulator):
    async with http.post("/_sim/options", json={"seed": 99, "latency": {"openai": 1}}) as response:
        assert response.status == 200
    async with http.post("/_sim/faults", json=[{"fault": "500", "times": 1}]) as response:
        assert response.status == 200
    assert [(await ask(http))[0], (await ask(http))[0]] == [500, 200]
    async with http.get("/_sim/stats") as response:
        assert (await response.json())["totals"] == simulator.stats()["totals"]
    async with http.post("/_sim/reset") as response:
        assert response.status == 200
    async with http.get("/_sim/health") as response:
        assert await response.json() == {"status": "ok", "epoch": "2026-01-01", "seed": 7}
    assert simulator.stats()["totals"]["requests"] == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("options", {"colour": "red"}),
        ("options", {"latency": "soon"}),
        ("options", {"limits": {"openai": {"speed": 3}}}),
        ("options", {"brands": ["no name"]}),
        ("options", []),
        ("faults", [{"fault": "gremlins"}]),
        ("faults", [{"fault": "500", "match": {"moon": "full"}}]),
        ("faults", [{"fault": "500", "times": "often"}]),
        ("faults", ["500"]),
    ],
)
async def test_senseless_controls_are_refused(http, path, body):
    async with http.post(f"/_sim/{path}", json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]


async def test_unknown_paths_are_not_found(http):
    for path in ("/_sim/nothing", "/elsewhere/v1/models", "/grounding-api-redirect/nonsense"):
        async with http.get(path) as response:
            assert response.status == 404


async def test_broken_json_is_each_providers_bad_request(http):
    keys = {"authorization": "Bearer sim-a", "x-api-key": "sim-a", "x-goog-api-key": "sim-a"}
    paths = (
        "/openai/v1/responses",
        "/openai/v1/chat/completions",
        "/anthropic/v1/messages",
        "/google/v1beta/models/gemini-3.5-flash:generateContent",
        "/perplexity/chat/completions",
        "/compatible/v1/chat/completions",
    )
    for path in paths:
        for body in (b"{", b"[]", b"{}", b'{"model": "sonar", "messages": "x", "max_tokens": 1}'):
            async with http.post(path, data=body, headers=keys) as response:
                assert response.status in (400, 404), (path, body)
                assert "error" in await response.json()


def test_servers_run_side_by_side_and_stop():
    with serve_in_thread(Options(seed=1)) as one, serve_in_thread(Options(seed=2)) as other:
        assert one.root_url != other.root_url
        with urllib.request.urlopen(f"{other.root_url}/_sim/health", timeout=5) as response:
            assert orjson.loads(response.read())["seed"] == 2
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{one.root_url}/_sim/health", timeout=5)


def test_busy_port_is_named():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}: the port is in use"):
            listen("127.0.0.1", port)
        command = [sys.executable, "-m", "prompts.llm.simulator", "--port", str(port)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stderr.strip() == f"Cannot listen on 127.0.0.1:{port}: the port is in use."


def test_listening_sockets_are_reusable_at_once():
    first = listen("127.0.0.1", 0)
    port = first.getsockname()[1]
    first.close()
    with listen("127.0.0.1", port) as second:
        assert isinstance(second, socket.socket)


def test_limits_are_read_from_the_command_line():
    assert parse_limits(["openai=5000:2000000,google=10", "anthropic=:9"]) == {
        "openai": {"requests": 5000, "tokens": 2_000_000},
        "google": {"requests": 10, "tokens": None},
        "anthropic": {"requests": None, "tokens": 9},
    }
    with pytest.raises(BadOption, match="openai=many"):
        parse_limits(["openai=many"])
