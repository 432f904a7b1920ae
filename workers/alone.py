"""Alone: suspects, one at a time, in a process in which nothing else can be lost with them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Final

from app.config import Settings
from app.errors import Misconfigured
from app.log import logger
from app.store.takes import suspects
from workers.link import Link, Repeating
from workers.process import begin, end, fail, identity, on_stop, prepare_for
from workers.station import Station

_NEXT_S: Final = 0.005
_LINGER_S: Final = 2.0


class Isolation:
    """Sees that suspects are tried: by one process at a time, started when there are any."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the process, unless it is at work already."""
        if self._process is not None and self._process.poll() is None:
            return
        command = [sys.executable, "-m", "workers.alone"]
        self._process = subprocess.Popen(command, env=self._environ)  # noqa: S603 - our own module

    def end(self) -> None:
        """Stop the process, if there is one, and wait for it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


class Feeder(Repeating):
    """Takes the next suspect once the one before is settled; ends when there are no more."""

    def __init__(self, station: Station, link: Link) -> None:
        super().__init__("feeder", pause=_NEXT_S)
        self._station = station
        self._link = link
        self._fed_at = time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        self._link.drop()

    def once(self) -> None:
        """Feed the station one run, if it holds none."""
        if self._station.courier.held:
            self._fed_at = time.monotonic()
            return
        with self._link.use() as connection:
            found = suspects(connection, limit=1)
        if found and self._station.take(self._link, found):
            logger.warning("run.tried_alone", run_id=str(found[0][0]))
        elif time.monotonic() - self._fed_at > _LINGER_S:
            self._station.stop()
            self.stop()


def run(settings: Settings) -> None:
    """Try every suspect there is, one after the other."""
    station = Station(settings, f"{identity()}.alone", hears_bells=lambda: True)
    station.poller.polling = False
    station.settler.pause = _NEXT_S
    on_stop(station.stop, hurry=station.hurry)
    feeder = Feeder(station, Link(settings.database_url, "feeder"))
    feeder.start()
    station.run()
    feeder.stop()


def main() -> None:
    """Run until no suspect is left."""
    settings = begin("worker")
    prepare_for(settings.concurrency)
    try:
        run(settings)
    except Misconfigured as error:
        fail(error)
    end()


if __name__ == "__main__":
    main()
