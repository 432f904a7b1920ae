"""The arguments of the HTTP server, which settings give: one line says what cannot be served."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.api.server import ROOT


@pytest.fixture(scope="module")
def taken() -> Iterator[str]:
    """A port at which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"{other.getsockname()[1]}"


def refusal(*arguments: str) -> str:
    """What the server prints that ends at once."""
    done = subprocess.run(
        [sys.executable, "-m", "app.http_server", "nothing:asgi", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("--port", "70000", "from 1 to 65535, not '70000'"),
        ("--port", "9" * 5000, f"not '{'9' * 60}'"),
        ("--port", "٣", "from 1 to 65535"),
        ("--port", "", "from 1 to 65535"),
        ("--workers", "0", "from 1 to 64"),
        ("--workers", "two", "from 1 to 64"),
        ("--workers-max-rss", "-1", "from 1 to 1000000"),
        ("--workers-max-rss", "0", "from 1 to 1000000"),
    ],
)
def test_a_number_out_of_its_bounds_is_refused(name: str, value: str, bounds: str) -> None:
    given = {"--host": "127.0.0.1", "--port": "1", name: value}

    said = refusal(*(f"{option}={text}" for option, text in given.items()))

    assert f"argument {name}: must be an integer" in said
    assert bounds in said


@pytest.mark.parametrize("host", ["nonsense", "localhost", "127.0.0.1:80", ""])
def test_a_name_is_refused_as_the_address(host: str, taken: str) -> None:
    assert "HOST must be an IP address" in refusal(f"--host={host}", f"--port={taken}")


@pytest.mark.parametrize(
    ("host", "reason"),
    [("127.0.0.1", "Address already in use"), ("192.0.2.1", "Cannot assign requested address")],
)
def test_an_address_that_cannot_be_taken_is_refused(host: str, reason: str, taken: str) -> None:
    said = refusal(f"--host={host}", f"--port={taken}")

    assert said == f"No process can listen at port {taken} of {host}: {reason}.\n"
