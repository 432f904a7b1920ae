"""The one-machine run, through its real processes."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import postgres
from local.home import hold, password, release
from local.orphans import identity
from local.owner import choose
from tests.instance import Running, free_port, running, start, until
from tests.servers import place, sockets

NAMES = ("postgres", "valkey", "web", "scheduler", "worker")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def instance(folder: Path) -> Iterator[Running]:
    with running(folder / "shared") as made:
        yield made


def test_a_first_start_shows_a_verified_callback_and_how_to_book_more(instance: Running) -> None:
    until(lambda: "POST /welcome" in instance.printed, "the first callback")

    line = next(line for line in instance.printed.splitlines() if "POST /welcome" in line)
    assert "signature verified" in line
    assert " ms late" in line
    key = (instance.home / "demo-key").read_text()
    assert f"curl -sS http://127.0.0.1:{instance.port}/1/jobs" in instance.printed
    assert f"Bearer {key}" in instance.printed
    assert f"API key      {key} " in instance.printed


def test_secrets_are_for_their_owner_only(instance: Running) -> None:
    for name in ("demo-key", "secret-key", "instance.json", "postgres-password"):
        assert stat.S_IMODE((instance.home / name).stat().st_mode) == 0o600, name
    assert instance.client.key == instance.client.key.strip()
    assert instance.client.ask("GET", "/1/jobs")[0] == 200


def test_a_second_start_from_the_same_data_directory_is_one_line(instance: Running) -> None:
    other = start(instance.home, free_port(), instance.home / "second.out")

    assert other.process.wait(30) == 1
    assert other.printed.count("\n") == 1
    assert f"process {instance.process.pid}" in other.printed
    assert "PORT=8001 WAKECALL_HOME=" in other.printed


def test_a_port_in_use_is_one_line_that_names_it(instance: Running, folder: Path) -> None:
    other = start(folder / "elsewhere", instance.port, folder / "elsewhere.out")

    assert other.process.wait(30) == 1
    assert other.printed.count("\n") == 1
    assert f"Port {instance.port} on 127.0.0.1 is in use" in other.printed
    assert f"PORT={instance.port + 1} make run" in other.printed


@pytest.mark.parametrize("name", NAMES)
def test_a_process_that_is_killed_is_started_again(instance: Running, name: str) -> None:
    instance.kill(name)

    until(instance.ready, "the instance to be ready")
    assert f"{name} was ended by SIGKILL; starting it again" in instance.printed


def test_two_instances_run_side_by_side_and_know_nothing_of_each_other(
    instance: Running, folder: Path
) -> None:
    with running(folder / "beside", WAKECALL_ALLOW_TARGETS="") as other:
        assert "does not allow loopback" in other.printed
        assert other.client.key != instance.client.key
        assert other.client.ask("GET", "/1/jobs")[0] == 200
        assert instance.client.ask("GET", "/1/jobs")[0] == 200
        foreign = type(other.client)(host="127.0.0.1", port=other.port, key=instance.client.key)
        assert foreign.ask("GET", "/1/jobs")[0] == 401


def test_a_stopped_instance_leaves_no_process_and_finds_its_data_again(folder: Path) -> None:
    home = folder / "again"
    with running(home, WAKECALL_ALLOW_TARGETS="") as first:
        pids = [first.pid(name) for name in NAMES]
        sockets = Path(first.facts["sockets"])
        job = {"url": "https://example.com/", "when": "2099-01-01T00:00:00Z"}
        status, booked = first.client.ask("POST", "/1/jobs", job)
        assert status == 201
        key = first.client.key
        assert first.stop(signal.SIGINT) == 0

    assert [pid for pid in pids if identity(pid)] == []
    assert not sockets.exists()
    assert not (home / "instance.json").exists()
    with running(home, WAKECALL_ALLOW_TARGETS="") as second:
        assert "the database found" in second.printed
        assert second.client.key == key
        assert second.client.ask("GET", f"/1/jobs/{json.loads(booked)['id']}")[0] == 200
        assert second.stop(signal.SIGTERM) == 0


def test_a_killed_run_takes_its_processes_along_and_the_next_one_starts(folder: Path) -> None:
    home = folder / "killed"
    with running(home, WAKECALL_ALLOW_TARGETS="") as first:
        pids = [first.pid(name) for name in NAMES]
        sockets = Path(first.facts["sockets"])
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()

        with running(home, WAKECALL_ALLOW_TARGETS="") as second:
            until(lambda: not any(identity(pid) for pid in pids), "the orphans to end")
            assert not sockets.exists()
            assert second.ready()


def test_a_damaged_database_is_one_line_that_says_what_to_do(folder: Path) -> None:
    home = hold(folder / "damaged")
    with sockets() as at:
        secret = password(home.path / "postgres-password")
        cluster = postgres.prepare(home.path / "postgres", at, secret, choose(home.path))
    (cluster.data / "global" / "pg_control").write_text("junk")
    release(home)

    damaged = start(home.path, free_port(), folder / "damaged.out", WAKECALL_ALLOW_TARGETS="")

    assert damaged.process.wait(30) == 1
    assert damaged.printed.count("\n") == 1
    assert "does not start: could not read file" in damaged.printed
    assert f"mv {home.path}/postgres {home.path}/postgres.damaged" in damaged.printed


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("PORT", "eighty", "PORT is 'eighty'"),
        ("HOST", "192.0.2.1", "HOST is '192.0.2.1', which is no address of this machine"),
        ("WAKECALL_ALLOW_TARGETS", "everything", "WAKECALL_ALLOW_TARGETS: 'everything'"),
        ("WAKECALL_HOME", "/dev/null/var", "The data directory /dev/null/var cannot be used"),
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x", "DATABASE_URL: no connection"),
    ],
)
def test_a_setting_that_cannot_work_is_one_line(
    folder: Path, setting: str, value: str, told: str
) -> None:
    environ = {"WAKECALL_ALLOW_TARGETS": "", setting: value}
    environ.setdefault("PORT", f"{free_port()}")
    refused = start(folder / "refused", free_port(), folder / "refused.out", **environ)

    assert refused.process.wait(30) == 1
    assert refused.printed.count("\n") == 1
    assert told in refused.printed
