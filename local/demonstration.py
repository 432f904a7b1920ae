"""Demonstration: a first booking on the instance's own inbox, and a command to paste for more."""

from __future__ import annotations

import http.client
import json
import shlex
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from app.config import Network
from app.errors import Unavailable
from local.client import Client

USER: Final = "demo@localhost"
"""The user of the account `demo`; the address gets no mail."""

AHEAD_S: Final = 3
_PATIENCE_S: Final = 30.0


def loopback(allowed: tuple[Network, ...]) -> str:
    """The loopback address that callbacks may reach, or nothing."""
    for address in ("127.0.0.1", "::1"):
        if any(ip_address(address) in network for network in allowed):
            return address
    return ""


def secrets(client: Client) -> tuple[str, ...]:
    """The account's signing secrets, or none while the instance does not answer."""
    try:
        status, text = client.ask("GET", "/1/secrets")
        found = json.loads(text) if status == http.client.OK else []
    except (Unavailable, ValueError):
        return ()
    return tuple(f"{each['value']}" for each in found)


def book(client: Client, inbox: str) -> str:
    """Book a call on the inbox a few seconds ahead; returns "" or the reason of a refusal."""
    when = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
    job = {"url": f"{inbox}/welcome", "when": when.isoformat(), "data": "Good morning!"}
    try:
        status, text = client.ask("POST", "/1/jobs", job)
    except Unavailable as error:
        return error.message
    return "" if status == http.client.CREATED else f"{status} {' '.join(text.split())}"


def arrived(received: threading.Event) -> bool:
    """Wait for the callback until well past its time; returns whether it came."""
    return received.wait(AHEAD_S + _PATIENCE_S)


def command(url: str, key: str, target: str) -> str:
    """A `curl` that books a call ten seconds after it is pasted.

    GNU and BusyBox date take `-d @SECONDS`, BSD's (macOS) takes `-v`.
    """
    when = "date -u -d @$(($(date +%s) + 10)) +%FT%TZ 2>/dev/null || date -u -v+10S +%FT%TZ"
    address = f"'{url}/1/jobs'" if "[" in url else f"{url}/1/jobs"  # zsh takes it for a pattern
    return (
        f"curl -sS {address} -H 'Authorization: Bearer {key}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"url": "{target}", "data": "Wake up!", "when": "'"$({when})"'"}}'"""
    )


def sign_in_line(home: str, flask: str) -> str:
    """Return the command that prints another link; `home` is the data directory."""
    return f"WAKECALL_HOME={shlex.quote(home)} {shlex.quote(flask)} --app wsgi user sign-in {USER}"


def shell_line(home: str, wakecall: str, target: str) -> str:
    """Return the command of the command line that does the same, and waits for the call.

    `home` is the data directory, where it finds the instance and its key.
    """
    return (
        f"WAKECALL_HOME={shlex.quote(home)} {shlex.quote(wakecall)} book {target} --in 10s "
        "--data 'Wake up!' --wait"
    )
