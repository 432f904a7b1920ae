"""Processes that serve RPCs: a sidecar for its app, and dapr-grpc for all accounts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from flask import Flask

from app.protos import dapr_runtime_pb2 as runtime
from app.protos.dapr_runtime_pb2 import Job
from bench import certificate
from local.instance import CHECKOUT
from tests.api.dapr.calls import add_app
from tests.api.dapr.rpc.client import Client, failure
from tests.factories import connect, one
from tests.ports import free_port

pytestmark = pytest.mark.long

DUE = "2100-01-01T00:00:00Z"
READY = 60


@contextmanager
def command(environ: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command of `flask --app wsgi`, until the block ends."""
    started = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@contextmanager
def channel_to(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(READY)
        yield channel


def outbound(port: int) -> int:
    """The status of /healthz/outbound, or 0 without an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1.0/healthz/outbound") as answer:
            return int(answer.status)
    except urllib.error.URLError:
        return 0


def end(process: subprocess.Popen[str]) -> str:
    """Its standard error, once SIGTERM has ended it."""
    process.send_signal(signal.SIGTERM)
    _, lines = process.communicate(timeout=30)
    assert process.returncode == 0, lines
    return lines


def test_a_sidecar_answers_rpcs_without_a_key_as_soon_as_it_says_it_is_healthy(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    add_app(app, "shop")
    http, rpc = free_port(), free_port()
    ports = ("--dapr-http-port", f"{http}", "--dapr-grpc-port", f"{rpc}")
    with command(environ, "dapr-sidecar", "--app-id", "shop", "--app-port", "6200", *ports) as it:
        while not outbound(http):
            assert it.poll() is None
        socket.create_connection(("127.0.0.1", rpc), timeout=0.5).close()
        assert it.stdout is not None
        assert f"and for gRPC on localhost:{rpc}\n" in it.stdout.readline()
        with channel_to(rpc) as channel:
            client = Client(channel, None)
            client.schedule(Job(name="a", due_time=DUE))
            assert client.get("a").due_time == DUE
            # A token is ignored, as by Dapr where none is set.
            Client(channel, "any").delete("a")
            answer = client.call("GetMetadata", b"", runtime.GetMetadataResponse)
            client.call("SetMetadata", b"", bytes)
        assert answer.id == "shop"
        assert answer.runtime_version == "wakecall"
        assert answer.app_connection_properties.port == 6200
        assert answer.app_connection_properties.protocol == "http"
        assert answer.app_connection_properties.channel_address == "127.0.0.1"
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(
                f"http://127.0.0.1:{http}/dapr.proto.runtime.v1.Dapr/ListJobs", b""
            )
        assert end(it) == ""


@pytest.mark.parametrize("off", [("--no-dapr-grpc",), ("--dapr-grpc-port", "0")])
def test_a_sidecar_does_without_grpc(
    environ: dict[str, str], app: Flask, key: str, off: tuple[str, ...]
) -> None:
    http = free_port()
    options = ("--app-id", "shop", "--app-port", "6200", "--dapr-http-port", f"{http}", *off)
    with command(environ, "dapr-sidecar", *options) as it:
        assert it.stdout is not None
        assert "gRPC" not in it.stdout.readline()
        assert outbound(http) == 204


def test_a_port_that_is_taken_is_reported_in_a_line(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = f"{taken.getsockname()[1]}"
        options = ("--app-id", "shop", "--app-port", "6200", "--dapr-http-port", f"{free_port()}")
        with command(environ, "dapr-sidecar", *options, "--dapr-grpc-port", port) as it:
            _, lines = it.communicate(timeout=READY)
        assert it.returncode == 1
        assert lines.count("\n") == 1
        assert "Give another with --dapr-grpc-port." in lines
        with command(environ, "dapr-grpc", "--port", port) as it:
            _, lines = it.communicate(timeout=READY)
        assert it.returncode == 1
        assert lines.count("\n") == 1
        assert f"127.0.0.1:{port}: the port is in use" in lines


def test_the_process_asks_for_keys_shares_its_port_and_ends_in_order(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    add_app(app)
    port = f"{free_port()}"
    with (
        command({**environ, "WAKECALL_GRPC_PORT": port}, "dapr-grpc") as first,
        command(environ, "dapr-grpc", "--port", port, "--host", "127.0.0.1") as second,
    ):
        with channel_to(int(port)) as channel:
            assert failure(Client(channel, None).list).reason == "Unauthorized"
            client = Client(channel, key)
            client.schedule(Job(name="a", due_time=DUE))
            assert [each.name for each in client.list()] == ["a"]
        for each in (first, second):
            assert each.stderr is not None
            line = json.loads(each.stderr.readline())
            assert (line["event"], line["process"]) == ("grpc.started", "dapr-grpc")
        for each in (first, second):
            lines = [json.loads(line) for line in end(each).splitlines()]
            assert lines[-1]["event"] == "grpc.stopped"


def test_a_key_that_was_used_over_grpc_alone_is_shown_as_used(
    environ: dict[str, str], app: Flask, key: str, database: str
) -> None:
    add_app(app)
    port = f"{free_port()}"
    with command(environ, "dapr-grpc", "--port", port) as it:
        with channel_to(int(port)) as channel:
            assert Client(channel, key).list() == []
        end(it)
    with connect(database) as connection:
        assert one(connection, "SELECT last_used_at IS NOT NULL FROM api_key") is True


def test_several_processes_of_dapr_grpc_share_its_port_and_end_together(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    add_app(app)
    port = f"{free_port()}"
    with command(environ, "dapr-grpc", "--port", port, "--processes", "2") as it:
        lines = started(it, "grpc.started", 2)
        workers = psutil.Process(it.pid).children()
        assert len(workers) == 2
        with channel_to(int(port)) as channel:
            assert Client(channel, key).list() == []
        lines += end(it)
    assert lines.count("grpc.stopped") == 2
    assert not any(each.is_running() for each in workers)


def test_a_worker_that_ends_by_itself_ends_the_others_and_the_process(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    port = f"{free_port()}"
    with command(environ, "dapr-grpc", "--port", port, "--processes", "2") as it:
        started(it, "grpc.started", 2)
        workers = psutil.Process(it.pid).children()
        workers[0].kill()
        it.communicate(timeout=30)
        assert it.returncode == os.EX_SOFTWARE
    assert not any(each.is_running() for each in workers)


def test_workers_end_when_their_process_is_killed(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    port = f"{free_port()}"
    with command(environ, "dapr-grpc", "--port", port, "--processes", "2") as it:
        started(it, "grpc.started", 2)
        workers = psutil.Process(it.pid).children()
        it.kill()
        _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def test_several_processes_of_a_sidecar_answer_at_its_ports(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    add_app(app, "shop")
    http, rpc = free_port(), free_port()
    ports = ("--dapr-http-port", f"{http}", "--dapr-grpc-port", f"{rpc}")
    options = ("--app-id", "shop", "--app-port", "6200", "--processes", "2")
    with command(environ, "dapr-sidecar", *options, *ports) as it:
        assert it.stdout is not None
        assert f"and for gRPC on localhost:{rpc}\n" in it.stdout.readline()
        workers = psutil.Process(it.pid).children()
        assert len(workers) == 2
        for each in workers:
            listens = {link.laddr.port for link in each.net_connections("tcp") if not link.raddr}
            assert {http, rpc} <= listens
        assert outbound(http) == 204
        with channel_to(rpc) as channel:
            client = Client(channel, None)
            client.schedule(Job(name="a", due_time=DUE))
            assert client.get("a").due_time == DUE
        assert end(it) == ""
    assert not any(each.is_running() for each in workers)


def test_several_processes_that_cannot_listen_say_so_in_a_line(
    environ: dict[str, str], app: Flask, key: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = f"{taken.getsockname()[1]}"
        with command(environ, "dapr-grpc", "--port", port, "--processes", "2") as it:
            _, lines = it.communicate(timeout=READY)
    assert it.returncode == 1
    assert lines.count("\n") == 1
    assert f"127.0.0.1:{port}: the port is in use" in lines


def started(process: subprocess.Popen[str], event: str, times: int) -> str:
    """What a process has logged until an event has come so often."""
    assert process.stderr is not None
    lines = ""
    while lines.count(event) < times:
        line = process.stderr.readline()
        assert line, lines
        lines += line
    return lines


def test_the_process_ends_tls_with_a_certificate(
    environ: dict[str, str], app: Flask, key: str, tmp_path: Path
) -> None:
    add_app(app)
    port = free_port()
    chain = certificate.make(tmp_path, ["127.0.0.1"])
    settings = {
        "WAKECALL_GRPC_CERTIFICATE": f"{chain}",
        "WAKECALL_GRPC_KEY": f"{tmp_path / certificate.KEY}",
    }
    credentials = grpc.ssl_channel_credentials(chain.read_bytes())
    with (
        command({**environ, **settings}, "dapr-grpc", "--port", f"{port}") as it,
        grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel,
    ):
        grpc.channel_ready_future(channel).result(READY)
        assert it.poll() is None
        assert Client(channel, key).list() == []


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"WAKECALL_GRPC_KEY": "x"}, "Set both WAKECALL_GRPC_CERTIFICATE and WAKECALL_GRPC_KEY"),
        (
            {"WAKECALL_GRPC_KEY": "/nowhere", "WAKECALL_GRPC_CERTIFICATE": "/nowhere"},
            "The certificate or its key cannot be read",
        ),
    ],
)
def test_a_certificate_that_is_not_there_is_reported_in_a_line(
    environ: dict[str, str], app: Flask, settings: dict[str, str], line: str
) -> None:
    with command({**environ, **settings}, "dapr-grpc", "--port", f"{free_port()}") as it:
        _, lines = it.communicate(timeout=READY)
    assert it.returncode != 0
    assert line in lines
    assert lines.count("\n") == 1


@pytest.mark.parametrize("wrong", ["certificate", "key", "another"])
def test_a_certificate_that_cannot_be_used_is_reported_in_a_line(
    environ: dict[str, str], app: Flask, tmp_path: Path, wrong: str
) -> None:
    chain, key = certificate.make(tmp_path, ["127.0.0.1"]), tmp_path / certificate.KEY
    match wrong:
        case "certificate":
            chain.write_text("no certificate")
        case "key":
            key.write_text("no key")
        case _:
            other = key.read_text()
            certificate.make(tmp_path, ["127.0.0.1"])
            key.write_text(other)
    settings = {"WAKECALL_GRPC_CERTIFICATE": f"{chain}", "WAKECALL_GRPC_KEY": f"{key}"}

    with command({**environ, **settings}, "dapr-grpc", "--port", f"{free_port()}") as it:
        _, lines = it.communicate(timeout=READY)

    assert it.returncode == 1
    assert lines.count("\n") == 1
    assert "WAKECALL_GRPC_CERTIFICATE and WAKECALL_GRPC_KEY cannot be used together: " in lines
