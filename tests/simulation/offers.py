"""Offers: the simulation, with schedulers that leave all one-time jobs to the workers.

python -m tests.simulation.offers   has the options of the simulation
"""

from __future__ import annotations

from tests.simulation.clock import replace_uptime

replace_uptime()

# ruff: noqa: E402 - the service is imported under this uptime
from tests.simulation import command
from tests.simulation.left_to_workers import left_to_workers


def main() -> None:
    """Play what is asked for."""
    with left_to_workers():
        command.main()


if __name__ == "__main__":
    main()
