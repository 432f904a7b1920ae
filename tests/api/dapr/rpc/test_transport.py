"""What goes over the wire: media types, compression, metadata, pings, and clients that stall."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import BytesIO
from typing import Any

import grpc
import pycurl
import pytest
from flask import Flask
from google.protobuf.any_pb2 import Any as AnyMessage

from app.api.asgi import AsgiApp
from app.api.dapr.rpc import server
from app.api.dapr.rpc.requests import address_of
from app.api.fair_gate import FairGate
from app.protos import dapr_runtime_pb2 as runtime
from app.protos.dapr_runtime_pb2 import Job
from tests.api.dapr.calls import add_app
from tests.api.dapr.rpc.client import SERVICE, Client, failure
from tests.api.dapr.rpc.conftest import serving

DUE = "2100-01-01T00:00:00Z"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
ACK = END_STREAM = 1
END_HEADERS = 4
NO_WINDOW = struct.pack(">HI", 4, 0)
"""SETTINGS_INITIAL_WINDOW_SIZE: nothing of an answer may be sent."""


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("unix:/tmp/x", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_peer(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_messages_may_be_compressed(client: Client) -> None:
    job = Job(name="a", due_time=DUE, data=AnyMessage(value=b"x" * 1_000_000))

    client.schedule(job, compression=grpc.Compression.Gzip)

    assert client.get("a").data == job.data


def test_metadata_of_5_kb_is_taken(client: Client) -> None:
    metadata = (*client.metadata, ("baggage", "x" * 5000), ("trace-bin", b"\xff" * 100))

    client.schedule(Job(name="a", due_time=DUE), metadata=metadata)

    assert client.get("a").name == "a"


def test_metadata_that_means_something_of_a_request_over_http_means_nothing(client: Client) -> None:
    metadata = (
        *client.metadata,
        *(("content-length", "5"), ("expect", "100-continue"), ("upgrade", "websocket")),
        *(("origin", "https://example.com"), ("sec-fetch-site", "cross-site")),
    )

    client.schedule(Job(name="a", due_time=DUE), metadata=metadata)

    assert client.get("a").name == "a"


def test_a_booking_that_is_repeated_under_a_key_is_made_once(client: Client) -> None:
    metadata = (*client.metadata, ("idempotency-key", "one"))
    for _ in range(2):
        client.schedule(Job(name="a", due_time=DUE), metadata=metadata)

    assert failure(lambda: client.schedule(Job(name="a", due_time=DUE))).code is (
        grpc.StatusCode.ALREADY_EXISTS
    )


def test_a_loop_of_calls_ends(client: Client) -> None:
    metadata = (*client.metadata, ("wakecall-depth", "3"))

    failed = failure(lambda: client.schedule(Job(name="a", due_time=DUE), metadata=metadata))

    assert failed.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failed.reason == "ERR_LOOP_DETECTED"


def post(address: str, key: str, body: bytes, *fields: str) -> tuple[list[str], bytes]:
    """Lines of headers and trailers, and the body, of a POST over HTTP/2."""
    curl, lines, answer = pycurl.Curl(), [], BytesIO()
    headers = ["te: trailers", f"dapr-api-token: {key}", *fields]
    curl.setopt(pycurl.URL, f"http://{address}/{SERVICE}/GetJob")
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
    curl.setopt(pycurl.POSTFIELDS, body)
    curl.setopt(pycurl.HTTPHEADER, headers)
    curl.setopt(pycurl.HEADERFUNCTION, lambda line: lines.append(line.decode().strip()))
    curl.setopt(pycurl.WRITEDATA, answer)
    curl.setopt(pycurl.TIMEOUT, 30)
    curl.perform()
    curl.close()
    return lines, answer.getvalue()


@pytest.mark.parametrize("media_type", ["application/grpc", "application/grpc+proto"])
def test_both_media_types_are_taken(
    client: Client, address: str, key: str, media_type: str
) -> None:
    client.schedule(Job(name="a", due_time=DUE))
    asked = runtime.GetJobRequest(name="a").SerializeToString()
    body = struct.pack(">BI", 0, len(asked)) + asked

    lines, answer = post(address, key, body, f"content-type: {media_type}")

    assert "grpc-status: 0" in lines
    assert runtime.GetJobResponse.FromString(answer[5:]).job.due_time == DUE


def test_little_that_becomes_much_is_refused(address: str, key: str) -> None:
    packed = gzip.compress(b"\n" * 64 * 1024 * 1024)
    body = struct.pack(">BI", 1, len(packed)) + packed

    lines, answer = post(
        address, key, body, "content-type: application/grpc", "grpc-encoding: gzip"
    )

    assert "grpc-status: 8" in lines
    assert answer == b""


# Pings.


def frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def frames(link: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Kind, flags and payload of each frame that comes, until the connection ends."""
    with link.makefile("rb") as stream:
        while head := stream.read(9):
            yield head[3], head[4], stream.read(int.from_bytes(head[:3], "big"))


