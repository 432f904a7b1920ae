"""The address and the sockets of one instance."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from app.errors import Misconfigured
from local import owner as owners
from local.owner import Owner

_PREFIX: Final = "wakecall-"
_MAX_SOCKET: Final = "/.s.PGSQL.5432.lock"
_SOCKET_BYTES: Final = 103  # sun_path: 108 on Linux, 104 on macOS, with a final NUL


def reserve(host: str, port: int) -> socket.socket:
    """Take the web's address until the web does. Raises Misconfigured."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Misconfigured(f"HOST is {host!r}: {error.strerror}.") from None
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen()
    except OSError as error:
        taken.close()
        raise Misconfigured(_why_not(host, port, error)) from None
    return taken


@contextmanager
def claimed(taken: socket.socket) -> Iterator[None]:
    """Keep other instances from an address that was taken, also while nothing listens there.

    The web listens some seconds after it was given back, and with SO_REUSEPORT: a second instance
    that took it meanwhile would get half of the connections. Does nothing where the system is not
    Linux. Raises Misconfigured where another instance has the address.
    """
    if sys.platform != "linux":
        yield
        return
    host, port = taken.getsockname()[:2]
    with socket.socket(socket.AF_UNIX) as claim:
        try:
            # An abstract name: it ends with this process, and belongs to the network namespace.
            claim.bind(f"\0wakecall {host} {port}")
        except OSError as error:
            raise Misconfigured(_why_not(host, port, error)) from None
        yield


def address_of(host: str, taken: socket.socket) -> str:
    """The address that was taken for `host`; an address is left as it is.

    The web server takes addresses only.
    """
    try:
        ip_address(host)
    except ValueError:
        return str(taken.getsockname()[0])
    return host


def reachable(host: str) -> str:
    """The address at which this machine reaches what listens on `host`."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004 - IPv4
    return host


def is_loopback(host: str) -> bool:
    """Whether this machine alone reaches what listens on `host`."""
    try:
        addresses = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except socket.gaierror:
        return False
    return all(ip_address(str(each).partition("%")[0]).is_loopback for each in addresses)


def url(host: str, port: int) -> str:
    """The web's address as a URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def socket_folder(owner: Owner | None) -> Path:
    """A fresh folder for the servers' sockets that its owner alone can enter.

    It lies outside the data directory, whose path may be longer than a socket's may be, or
    closed to its owner.
    """
    for parent in ("/tmp", "/var/tmp", tempfile.gettempdir()):  # noqa: S108 - mkdtemp, 0700
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError:
            continue
        owners.give(folder, owner)
        if len(os.fsencode(f"{folder}{_MAX_SOCKET}")) <= _SOCKET_BYTES and owners.can_enter(
            owner, folder
        ):
            return folder
        folder.rmdir()
    raise Misconfigured(
        "A folder for sockets cannot be made: neither /tmp nor /var/tmp is writable."
    )


def remove_socket_folder(folder: Path) -> None:
    """Remove a folder that `socket_folder` made; anything else is left alone."""
    if folder.name.startswith(_PREFIX) and folder.is_absolute() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def _why_not(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            other = port + 1 if port < 65535 else port - 1  # noqa: PLR2004 - the last port
            return (
                f"Port {port} on {host} is in use. Stop what listens there, or take another: "
                f"PORT={other} make run"
            )
        case errno.EACCES:
            return f"Port {port} is not for ordinary users. Take another: PORT=8000 make run"
        case errno.EADDRNOTAVAIL:
            return f"HOST is {host!r}, which is not an address of this machine."
        case _:
            return f"Port {port} on {host} cannot be taken: {error.strerror}."
