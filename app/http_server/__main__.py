"""Serves an ASGI application over HTTP, in several processes: python -m app.http_server --help."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NoReturn

from app.http_server import processes
from app.http_server.processes import Workers
from app.http_server.worker import Address

_MAX_DIGITS: Final = 9
_NUMBERS: Final = (
    ("workers", 64, 1, "number of processes"),
    ("backlog", 65_535, 2048, "connections that wait in the kernel"),
    ("max-connections", 1_000_000, 8192, "connections of one process"),
    ("workers-kill-timeout", 3600, 15, "seconds a process has to end"),
    ("workers-max-rss", 1_000_000, None, "MiB above which a process is replaced"),
    ("rss-sample-interval", 3600, 5, "seconds between looks at the memory"),
)
"""Options that are integers from 1 on: the greatest one, the default, and what it is."""


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line: the arguments are values of settings, in the Procfile."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        self.exit(2, f"{self.prog}: {message}\n")


def main() -> None:
    """Serve until a signal."""
    asked = _arguments()
    if objection := _judge_address(asked.host, asked.port):
        sys.exit(objection)
    processes.run(
        asked.application,
        Address(
            host=asked.host,
            port=asked.port,
            backlog=asked.backlog,
            max_connections=asked.max_connections,
        ),
        Workers(
            number=asked.workers,
            kill_timeout_s=asked.workers_kill_timeout,
            max_mib=asked.workers_max_rss,
            sample_interval_s=asked.rss_sample_interval,
        ),
        log_level=asked.log_level,
        log_config=json.loads(asked.log_config.read_text()) if asked.log_config else None,
    )


def _arguments() -> argparse.Namespace:
    parser = _Parser(prog="python -m app.http_server", description=__doc__)
    add = parser.add_argument
    add("application", help="module:name of the ASGI application")
    add("--host", required=True, help="address to listen at")
    add("--port", type=_between(1, 65_535), required=True, help="port to listen at")
    for name, most, default, about in _NUMBERS:
        add(f"--{name}", type=_between(1, most), default=default, help=about)
    add("--log-level", default="warning", help="of the process that starts the others")
    add("--log-config", type=Path, help="JSON file for logging.config.dictConfig")
    return parser.parse_args()


def _between(least: int, most: int) -> Callable[[str], int]:
    """Return a function that reads an integer within these bounds."""

    def read(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
        if not is_number or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be an integer from {least} to {most}, not {text[:60]!r}"
            )
        return int(text)

    return read


def _judge_address(host: str, port: int) -> str | None:
    """Return why no process can listen there; None if one can.

    The port is bound and does not listen: beside another server, no connection comes here.
    """
    try:
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    except ValueError:
        return f"HOST must be an IP address of this machine, not {host[:60]!r}."
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"No process can listen at port {port} of {host}: {error.strerror}."
    return None


if __name__ == "__main__":
    main()