@contextmanager
def connected(address: str, settings: bytes = b"") -> Iterator[socket.socket]:
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as link:
        link.sendall(PREFACE + frame(SETTINGS, settings))
        yield link


def rpc(stream: int, name: str, key: str, message: bytes) -> bytes:
    """The frames of an RPC; its fields are literals that are not indexed (RFC 7541, 6.2.2)."""
    pseudo = {":method": "POST", ":scheme": "http", ":path": f"/{SERVICE}/{name}"}
    others = {"content-type": "application/grpc", "te": "trailers", "dapr-api-token": key}
    fields = {**pseudo, ":authority": "x", **others}
    block = b"".join(
        b"\0" + b"".join(bytes([len(each)]) + each.encode() for each in field)
        for field in fields.items()
    )
    body = struct.pack(">BI", 0, len(message)) + message
    headers = frame(HEADERS, block, flags=END_HEADERS, stream=stream)
    return headers + frame(DATA, body, flags=END_STREAM, stream=stream)


def test_a_client_may_ping_every_8_seconds_without_an_rpc(address: str) -> None:
    with connected(address) as link:
        coming = frames(link)
        for number in range(4):
            if number:
                # That is what is tested: a fourth ping that came too early would end it.
                time.sleep(8.2)
            link.sendall(frame(PING, bytes(7) + bytes([number])))
            for kind, flags, payload in coming:
                assert kind != GOAWAY
                if kind == PING and flags & ACK:
                    assert payload[7] == number
                    break
            else:
                pytest.fail("the connection has ended")


def test_a_client_that_pings_all_the_time_is_sent_away(address: str) -> None:
    with connected(address) as link:
        link.sendall(frame(PING, bytes(8)) * 10)

        assert any(
            kind == GOAWAY and b"too_many_pings" in payload for kind, _, payload in frames(link)
        )


# Clients that stall.


def test_a_connection_that_says_nothing_is_closed(address: str) -> None:
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as link:
        while link.recv(4096):
            pass


@contextmanager
def stalled(address: str, number: int, key: str | None = None) -> Iterator[list[Any]]:
    """RPCs that have begun and whose messages do not come, until the block ends."""
    go_on = threading.Event()

    def nothing() -> Iterator[bytes]:
        go_on.wait()
        yield b""

    metadata = () if key is None else (("dapr-api-token", key),)
    with ExitStack() as stack:
        stack.callback(go_on.set)
        calls: list[Any] = []
        for _ in range(number):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = stack.enter_context(grpc.insecure_channel(address, options))
            call: Any = channel.stream_unary(f"/{SERVICE}/ListJobs")
            calls.append(call.future(nothing(), metadata=metadata))
        yield calls


def test_strangers_that_stall_keep_no_account_from_its_turn(client: Client, address: str) -> None:
    assert client.list() == []
    with stalled(address, server.READS + 2) as calls:
        client.schedule(Job(name="a", due_time=DUE))

        assert [each.name for each in client.list()] == ["a"]
        assert not any(each.done() for each in calls)


def test_strangers_and_an_account_that_stall_keep_no_other_account_from_its_turn(
    app: Flask, make_key: Callable[[], str]
) -> None:
    one, other = make_key(), make_key()
    for name in ("account-1", "account-2"):
        add_app(app, account=name)
    with serving(app) as address, grpc.insecure_channel(address) as channel:
        first, second = Client(channel, one), Client(channel, other)
        # The server knows the account of a key from an RPC before.
        assert (first.list(), second.list()) == ([], [])
        with (
            stalled(address, server.READS + 2) as strangers,
            stalled(address, server.READS + 2, one) as calls,
        ):
            second.schedule(Job(name="a", due_time=DUE))

            assert [each.name for each in second.list()] == ["a"]
            assert not any(each.done() for each in (*strangers, *calls))


