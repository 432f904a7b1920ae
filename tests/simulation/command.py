"""Command: `python -m tests.simulation` with its options, and its report."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

import click

from app import log
from tests.servers import Databases, migrated, postgres_server
from tests.simulation import crashes
from tests.simulation.breakages import BREAKAGES
from tests.simulation.play import Result, play
from tests.simulation.scenario import SHORT, Plan


def main() -> None:
    """Play the seeds that are asked for; exit 1 if one of them breaks a promise."""
    options = _options()
    plan = replace(SHORT if options.short else Plan(), days=options.days)
    if options.calm:
        plan = replace(plan, faults=0)
    _log_to(options.log)
    broken = 0
    with postgres_server() as server, migrated(server) as databases:
        if options.breakages is not None:
            sys.exit(_plant(databases, options.breakages, options.seed, options.seeds))
        if options.crashes:
            sys.exit(_crash(databases, options.crashes))
        for seed in range(options.seed, options.seed + options.seeds):
            result = play(databases, seed, plan)
            _report(result)
            broken += bool(result.violations)
    sys.exit(1 if broken else 0)


def _plant(databases: Databases, chosen: str, first: int, seeds: int) -> int:
    """Play seeds with each breakage until one of them finds it; 1 if one was not found."""
    missed = 0
    for breakage in BREAKAGES:
        if chosen not in breakage.name:
            continue
        for seed in range(first, first + seeds):
            with breakage.planted():
                result = play(databases, seed, SHORT)
            if result.violations:
                number = seed - first + 1
                click.echo(f"{breakage.name}: found by seed {number}: {result.violations[0][:90]}")
                break
        else:
            missed += 1
            click.echo(f"{breakage.name}: NOT FOUND by {seeds} seeds")
    return 1 if missed else 0


def _crash(databases: Databases, every: int) -> int:
    """Let a process die at each `every`th moment of the scenario; 1 if a promise is broken."""
    whole = play(databases, 0, crashes.PLAN, crashes.draw_each_kind)
    _report(whole)
    broken = bool(whole.violations)
    for moment in range(1, whole.moments, every):
        result = play(databases, 0, crashes.PLAN, crashes.draw_each_kind, kill_at=moment)
        if result.violations:
            broken = True
            click.echo(f"killed at moment {moment}:")
            _report(result)
        elif moment % (every * 25) == 1:
            click.echo(f"killed at moment {moment:,} of {whole.moments:,}: all kept")
    return 1 if broken else 0


def _report(result: Result) -> None:
    click.echo(
        f"seed {result.seed}: {result.runs:,} runs, {result.calls:,} calls, "
        f"{result.killed} killed, {result.moments:,} moments, {result.took_s:.1f} s",
    )
    for each in result.violations[:20]:
        click.echo(f"  {each}")


def _log_to(path: str) -> None:
    """Let the processes log there; the report is what remains on the terminal."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(number, sys.stderr.fileno())
    log.configure("simulation", "info")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    parser.add_argument("--days", type=float, default=365.0, help="days that are played")
    parser.add_argument("--short", action="store_true", help="fewer jobs, in seconds")
    parser.add_argument("--calm", action="store_true", help="without faults")
    parser.add_argument(
        "--breakages",
        nargs="?",
        const="",
        metavar="NAME",
        help="plant each breakage (of this name), and count the seeds that it takes to find it",
    )
    parser.add_argument(
        "--crashes",
        nargs="?",
        const=1,
        type=int,
        metavar="EVERY",
        help="kill a process at each (EVERYth) moment of a short scenario",
    )
    parser.add_argument("--log", default=os.devnull, help="a file for the log of all processes")
    return parser.parse_args()
