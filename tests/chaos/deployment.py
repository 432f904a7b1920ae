"""Deployment: everything that a run needs, and what faults do to it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg
from cryptography.fernet import Fernet

from app import config, create_app
from app.api.context import current_context
from app.service import accounts
from app.store.engine import db
from bench.children import environment
from local.client import Client, await_ready
from local.instance import CHECKOUT
from local.program import Program, dying_with_parent
from tests.chaos import process_clock
from tests.chaos.arrivals import Arrivals
from tests.chaos.process_clock import ProcessClock
from tests.chaos.processes import Processes
from tests.chaos.proxy import Proxy
from tests.chaos.servers import Servers, servers
from tests.e2e.instance import PATIENCE, until
from tests.factories import connect, one
from tests.ports import free_port

ACCOUNTS = ("north", "east", "south")
BEHIND_PROXY = ("scheduler-2", "worker-2", "worker-4", "web-2")
"""The processes that reach PostgreSQL and Valkey through the proxies."""

SHIFTABLE = ("scheduler-1", "worker-1", "web-1")
"""The processes whose clock can be set."""

NAMES = (
    *("scheduler-1", "scheduler-2", "worker-1", "worker-2", "worker-3", "worker-4"),
    *("web-1", "web-2"),
)
_BEATS = "SELECT count(*) FROM heartbeat WHERE process = %s AND id LIKE '%%.' || %s || '.%%'"


class AccountKeys(NamedTuple):
    """An account of the load: its API key, and the secret that its calls are signed with."""

    name: str
    key: str
    secret: str


class Receiver(NamedTuple):
    """Where calls of an account arrive: at the receiver itself, or at the proxy before it."""

    port: int

    def url(self, path: str) -> str:
        """The URL of a path there."""
        return f"http://127.0.0.1:{self.port}/{path}"


@dataclass(kw_only=True, slots=True)
class Deployment:
    """What runs; `broken` has a line for each promise that a fault itself saw broken.

    `losses` are the times at which a worker was killed or stopped with the calls that it was
    making, whose outcome it may not have stored.
    """

    servers: Servers
    processes: Processes
    database_proxy: Proxy
    valkey_proxy: Proxy
    receiver_proxy: Proxy
    receiver: Receiver
    arrivals: Arrivals
    accounts: list[AccountKeys]
    clocks: dict[str, ProcessClock]
    web_ports: list[int]
    folder: Path
    broken: list[str] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def lose(self) -> None:
        """Note that a worker has just been killed or stopped."""
        self.losses.append(time.time())

    def receiver_of(self, account: str) -> Receiver:
        """Where the calls of an account go: those of the second one pass the proxy."""
        return Receiver(self.receiver_proxy.port) if account == ACCOUNTS[1] else self.receiver

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection to the database, without the proxy."""
        with connect(self.servers.database_url) as connection:
            yield connection

    def wait_until_at_work(self, *names: str) -> None:
        """Return once these processes, or all, are at work."""
        for name in names or self.processes.names():
            kind, _, number = name.partition("-")
            if kind == "web":
                client = Client(host="127.0.0.1", port=self.web_ports[int(number) - 1])
                last = await_ready(client, lambda: True, patience_s=PATIENCE)
                assert not last, f"{name} is not ready: {last}"
            else:
                until(partial(self._beats, name), f"{name} is at work")

    def _beats(self, name: str) -> bool:
        kind, pid = name.partition("-")[0], self.processes.pid(name)
        with suppress(psycopg.OperationalError), self.connect() as connection:
            return bool(one(connection, _BEATS, kind, f"{pid}"))
        return False


@contextmanager
def deployment(firings: int) -> Iterator[Deployment]:
    """All of it running, with room in the database for so many firings."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="wakecall-chaos-")))
        both = stack.enter_context(servers(firings))
        database_proxy = stack.enter_context(Proxy(both.postgres_socket))
        valkey_proxy = stack.enter_context(Proxy(both.valkey_socket))
        settings = environment(
            DATABASE_URL=both.database_url,
            REDIS_URL=both.redis_url,
            WAKECALL_HOME=f"{folder}",
            WAKECALL_SECRET_KEY=Fernet.generate_key().decode(),
            WAKECALL_ALLOW_TARGETS="127.0.0.0/8",
            WAKECALL_RATE_LIMIT="off",
            WAKECALL_LIMIT_FIRINGS_PER_SECOND="off",
            WAKECALL_LIMIT_RUNS="off",
            WEB_CONCURRENCY="1",
            HOST="127.0.0.1",
        )
        made = _accounts(settings)
        receiver = stack.enter_context(_receiver(made, folder))
        receiver_proxy = stack.enter_context(Proxy(("127.0.0.1", receiver.port)))
        clocks = _clocks(folder)
        ports = [free_port(), free_port()]
        through = {
            "DATABASE_URL": both.database_url_at(database_proxy.port),
            "REDIS_URL": f"redis://127.0.0.1:{valkey_proxy.port}/0",
        }
        environments = {
            name: {
                **settings,
                **(through if name in BEHIND_PROXY else {}),
                **(clocks[name].environment if name in clocks else {}),
                **({"PORT": f"{ports[int(name[-1]) - 1]}"} if name.startswith("web") else {}),
                "PATH": f"{Path(sys.executable).parent}:{settings.get('PATH', '')}",
            }
            for name in NAMES
        }
        running = Deployment(
            servers=both,
            processes=stack.enter_context(Processes(environments, folder)),
            database_proxy=database_proxy,
            valkey_proxy=valkey_proxy,
            receiver_proxy=receiver_proxy,
            receiver=receiver,
            arrivals=stack.enter_context(Arrivals(folder / "arrivals")),
            accounts=made,
            clocks=clocks,
            web_ports=ports,
            folder=folder,
        )
        running.wait_until_at_work()
        yield running


def _accounts(settings: dict[str, str]) -> list[AccountKeys]:
    made = []
    app = create_app(config.load(settings))
    with app.app_context():
        for name in ACCOUNTS:
            key = accounts.create(current_context(), name)
            secret = accounts.list_secrets(current_context(), name)[0].value
            made.append(AccountKeys(name=name, key=key, secret=secret))
        db.engine.dispose()
    return made


def _clocks(folder: Path) -> dict[str, ProcessClock]:
    library = process_clock.build(folder)
    if library is None:
        return {}
    return {name: ProcessClock(library, folder / f"{name}.clock") for name in SHIFTABLE}


@contextmanager
def _receiver(made: list[AccountKeys], folder: Path) -> Iterator[Receiver]:
    """The receiver's process, which has the secrets of these accounts."""
    port = free_port()
    words = (sys.executable, "-m", "tests.chaos.receiver", f"{port}", f"{folder / 'arrivals'}")
    program = Program(name="receiver", command=words, log=folder / "receiver.log")
    with (
        program.log.open("ab") as log,
        subprocess.Popen(
            dying_with_parent(program),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=CHECKOUT,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(json.dumps({each.name: each.secret for each in made}).encode())
        process.stdin.close()
        try:
            until(lambda: _listens(port), "the receiver listens")
            yield Receiver(port)
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False
