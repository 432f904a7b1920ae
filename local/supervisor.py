"""Supervisor: restarts the instance's programs when they die, and stops all of them when asked.

docs/decisions/0005 explains why this is not supervisord.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from local.orphans import identity, kill_group
from local.program import Program, dying_with_parent, open_log

LOG_BYTES: Final = 10 * 2**20
_LOG_WATCH_S: Final = 1.0
_SETTLED_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.25
_MAX_PAUSE_S: Final = 15.0


def pause(quick_deaths: int) -> float:
    """Seconds to wait before starting a program that died young so many times in a row."""
    if quick_deaths == 0:
        return 0.0
    return float(min(_FIRST_PAUSE_S * 2 ** min(quick_deaths - 1, 10), _MAX_PAUSE_S))


class Supervisor:
    """The running programs of one instance; `tell` prints a line, `changed` hears of new pids."""

    def __init__(self, report: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.deaths: dict[str, int] = {}
        self._report = report
        self._changed = changed
        self._programs: dict[str, Program] = {}
        self._processes: dict[str, Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unwanted: dict[str, asyncio.Event] = {}
        self._kept: set[str] = set()
        self._hurried = False

    async def start(self, program: Program) -> None:
        """Start a program; see `keep` for what happens when it ends. Raises OSError."""
        self.deaths[program.name] = 0
        self._programs[program.name] = program
        self._unwanted[program.name] = asyncio.Event()
        process = await self._spawn(program)
        self._tasks[program.name] = asyncio.create_task(self._keep(program, process))

    def keep(self, name: str) -> None:
        """From now on start this program again when it ends by itself."""
        self._kept.add(name)

    def abandon(self, name: str) -> None:
        """Kill a program that is not kept and that may never end in good order."""
        if process := self._processes.get(name):
            kill_group(process.pid)

    def alive(self, name: str) -> bool:
        """Whether this program runs now."""
        return name in self._processes

    def records(self) -> dict[str, tuple[int, str, int]]:
        """What a later run needs in order to find these processes, should this one be killed."""
        return {
            name: (process.pid, identity(process.pid), self._programs[name].stop.value)
            for name, process in self._processes.items()
        }

    async def stop(self, names: Iterable[str]) -> None:
        """End these programs together: asked first, killed when their patience is over."""
        known = [name for name in names if name in self._tasks]
        for name in known:
            self._unwanted[name].set()
            self._ask(name)
        await asyncio.gather(*(self._see_off(name) for name in known))

    async def stop_all(self, *, last: Iterable[str]) -> None:
        """End every program, those named `last` after all others, whom they serve."""
        servers = set(last)
        await self.stop([name for name in self._tasks if name not in servers])
        await self.stop(servers)

    def hurry(self) -> None:
        """Kill what has been asked to end, and is from now on; but no database."""
        self._hurried = True
        for name in self._processes:
            if self._unwanted[name].is_set():
                self._ask(name)

    async def watch_logs(self) -> None:
        """Keep every log below its bound, with one predecessor; runs until cancelled.

        Programs hold their log open, so it is copied and cut: a line written in between is
        lost, but none passes through this process.
        """
        while True:
            await asyncio.sleep(_LOG_WATCH_S)
            for program in self._programs.values():
                with suppress(OSError):
                    if program.log.stat().st_size > LOG_BYTES:
                        await asyncio.to_thread(turn_over, program.log)

    async def _keep(self, program: Program, process: Process | None) -> None:
        unwanted = self._unwanted[program.name]
        quick_deaths = 0
        while True:
            began = time.monotonic()
            how = await self._until_it_ends(program, process)
            if unwanted.is_set() or program.name not in self._kept:
                return
            self.deaths[program.name] += 1
            quick_deaths = quick_deaths + 1 if time.monotonic() - began < _SETTLED_S else 0
            seconds = pause(quick_deaths)
            when = f" in {seconds:g} s" if seconds >= 1 else ""
            self._report(f"{program.name} {how}; starting it again{when} ({program.log.name})")
            with suppress(TimeoutError):
                await asyncio.wait_for(unwanted.wait(), seconds)
                return
            try:
                process = await self._spawn(program)
            except OSError as error:
                self._report(f"{program.name} cannot be started: {error}")
                process = None

    async def _until_it_ends(self, program: Program, process: Process | None) -> str:
        if process is None:
            return "is not running"
        status = await process.wait()
        self._processes.pop(program.name, None)
        # A server that was killed leaves its own workers behind, serving.
        kill_group(process.pid)
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    async def _spawn(self, program: Program) -> Process:
        log = open_log(program)
        try:
            process = await asyncio.create_subprocess_exec(
                *dying_with_parent(program),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                cwd=program.folder,
                env=dict(program.environment),
                # Ctrl-C at the terminal is for this process, which then asks its programs.
                start_new_session=True,
            )
        finally:
            os.close(log)
        self._processes[program.name] = process
        self._changed()
        if self._unwanted[program.name].is_set():
            self._ask(program.name)
        return process

    def _ask(self, name: str) -> None:
        stop = self._programs[name].stop
        if process := self._processes.get(name):
            if self._hurried and stop == signal.SIGTERM:
                kill_group(process.pid)
            else:
                with suppress(ProcessLookupError):
                    process.send_signal(stop)

    async def _see_off(self, name: str) -> None:
        task = self._tasks[name]
        done, _ = await asyncio.wait([task], timeout=self._programs[name].patience_s)
        if not done and (process := self._processes.get(name)):
            self._report(f"{name} did not end within {self._programs[name].patience_s:g} s; killed")
            kill_group(process.pid)
        await task
        del self._tasks[name]


def turn_over(log: Path) -> None:
    """Rename the log to its predecessor's name and start an empty one."""
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
