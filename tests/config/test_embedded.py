"""The private services: started once, shared, healed, and gone with their last user."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded
from config.embedded import __main__ as command_line
from config.embedded import holders, postgres, processes, valkey
from config.embedded.place import BASE_DIR, EmbeddedError, Place, find_place, own_folder

USE = "from config import embedded; s = embedded.ensure(); print(s.database_url, s.redis_url, flush=True); input()"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="prompter-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A private installation with nothing running."""
    monkeypatch.setenv("PROMPTER_LOCAL", str(folder))
    found = find_place()
    yield found
    embedded.stop()
    embedded.release(found)
    shutil.rmtree(found.sockets, ignore_errors=True)


def user_process() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", USE],
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PROMPTER_TEST": "1"},
        text=True,
    )


def server_ids(place: Place) -> set[int]:
    database = processes.living_in(place.postgres / "data", name="postgres")
    cache = processes.living_in(place.valkey, name="valkey-server")
    return {process.pid for process in (*database, *cache)}


def postmaster(place: Place) -> int:
    return int((place.postgres / "data" / "postmaster.pid").read_text().splitlines()[0])


def cache_server(place: Place) -> int:
    return processes.living_in(place.valkey, name="valkey-server")[0].pid


def test_starting_twice_starts_once(place: Place) -> None:
    first = embedded.ensure()
    servers = postmaster(place), cache_server(place)
    assert embedded.ensure() == first
    assert (postmaster(place), cache_server(place)) == servers
    assert embedded.status() == {"postgres": True, "valkey": True}


def test_the_role_bypasses_nothing_and_owns_its_database(place: Place) -> None:
    with psycopg.connect(embedded.ensure().database_url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
        assert row.fetchone() == (False, False, True)
        assert connection.execute("SELECT '[1,2]'::vector <-> '[1,3]'::vector").fetchone() == (1.0,)
        connection.execute("CREATE TABLE owned (id int)")


def test_redis_wants_its_password(place: Place) -> None:
    services = embedded.ensure(postgres=False)
    assert services.database_url == ""
    password = services.redis_url.partition(":")[2].partition("@")[0].lstrip("/:")
    bare = redis.Redis.from_url(services.redis_url.replace(f":{password}@", ""))
    with pytest.raises(redis.AuthenticationError):
        bare.ping()
    bare.close()
    assert password not in repr(services)


def test_processes_that_start_at_once_share_one_server(place: Place) -> None:
    users = [user_process() for _ in range(3)]
    addresses = {user.stdout.readline() for user in users}
    assert len(addresses) == 1
    assert len(processes.living_in(place.valkey, name="valkey-server")) == 1
    assert embedded.status() == {"postgres": True, "valkey": True}
    for user in users[:2]:
        user.communicate("\n", timeout=60)
    assert embedded.status() == {"postgres": True, "valkey": True}
    users[2].communicate("\n", timeout=60)
    assert server_ids(place) == set()
    assert not place.sockets.exists()


def test_a_killed_user_leaves_services_that_the_next_one_uses_and_stops(place: Place) -> None:
    user = user_process()
    address = user.stdout.readline()
    servers = postmaster(place), cache_server(place)
    user.kill()
    user.communicate(timeout=60)
    follower = user_process()
    assert follower.stdout.readline() == address
    assert (postmaster(place), cache_server(place)) == servers
    follower.communicate("\n", timeout=60)
    assert server_ids(place) == set()


def test_killed_servers_come_back_with_their_data(place: Place) -> None:
    with psycopg.connect(embedded.ensure().database_url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = on")
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
    for pid in (postmaster(place), cache_server(place)):
        os.kill(pid, signal.SIGKILL)
    services = embedded.ensure()
    with psycopg.connect(services.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    client = redis.Redis.from_url(services.redis_url)
    assert client.ping()
    client.close()


def test_lock_files_that_name_another_living_process_are_healed(place: Place) -> None:
    embedded.ensure()
    embedded.stop()
    # After a reboot the recorded process id may belong to anything; here, to the process that runs this test.
    stale = place.postgres / "data" / "postmaster.pid"
    stale.write_text(f"{os.getppid()}\n{place.postgres / 'data'}\n0\n5432\n{place.sockets}\n\n")
    own_folder(place.sockets, run_as=place.run_as)
    (place.sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getppid()}\n")
    (place.sockets / ".s.PGSQL.5432").touch()
    with psycopg.connect(embedded.ensure().database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_whose_socket_was_swept_away_is_started_again(place: Place) -> None:
    embedded.ensure()
    lost = postmaster(place)
    shutil.rmtree(place.sockets)
    with psycopg.connect(embedded.ensure().database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert postmaster(place) != lost


def test_an_interrupted_first_start_is_repeated(place: Place) -> None:
    embedded.stop()
    shutil.rmtree(place.postgres, ignore_errors=True)
    own_folder(place.postgres, run_as=place.run_as)
    (place.postgres / "data.new").mkdir()
    (place.postgres / "data.new" / "PG_VERSION").write_text("18\n")
    with psycopg.connect(embedded.ensure(redis=False).database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_port_taken_meanwhile_is_replaced(place: Place) -> None:
    before = embedded.ensure(postgres=False).redis_url
    embedded.stop()
    import socket

    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2].partition("/")[0]))):
        after = embedded.ensure(postgres=False).redis_url
    assert after != before
    assert embedded.status()["valkey"]


def test_a_private_checkout_with_a_long_path_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    private = tmp_path / ("a folder with a long name " * 5).strip()
    private.mkdir(mode=0o700)
    monkeypatch.setenv("PROMPTER_LOCAL", str(private))
    try:
        with psycopg.connect(embedded.ensure().database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        embedded.release(find_place())
        assert command_line.main(["wipe"]) == 0


def test_a_socket_folder_of_somebody_else_is_refused(place: Place) -> None:
    place.sockets.symlink_to("/tmp")
    try:
        with pytest.raises(EmbeddedError, match="belongs to somebody else"):
            embedded.ensure(redis=False)
    finally:
        place.sockets.unlink()


def test_the_command_line_keeps_services_until_told_to_stop(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["start"]) == 0
    embedded.release(place)
    assert command_line.main(["status"]) == 0
    assert command_line.main(["env"]) == 0
    assert f"DATABASE_URL='{postgres.url(place)}'" in capsys.readouterr().out
    assert command_line.main(["stop"]) == 0
    assert command_line.main(["status"]) == 3


def test_a_folder_that_cannot_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROMPTER_LOCAL", "/proc/nowhere")
    assert command_line.main(["start"]) == 1
    assert capsys.readouterr().err.startswith("prompter: cannot create /proc/nowhere")


def test_a_forked_child_does_not_leave_for_its_parent(place: Place) -> None:
    embedded.ensure()
    child = os.fork()
    if child == 0:
        os._exit(1 if holders.leave(place.local) else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert holders.anybody_left(place.local)


def test_a_torn_address_file_is_replaced(place: Place) -> None:
    embedded.ensure(postgres=False)
    (place.valkey / "address.json").write_text("{")
    with pytest.raises(EmbeddedError, match="not been started"):
        valkey.url(place)
    embedded.ensure(postgres=False)
    assert valkey.is_running(place)
    assert len(processes.living_in(place.valkey, name="valkey-server")) == 1
