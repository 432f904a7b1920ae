"""One instance: its servers, its database brought up to date, its web, scheduler and worker."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from app.config import Settings
from app.errors import Misconfigured
from local import home as homes
from local import network, orphans, postgres, valkey
from local import owner as owners
from local.client import Client, await_ready
from local.home import Home
from local.owner import Owner
from local.program import Program, leashed, listen
from local.supervisor import Supervisor
from local.terminal import say, shown, step

CHECKOUT: Final = Path(__file__).resolve().parent.parent
SERVERS: Final = ("postgres", "valkey")
PROCESSES: Final = ("web", "scheduler", "worker")
_READY_S: Final = 60.0
_DEATHS: Final = 3
_PATIENCE_S: Final = {"web": 4.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """What this start has decided; `facts` is what others may learn of it."""

    home: Home
    settings: Settings
    owner: Owner | None
    sockets: Path
    environment: dict[str, str]
    supervisor: Supervisor
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        """Where this machine reaches the web."""
        return network.reachable(self.settings.host), self.settings.port

    @property
    def url(self) -> str:
        """The web's URL."""
        return network.url(*self.address)


def clear_up(home: Home) -> None:
    """End and remove what an earlier run left behind when it was killed."""
    earlier = homes.announced(home)
    for name in orphans.clear(earlier.get("processes")):
        say("Cleared up", f"{name} of an earlier run, which was killed")
    if isinstance(earlier.get("sockets"), str):
        network.remove_socket_folder(Path(earlier["sockets"]))


def create(
    home: Home, settings: Settings, environ: Mapping[str, str], tell: Callable[[str], None]
) -> Instance:
    """Settle who runs what where. Raises Misconfigured."""
    owner = owners.choose(home.path / "postgres")
    sockets = network.socket_folder(owner)
    scripts = f"{Path(sys.executable).parent}"
    environment = {
        **environ,
        "PATH": f"{scripts}{os.pathsep}{environ.get('PATH', os.defpath)}",
        "WAKECALL_HOME": f"{home.path}",
        "HOST": settings.host,
        "PORT": f"{settings.port}",
        "PYTHONUNBUFFERED": "1",
    }
    # `changed` is called once there are processes to write down.
    instance: Instance

    def changed() -> None:
        announce(instance)

    instance = Instance(
        home=home,
        settings=settings,
        owner=owner,
        sockets=sockets,
        environment=environment,
        supervisor=Supervisor(tell, changed),
    )
    instance.facts.update(url=instance.url, pid=os.getpid(), sockets=f"{sockets}")
    return instance


def announce(instance: Instance) -> None:
    """Write down how the instance is reached and which processes it has."""
    facts = {**instance.facts, "processes": instance.supervisor.records()}
    homes.announce(instance.home, facts)


async def start_servers(instance: Instance) -> None:
    """Start PostgreSQL and Valkey, or settle for those that the settings name."""
    fresh = await _start_postgres(instance)
    homes.secret_key(instance.home, fresh_database=fresh)
    if given := instance.environment.get("REDIS_URL"):
        say("Redis", "as REDIS_URL says")
    else:
        given = await _start_valkey(instance)
    instance.environment["REDIS_URL"] = given
    instance.facts["redis_url"] = given
    announce(instance)


async def prepare(instance: Instance) -> bool:
    """Bring the database up to date and see to the account `demo`; whether its key is new.

    Raises Misconfigured with the last words of what went wrong.
    """
    before = homes.demo_key(instance.home)
    program = _program(instance, "prepare", (sys.executable, "-m", "local.prepare"))
    with step("Database", "migrations") as shown_step:
        process = await asyncio.create_subprocess_exec(
            *leashed(program),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
        )
        try:
            _, complaints = await process.communicate()
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
    return fresh


