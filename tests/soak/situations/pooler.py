"""Pooler: a web, a scheduler and a worker beside go through PgBouncer, which is restarted."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from app.errors import Unavailable
from local.client import Client
from local.postgres import ROLE
from tests import pgbouncer
from tests.e2e.instance import until
from tests.ports import free_port
from tests.soak.ground import Ground
from tests.soak.situation import Situation

_UNDER_WAY_S = 2.0
"""Seconds in which requests that were sent to the web before are answered."""

_ROLE = {
    "timezone": "'UTC'",
    "statement_timeout": "'15s'",
    "lock_timeout": "'5s'",
    "idle_in_transaction_session_timeout": "'10s'",
    "jit": "off",
}


def _play(ground: Ground) -> None:
    if pgbouncer.find() is None:
        ground.mended(pgbouncer.LEFT_OUT)
        return
    server = ground.database.primary
    url = f"postgresql://{ROLE}:{server.cluster.password}@127.0.0.1:{server.port}/{ROLE}"
    with ground.connect() as connection:
        for name, value in _ROLE.items():
            connection.execute(f"ALTER ROLE {ROLE} SET {name} = {value}".encode())
    settings = {"ignore_startup_parameters": "options,extra_float_digits"}
    with TemporaryDirectory(prefix="wakecall-soak-") as path:
        folder = Path(path)
        folder.chmod(0o755)
        with pgbouncer.pooler(url, folder, **settings) as pooler, ExitStack() as stack:
            made = [
                stack.enter_context(ground.start(kind, DATABASE_URL=pooler.url))
                for kind in ("scheduler", "worker")
            ]
            port = free_port()
            stack.enter_context(ground.start("web", DATABASE_URL=pooler.url, PORT=f"{port}"))
            for each in made:
                ground.wait_for_beat(each.kind, each.process.pid)
            until(lambda: _is_ready(port), "the web through the pooler is ready")
            ground.ports.append(port)
            ground.rest(0.2)
            pooler.server.kill()
            ground.rest(0.03, 2.0)
            pooler.start()
            ground.mended()
            ground.rest(0.3)
            ground.ports.remove(port)
            ground.rest(0.0, _UNDER_WAY_S)


def _is_ready(port: int) -> bool:
    try:
        return Client(host="127.0.0.1", port=port).ask("GET", "/readyz")[0] == 200
    except Unavailable:
        return False


POOLER = Situation(
    "pooler",
    "others work through PgBouncer, which is killed and started again",
    _play,
)
