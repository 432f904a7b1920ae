"""Addresses and socket folders."""

from __future__ import annotations

import socket
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import Misconfigured
from local import network


def test_a_reserved_address_is_refused_to_others_until_it_is_given_back() -> None:
    with network.reserve("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(Misconfigured) as refused:
            network.reserve("127.0.0.1", port)

    assert f"PORT={port + 1} make run" in refused.value.message
    network.reserve("127.0.0.1", port).close()


def test_a_port_served_with_others_is_in_use_all_the_same() -> None:
    """Web servers share ports among their own processes (SO_REUSEPORT): none of ours joins in."""
    with socket.socket() as serving:
        serving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        serving.bind(("127.0.0.1", 0))
        serving.listen()

        with pytest.raises(Misconfigured, match="is in use"):
            network.reserve("127.0.0.1", serving.getsockname()[1])


def test_an_address_stays_with_its_instance_until_the_web_listens() -> None:
    first = network.reserve("127.0.0.1", 0)
    port = first.getsockname()[1]
    with network.claimed(first):
        first.close()

        with closing(network.reserve("127.0.0.1", port)) as second:
            refused = pytest.raises(Misconfigured, match=f"Port {port} on 127.0.0.1 is in use")
            with refused, network.claimed(second):
                pass

    with closing(network.reserve("127.0.0.1", port)) as third, network.claimed(third):
        pass


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("127.0.0.1", {"127.0.0.1"}), ("::", {"::"}), ("localhost", {"127.0.0.1", "::1"})],
)
def test_a_name_stands_for_the_address_that_was_taken(host: str, addresses: set[str]) -> None:
    with network.reserve("localhost", 0) as taken:
        assert network.address_of(host, taken) in addresses


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
    ],
)
def test_what_listens_everywhere_is_reached_on_loopback(host: str, reached: str) -> None:
    assert network.reachable(host) == reached


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert network.url("::1", 8000) == "http://[::1]:8000"
    assert network.url("127.0.0.1", 8000) == "http://127.0.0.1:8000"


def test_socket_folders_are_private_short_and_removed_with_what_they_hold() -> None:
    folder = network.socket_folder(None)
    (folder / "valkey.sock").touch()

    assert folder.stat().st_mode & 0o077 == 0
    assert len(f"{folder}/.s.PGSQL.5432.lock") <= 103
    network.remove_socket_folder(folder)
    assert not folder.exists()


def test_a_folder_whose_path_is_too_long_for_sockets_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix, dir: make(prefix=prefix, dir=deep))  # noqa: ARG005, A006 - as it is called

    with pytest.raises(Misconfigured, match="folder for sockets cannot be made"):
        network.socket_folder(None)

    assert list(deep.iterdir()) == []


def test_a_folder_that_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    network.remove_socket_folder(tmp_path)
    link = tmp_path / "wakecall-link"
    link.symlink_to(tmp_path)
    network.remove_socket_folder(link)

    assert tmp_path.exists()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("no.such.host.invalid", False),
    ],
)
def test_hosts_that_other_machines_reach_are_recognized(*, host: str, loopback: bool) -> None:
    assert network.is_loopback(host) is loopback
