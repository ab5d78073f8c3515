"""Malformed settings: one line that names the variable, whatever starts, and never a part of a password."""

import sys

import pytest
from django.conf import settings

from config import environment as env
from config.embedded import Unusable, postgres, verify
from config.embedded.place import find_place
from tests.config.test_verify import PASSWORD, assert_one_line, manage, run

HALF = PASSWORD[:7]


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://someone:{HALF}/{PASSWORD}@127.0.0.1/prompter",
        f"postgres://someone:12/{PASSWORD}@127.0.0.1/prompter",
        f"postgres://someone:12?{PASSWORD}@127.0.0.1/prompter",
        f"postgres://someone:12#{PASSWORD}@127.0.0.1/prompter",
        f"postgres://someone:[{PASSWORD}@127.0.0.1/prompter",
        f"postgres://someone:{PASSWORD}%zz@127.0.0.1/prompter",
        f"postgres://someone:{PASSWORD}%00@127.0.0.1/prompter",
        f"postgres://someone:{PASSWORD}@127.0.0.1:five/prompter",
        f"postgres://someone:{PASSWORD}@127.0.0.1:70000/prompter",
    ],
)
def test_a_malformed_database_address_is_one_line_without_its_password(url: str) -> None:
    done = manage("check", DATABASE_URL=url)
    assert_one_line(done, "DATABASE_URL is malformed: it must be postgres://user:password@host:port/name")
    assert HALF not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_REQUESTS_PER_MINUTE", "abc"),
        ("OPENAI_REQUESTS_PER_MINUTE", "0"),
        ("GOOGLE_TOKENS_PER_MINUTE", "-5"),
        ("MONTHLY_ANSWERS", "1e3"),
        ("SCAN_LEASE_SECONDS", "0"),
        ("SCAN_CONCURRENCY", "0"),
        ("SCAN_ORG_CONCURRENCY", "0"),
        ("LLM_CONCURRENCY", "openai"),
        ("LLM_REQUESTS_PER_DAY", "nobody=5"),
        ("LLM_TOKENS_PER_DAY", "openai=0"),
        ("DATABASE_POOL_SIZE", "many"),
        ("OPENAI_COMPATIBLE", "{bad"),
        ("OPENAI_COMPATIBLE", '{"a": 1}'),
        ("OPENAI_COMPATIBLE", '[{"name": 1, "base_url": "http://x", "model": "m"}]'),
        ("OPENAI_COMPATIBLE", '[{"name": "Not A Name", "base_url": "http://x", "model": "m"}]'),
        ("SITE_URL", "http://[x"),
        ("SITE_URL", "http://x:70000"),
        ("WEB_CONCURRENCY", "x"),
        ("WEB_THREADS", "0"),
        ("DEBUG", "perhaps"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_malformed_variable_is_one_line_that_names_it(name: str, value: str) -> None:
    assert_one_line(manage("check", **{name: value, "DATABASE_POOL": "1"}), f"{name} must be ")


@pytest.mark.parametrize("name", ["OPENAI_COMPATIBLE", "WEB_THREADS"])
@pytest.mark.parametrize("program", [["gunicorn", "-c", "config/gunicorn.py"], ["celery", "-A", "config", "worker"]])
def test_a_malformed_variable_stops_servers_and_workers_alike(name: str, program: list[str]) -> None:
    services = {"DATABASE_URL": postgres.url(find_place()), "REDIS_URL": settings.REDIS_URL}
    bad = '[{"name": "Not A Name", "base_url": "http://x", "model": "m"}]'
    done = run([sys.executable, "-m", *program], **services, **{name: bad})
    assert_one_line(done, f"{name} must be ")


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONTHLY_ANSWERS", "")
    assert env.integer("MONTHLY_ANSWERS", default=7) == 7
    assert env.flag("MONTHLY_ANSWERS", default=True)
    assert env.servers("MONTHLY_ANSWERS") == []
    assert env.names("MONTHLY_ANSWERS") == []


def test_what_the_driver_quotes_of_a_password_is_left_out() -> None:
    socket = find_place().sockets
    with pytest.raises(Unusable, match=r"\*\*\*") as refused:
        verify(database_url=f"postgresql://prompter:nowhere@/nowhere?host={socket}")
    assert '"nowhere"' not in str(refused.value)
