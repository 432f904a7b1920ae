"""Serves an ASGI application over HTTP, in several processes: python -m app.http_server --help."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from app.http_server import processes
from app.http_server.processes import Workers
from app.http_server.worker import Address


def main() -> None:
    """Serve until a signal."""
    asked = _arguments()
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
    parser = argparse.ArgumentParser(prog="python -m app.http_server", description=__doc__)
    add = parser.add_argument
    add("application", help="module:name of the ASGI application")
    add("--host", required=True, help="address to listen at")
    add("--port", type=int, required=True, help="port to listen at")
    add("--workers", type=int, default=1, help="number of processes")
    add("--backlog", type=int, default=2048, help="connections that wait in the kernel")
    add("--max-connections", type=int, default=8192, help="connections of one process")
    add("--workers-kill-timeout", type=int, default=15, help="seconds a process has to end")
    add("--workers-max-rss", type=int, help="MiB above which a process is replaced")
    add("--rss-sample-interval", type=int, default=5, help="seconds between looks at the memory")
    add("--log-level", default="warning", help="of the process that starts the others")
    add("--log-config", type=Path, help="JSON file for logging.config.dictConfig")
    return parser.parse_args()


if __name__ == "__main__":
    main()
