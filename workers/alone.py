"""Alone: one suspect run, tried in a process in which nothing else can be lost with it."""

from __future__ import annotations

import os
import sys
from uuid import UUID

from app.errors import Misconfigured
from workers.link import Link
from workers.process import begin, fail, identity, on_stop
from workers.station import Station


def main() -> None:
    """Take the run named on the command line by id and token, send it, settle it, end."""
    settings = begin("worker")
    try:
        ticket = (UUID(sys.argv[1]), int(sys.argv[2]))
        station = Station(settings, f"{identity()}.alone", hears_bells=lambda: True)
    except (IndexError, ValueError):
        fail(Misconfigured("Usage: python -m workers.alone RUN_ID TOKEN"))
    except Misconfigured as error:
        fail(error)
    on_stop(station.stop)
    station.keeper.taking = False
    if station.take(Link(settings.database_url, f"alone {os.getpid()}"), [ticket]):
        station.run(until_idle=True)


if __name__ == "__main__":
    main()
