"""Command: `python -m tests.simulation` with its options, and its report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import click

from app import log
from tests.arguments import having, number, refuse
from tests.servers import Databases, migrated, postgres_server
from tests.simulation import breakage_table, crashes, items
from tests.simulation.breakage import Breakage
from tests.simulation.breakages import ALL
from tests.simulation.plan import DAY, SHORT, Plan
from tests.simulation.play import Result, Scene, play
from tests.simulation.shrink import Shrinker
from tests.simulation.story import tell


def main() -> None:
    """Play the seeds that are asked for; exit 1 if one of them breaks a promise."""
    options = _options()
    _check_items(options)
    with (
        _logging_to(options.log),
        postgres_server() as server,
        migrated(server) as databases,
    ):
        if options.breakages is not None:
            sys.exit(_count_seeds(databases, options))
        if options.crashes:
            sys.exit(_crash(databases, options.crashes))
        sys.exit(_play_seeds(databases, options))


def _play_seeds(databases: Databases, options: argparse.Namespace) -> int:
    """Play the seeds, and make each smaller that breaks a promise; 1 if one did."""
    plan = _plan(options)
    breakage = options.planted
    broken = 0
    for seed in range(options.seed, options.seed + options.seeds):
        scene = _scene(options, seed, plan)
        with breakage.planted() if breakage else nullcontext():
            result = play(databases, scene)
            _report(result)
            if result.violations and options.shrink:
                result = _shrink(databases, result, options.shrink)
                _report_smallest(result, options)
        if options.tell:
            click.echo("\n".join(tell(result.evidence)))
        broken += bool(result.violations)
    return 1 if broken else 0


def _check_items(options: argparse.Namespace) -> None:
    """Refuse items that a seed has not; exits."""
    for seed in range(options.seed, options.seed + options.seeds):
        if unknown := sorted({*(options.only or ())} - {*Scene.whole(seed, _plan(options)).items}):
            refuse(f"seed {seed} has no item {unknown[0].name}.")


def _scene(options: argparse.Namespace, seed: int, plan: Plan) -> Scene:
    whole = Scene.whole(seed, plan)
    if options.thin > 1:
        whole = replace(whole, items=whole.items[:: options.thin])
    if options.only is not None:
        whole = replace(whole, items=options.only)
    if options.until is not None:
        whole = replace(whole, until=options.until * DAY)
    return whole


def _shrink(databases: Databases, result: Result, plays: int) -> Result:
    def tell_progress(smaller: Result) -> None:
        scene = smaller.scene
        click.echo(f"  smaller: {len(scene.items)} items, {scene.until / DAY:.2f} days")

    shrinker = Shrinker(lambda scene: play(databases, scene), result, plays, tell_progress)
    return shrinker.shrink()


def _report_smallest(result: Result, options: argparse.Namespace) -> None:
    """Print the smallest scene, what happened in it, and the command that plays it again."""
    click.echo(f"smallest: {len(result.scene.items)} items")
    for each in result.violations[:5]:
        click.echo(f"  {each}")
    for line in tell(result.evidence):
        click.echo(f"    {line}")
    click.echo(f"play it again: {_command(result.scene, options)}")


def _command(scene: Scene, options: argparse.Namespace) -> str:
    parts = [f"make simulate SEED={scene.seed} SEEDS=1 UNTIL={scene.until / DAY:.6f}"]
    if options.days is not None:
        parts.append(f"DAYS={options.days:g}")
    if options.short:
        parts.append("SHORT=1")
    if options.planted:
        parts.append(f"PLANTED='{options.planted.name}'")
    parts.append(f"ONLY='{items.written(scene.items)}'")
    return " ".join(parts)


def _planted(name: str) -> Breakage:
    found = next((each for each in ALL if each.name == name), None)
    if found is None:
        refuse(f"there is no breakage {name!r}; there are {', '.join(each.name for each in ALL)}.")
    return found


def _breakages(part: str) -> tuple[Breakage, ...]:
    names = having(part, (each.name for each in ALL))
    return tuple(each for each in ALL if each.name in names)


def _items(text: str) -> tuple[items.Item, ...]:
    try:
        return items.parse(text)
    except ValueError as error:
        refuse(f"ONLY is {text!r}: {error}")


def _count_seeds(databases: Databases, options: argparse.Namespace) -> int:
    """Play seeds with each breakage until one finds it; 1 if one was not found as it is to be."""
    found = {}
    for breakage in options.breakages:
        first = _first_seed(lambda scene: play(databases, scene), breakage, options)
        found[breakage.name] = first
        click.echo(f"{breakage.name}: {breakage_table.result_of(breakage, first, options.seeds)}")
        if options.table is not None:
            # One after the other, so that a run that is interrupted keeps what it found.
            breakage_table.write(options.table, found, options.seeds)
    as_expected = ((found[each.name] is None) == bool(each.held_by) for each in options.breakages)
    return 0 if all(as_expected) else 1


def _first_seed(
    play_scene: Callable[[Scene], Result], breakage: Breakage, options: argparse.Namespace
) -> breakage_table.Found | None:
    """The first seed that finds it, and how; None if none of them does."""
    plan = _plan(options)
    for nth in range(options.seeds):
        scene = _of_kinds(Scene.whole(options.seed + nth, plan), breakage.kinds)
        with breakage.planted():
            result = play_scene(scene)
        if result.violations:
            return breakage_table.Found(seeds=nth + 1, violation=result.violations[0])
    return None


def _of_kinds(scene: Scene, kinds: tuple[str, ...]) -> Scene:
    """The scene with items of these kinds only; the whole one where none is named."""
    if not kinds:
        return scene
    return replace(scene, items=tuple(each for each in scene.items if each.kind in kinds))


def _plan(options: argparse.Namespace) -> Plan:
    plan = SHORT if options.short or options.breakages is not None else Plan()
    if options.days is not None:
        plan = replace(plan, days=options.days)
    return replace(plan, fault=0) if options.calm else plan


def _crash(databases: Databases, every: int) -> int:
    """Let a process die at each `every`th moment of the scenario; 1 if a promise is broken."""
    scene = Scene.whole(0, crashes.PLAN)
    whole = play(databases, scene, crashes.draw_each_kind)
    _report(whole)
    broken = bool(whole.violations)
    for moment in range(1, whole.moments, every):
        result = play(databases, scene, crashes.draw_each_kind, kill_at=moment)
        if result.violations:
            broken = True
            click.echo(f"killed at moment {moment}:")
            _report(result)
        elif moment % (every * 25) == 1:
            click.echo(f"killed at moment {moment:,} of {whole.moments:,}: all kept")
    return 1 if broken else 0


def _report(result: Result) -> None:
    evidence = result.evidence
    click.echo(
        f"seed {result.scene.seed}: {len(evidence.runs):,} runs, {len(evidence.arrivals):,} calls, "
        f"{result.killed} killed, {result.moments:,} moments, {result.took_s:.1f} s",
    )
    for each in result.violations[:20]:
        click.echo(f"  {each}")


@contextmanager
def _logging_to(path: str) -> Iterator[None]:
    """Let the processes log there; the report and errors of this program are on the terminal."""
    terminal = os.dup(sys.stderr.fileno())
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
    log.configure("simulation", "info")
    try:
        yield
    finally:
        os.dup2(terminal, sys.stderr.fileno())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=number(int, 1), default=1, help="how many seeds")
    parser.add_argument(
        "--days", type=number(float, 0.01), help="over how many days a seed is drawn"
    )
    parser.add_argument("--until", type=number(float, 0), help="the day after which nothing begins")
    parser.add_argument(
        "--thin", type=number(int, 1), default=1, metavar="N", help="play each Nth item"
    )
    parser.add_argument(
        "--only", type=_items, metavar="ITEMS", help="play only these, as recurring-3 fault-1"
    )
    parser.add_argument("--short", action="store_true", help="fewer jobs, in seconds")
    parser.add_argument("--calm", action="store_true", help="without faults")
    parser.add_argument("--tell", action="store_true", help="print what happened")
    parser.add_argument(
        "--shrink",
        type=number(int, 0),
        default=60,
        metavar="PLAYS",
        help="make a seed smaller that breaks a promise, in so many plays at most; 0 for none",
    )
    parser.add_argument("--planted", type=_planted, metavar="NAME", help="play with this breakage")
    parser.add_argument(
        "--breakages",
        nargs="?",
        const="",
        type=_breakages,
        metavar="NAME",
        help="plant each breakage (of this name), and count the seeds that it takes to find it",
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="write the counts of --breakages into this page"
    )
    parser.add_argument(
        "--crashes",
        nargs="?",
        const=1,
        type=number(int, 1),
        metavar="EVERY",
        help="kill a process at each (EVERYth) moment of a short scenario",
    )
    parser.add_argument("--log", default=os.devnull, help="a file for the log of all processes")
    return parser.parse_args()
