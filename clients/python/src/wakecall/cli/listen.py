"""Listen: the command that brings the calls of an inbox to a URL of this machine."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

import click

from wakecall.cli import inbox_feed, keystrokes, options, replay
from wakecall.cli.failures import Exit
from wakecall.cli.inbox_feed import LATER, Feed
from wakecall.cli.options import Command
from wakecall.cli.output import Row
from wakecall.cli.replay import Replayed, Target
from wakecall.cli.session import Session, pass_session

_HTTP: Final = ("http", "https")
_PORT: Final = re.compile(r"[0-9]+(?:/.*)?")
_HOST: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_MAX_LABEL: Final = 100


@click.command(cls=Command)
@click.argument("target", metavar="URL")
@click.option("--inbox", "wanted", metavar="ID", help="This inbox, instead of one of its own.")
@click.option("--path", "prefix", default="", help="Only calls whose path begins with this.")
@click.option("--fail", is_flag=True, help="Report a failure here as the end of the run.")
@click.option("--unsigned", is_flag=True, help="Also calls that the service did not sign.")
@click.option("--print-body", is_flag=True, help="Print the bodies of calls and answers.")
@click.option("--once", is_flag=True, help="End after one call; fail if the call fails.")
@click.option(
    "--for",
    "lasting",
    metavar="SPAN",
    callback=options.span,
    help="End after so long: 90s, 10m. With --once, fail if no call came.",
)
@click.option(
    "--local-timeout",
    type=click.FloatRange(0.1, 3000),
    default=30,
    callback=options.finite,
    help="Seconds per call; 30.",
)
@pass_session
def listen(  # noqa: PLR0913 - one for each option
    session: Session,
    *,
    target: str,
    wanted: str | None,
    prefix: str,
    fail: bool,
    unsigned: bool,
    print_body: bool,
    once: bool,
    lasting: timedelta | None,
    local_timeout: float,
) -> int:
    """Bring calls to URL on this machine, as `3000` or http://localhost:3000/hooks.

    `3000/hooks` is a path of a port of this machine. Another machine is given with http:// or
    https://.

    The calls arrive at an inbox of the account, whose URL is printed: book calls of it. Each is
    sent to URL with its path, query, headers and body, one after the other. If it is answered with
    2xx, the run is completed as succeeded. If not, nothing is reported, and the run waits until it
    is called again; --fail completes it as failed instead.

    On a terminal, r sends the newest call again, without reporting the result, and o opens its run.
    Ends on Ctrl-C and SIGTERM only, or after --for. A connection that is lost is made again.
    """
    local = Target(base=_local_url(target), timeout=local_timeout)
    inbox = _inbox(session, wanted)
    completes = inbox["answer"] == LATER
    _introduce(session, inbox, local, completes=completes)
    feed = Feed(session, inbox, lasting)
    try:
        with _stops_on_sigterm(), replay.sender(local) as send, _keys(session, send) as newest:
            for call in feed:
                if not _is_wanted(session, call, prefix=prefix, unsigned=unsigned):
                    continue
                newest[:] = [call]
                replayed = send(call)
                if completes:
                    replayed = replay.report(session, call, replayed, fails=fail)
                _show(session, call, replayed, bodies=print_body)
                if once:
                    return Exit.DONE if replayed.is_success else Exit.REFUSED
    except KeyboardInterrupt:
        _say_end(session, feed)
        return Exit.INTERRUPTED if once else Exit.DONE
    _say_end(session, feed)
    return Exit.REFUSED if once else Exit.DONE


def _say_end(session: Session, feed: Feed) -> None:
    session.out.hint(f"Ended after {feed.count} call{'' if feed.count == 1 else 's'}.")


@contextmanager
def _keys(session: Session, send: Callable[[Row], Replayed]) -> Iterator[list[Row]]:
    """Let a person send the newest call again, and open its run; give where that call is kept."""
    newest: list[Row] = []

    def again() -> None:
        for call in newest[:1]:
            _show(session, call, send(call), bodies=True)

    def open_run() -> None:
        for call in newest[:1]:
            session.world.open_page(f"{session.connection.url}/console/runs/{call.get('run', '')}")

    if session.options.no_input or session.out.format != "table" or not session.world.can_ask():
        yield newest
        return
    session.out.hint("Keys: r sends the newest call again, o opens its run in the console.")
    with keystrokes.pressed(session.world.keyboard(), {"r": again, "o": open_run}):
        yield newest


def _local_url(text: str) -> str:
    """Return the URL that a port, an address of this machine or a URL stands for.

    Raises click's errors. Another machine is meant only by a whole URL, as signed calls go there.
    """
    port = _PORT.fullmatch(text)
    url = f"http://localhost:{text}" if port else text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_usable = parts.scheme in _HTTP and _is_host(host) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.query or parts.fragment or parts.username is not None:
        raise click.BadParameter(
            f"{text!r} is not a URL such as http://localhost:3000/hooks, or a port.",
            param_hint="URL",
        )
    if "://" not in text and not _is_of_this_machine(host):
        raise click.BadParameter(
            f"{text!r} is not of this machine. To send calls to another, give the whole URL, "
            f"with http:// or https://; a port of this machine is given as 3000 or 3000/hooks.",
            param_hint="URL",
        )
    return url.rstrip("/")


def _is_host(name: str) -> bool:
    """Return whether a name is an address or a host name; a number such as 3000 is neither."""
    if _address(name) is not None:
        return True
    # Resolvers take a name whose last label is a number for an IPv4 address: 9123 is 0.0.35.163.
    return bool(_HOST.fullmatch(name)) and not _NUMBER.fullmatch(name.rstrip(".").split(".")[-1])


def _is_of_this_machine(host: str) -> bool:
    found = _address(host)
    if found is not None:
        return found.is_loopback or found.is_unspecified
    return host == "localhost" or host.endswith(".localhost")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _inbox(session: Session, wanted: str | None) -> Row:
    """Return the inbox that is named, or that of this machine, which is made if there is none."""
    if wanted is not None:
        return inbox_feed.find(session, wanted)
    label = f"listen on {socket.gethostname()}"[:_MAX_LABEL]
    found = next((each for each in inbox_feed.inboxes(session) if each["label"] == label), None)
    document = {"label": label, "answer": LATER}
    if found is None:
        made: Row = session.ask("POST", "/1/inboxes", document=document)
        return made
    if found["answer"] != LATER:
        found = session.ask("PUT", f"/1/inboxes/{found['id']}", document=document)
    return found


def _introduce(session: Session, inbox: Row, local: Target, *, completes: bool) -> None:
    session.out.hint(f"{inbox['url']} -> {local.base}")
    if not completes:
        session.out.hint(
            f"The inbox answers {inbox['answer']} by itself: what {local.base} answers is shown, "
            "and not reported."
        )
    session.out.hint("Waiting for calls. Ctrl-C ends.")


def _is_wanted(session: Session, call: Row, *, prefix: str, unsigned: bool) -> bool:
    """Return whether a call is brought here; tells of one that is not, because of its signature."""
    if not f"{call['path']}".startswith(prefix):
        return False
    if call["signature"] == "verified" or unsigned:
        return True
    session.out.hint(
        f"Call {call['number']} was left out: its signature is {call['signature']}. "
        "--unsigned brings such calls."
    )
    return False


def _show(session: Session, call: Row, replayed: Replayed, *, bodies: bool) -> None:
    if session.options.is_json:
        session.out.compact({"call": call, **replayed.document()})
        return
    session.out.line(replay.sentence(session.out, call, replayed))
    if bodies:
        for mark, body in ((">", replay.body_of(call)), ("<", replayed.body)):
            for line in body.decode("utf-8", "replace").splitlines():
                session.out.line(f"  {mark} {line}")


@contextmanager
def _stops_on_sigterm() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
