"""The program of `make models`: each state machine, with many examples that are drawn anew."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import grpc
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test

from app import log
from tests.api.dapr.rpc.conftest import serving
from tests.arguments import having, number
from tests.models.dapr import DaprJobs
from tests.models.fusion import FusionJobs
from tests.models.native import NativeJobs
from tests.models.service import Service, service
from tests.servers import migrated, postgres_server

_NAMES: Final = ("native", "dapr", "fusion")
_AT_ONCE: Final = 50
"""Examples after which progress is reported."""


def main() -> None:
    """Play so many examples of each state machine; exit 1 if one differs from its model."""
    options = _options()
    names = having(options.only, _NAMES)
    log.configure("models", "critical")
    with (
        postgres_server() as server,
        migrated(server) as databases,
        tempfile.TemporaryDirectory() as home,
        service(databases.fresh(), Path(home)) as made,
        serving(made.app) as address,
        grpc.insecure_channel(address) as channel,
    ):
        machines: dict[str, Callable[[], RuleBasedStateMachine]] = {
            "native": lambda: NativeJobs(made),
            "dapr": lambda: DaprJobs(made, channel),
            "fusion": lambda: FusionJobs(made),
        }
        results = [_play(made, name, machines[name], options) for name in names]
    sys.exit(0 if all(results) else 1)


def _play(
    made: Service,
    name: str,
    make: Callable[[], RuleBasedStateMachine],
    options: argparse.Namespace,
) -> bool:
    """Play one machine, some examples at a time; return whether it was as its model."""
    began = time.monotonic()
    for start in range(0, options.examples, _AT_ONCE):
        number = options.seed + start
        number_of = min(_AT_ONCE, options.examples - start)
        try:
            _once(make, number, number_of, options.steps)
        except Exception:  # noqa: BLE001 - reported, with the example that Hypothesis has shrunk
            traceback.print_exc()
            click.echo(f"{name}: FAILED with SEED={number}")
            return False
        took = time.monotonic() - began
        click.echo(f"{name}: {start + number_of} of {options.examples} examples, {took:.0f} s")
    return True


def _once(
    make: Callable[[], RuleBasedStateMachine], number: int, examples: int, steps: int
) -> None:
    drawn = settings(
        database=None,
        deadline=None,
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    seed(number)(get_state_machine_test(make, settings=drawn))()  # type: ignore[arg-type] # makes one


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.models", description=__doc__)
    parser.add_argument("--only", default="", help="the dialect")
    parser.add_argument("--examples", type=number(int, 1), default=500, help="of each dialect")
    parser.add_argument("--steps", type=number(int, 1), default=50, help="requests of an example")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
