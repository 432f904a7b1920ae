"""Instances: finds the service that `make run` started on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_INSTANCE_FILE: Final = "instance.json"
_KEY_FILE: Final = "demo-key"
_FOLDER: Final = "var"
_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """A running instance: its data directory, its address, and the key of the account `demo`."""

    home: Path
    url: str
    key: str
    inbox: str
    """The URL of the receiver that prints calls; empty if there is none."""
    is_named: bool
    """Whether WAKECALL_HOME names it."""


def running(environ: Mapping[str, str], folder: Path) -> Instance | None:
    """Return the instance of WAKECALL_HOME, else one whose `var` is here, above, or the checkout's.

    Only files of this user or root are believed, and only addresses of loopback.
    """
    if named := environ.get("WAKECALL_HOME"):
        return _read(folder / named, is_named=True)
    for each in _folders(folder):
        if found := _read(each / _FOLDER, is_named=False):
            return found
    return None


def _folders(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents
    # In a checkout, this file is below clients/python/src.
    yield from (each for each in Path(__file__).parents if (each / "Procfile").exists())


def _read(home: Path, *, is_named: bool) -> Instance | None:
    path = home / _INSTANCE_FILE
    try:
        if path.stat().st_uid not in (os.geteuid(), 0):
            return None
        with path.open("rb") as file:
            facts = json.loads(file.read(_MAX_BYTES))
        url = facts["url"]
        if not isinstance(url, str) or not is_loopback(url) or not _is_running(facts.get("pid")):
            return None
        inbox = facts.get("inbox")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Instance(
        home=home,
        url=url,
        key=_key(home / _KEY_FILE),
        inbox=inbox if isinstance(inbox, str) else "",
        is_named=is_named,
    )


def is_loopback(url: str) -> bool:
    """Return whether a URL is of this machine, by its text."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_running(process: object) -> bool:
    """Return whether the process that announced the instance lives; its file outlives a kill."""
    if not isinstance(process, int) or process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