async def start_processes(instance: Instance, client: Client) -> None:
    """Start web, scheduler and worker as the Procfile says, and wait until all are ready."""
    commands = procfile(CHECKOUT / "Procfile")
    with step("Processes", ", ".join(PROCESSES)) as shown_step:
        for name in PROCESSES:
            command = ("/bin/sh", "-c", f"exec {commands[name]}")
            await instance.supervisor.start(_program(instance, name, command))
            instance.supervisor.keep(name)
        said = await asyncio.to_thread(
            await_ready, client, lambda: not _failing(instance), patience_s=_READY_S
        )
        if said:
            raise Misconfigured(_not_ready(instance, said))
        shown_step.result = f"{', '.join(PROCESSES)} are ready"


def procfile(path: Path) -> dict[str, str]:
    """The commands of a Procfile by name."""
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return {name.strip(): command.strip() for name, colon, command in pairs if colon}


async def _start_postgres(instance: Instance) -> bool:
    """Start the database, or check the one that is given; whether it is a fresh one of ours."""
    if given := instance.environment.get("DATABASE_URL"):
        with step("PostgreSQL", "as DATABASE_URL says") as shown_step:
            shown_step.result = f"{await asyncio.to_thread(_server_version, given)}, given"
        instance.facts["database_url"] = given
        return True
    with step("PostgreSQL", "starting") as shown_step:
        cluster = await asyncio.to_thread(
            postgres.prepare,
            instance.home.path / "postgres",
            instance.sockets,
            homes.password(instance.home.path / "postgres-password"),
            instance.owner,
        )
        program = postgres.program(cluster, instance.home.log / "postgres.log")
        words = listen(program)
        await instance.supervisor.start(program)
        try:
            await asyncio.to_thread(
                postgres.await_ready, cluster, _alive(instance, program), words, shown_step.doing
            )
        except Misconfigured:
            instance.supervisor.abandon(program.name)
            raise
        instance.supervisor.keep(program.name)
        where = "a new database" if cluster.fresh else "the database found"
        shown_step.result = f"{postgres.version()}, {where} in {shown(cluster.data)}"
    url = postgres.url(cluster)
    instance.environment["DATABASE_URL"] = url
    instance.facts["database_url"] = url
    return cluster.fresh


async def _start_valkey(instance: Instance) -> str:
    with step("Valkey", "starting") as shown_step:
        log = instance.home.log / "valkey.log"
        program = valkey.program(instance.sockets, log, instance.owner)
        words = listen(program)
        await instance.supervisor.start(program)
        await asyncio.to_thread(
            valkey.await_ready, instance.sockets, _alive(instance, program), words
        )
        instance.supervisor.keep(program.name)
        shown_step.result = f"{valkey.version()}, in memory"
    return valkey.url(instance.sockets)


def _alive(instance: Instance, program: Program) -> Callable[[], bool]:
    """Whether a program runs now."""
    return lambda: instance.supervisor.alive(program.name)


def _failing(instance: Instance) -> list[str]:
    """Which processes die again and again."""
    return [name for name in PROCESSES if instance.supervisor.deaths[name] > _DEATHS]


def _not_ready(instance: Instance, said: str) -> str:
    for name in _failing(instance):
        log = instance.home.log / f"{name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{name} keeps ending: {lines[-1] if lines else 'it says nothing'} ({shown(log)})"
    return f"Not ready after {_READY_S:g} s: {said}. The logs are in {shown(instance.home.log)}."


def _program(instance: Instance, name: str, command: tuple[str, ...]) -> Program:
    return Program(
        name=name,
        command=command,
        log=instance.home.log / f"{name}.log",
        environment=instance.environment,
        folder=CHECKOUT,
        patience_s=_PATIENCE_S.get(name, 10.0),
    )


def _server_version(url: str) -> str:
    """The version of the server that DATABASE_URL names. Raises Misconfigured."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            return connection.info.parameter_status("server_version") or "unknown"
    except psycopg.Error as error:
        reason = " ".join(f"{error}".split())
        raise Misconfigured(f"DATABASE_URL: no connection: {reason}") from None
