"""PgBouncer: its binary, and an instance in front of a server for a test.

    python -m tests.pgbouncer

fetches the distribution's into .venv, where there is none; nothing is installed or started.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.store.pooling import LIMITS
from local import owner
from local.program import Program
from tests.api.server import until
from tests.factories import connect, one
from tests.ports import free_port
from tests.servers import Server

ROOT = Path(__file__).parent.parent
FETCHED = ROOT / ".venv" / "pgbouncer"
PROGRAM = "usr/sbin/pgbouncer"
IGNORED = "options,extra_float_digits"
"""What PgBouncer is to ignore of what sessions ask for when they are opened."""

LEFT_OUT = "PgBouncer is missing: left out. As root, `.venv/bin/python -m tests.pgbouncer` gets it"


def find() -> Path | None:
    """The program; None where there is none."""
    installed = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if installed:
        return Path(installed)
    fetched = FETCHED / PROGRAM
    return fetched if fetched.exists() else None


def fetch() -> None:
    """Unpack the distribution's package and what it needs; raises CalledProcessError, OSError."""
    with tempfile.TemporaryDirectory() as packages:
        Path(packages, "partial").mkdir()
        # One source that does not answer is no reason to go without the package of another.
        subprocess.run(["apt-get", "-qq", "update"], check=False)
        subprocess.run(
            [
                *("apt-get", "-qq", "install", "--download-only", "--no-install-recommends"),
                *("--yes", "-o", f"Dir::Cache::archives={packages}", "pgbouncer"),
            ],
            check=True,
        )
        for package in Path(packages).glob("*.deb"):
            subprocess.run(["dpkg", "-x", f"{package}", f"{FETCHED}"], check=True)


class Pooler(NamedTuple):
    """A running PgBouncer, and the URL of the database through it."""

    server: Server
    url: str

    def start(self) -> None:
        """Start it again, and wait until it takes connections."""
        self.server.start()
        self.wait()

    def wait(self) -> None:
        """Return once it takes connections."""
        port = int(str(conninfo_to_dict(self.url)["port"]))
        until(lambda: not self.server.alive() or _listens(port))
        assert self.server.alive(), self.server.words()


def set_up_role(database: str) -> None:
    """Give the role in this database what docs/operations.md says that PgBouncer needs."""
    with connect(database) as owner:
        name = sql.Identifier(one(owner, "SELECT current_database()"))
        for setting in (*LIMITS, "timezone"):
            value = "UTC" if setting == "timezone" else "15s"
            owner.execute(
                sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}").format(
                    name, sql.Identifier(setting), sql.Literal(value)
                )
            )


@contextmanager
def pooling(url: str, folder: Path, **settings: str) -> Iterator[str]:
    """The URL of the same database through a PgBouncer, in transaction mode unless it is given."""
    with pooler(url, folder, **settings) as started:
        yield started.url


@contextmanager
def pooler(url: str, folder: Path, **settings: str) -> Iterator[Pooler]:
    """As `pooling`, with the program itself."""
    server = conninfo_to_dict(url)
    runner, port = owner.choose(Path("/nowhere")), free_port()
    chosen = {
        "listen_addr": "127.0.0.1",
        "listen_port": f"{port}",
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": f"{folder / 'users'}",
        "pool_mode": "transaction",
        "default_pool_size": "4",
        **settings,
    }
    (folder / "users").write_text(f'"{server["user"]}" "{server["password"]}"\n')
    lines = "".join(f"{name} = {value}\n" for name, value in chosen.items())
    target = f"host={server['host']} port={server.get('port') or 5432}"
    (folder / "ini").write_text(f"[databases]\n* = {target}\n[pgbouncer]\n{lines}")
    with _runnable_copy() as (program, environment):
        run = Program(
            name="pgbouncer",
            command=(f"{program}", f"{folder / 'ini'}"),
            log=folder / "log",
            environment=environment,
            owner=runner,
            stop=signal.SIGINT,
        )
        through = make_conninfo("", **{**server, "host": "127.0.0.1", "port": port})
        with Server(run) as started:
            made = Pooler(started, through)
            made.wait()
            yield made


@contextmanager
def _runnable_copy() -> Iterator[tuple[Path, dict[str, str]]]:
    """The program where any user can run it, which a checkout is not, and what it needs."""
    found = find()
    assert found is not None, LEFT_OUT
    if not found.is_relative_to(FETCHED):
        yield found, {}
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(FETCHED / "usr", Path(folder, "usr"), symlinks=True)
        libraries = [f"{each}" for each in Path(folder, "usr", "lib").glob("*-linux-gnu")]
        yield Path(folder) / PROGRAM, {"LD_LIBRARY_PATH": ":".join(libraries)}


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def main() -> None:
    if find() is None:
        # What failed, apt-get says; LEFT_OUT says what to do.
        with suppress(subprocess.CalledProcessError, OSError):
            fetch()
    if find() is None:
        sys.exit(LEFT_OUT)


if __name__ == "__main__":
    main()
