"""Hostile: an account's calls and bookings while another, or a stranger, does what it can."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from app.domain.limits import REQUESTS_PER_SECOND
from bench import bookings, instance, results
from bench.bookings import Batch
from bench.children import ask, child, free_port, python
from bench.client import request
from bench.figures import lateness, percentile, rounded
from bench.harness import BenchHarness, Findings, Progress
from bench.hostile.attack import Attack
from bench.hostile.attacks import ATTACKS
from bench.hostile.table import KEY, NOTHING
from bench.hostile.target import ADDRESSES, Target, far
from bench.memory import Memory
from bench.plan import Plan
from bench.receiver import Arrival, Receiver, await_listening
from local.client import Client, await_ready
from local.instance import CHECKOUT
from local.program import Program

MINUTES: Final = (2.5, 11.0)
"""How long it takes, quick and full."""

_LIMITS: Final = {REQUESTS_PER_SECOND.setting: f"{REQUESTS_PER_SECOND.default}"}
"""What `make run` sets otherwise than a deployment without any setting."""

_CALLS_PER_S: Final = 100
_BOOKINGS_PER_S: Final = 40
_AFTER_S: Final = 0.3
_AGED: Final = timedelta(minutes=5)
_READY_S: Final = 60.0
_TRIES: Final = 5

# As often as it takes to make minutes of what seconds have left, evenly over these minutes.
_AGE: Final = """
INSERT INTO {table}
SELECT (jsonb_populate_record(t, jsonb_build_object(
         'run_id', uuidv7(), {column}, clock_timestamp() - random() * %(aged)s::interval))).*
FROM {table} t, generate_series(1, %(times)s)
"""


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`hostile`: by attack, how late the calls were, how long bookings took, and what it got."""
    folder = harness.instance.home.parents[1]
    return measure(harness.plan, harness.receiver, progress, ATTACKS, folder=folder)


def measure(
    plan: Plan,
    receiver: Receiver,
    progress: Progress,
    attacks: Sequence[Attack],
    *,
    folder: Path = instance.FOLDER,
) -> Findings:
    """What `run` finds, of these attacks; the data of the instance lie below `folder`."""
    found: dict[str, Any] = {}
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "commit": results.commit(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "receiver": receiver.name,
        "seconds": plan.hostile_s,
        "calls_per_s": _CALLS_PER_S,
        "bookings_per_s": _BOOKINGS_PER_S,
    }
    progress("starting an instance")
    with defended(plan, receiver, folder) as (harness, target):
        harness.rest(progress)
        for attack in (None, *attacks):
            name = attack.name if attack else NOTHING

            def say(text: str, name: str = name) -> None:
                progress(f"{name}: {text}")

            found[name] = beside(harness, say, target, attack)
    return {KEY: {"measured": about, "attacks": found}}


@contextmanager
def defended(plan: Plan, receiver: Receiver, folder: Path) -> Iterator[tuple[BenchHarness, Target]]:
    """An instance of its own, with the limits of a deployment, and a receiver for the attacker.

    The harness has the account that is measured, the target that of the attacker.
    """
    port = free_port()
    program = Program(
        name="attacker",
        command=python("bench.hostile.receiver", f"{port}"),
        log=receiver.folder / "attacker.log",
        folder=CHECKOUT,
    )
    with (
        child(program) as process,
        instance.running(receiver.authority, folder=folder, limits=_LIMITS) as under_attack,
        under_attack.connect() as connection,
    ):
        alive = {program.name: lambda: process.poll() is None}
        await_listening(ADDRESSES[-1], [port], alive, receiver.folder)
        attacker = under_attack.account("attacker")
        harness = BenchHarness(
            plan=plan,
            instance=under_attack,
            receiver=receiver,
            account=under_attack.account("victim"),
            connection=connection,
        )
        yield (
            harness,
            Target(
                port=under_attack.port,
                account=attacker.name,
                key=attacker.key,
                receiver=port,
                closed=free_port(),
            ),
        )


