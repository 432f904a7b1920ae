"""Setting: the processes of an instance, with an attacker's account and one that is measured."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import psycopg

from app.protos.dapr_runtime_pb2 import GetJobRequest
from app.service import passwords
from bench import users
from bench.children import ask, child, free_port, python
from bench.client import request
from bench.harness import BenchHarness, Progress
from bench.hostile.target import Target, far
from bench.neighbours.operation import HOST, Surface, mcp_request
from bench.phases import hostile
from bench.plan import Plan
from bench.receiver import Receiver, await_listening
from local.instance import CHECKOUT
from local.program import Program

OTHER_NETWORK: Final = "127.0.3.1"
"""Where the requests of the measured account come from; the attacker has another address."""

BOOKINGS: Final = "bookings"
READS: Final = "reads"
_PER_S: Final = 20.0
_FURTHER_PER_S: Final = 10.0
_USERS: Final = 16
_MEMBERS: Final = 50
_FIRST_SEARCHES: Final = 16
_CLIENT: Final = CHECKOUT / "clients" / "python" / "src"

_NEWEST: Final = "SELECT id::text FROM job ORDER BY id DESC LIMIT 1"
_TRIES: Final = 5
_TIDY: Final = tuple(
    f"DELETE FROM {table} WHERE account_id = %(account)s AND {column} > %(last)s"  # noqa: S608 - constants
    for table, column in (("due", "job_id"), ("inflight", "job_id"), ("job", "id"))
)
"""In the order in which the product locks these tables."""

Kinds = Mapping[str, Mapping[str, Any]]
"""The kinds of request of the measured account, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a measurement needs; `kinds` are requests by the surface that the attacker uses."""

    harness: BenchHarness
    target: Target
    kinds: Mapping[Surface, Kinds]
    """Those that are sent beside operations of a surface, besides bookings and reads."""
    last: str
    """The id of the job that the attacker booked last when it was prepared."""

    def requests(self, surfaces: set[Surface]) -> Kinds:
        """The kinds of request that are measured beside operations of these surfaces."""
        found = dict(self.kinds[Surface.API])
        for surface in surfaces:
            found |= self.kinds[surface]
        return found

    def tidy(self) -> None:
        """Remove the jobs that the attacker has booked since it was prepared, and their runs."""
        given = {"account": self.target.facts["account_id"], "last": self.last}
        for attempt in range(_TRIES):
            # What is left of the attack may be in the middle of a transaction.
            with suppress(psycopg.errors.DeadlockDetected), self.harness.connection.transaction():
                for statement in _TIDY:
                    self.harness.connection.execute(statement, given)
                return
            time.sleep(attempt)


@contextmanager
def started(
    plan: Plan, receiver: Receiver, folder: Path, progress: Progress, *, sizes: Mapping[str, int]
) -> Iterator[Setting]:
    """An instance with its processes for gRPC and MCP, and an attacker that is prepared."""
    progress("starting an instance")
    with hostile.defended(plan, receiver, folder) as (harness, attacker), ExitStack() as stack:
        ports = {"rpc_port": free_port(), "mcp_port": free_port()}
        for program in _programs(harness, **ports):
            process = stack.enter_context(child(program))
            port = ports["mcp_port" if program.name == "mcp" else "rpc_port"]
            alive = {program.name: lambda process=process: process.poll() is None}
            await_listening(HOST, [port], alive, receiver.folder)
        progress("preparing the attacker's account")
        facts = {**ports, **_people(harness, attacker)}
        question = {"target": replace(attacker, facts=facts).document(), "sizes": sizes}
        facts |= ask("bench.neighbours.attacker", question)
        target = replace(attacker, facts=facts)
        newest: str = harness.value(_NEWEST)
        yield Setting(harness=harness, target=target, kinds=_kinds(harness, ports), last=newest)


def _programs(harness: BenchHarness, *, rpc_port: int, mcp_port: int) -> Iterator[Program]:
    environ = harness.instance.environment
    flask = (sys.executable, "-m", "flask", "--app", "wsgi")
    yield Program(
        name="dapr-grpc",
        command=(*flask, "dapr-grpc", "--host", HOST, "--port", f"{rpc_port}"),
        log=harness.receiver.folder / "dapr-grpc.log",
        environment=environ,
        folder=CHECKOUT,
    )
    arguments = ("mcp", "--http", "--host", HOST, "--port", f"{mcp_port}")
    yield Program(
        name="mcp",
        command=python("wakecall.cli", *arguments),
        log=harness.receiver.folder / "mcp.log",
        environment={
            **environ,
            "PYTHONPATH": f"{_CLIENT}",
            "WAKECALL_URL": f"http://{HOST}:{harness.instance.port}",
        },
        folder=CHECKOUT,
    )


def _people(harness: BenchHarness, target: Target) -> dict[str, Any]:
    """The users of the attacker's account: those who send requests, and those whom they remove."""
    account = harness.value("SELECT id FROM account WHERE name = %s", target.account)
    password = passwords.hash_password("the password of all of them")
    senders = users.sign_in(harness.connection, account, _USERS, password=password)
    leaving = users.sign_in(harness.connection, account, _USERS, password=password)
    members = users.sign_in(harness.connection, account, _MEMBERS, password=password)
    return {
        "account_id": account,
        "email": senders[0].email,
        "users": [{"cookie": each.cookie} for each in senders],
        "leaving": [{"cookie": each.cookie} for each in leaving],
        "sessions": [f"{each.session}" for each in members],
        "member": members[0].id,
        "members": [f"{each.id}" for each in members[1:]],
    }


