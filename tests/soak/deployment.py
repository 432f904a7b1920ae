"""Ground: the whole service in its own processes, and what a situation may do to them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import psutil
import psycopg
from cryptography.fernet import Fernet

from local import network, owner, valkey
from local.instance import CHECKOUT
from local.processes import procfile
from local.program import Program, dying_with_parent
from tests.e2e.conftest import at_home
from tests.e2e.instance import Instance, holder, until
from tests.factories import connect, one
from tests.servers import Server, temp_folder
from tests.soak.database import Database, database
from tests.soak.receiver import Recorder
from tests.soak.records import Span

_BEATS = "SELECT count(*) FROM heartbeat WHERE process = %s AND id LIKE '%%.' || %s || '.%%'"
Report = Callable[[str], None]


class Beside:
    """A web, scheduler or worker beside those of the instance, with an environment of its own."""

    def __init__(self, kind: str, environment: Mapping[str, str], log: Path) -> None:
        self.kind = kind
        self._environment = environment
        self._log = log
        self.process = self.start()

    def start(self, errors: int | None = None) -> subprocess.Popen[bytes]:
        """Start it; `errors` is where it logs to, if not to its file."""
        command: tuple[str, ...] = (sys.executable, "-m", f"workers.{self.kind}")
        if self.kind == "web":
            command = ("/bin/sh", "-c", f"exec {procfile(CHECKOUT / 'Procfile')['web']}")
        program = Program(name=self.kind, command=command, log=self._log)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                dying_with_parent(program),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log if errors is None else errors,
                cwd=CHECKOUT,
                env=dict(self._environment),
                start_new_session=True,
            )
        return self.process

    def stop(self, seconds: float = 60.0) -> int | None:
        """Ask it to end; its status, None where it had to be killed."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        if self.process.poll() is None:
            self.stop()


@dataclass(kw_only=True, slots=True)
class Deployment:
    """What runs; `seconds` is how long the situation that is played may take in all."""

    instance: Instance
    database: Database
    valkey: Server
    recorder: Recorder
    folder: Path
    keys: list[str]
    ports: list[int]
    seconds: float = 60.0
    report: Report = lambda _text: None
    span: Span | None = None
    beside: list[Beside] = field(default_factory=list)

    def rest(self, share: float, least: float = 1.0) -> None:
        """Let so much of the situation's time pass."""
        time.sleep(max(least, share * self.seconds))

    def mended(self, note: str = "") -> None:
        """The fault is over: from now on calls are to be on time again."""
        assert self.span is not None
        self.span.mended = time.time()
        self.span.note = note or self.span.note

    def broken(self, text: str) -> None:
        """A promise that the situation itself sees broken."""
        assert self.span is not None
        self.span.broken = [*(self.span.broken or []), text]

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection to the server that takes writes."""
        with connect(self.database.url) as connection:
            yield connection

    def clock(self, ahead: float) -> None:
        """Let the database's clock be so many seconds ahead."""
        with self.connect() as connection:
            connection.execute(
                "UPDATE stepped.clock SET ahead = make_interval(secs => %s)", [ahead]
            )

    def start(self, kind: str, **settings: str) -> Beside:
        """A process beside; the caller ends it."""
        log = self.folder / f"beside-{kind}.log"
        environment = {**self.instance.environment, **settings}
        path = f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"
        return Beside(kind, {**environment, "PATH": path}, log)

    def wait_for_heartbeat(self, kind: str, pid: int) -> None:
        """Return once that process is at work."""

        def beats() -> bool:
            with suppress(psycopg.OperationalError), self.connect() as connection:
                return bool(one(connection, _BEATS, kind, f"{pid}"))
            return False

        until(beats, f"{kind} {pid} is at work")

    def names(self, kind: str) -> list[str]:
        """The instance's programs of that kind."""
        return [name for name in self.instance.facts()["processes"] if name.startswith(kind)]

    def wait_for_successor(self, name: str, before: int) -> None:
        """Return once the instance has started that program again, and it is at work."""
        until(lambda: self.instance.pid(name) not in {None, before}, f"{name} is started again")
        if name == "web":
            self.instance.wait_until_ready()
        else:
            pid = self.instance.pid(name)
            assert pid is not None
            self.wait_for_heartbeat(name.partition("-")[0], pid)

    def restart_all(self, **settings: str) -> None:
        """Stop everything of the service in good order, and start it with other settings."""
        for each in self.beside:
            if each.stop() != 0:
                self.broken(f"a {each.kind} did not end in good order")
        if self.instance.stop() != 0:
            self.broken("the instance did not end in good order")
        self.instance.environment.update(settings)
        self.instance.start()
        self.instance.wait_until_ready()
        self.beside = [self.start("scheduler"), self.start("worker")]
        for each in self.beside:
            self.wait_for_heartbeat(each.kind, each.process.pid)

    def caller(self, port: int) -> int | None:
        """The id of the worker that calls from this port."""
        pids = [each.pid for each in self.instance.tree()]
        for each in self.beside:
            with suppress(psutil.Error):
                root = psutil.Process(each.process.pid)
                pids += [root.pid, *(child.pid for child in root.children(recursive=True))]
        return holder(pids, port, self.recorder.port)

    def flask(self, *arguments: str, **settings: str) -> None:
        """Run a command of the operator's; raises CalledProcessError."""
        subprocess.run(
            (sys.executable, "-m", "flask", "--app", "wsgi", *arguments),
            env={**self.instance.environment, **settings},
            cwd=CHECKOUT,
            check=True,
            capture_output=True,
        )


@contextmanager
def deployment() -> Iterator[Deployment]:
    """All of it running: web, two schedulers, three workers, servers, receiver."""
    with ExitStack() as stack:
        servers = stack.enter_context(database())
        redis, redis_url = stack.enter_context(_valkey())
        recorder = stack.enter_context(Recorder())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="wakecall-soak-")))
        key = Fernet.generate_key().decode()
        instance = stack.enter_context(
            at_home(
                folder / "home",
                DATABASE_URL=servers.url,
                REDIS_URL=redis_url,
                WAKECALL_SECRET_KEY=key,
                WAKECALL_WORKERS="2",
                WEB_CONCURRENCY="1",
            )
        )
        instance.start()
        instance.wait_until_ready()
        instance.wait_for_line("Inbox")
        made = Deployment(
            instance=instance,
            database=servers,
            valkey=redis,
            recorder=recorder,
            folder=folder,
            keys=[key],
            ports=[instance.port],
        )
        stack.callback(_end_beside, made)
        made.beside = [made.start("scheduler"), made.start("worker")]
        for each in made.beside:
            made.wait_for_heartbeat(each.kind, each.process.pid)
        yield made


@contextmanager
def _valkey() -> Iterator[tuple[Server, str]]:
    runner = owner.choose(Path("/nowhere"))
    at = network.socket_folder(runner)
    try:
        with temp_folder() as folder:
            program = valkey.program(at, folder / "valkey.log", runner)
            with Server(program) as server:
                valkey.await_ready(at, server.alive, server.words)
                yield server, valkey.url(at)
    finally:
        network.remove_socket_folder(at)


def _end_beside(made: Deployment) -> None:
    for each in made.beside:
        if _lives(each):
            each.stop()


def _lives(each: Beside) -> bool:
    return each.process.poll() is None


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
