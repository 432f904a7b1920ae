"""The supervisor: what dies is started again, what is asked to end ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from local import supervisor
from local.orphans import identity
from local.program import Program
from local.supervisor import Supervisor, pause, turn_over
from tests.local.processes import DEAF, ENVIRONMENT, PARENT, SLEEPS, python

Test = Callable[[Supervisor, list[str]], Awaitable[None]]


def supervised(test: Test) -> list[str]:
    """Run `test` with a supervisor and end all it started; return the lines it printed."""

    async def run() -> list[str]:
        lines: list[str] = []
        supervisor = Supervisor(lines.append, lambda: None)
        try:
            await asyncio.wait_for(test(supervisor, lines), 60)
        finally:
            await supervisor.stop_all(last=())
        assert supervisor.records() == {}
        return lines

    return asyncio.run(run())


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - another process is waited for
        await asyncio.sleep(0.01)


def pid(supervisor: Supervisor, name: str) -> int:
    return supervisor.records().get(name, (0, "", 0))[0]


async def up(supervisor: Supervisor, program: Program) -> int:
    """Start the program, kept, and wait until it has printed its first line; its process id."""
    await supervisor.start(program)
    supervisor.keep(program.name)
    await until(lambda: program.log.read_text().endswith("\n"))
    return pid(supervisor, program.name)


def test_a_killed_program_is_started_again_within_a_second(tmp_path: Path) -> None:
    program = python("clerk", tmp_path / "clerk.log", SLEEPS)

    async def test(supervisor: Supervisor, lines: list[str]) -> None:
        first = await up(supervisor, program)
        os.kill(first, signal.SIGKILL)
        await until(lambda: pid(supervisor, "clerk") not in {0, first})
        assert supervisor.alive("clerk")
        assert lines == ["clerk was ended by SIGKILL; starting it again (clerk.log)"]

    supervised(test)


def test_what_a_killed_program_had_started_is_ended_too(tmp_path: Path) -> None:
    program = python("master", tmp_path / "master.log", PARENT)

    async def test(supervisor: Supervisor, _lines: list[str]) -> None:
        master = await up(supervisor, program)
        child = int(program.log.read_text())
        assert identity(child)
        os.kill(master, signal.SIGKILL)
        await until(lambda: not identity(child))

    supervised(test)


def test_a_program_that_keeps_dying_waits_longer_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = python("broken", tmp_path / "broken.log", "raise SystemExit(3)")
    asked: list[int] = []

    def no_pause(quick_deaths: int) -> float:
        asked.append(quick_deaths)
        return 0.0

    monkeypatch.setattr(supervisor, "pause", no_pause)

    async def test(watcher: Supervisor, _lines: list[str]) -> None:
        await watcher.start(program)
        watcher.keep("broken")
        await until(lambda: watcher.deaths["broken"] >= 3)

    lines = supervised(test)

    assert asked[:3] == [1, 2, 3]
    assert lines[0] == "broken ended with status 3; starting it again (broken.log)"


def test_what_is_stopped_while_it_is_started_again_has_ended_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = python("clerk", tmp_path / "clerk.log", SLEEPS)
    spawn = asyncio.create_subprocess_exec

    async def test(supervisor: Supervisor, _lines: list[str]) -> None:
        first = await up(supervisor, program)
        again, stopped = asyncio.Event(), asyncio.Event()

        async def halting(*words: Any, **how: Any) -> Process:
            again.set()
            await stopped.wait()
            return await spawn(*words, **how)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", halting)
        os.kill(first, signal.SIGKILL)
        await again.wait()
        stopping = asyncio.create_task(supervisor.stop(["clerk"]))
        await asyncio.sleep(0)
        stopped.set()
        await stopping
        assert not supervisor.alive("clerk")

    supervised(test)


def test_pauses_begin_short_and_stay_bounded() -> None:
    assert pause(0) == 0
    assert pause(1) == 0.25
    assert pause(2) == 0.5
    assert pause(1000) == 15


def test_a_program_that_is_not_kept_yet_stays_dead(tmp_path: Path) -> None:
    program = python("once", tmp_path / "once.log", "raise SystemExit(1)")

    async def test(supervisor: Supervisor, lines: list[str]) -> None:
        await supervisor.start(program)
        await until(lambda: not supervisor.alive("once"))
        assert lines == []

    supervised(test)


def test_a_program_that_will_not_end_is_killed_when_patience_is_over(tmp_path: Path) -> None:
    program = python("deaf", tmp_path / "deaf.log", DEAF, patience_s=0.2)

    async def test(supervisor: Supervisor, _lines: list[str]) -> None:
        await up(supervisor, program)
        await supervisor.stop(["deaf"])

    assert supervised(test) == ["deaf did not end within 0.2 s; killed"]


def test_a_second_request_to_stop_does_not_wait(tmp_path: Path) -> None:
    guest = python("deaf", tmp_path / "deaf.log", DEAF, patience_s=50)
    server = python("server", tmp_path / "server.log", DEAF, patience_s=50)

    async def test(supervisor: Supervisor, _lines: list[str]) -> None:
        await up(supervisor, server)
        await up(supervisor, guest)
        stopping = asyncio.create_task(supervisor.stop_all(last=["server"]))
        await asyncio.sleep(0)
        supervisor.hurry()
        await asyncio.wait_for(stopping, 30)

    assert supervised(test) == []


def test_hurrying_leaves_a_database_its_orderly_end(tmp_path: Path) -> None:
    ends = "import signal; signal.pthread_sigmask(0, [2]); print('up'); signal.sigwait([2]); "
    program = Program(
        name="database",
        command=(sys.executable, "-u", "-S", "-c", ends + "print('in order')"),
        log=tmp_path / "database.log",
        environment=ENVIRONMENT,
        stop=signal.SIGINT,
    )

    async def test(supervisor: Supervisor, _lines: list[str]) -> None:
        await up(supervisor, program)
        supervisor.hurry()
        await supervisor.stop(["database"])

    assert supervised(test) == []
    assert program.log.read_text() == "up\nin order\n"


def test_servers_are_stopped_after_those_they_serve(tmp_path: Path) -> None:
    says = (
        "import signal, sys; print('up'); signal.sigwait([15]); print('{}', file=open('{}', 'a'))"
    )
    order = tmp_path / "order"
    programs = [
        python(
            name,
            tmp_path / f"{name}.log",
            "import signal; signal.pthread_sigmask(0, [15]);" + says.format(name, order),
        )
        for name in ("server", "guest")
    ]

    async def test(supervisor: Supervisor, _lines: list[str]) -> None:
        for program in programs:
            await up(supervisor, program)
        await supervisor.stop_all(last=["server"])

    supervised(test)

    assert order.read_text().split() == ["guest", "server"]


def test_a_program_that_cannot_be_run_does_not_stop_the_others(tmp_path: Path) -> None:
    missing = Program(name="missing", command=("/no/such",), log=tmp_path / "missing.log")
    program = python("clerk", tmp_path / "clerk.log", SLEEPS)

    async def test(supervisor: Supervisor, _lines: list[str]) -> None:
        await supervisor.start(missing)
        supervisor.keep("missing")
        await up(supervisor, program)
        await until(lambda: supervisor.deaths["missing"] >= 1)
        assert supervisor.alive("clerk")

    assert supervised(test)[0].startswith("missing ended with status 126; starting it again")


def test_a_log_that_grew_too_long_is_turned_over_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("a") as writer:
        writer.write("old\n")
        writer.flush()
        turn_over(log)
        writer.write("new\n")

    assert log.read_text() == "new\n"
    assert (tmp_path / "web.log.1").read_text() == "old\n"


def test_logs_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 10)
    monkeypatch.setattr(supervisor, "_LOG_WATCH_S", 0.01)
    program = python("chatty", tmp_path / "chatty.log", "print('x' * 100); " + SLEEPS)

    async def test(watcher: Supervisor, _lines: list[str]) -> None:
        watch = asyncio.create_task(watcher.watch_logs())
        await watcher.start(program)
        await until((tmp_path / "chatty.log.1").exists)
        watch.cancel()

    supervised(test)

    assert "x" * 100 in (tmp_path / "chatty.log.1").read_text()