def _kinds(harness: BenchHarness, ports: Mapping[str, int]) -> dict[Surface, Kinds]:
    """Requests of the measured account, each on a connection of its own and from OTHER_NETWORK."""
    account, port = harness.account, harness.instance.port
    victim = Target(port=port, account=account.name, key=account.key, receiver=0, closed=0)
    victim = replace(victim, facts=dict(ports))
    url = f"http://127.0.1.1:{harness.receiver.plain}"
    job = victim.ask("POST", "/1/jobs", {"url": url, "when": far()})["id"]
    victim.ask("PUT", "/1/dapr-apps/victim", {"url": url})
    victim.ask("POST", "/v1.0/jobs/mine", {"dueTime": "720h"}, dapr_app_id="victim")
    cookie = users.sign_in(harness.connection, account.id, 1)[0].cookie
    own = {"host": f"{HOST}:{port}", "Connection": "close"}
    booking = victim.json("POST", "/1/jobs", {"url": url, "when": far()}, **own)
    search = f"/docs/search?q={quote_plus('retry a job')}"
    for _ in range(_FIRST_SEARCHES):
        # The first search of each web process makes its index.
        victim.ask("GET", search, Connection="close")
    metadata = [("dapr-api-token", account.key), ("dapr-app-id", "victim")]
    return {
        Surface.API: {
            BOOKINGS: _kind(port, booking, _PER_S),
            READS: _kind(port, victim.request("GET", f"/1/jobs/{job}", b"", **own), _PER_S),
        },
        Surface.CONSOLE: {
            "pages": _kind(
                port, request("GET", "/console/jobs", b"", Cookie=cookie, Accept="text/html", **own)
            )
        },
        Surface.PUBLIC: {"searches": _kind(port, request("GET", search, b"", **own))},
        Surface.RPC: {
            "RPCs": {
                **_kind(ports["rpc_port"], GetJobRequest(name="mine").SerializeToString()),
                "method": "GetJob",
                "metadata": metadata,
            }
        },
        Surface.MCP: {
            "tools": _kind(
                ports["mcp_port"],
                mcp_request(
                    victim,
                    "tools/call",
                    {"name": "get_job", "arguments": {"job": job}},
                    Connection="close",
                ),
            )
        },
    }


def _kind(port: int, text: bytes, per_s: float = _FURTHER_PER_S) -> dict[str, Any]:
    return {
        "port": port,
        "request": text.decode("latin-1"),
        "per_s": per_s,
        "source": OTHER_NETWORK,
    }
