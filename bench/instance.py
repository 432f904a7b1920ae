"""Instance: Wakecall as `make run` starts it, in a data directory that is removed afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from app.domain.limits import TABLE
from bench import processor
from bench.children import Failed, child, environment, free_port, last_words, python
from local.client import Client, await_ready
from local.instance import CHECKOUT
from local.program import Program

FOLDER: Final = Path("/var/tmp")  # noqa: S108 - mkdtemp; a disk, where /tmp may be memory
NO_LIMITS: Final = {limit.setting: "off" for limit in TABLE if limit.can_be_off}
"""Settings under which the service, and not a limit, is what is measured."""

_READY_S: Final = 120.0
_STOP_S: Final = 60.0
_ROOM: Final = {"full": 30 * 2**30, "quick": 6 * 2**30}


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """An account of the instance, with what its clients know."""

    id: int
    name: str
    key: str
    secret: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """A running instance; `environment` is what its processes were started with."""

    home: Path
    port: int
    environment: dict[str, str]

    def facts(self) -> dict[str, Any]:
        """What it wrote down of itself."""
        found: dict[str, Any] = json.loads((self.home / "instance.json").read_text())
        return found

    def connect(self) -> psycopg.Connection:
        """A connection to its database, autocommitting."""
        url = self.facts()["database_url"]
        return psycopg.connect(url, autocommit=True, options="-c timezone=UTC")

    def pids(self) -> dict[str, int]:
        """Its processes, each at the head of a tree."""
        return {name: int(found[0]) for name, found in self.facts()["processes"].items()}

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far by the kind of process; worker-2 is a worker."""
        total: Counter[str] = Counter()
        for name, seconds in processor.used(self.pids()).items():
            total[name.partition("-")[0]] += seconds  # type: ignore[assignment] # Counter adds floats as well
        return dict(total)

    def flask(self, *arguments: str) -> str:
        """What a command of the operator prints. Raises Failed."""
        said = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=CHECKOUT,
            env=self.environment,
        )
        if said.returncode:
            raise Failed(f"flask {' '.join(arguments)}: {said.stderr.strip()}")
        return said.stdout.strip()

    def account(self, name: str) -> Account:
        """A new account."""
        key = self.flask("account", "create", name)
        secret = self.flask("secret", "show", name).splitlines()[0]
        with self.connect() as connection:
            row = connection.execute("SELECT id FROM account WHERE name = %s", [name]).fetchone()
        if row is None:
            raise Failed(f"the account {name} is not there")
        return Account(id=int(row[0]), name=name, key=key, secret=secret)


@contextmanager
def running(
    authority: Path,
    *,
    folder: Path = FOLDER,
    plan: str = "",
    limits: Mapping[str, str] = NO_LIMITS,
) -> Iterator[Instance]:
    """An instance that trusts `authority` and may call loopback, ready to be used.

    Its data lie below `folder`, and are removed. What `limits` does not set is as deployed.
    """
    room = shutil.disk_usage(folder).free
    if room < _ROOM.get(plan, 0):
        raise Failed(
            f"{room >> 30} GiB are free in {folder}; the {plan} run needs {_ROOM[plan] >> 30} GiB."
        )
    base = Path(tempfile.mkdtemp(prefix="wakecall-bench-", dir=folder))
    base.chmod(0o711)
    home = base / "home"
    port = free_port()
    settings = environment(
        WAKECALL_HOME=f"{home}",
        WAKECALL_ALLOW_TARGETS="127.0.0.0/8",
        WAKECALL_CA_FILE=f"{authority}",
        PORT=f"{port}",
        **limits,
    )
    program = Program(
        name="instance",
        command=python("local.run"),
        log=base / "run.log",
        environment=settings,
        folder=CHECKOUT,
        patience_s=_STOP_S,
    )
    try:
        with child(program) as process:
            client = Client(host="127.0.0.1", port=port)
            said = await_ready(client, lambda: process.poll() is None, patience_s=_READY_S)
            if said:
                raise Failed(f"The instance does not start: {said}; {last_words(program.log)}")
            yield Instance(home=home, port=port, environment=settings)
    finally:
        # Where root started it the database may lie elsewhere, behind a link.
        shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)
