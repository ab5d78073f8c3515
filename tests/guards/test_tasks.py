"""Tasks are wiring: ids in, nothing out, a time limit, under 15 lines."""

import inspect
from collections.abc import Iterator

import pytest
from celery import Celery, Task, current_app

from config.celery import BEAT_SCHEDULE
from orgs.access import org_task
from tests.guards.tree import APPS

LINES = 15
NUDGED = {"scans.tasks.run_answers"}  # the sweep of scans sends it when something waits


def task_problems(task: Task) -> Iterator[str]:
    function = inspect.unwrap(task.run)
    if not task.time_limit:
        yield f"{task.name}: no time limit"
    if not task.ignore_result:
        yield f"{task.name}: keeps a result"
    lines, _ = inspect.getsourcelines(function)
    if len(lines) > LINES:
        yield f"{task.name}: {len(lines)} lines"
    for parameter in inspect.signature(function).parameters.values():
        if parameter.annotation not in (int, "int", "Organization"):
            yield f"{task.name}: {parameter.name} is not an id"


def never_run(tasks: list[Task]) -> set[str]:
    """Tasks that need no row to be named, so that nothing but the clock calls them, and the clock does not."""
    alone = {task.name for task in tasks if not inspect.signature(inspect.unwrap(task.run)).parameters}
    return alone - NUDGED - {entry["task"] for entry in BEAT_SCHEDULE.values()}


def product_tasks(app: Celery) -> list[Task]:
    app.loader.import_default_modules()
    return [task for name, task in app.tasks.items() if name.split(".")[0] in APPS]


def test_every_task_takes_ids_and_has_a_time_limit() -> None:
    tasks = product_tasks(current_app)
    assert {"scans.tasks.run_answers", "scans.tasks.sweep"} <= {task.name for task in tasks}
    assert [problem for task in tasks for problem in task_problems(task)] == []


def test_every_task_that_the_clock_alone_calls_is_scheduled() -> None:
    tasks = product_tasks(current_app)
    assert never_run(tasks) == set()
    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} <= {task.name for task in tasks}


def test_a_planted_sweep_that_is_never_scheduled_is_found() -> None:
    app = Celery("planted", set_as_current=False)

    @app.task(name="planted.sweep")
    def sweep() -> None: ...

    @app.task(name="planted.answer")
    def answer(org_id: int) -> None: ...

    assert never_run([sweep, answer]) == {"planted.sweep"}


def test_planted_tasks_are_found() -> None:
    app = Celery("planted", set_as_current=False)

    @app.task(name="planted.loose")
    def loose(answer: dict[str, str]) -> None: ...

    assert list(task_problems(loose)) == [
        "planted.loose: no time limit",
        "planted.loose: keeps a result",
        "planted.loose: answer is not an id",
    ]


def test_a_planted_org_task_without_a_time_limit_is_refused() -> None:
    with pytest.raises(TypeError, match="time_limit"):
        org_task()
