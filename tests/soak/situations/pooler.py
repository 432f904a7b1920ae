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
from tests.soak.deployment import Deployment
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


def _play(deployment: Deployment) -> None:
    if pgbouncer.find() is None:
        deployment.mended(pgbouncer.LEFT_OUT)
        return
    server = deployment.database.primary
    url = f"postgresql://{ROLE}:{server.cluster.password}@127.0.0.1:{server.port}/{ROLE}"
    with deployment.connect() as connection:
        for name, value in _ROLE.items():
            connection.execute(f"ALTER ROLE {ROLE} SET {name} = {value}".encode())
    settings = {"ignore_startup_parameters": "options,extra_float_digits"}
    with TemporaryDirectory(prefix="wakecall-soak-") as path:
        folder = Path(path)
        folder.chmod(0o755)
        with pgbouncer.pooler(url, folder, **settings) as pooler, ExitStack() as stack:
            made = [
                stack.enter_context(deployment.start(kind, DATABASE_URL=pooler.url))
                for kind in ("scheduler", "worker")
            ]
            port = free_port()
            stack.enter_context(deployment.start("web", DATABASE_URL=pooler.url, PORT=f"{port}"))
            for each in made:
                deployment.wait_for_heartbeat(each.kind, each.process.pid)
            until(lambda: _is_ready(port), "the web through the pooler is ready")
            deployment.ports.append(port)
            deployment.rest(0.2)
            pooler.server.kill()
            deployment.rest(0.03, 2.0)
            pooler.start()
            deployment.mended()
            deployment.rest(0.3)
            deployment.ports.remove(port)
            deployment.rest(0.0, _UNDER_WAY_S)


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