def beside(
    harness: BenchHarness, progress: Progress, target: Target, attack: Attack | None
) -> dict[str, Any]:
    """Measure an account's calls and bookings beside the attack, and the attack's own results."""
    if attack is not None:
        progress("preparing")
        target = _prepared(harness, target, attack)
    harness.receiver.forget()
    seconds = harness.plan.hostile_s
    batch = harness.batch(
        int(_CALLS_PER_S * seconds), per_s=_CALLS_PER_S, port=harness.receiver.timed
    )
    bookings.book(harness.connection, batch, tidy=False)
    lead = (batch.first - harness.now()).total_seconds()
    progress("measuring")
    with Memory(harness.instance.pids()["web"]) as memory, ThreadPoolExecutor() as threads:
        attacking = None
        if attack is not None:
            attacking = threads.submit(_attack, target, attack, lead + seconds + _AFTER_S)
        booking = threads.submit(ask, "bench.paced", _paced(harness, lead))
        arrivals = harness.receiver.arrivals(
            batch.count, patience_s=lead + seconds + harness.plan.hostile_patience_s
        )
        waited = harness.now()
    noticed = measured(batch, arrivals, booking.result(), waited=waited)
    arrived = {} if attacking is None else attacked(attacking.result())
    _clear(harness, progress)
    return {**noticed, **arrived, "web_growth_mib": memory.growth_mib}


def _prepared(harness: BenchHarness, target: Target, attack: Attack) -> Target:
    if attack.prepare is not None:
        facts = ask("bench.hostile.attacker", {"attack": attack.name, "target": target.document()})
        target = replace(target, facts=facts)
    if attack.left_in is not None:
        seconds = harness.plan.hostile_s
        _attack(target, attack, seconds)
        age(harness.connection, attack.left_in, seconds)
    return target


def age(connection: psycopg.Connection, left_in: tuple[str, str], seconds: float) -> None:
    """Multiply the rows that `seconds` of an attack left in a table to those of five minutes."""
    table, column = left_in
    connection.execute(
        sql.SQL(_AGE).format(table=sql.Identifier(table), column=sql.Literal(column)),
        {"aged": _AGED, "times": round(_AGED.total_seconds() / seconds)},
    )


def _attack(target: Target, attack: Attack, seconds: float) -> dict[str, Any]:
    question = {"attack": attack.name, "target": target.document(), "seconds": seconds}
    return ask("bench.hostile.attacker", question)


def _paced(harness: BenchHarness, lead: float) -> dict[str, Any]:
    job = b'{"url": "http://127.0.1.1:%d/wake", "when": "%b"}'
    text = request(
        "POST",
        "/1/jobs",
        job % (harness.receiver.plain, far().encode()),
        Authorization=f"Bearer {harness.account.key}",
        Content_Type="application/json",
        Connection="close",
    )
    return {
        "port": harness.instance.port,
        "request": text.decode("latin-1"),
        "begin_in": lead,
        "per_s": _BOOKINGS_PER_S,
        "seconds": harness.plan.hostile_s,
        "patience_s": harness.plan.hostile_patience_s,
    }


def measured(
    batch: Batch, arrivals: list[Arrival], booked: Mapping[str, Any], *, waited: datetime
) -> dict[str, Any]:
    """The figures: a call that did not come is as late as it was waited for."""
    first: dict[str, Arrival] = {}
    for each in arrivals:
        first.setdefault(each.run, each)
    arrived = {each.due for each in first.values()}
    missed = batch.count - len(arrived)
    # Instants lie within their steps at random: which call is missing, its due time does not tell.
    least = (waited - batch.first - batch.step * batch.count).total_seconds()
    late = lateness([each.late for each in first.values()] + [least] * missed)
    took = sorted(booked["took"])
    return {
        "calls_ms": {"p50": late.p50, "p99": late.p99, "max": late.max},
        "calls": batch.count,
        "missed": missed,
        "bookings_ms": {
            name: round(percentile(took, share) * 1000, 1)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
        "bookings": len(took),
        "bookings_refused": len(took) - booked["statuses"].get("201", 0),
    }


def attacked(score: Mapping[str, Any]) -> dict[str, Any]:
    """What the attacker got."""
    seconds = score["seconds"]
    return {
        "attack_per_s": rounded(score["answered"] / seconds),
        "attack_refused": rounded(score["refused"] / max(1, score["answered"])),
        "attack_statuses": score["statuses"],
        "attack_connections": score["opened"],
    }


def _clear(harness: BenchHarness, progress: Progress) -> None:
    """Leave nothing of the attack, and return once the instance is idle again."""
    for attempt in range(_TRIES):
        # What is left of the attack may be in the middle of a transaction.
        with suppress(psycopg.errors.DeadlockDetected):
            harness.purge()
            break
        time.sleep(attempt)
    client = Client(host="127.0.0.1", port=harness.instance.port)
    await_ready(client, lambda: True, patience_s=_READY_S)
    harness.rest(progress)
