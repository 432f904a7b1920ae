"""The processes of an instance: its database brought up to date, then web, scheduler and worker."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Final, NamedTuple

from app.errors import Misconfigured
from local import home as homes
from local.client import Client, await_ready
from local.instance import CHECKOUT, Instance, application
from local.program import dying_with_parent
from local.terminal import shown, step

_READY_S: Final = 60.0
_DEATHS: Final = 3


class Prepared(NamedTuple):
    """What a start found or made."""

    fresh: bool
    """Whether the key of the account `demo` is new."""
    link: str
    """A link that signs the user of that account in, once."""


async def prepare(instance: Instance) -> Prepared:
    """Bring the database up to date, and see to the account `demo` and its user.

    Raises Misconfigured with the last words of what went wrong.
    """
    before = homes.demo_key(instance.home)
    program = application(instance, "prepare", (sys.executable, "-m", "local.prepare"))
    with step("Database", "migrations") as shown_step:
        process = await asyncio.create_subprocess_exec(
            *dying_with_parent(program),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
        )
        try:
            printed, complaints = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        program.log.write_bytes(complaints)
        if process.returncode:
            lines = complaints.decode(errors="replace").strip().splitlines() or ["no reason given"]
            reason = lines[-1].removeprefix("wakecall: ")
            raise Misconfigured(f"{reason} (details: {shown(program.log)})")
        fresh = homes.demo_key(instance.home) != before
        shown_step.result = f"up to date, {'new ' if fresh else ''}account demo"
    return Prepared(fresh, printed.decode().strip())


async def start(instance: Instance, client: Client) -> None:
    """Start web, scheduler and workers as the Procfile says, and wait until all are ready."""
    commands = procfile(CHECKOUT / "Procfile")
    names = ", ".join(instance.processes)
    with step("Processes", names) as shown_step:
        for name, kind in instance.processes.items():
            command = ("/bin/sh", "-c", f"exec {commands[kind]}")
            await instance.supervisor.start(application(instance, name, command))
            instance.supervisor.keep(name)
        said = await _until_ready(instance, client)
        if said:
            raise Misconfigured(_not_ready(instance, said))
        shown_step.result = f"{names} are ready"


async def _until_ready(instance: Instance, client: Client) -> str:
    """As `await_ready`, whose thread ends soon after this is cancelled: the end waits for it."""
    is_over = threading.Event()
    try:
        return await asyncio.to_thread(
            await_ready,
            client,
            lambda: not (is_over.is_set() or _failing(instance)),
            patience_s=_READY_S,
        )
    finally:
        is_over.set()


def procfile(path: Path) -> dict[str, str]:
    """The commands of a Procfile by name."""
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return {name.strip(): command.strip() for name, colon, command in pairs if colon}


def _failing(instance: Instance) -> list[str]:
    """Which processes die again and again."""
    return [name for name in instance.processes if instance.supervisor.deaths[name] > _DEATHS]


def _not_ready(instance: Instance, said: str) -> str:
    for name in _failing(instance):
        log = instance.home.log / f"{name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{name} keeps ending: {lines[-1] if lines else 'it printed nothing'} ({shown(log)})"
    return f"Not ready after {_READY_S:g} s: {said}. The logs are in {shown(instance.home.log)}."
