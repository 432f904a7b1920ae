"""The servers of an instance: its own PostgreSQL and Valkey, or those that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import psycopg

from app.config import number
from app.errors import Misconfigured
from app.store.sessions import SessionOptions, open_session
from local import cluster as clusters
from local import home as homes
from local import postgres, valkey
from local.instance import Instance, announce
from local.program import Program, listen
from local.terminal import say, shown, step


async def start(instance: Instance) -> None:
    """Start PostgreSQL and Valkey, or use those that the settings name."""
    fresh = await _start_postgres(instance)
    homes.secret_key(instance.home, fresh_database=fresh)
    if given := instance.environment.get("REDIS_URL"):
        say("Redis", "as REDIS_URL says")
    else:
        given = await _start_valkey(instance)
    instance.environment["REDIS_URL"] = given
    instance.facts["redis_url"] = given
    announce(instance)


async def _start_postgres(instance: Instance) -> bool:
    """Start the database, or check the one that is given; whether it is a fresh one of ours."""
    if given := instance.environment.get("DATABASE_URL"):
        with step("PostgreSQL", "as DATABASE_URL says") as shown_step:
            shown_step.result = f"{await asyncio.to_thread(_server_version, given)}, given"
        instance.facts["database_url"] = given
        return True
    settings = _postgres_settings(instance)
    with step("PostgreSQL", "starting") as shown_step:
        cluster = await asyncio.to_thread(
            clusters.prepare,
            instance.home.path / "postgres",
            instance.sockets,
            homes.password(instance.home.path / "postgres-password"),
            instance.owner,
        )
        program = postgres.program(cluster, instance.home.log / "postgres.log", settings)
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
        shown_step.result = f"{clusters.version()}, {where} in {shown(cluster.data)}"
    url = postgres.url(cluster)
    instance.environment["DATABASE_URL"] = url
    instance.facts["database_url"] = url
    return cluster.fresh


def _postgres_settings(instance: Instance) -> Mapping[str, str]:
    """The settings of the embedded PostgreSQL for the processes of this instance."""
    environ = instance.environment
    webs = number(environ, "WEB_CONCURRENCY", default=2, minimum=1, maximum=64)
    return postgres.settings_for(webs=webs, workers=instance.settings.workers)


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


def _server_version(url: str) -> str:
    """The version of the server that DATABASE_URL names. Raises Misconfigured."""
    try:
        with open_session(url, SessionOptions(settings={}, connect_s=10)) as session:
            return session.info.parameter_status("server_version") or "unknown"
    except psycopg.Error as error:
        reason = " ".join(f"{error}".split())
        raise Misconfigured(f"DATABASE_URL: no connection: {reason}") from None
