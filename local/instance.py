"""One instance: what this start has decided, and what it says of itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.config import Settings
from app.domain.limits import TABLE
from local import home as homes
from local import network, orphans
from local import owner as owners
from local.home import Home
from local.owner import Owner
from local.program import Program
from local.supervisor import Supervisor
from local.terminal import say

CHECKOUT: Final = Path(__file__).resolve().parent.parent
SERVERS: Final = ("postgres", "valkey")
PROCESSES: Final = ("web", "scheduler", "worker")
"""As the Procfile names them."""

_PATIENCE_S: Final = {"web": 4.0}
_SETTLING_S: Final = 5.0
"""How long a worker may take to write its settlements after its last call has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """The decisions of this start; `facts` is the part that other processes may read."""

    home: Home
    settings: Settings
    owner: Owner | None
    sockets: Path
    environment: dict[str, str]
    supervisor: Supervisor
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        """Where this machine reaches the web."""
        return network.reachable(self.settings.host), self.settings.port

    @property
    def processes(self) -> dict[str, str]:
        """What runs under which name, and what the Procfile calls it; worker-2 is one as well."""
        more = {f"worker-{n}": "worker" for n in range(2, self.settings.workers + 1)}
        return {name: name for name in PROCESSES} | more

    @property
    def url(self) -> str:
        """The web's URL."""
        return network.url(*self.address)


def clear_up(home: Home) -> None:
    """End and remove what an earlier run left behind when it was killed."""
    earlier = homes.announced(home)
    for name in orphans.clear(earlier.get("processes")):
        say("Cleared up", f"{name} of an earlier run, which was killed")
    if isinstance(earlier.get("sockets"), str):
        network.remove_socket_folder(Path(earlier["sockets"]))


def create(
    home: Home, settings: Settings, environ: Mapping[str, str], report: Callable[[str], None]
) -> Instance:
    """Settle who runs what where. Raises Misconfigured."""
    owner = owners.choose(home.path / "postgres")
    sockets = network.socket_folder(owner)
    scripts = f"{Path(sys.executable).parent}"
    environment = {
        # One user on one machine: no limits between accounts are needed.
        "WAKECALL_RATE_LIMIT": "off",
        **environ,
        "PATH": f"{scripts}{os.pathsep}{environ.get('PATH', os.defpath)}",
        "WAKECALL_HOME": f"{home.path}",
        "HOST": settings.host,
        "PORT": f"{settings.port}",
        "PYTHONUNBUFFERED": "1",
    }
    instance = Instance(
        home=home,
        settings=settings,
        owner=owner,
        sockets=sockets,
        environment=environment,
        supervisor=Supervisor(report, lambda: announce(instance)),
    )
    # Workers reach the inboxes of accounts there.
    environment["WAKECALL_PUBLIC_URL"] = settings.public_url or instance.url
    instance.facts.update(
        url=instance.url,
        public_url=environment["WAKECALL_PUBLIC_URL"],
        pid=os.getpid(),
        sockets=f"{sockets}",
        allow_targets=environ.get("WAKECALL_ALLOW_TARGETS", ""),
        deny_targets=environ.get("WAKECALL_DENY_TARGETS", ""),
        limits={
            each.setting: text for each in TABLE if (text := environment.get(each.setting, ""))
        },
    )
    return instance


def announce(instance: Instance) -> None:
    """Write down how the instance is reached and which processes it has."""
    facts = {**instance.facts, "processes": instance.supervisor.records()}
    homes.announce(instance.home, facts)


def application(instance: Instance, name: str, command: tuple[str, ...]) -> Program:
    """A process of the application, run from the checkout."""
    return Program(
        name=name,
        command=command,
        log=instance.home.log / f"{name}.log",
        environment=instance.environment,
        folder=CHECKOUT,
        patience_s=_patience(instance.settings, name),
    )


def _patience(settings: Settings, name: str) -> float:
    """How long the process may take to end when asked."""
    if name.partition("-")[0] == "worker":
        return settings.grace + _SETTLING_S
    return _PATIENCE_S.get(name, 10.0)
