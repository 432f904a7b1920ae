"""Command: `python -m tests.interleavings` with its options, and its report."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from tests.arguments import having
from tests.interleavings.breakages import BREAKAGES
from tests.interleavings.exploration import Environment, Pair, environment, explore
from tests.interleavings.situations import SITUATIONS, Situation
from tests.servers import Databases, database_name, migrated, postgres_server

_TOGETHER: Final = 400
"""Pairs that share a database: one in which more was deleted has become slow."""


def main() -> None:
    """Interleave all pairs, or plant faults; exit 1 if a promise is broken or a fault missed."""
    options = _options()
    names = having(options.only, (each.name for each in SITUATIONS))
    chosen = [each for each in SITUATIONS if each.name in names]
    with postgres_server() as server, migrated(server) as databases:
        if options.breakages:
            sys.exit(_plant(databases, chosen))
        sys.exit(_explore(databases, chosen, options.switches))


def every_pair(situations: Sequence[Situation]) -> Iterator[tuple[Situation, Pair]]:
    """Each pair of each situation."""
    for situation in situations:
        for pair in situation.pairs():
            yield situation, pair


def _explore(databases: Databases, situations: list[Situation], switches: int) -> int:
    pairs = list(every_pair(situations))
    began, executed, found = time.monotonic(), 0, 0
    for start in range(0, len(pairs), _TOGETHER):
        with _fresh(databases) as made:
            for situation, pair in pairs[start : start + _TOGETHER]:
                for finding in explore(made, situation, pair, switches=switches):
                    found += 1
                    click.echo(f"{finding}")
            executed += made.executed
        done = min(start + _TOGETHER, len(pairs))
        took = time.monotonic() - began
        click.echo(
            f"{done:,} of {len(pairs):,} pairs, {executed:,} interleavings, {found} findings, "
            f"{took:.0f} s"
        )
    return 1 if found else 0


def _plant(databases: Databases, situations: list[Situation]) -> int:
    """Plant each fault until a pair finds it; 1 if one was not found."""
    missed = 0
    for breakage in BREAKAGES:
        with _fresh(databases) as made:
            with breakage.planted():
                finding = next(
                    (
                        finding
                        for situation, pair in every_pair(situations)
                        for finding in explore(made, situation, pair)
                    ),
                    None,
                )
            missed += finding is None
            click.echo(f"{breakage.name}: after {made.executed:,}: {finding or 'NOT FOUND'}")
    return 1 if missed else 0


@contextmanager
def _fresh(databases: Databases) -> Iterator[Environment]:
    """An environment in a database of its own."""
    url = databases.fresh()
    with tempfile.TemporaryDirectory() as home, environment(url, Path(home)) as made:
        yield made
    databases.drop(database_name(url))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.interleavings", description=__doc__)
    parser.add_argument("--only", default="", help="situations whose names have this text")
    parser.add_argument(
        "--switches", type=int, choices=(1, 2), default=1, help="stops of an interleaving"
    )
    parser.add_argument("--breakages", action="store_true", help="plant faults, and find them")
    return parser.parse_args()
