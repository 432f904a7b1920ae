"""Instance: Wakecall as `make run` starts it, in processes that a test may kill and stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg

from local.client import Client, await_ready
from local.home import DEMO_KEY_FILE
from local.instance import CHECKOUT
from local.program import Program, dying_with_parent
from tests.factories import connect
from tests.ports import free_port

PATIENCE = 60.0
"""Seconds a test waits for what takes a few, on a machine that does much else."""

_OURS = ("WAKECALL_", "DATABASE_URL", "REDIS_URL", "PORT", "HOST", "WEB_CONCURRENCY", "PYTHONPATH")


class Process(NamedTuple):
    """A process; its start time distinguishes it from a later one of the same id."""

    pid: int
    began: float


class Answer(NamedTuple):
    """What a request came to; `body` is the JSON of the answer, None for none."""

    status: int
    body: Any


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for what sends no word; for what does, there are events."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without settings of Wakecall, and then with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, **settings}


def launch(
    name: str, command: tuple[str, ...], environ: Mapping[str, str], log: Path
) -> subprocess.Popen[str]:
    """Start a command in the checkout; it is asked to end when this process is gone."""
    program = Program(name=name, command=command, log=log)
    with log.open("a") as errors:
        return subprocess.Popen(
            dying_with_parent(program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=CHECKOUT,
            env=dict(environ),
            start_new_session=True,
        )


def holder(pids: Iterable[int], port: int, to: int) -> int | None:
    """The first of these processes that has a connection over IPv4 from one port to another.

    The table of connections is read once: with many processes, psutil takes seconds, and a receiver
    that is to kill its caller has as long as a call may take. Both ports are compared, because two
    connections to different ports may come from the same one.
    """
    ends = f":{port:04X}", f":{to:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {
        f"socket:[{row[9]}]"
        for row in rows
        if row[1].endswith(ends[0]) and row[2].endswith(ends[1])
    }
    for pid in pids:
        with suppress(OSError):
            if any(_target(each) in sockets for each in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
    return None


def _target(descriptor: Path) -> str:
    """What a descriptor refers to; empty for one that has been closed since."""
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


class Instance:
    """One `make run` from `home`, again and again if need be; `lines` is what it printed."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.port = free_port()
        self.lines: list[str] = []
        # Most tests fire more at once than one account may by default.
        usual = {
            "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
            "WAKECALL_WORKERS": "1",
            "WAKECALL_LIMIT_FIRINGS_PER_SECOND": "off",
        }
        self.environment = environment(
            WAKECALL_HOME=f"{home}",
            PORT=f"{self.port}",
            **{**usual, **settings},
        )
        self._heard = threading.Condition()
        self._listener: threading.Thread | None = None
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; it is not ready yet."""
        self.home.parent.mkdir(exist_ok=True)
        command = (sys.executable, "-m", "local.run")
        self.lines = []
        errors = self.home.with_name(f"{self.home.name}.err")
        self.process = launch("run", command, self.environment, errors)
        self._listener = threading.Thread(target=self._listen, args=(self.process,))
        self._listener.start()

    def wait_until_ready(self) -> None:
        """Return once `/readyz` answers 200."""
        said = await_ready(Client(host="127.0.0.1", port=self.port), self.runs, patience_s=PATIENCE)
        assert not said, "\n".join([said, *self.lines])

    def wait_for_line(self, part: str, seconds: float = PATIENCE) -> str:
        """The first line it printed that holds `part`."""
        found: list[str] = []

        def is_printed() -> bool:
            found.extend(line for line in list(self.lines) if part in line)
            return bool(found)

        with self._heard:
            assert self._heard.wait_for(is_printed, seconds), "\n".join(
                [f"no {part!r} in", *self.lines]
            )
        return found[0]

    def runs(self) -> bool:
        """Whether its first process lives."""
        return self.process is not None and self.process.poll() is None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit status, which is negative where that took force."""
        assert self.process is not None
        assert self._listener is not None
        if self.runs():
            self.process.send_signal(number)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for each in self.tree():
                with suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)
            status = self.process.wait()
        self._listener.join(PATIENCE)
        return status

    def facts(self) -> dict[str, Any]:
        """What it wrote down of itself."""
        found: dict[str, Any] = json.loads((self.home / "instance.json").read_text())
        return found

    def pid(self, name: str) -> int | None:
        """The process id of one of its programs, as it is now."""
        found = self.facts()["processes"].get(name)
        return None if found is None else int(found[0])

    def send(self, name: str, number: signal.Signals) -> int:
        """Send a signal to one of its programs, once there is one; the program's id."""
        until(lambda: self.pid(name) is not None, f"{name} runs")
        pid = self.pid(name)
        assert pid is not None
        os.kill(pid, number)
        return pid

    def kill(self, name: str) -> float:
        """Send SIGKILL to the present process of one of its programs; return the time."""
        while True:
            try:
                self.send(name, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was being started again
            return time.time()

    def tree(self, name: str | None = None) -> list[Process]:
        """One of its programs with all that it started, or all of them with what started them."""
        assert self.process is not None
        pid = self.process.pid if name is None else self.pid(name)
        try:
            root = psutil.Process(pid)
            found = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        return [Process(each.pid, each.create_time()) for each in found]

    def caller(self, port: int, to: int) -> int:
        """The id of its process that has a connection from this port to the port `to`."""
        found = holder([each.pid for each in self.tree()], port, to)
        assert found is not None, f"no process of the instance calls from port {port}"
        return found

    def left_over(self, were: Iterable[Process]) -> list[str]:
        """Which of these processes still live, and whatever else names the data directory."""
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                known = Process(each.pid, each.create_time()) in were
                words = " ".join([*each.cmdline(), *each.environ().values()])
                if known or f"{self.home}" in words:
                    found.append(f"{each.pid} {each.name()} {each.status()}")
        return found

    def errors(self) -> list[str]:
        """What its processes logged at level error."""
        logs = sorted((self.home / "log").glob("*.log"))
        lines = (line for log in logs for line in log.read_text().splitlines())
        return [line for line in lines if '"level": "error"' in line]

    @property
    def key(self) -> str:
        """The API key of the account `demo`."""
        return (self.home / DEMO_KEY_FILE).read_text().strip()

    def new_account(self, name: str) -> str:
        """The API key of an account that is made for it."""
        command = (sys.executable, "-m", "flask", "--app", "wsgi", "account", "create", name)
        done = subprocess.run(
            command, env=self.environment, cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def ask(
        self,
        method: str,
        path: str,
        document: dict[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Answer:
        """One request as `demo`, or with that key. Raises Unavailable where there is no answer."""
        client = Client(host="127.0.0.1", port=self.port, key=key or self.key)
        status, text = client.ask(method, path, document)
        return Answer(status, json.loads(text) if text else None)

    def connect(self) -> psycopg.Connection:
        """A connection to its database, once that takes one: `/readyz` is as of a moment ago."""
        opened: list[psycopg.Connection] = []

        def takes_one() -> bool:
            with suppress(psycopg.OperationalError):
                opened.append(connect(self.facts()["database_url"]))
            return bool(opened)

        until(takes_one, "the database takes a connection")
        return opened[0]

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._heard:
                    self.lines.append(line.rstrip("\n"))
                    self._heard.notify_all()
