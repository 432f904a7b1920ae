"""Results: what a whole run found, with where and on what it was measured."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tempfile
import time
import timeit
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil
import psycopg
import pycurl

from bench.bookings import BODY_BYTES
from bench.children import Failed
from bench.harness import BenchHarness
from bench.receiver import ADDRESSES
from local.instance import CHECKOUT
from local.valkey import version as valkey_version

LATEST: Final = CHECKOUT / "bench" / "results" / "latest.json"

KEYS: Final = (
    *("drain_per_s", "drain_vs_bare", "lateness_ms", "slow_receivers_p99_ratio"),
    *("claim_10m_vs_100k", "create_per_s", "create_vs_insert_route", "bulk_per_s"),
    *("neighbour_p99_ms", "cpu_us_per_callback", "naive_drain_per_s", "sizes", "hostile"),
)
"""What every complete result has."""

_PACKAGES: Final = (
    *("flask", "sqlalchemy", "psycopg", "granian", "rq", "redis", "pycurl", "lxml", "orjson"),
    *("requests", "wakecall"),
)
_SERVER_SETTINGS: Final = (
    *("fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers"),
    *("max_wal_size", "checkpoint_timeout", "autovacuum_naptime"),
)
_FLUSHES: Final = 200
_PAGE: Final = 8192
_STEPS: Final = 20_000
_TRIES: Final = 7


def about(harness: BenchHarness) -> dict[str, Any]:
    """Date, machine, versions, settings and sizes of this run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "machine": _machine(harness),
        "versions": _versions(harness),
        "settings": _settings(harness),
        "sizes": harness.plan.sizes(),
    }


def write(found: Mapping[str, Any], path: Path = LATEST) -> None:
    """Keep a complete result. Raises ValueError where a key is missing."""
    missing = [key for key in KEYS if key not in found]
    if missing:
        raise ValueError(f"the results lack {', '.join(missing)}")
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    fresh.rename(path)


def read(path: Path = LATEST) -> dict[str, Any]:
    """The result kept last."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _machine(harness: BenchHarness) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "fdatasync_us": _fdatasync_us(harness.instance.home),
        "python_ns": _python_ns(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


class _Step:
    """What the interpreter does for each call, in small: an object, a method, a dict."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> dict[str, int]:
        self.total += number
        return {"total": self.total}


def _python_ns() -> float:
    """How long the interpreter takes for a small step, at its best.

    Of one version, a build that was optimized by a profile takes a quarter to a third less.
    """

    def steps() -> None:
        for number in range(_STEPS):
            _Step().add(number)

    return round(min(timeit.repeat(steps, number=1, repeat=_TRIES)) / _STEPS * 1e9)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def _fdatasync_us(folder: Path) -> float:
    """How long the disk of the database takes to keep a page, in the median."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_FLUSHES):
            file.seek(0)
            file.write(bytes(_PAGE))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return round(median(took) * 1e6)


def _versions(harness: BenchHarness) -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "postgresql": f"{harness.value('SHOW server_version')}".partition(" ")[0],
        "valkey": valkey_version(),
        "receiver": harness.receiver.name,
        "libcurl": pycurl.version_info()[1],
    }
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    measured = commit()
    return {**found, "commit": measured} if measured else found


def commit() -> str:
    """Return the measured commit, marked if files differ from it; "" without git."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],  # noqa: S607 - git of the user
            capture_output=True,
            text=True,
            check=True,
            cwd=CHECKOUT,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.strip()


def _settings(harness: BenchHarness) -> dict[str, Any]:
    server = {name: harness.value(f"SHOW {name}") for name in _SERVER_SETTINGS}
    ours = {
        name: value
        for name, value in sorted(harness.instance.environment.items())
        if name in {"WAKECALL_ALLOW_TARGETS", "WAKECALL_RATE_LIMIT"}
    }
    return {
        "postgresql": server,
        **ours,
        "workers": harness.settings.workers,
        "worker_concurrency": harness.settings.concurrency,
        "payload_bytes": BODY_BYTES,
        "receiver_addresses": len(ADDRESSES),
        "signed": True,
        "history_written": True,
    }


def check_durable(connection: psycopg.Connection) -> None:
    """Raise Failed unless the database keeps what it has acknowledged."""
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        row = connection.execute(f"SHOW {name}").fetchone()
        if row != ("on",):
            raise Failed(f"{name} is {row and row[0]}: what is measured so is not Wakecall")