def test_a_message_for_which_there_is_no_room_is_not_called_malformed(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "READS", 2)
    monkeypatch.setattr(server, "FairGate", partial(FairGate, max_wait_s=0.2))
    add_app(app)
    with serving(app) as address, grpc.insecure_channel(address) as channel:
        client = Client(channel, key)
        assert client.list() == []
        with stalled(address, 1, key):
            failed = failure(lambda: _until_refused(client))
            assert (failed.code, failed.reason) == (
                grpc.StatusCode.UNAVAILABLE,
                "DAPR_SCHEDULER_LIST_JOBS",
            )
            assert "messages of gRPC, are arriving" in failed.message


def _until_refused(client: Client) -> None:
    """Ask until the RPC that stalls has its turn."""
    while True:
        client.list()


def test_too_many_rpcs_of_one_sender_are_refused_and_others_go_on(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_RPCS_OF_NETWORKS", 8)
    add_app(app)
    with serving(app) as address, grpc.insecure_channel(address) as channel:
        client = Client(channel, key)
        assert client.list() == []
        with stalled(address, 5) as calls:
            refused = next(_ended(calls))
            assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "are under way" in refused.details()
            assert client.list() == []
            assert sum(each.done() for each in calls) == 1


def _ended(calls: list[Any]) -> Iterator[Any]:
    """The calls that end, as they do."""
    ended = threading.Event()
    for each in calls:
        each.add_done_callback(lambda _: ended.set())
    assert ended.wait(30)
    yield from (each for each in calls if each.done())


def test_a_client_that_is_gone_costs_nothing_further(
    client: Client,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client.schedule(Job(name="a", due_time=DUE))
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    run = AsgiApp._run

    async def slowly(self: AsgiApp, *arguments: object) -> object:
        begun.set()
        await asyncio.to_thread(go_on.wait)
        try:
            return await run(self, *arguments)  # type: ignore[arg-type] # passed on
        finally:
            ended.set()

    monkeypatch.setattr(AsgiApp, "_run", slowly)
    call: Any = client.channel.unary_unary(f"/{SERVICE}/DeleteJob")
    asked = runtime.DeleteJobRequest(name="a").SerializeToString()
    gone = call.future(asked, metadata=client.metadata)
    assert begun.wait(30)
    gone.cancel()
    go_on.set()
    assert ended.wait(30)

    assert client.list() == []
    assert "failed" not in capsys.readouterr().out


def test_an_account_that_does_not_read_its_answers_gets_no_more_of_them(
    client: Client, address: str, key: str
) -> None:
    client.schedule(Job(name="a", due_time=DUE, data=AnyMessage(value=b"x" * 3_000_000)))
    asked = runtime.GetJobRequest(name="a").SerializeToString()
    with connected(address, NO_WINDOW) as link:
        for number in range(16):
            link.sendall(rpc(2 * number + 1, "GetJob", key, asked))
        failed: Any = None
        deadline = time.monotonic() + 30
        while failed is None:
            assert time.monotonic() < deadline, "nothing is counted as unread"
            try:
                client.get("a")
            except grpc.RpcError as error:
                failed = error
        assert failed.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "has not yet read" in failed.details()
    # Once the client is gone, its answers count no more.
    while client_is_refused(client):
        assert time.monotonic() < deadline


def client_is_refused(client: Client) -> bool:
    try:
        client.get("a")
    except grpc.RpcError:
        return True
    return False


def test_clients_that_leave_at_any_moment_are_no_defects(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.schedule(Job(name="a", due_time=DUE, data=AnyMessage(value=b"x" * 100_000)))
    asked = runtime.GetJobRequest(name="a").SerializeToString()
    call: Any = client.channel.unary_unary(f"/{SERVICE}/GetJob")
    for number in range(100):
        gone = call.future(asked, metadata=client.metadata)
        ended = threading.Event()
        gone.add_done_callback(lambda _, ended=ended: ended.set())
        # Some are cancelled at once, others after a part of the time that an answer takes.
        ended.wait(number / 10_000)
        gone.cancel()

    assert client.get("a").name == "a"
    said = capsys.readouterr()
    assert "failed" not in said.out
    assert said.err == ""
