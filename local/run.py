"""`make run`: the whole service on one machine, from the first start to Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.config import load
from app.errors import Misconfigured
from app.stop_requests import StopRequests
from local import demonstration, network, processes, servers
from local import home as homes
from local import instance as instances
from local.bootstrap import offer_command
from local.client import Client
from local.inbox import Inbox
from local.instance import Instance
from local.terminal import fail, say, shown, step

_LOOPBACK: Final = "127.0.0.0/8,::1/128"
_ELSEWHERE: Final = "https://example.com/wake"


def main() -> int:
    """Run until stopped; return 0 when stopped in good order, 1 when it could not run."""
    os.umask(0o077)
    try:
        asyncio.run(_run(os.environ))
    except Misconfigured as error:
        fail(error.message)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        fail(f"{error.strerror or error}{where}.")
    else:
        return 0
    return 1


async def _run(environ: Mapping[str, str]) -> None:
    allowed = environ.get("WAKECALL_ALLOW_TARGETS")
    environ = {**environ, "WAKECALL_ALLOW_TARGETS": _LOOPBACK if allowed is None else allowed}
    # Any address will do to check the other settings; the servers are not there yet.
    settings = load({**environ, "DATABASE_URL": environ.get("DATABASE_URL") or "postgresql://"})
    home = homes.hold(settings.home)
    try:
        instances.clear_up(home)
        with (
            closing(network.reserve(settings.host, settings.port)) as reservation,
            network.claimed(reservation),
        ):
            settings = replace(settings, host=network.address_of(settings.host, reservation))
            instance = instances.create(home, settings, environ, lambda text: say("!", text))
            if allowed is None:
                say("Targets", f"loopback allowed: WAKECALL_ALLOW_TARGETS={_LOOPBACK}")
            await _until_stopped(instance, reservation)
    finally:
        homes.release(home)


async def _until_stopped(instance: Instance, reservation: socket.socket) -> None:
    """Live until a signal comes or something cannot be started; then end every process."""
    stop = _stop_on_signals(instance)
    stopping = asyncio.create_task(stop.wait())
    logs = asyncio.create_task(instance.supervisor.watch_logs())
    life = asyncio.create_task(_live(instance, reservation))
    try:
        await asyncio.wait({life, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped = stop.is_set()
        for task in (life, logs, stopping):
            task.cancel()
        with step("Stopping", "a few seconds") if stopped else nullcontext() as shown_step:
            await instance.supervisor.stop_all(last=instances.SERVERS)
            homes.withdraw(instance.home)
            network.remove_socket_folder(instance.sockets)
            if shown_step:
                shown_step.result = f"everything; the data stays in {shown(instance.home.path)}"
    with suppress(asyncio.CancelledError):
        await life


def _stop_on_signals(instance: Instance) -> asyncio.Event:
    """Return an event that Ctrl-C, SIGTERM or a closed terminal sets. A second signal hurries."""
    stop = asyncio.Event()
    requests = StopRequests()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        request = requests.count(loop.time())
        if request is not None and request > 1:
            instance.supervisor.hurry()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup the terminal may close and the instance stays.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal)
    return stop


async def _live(instance: Instance, reservation: socket.socket) -> None:
    """Start everything, introduce it, and stay. Raises Misconfigured, OSError."""
    await servers.start(instance)
    prepared = await processes.prepare(instance)
    key = homes.demo_key(instance.home)
    host, port = instance.address
    client = Client(host=host, port=port, key=key)
    address = demonstration.loopback(instance.settings.allow_targets)
    inbox = _inbox(instance, client, address) if address else None
    try:
        reservation.close()
        await processes.start(instance, client)
        _introduce(instance, key, inbox.url if inbox else "", prepared.link)
        if inbox is None:
            say("Example", "skipped: WAKECALL_ALLOW_TARGETS does not allow loopback")
        elif prepared.fresh:
            await _demonstrate(client, inbox)
        await asyncio.Event().wait()
    finally:
        if inbox:
            inbox.close()


def _inbox(instance: Instance, client: Client, address: str) -> Inbox:
    inbox = Inbox(
        address,
        homes.inbox_port(instance.home),
        lambda: demonstration.secrets(client),
        lambda text: say("Inbox", text),
    )
    homes.remember_inbox_port(instance.home, inbox.port)
    instance.facts["inbox"] = inbox.url
    instances.announce(instance)
    return inbox


def _introduce(instance: Instance, key: str, inbox: str, link: str) -> None:
    """Print the address of the instance and how to use it."""
    if not network.is_loopback(instance.settings.host):
        say("", "")
        say(
            "Warning",
            f"HOST is {instance.settings.host}: other machines reach the web without TLS,",
        )
        say("", "and nothing bounds their connections. Put a proxy in front: deploy/nginx.conf")
    target = f"{inbox}/wake" if inbox else _ELSEWHERE
    say("", "")
    say("Wakecall", instance.url)
    say(
        "API key",
        f"{key}   (account demo; kept in {shown(instance.home.path / homes.DEMO_KEY_FILE)})",
    )
    say("Console", f"{link}   (signs in once, within a day;")
    flask = shown(Path(sys.executable).with_name("flask"))
    say("", f"another one: {demonstration.sign_in_line(shown(instance.home.path), flask)})")
    say("Logs", f"{shown(instance.home.log)}/")
    say("Stop", "Ctrl-C")
    say("", "")
    say("Book a call ten seconds ahead:", "")
    say(demonstration.command(instance.url, key, target), "")
    say("", "")
    if offered := _offered():
        say("Or with the command line, which waits for the call:", "")
        say(demonstration.shell_line(shown(instance.home.path), shown(offered), target), "")
        say("", "")


def _offered() -> Path | None:
    """Return the command line of this environment; None if it cannot be written."""
    venv = Path(sys.executable).parent.parent
    try:
        return offer_command(venv)
    except OSError:
        return None


async def _demonstrate(client: Client, inbox: Inbox) -> None:
    refusal = await asyncio.to_thread(demonstration.book, client, inbox.url)
    if refusal:
        say("Example", f"not booked: {refusal}")
        return
    say("Example", f"a call on the inbox is booked, {demonstration.AHEAD_S} s ahead")
    if not await asyncio.to_thread(demonstration.arrived, inbox.received):
        say("Example", "the callback did not come; the logs of worker and scheduler may tell why")


if __name__ == "__main__":
    sys.exit(main())
