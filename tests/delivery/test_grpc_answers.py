"""gRPC: answers of apps that break its rules, over real sockets, and framing of messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.grpc import decode_message, frame, interpret, unframe
from app.domain.grpc_status import ERRORS
from app.domain.run import Reply
from tests.delivery.grpc_app import GrpcApp
from tests.delivery.h2_frames import OK_HEADERS, h2_frame, literal
from tests.delivery.outbound import Outbound
from tests.delivery.scripted_app import Scripted
from tests.delivery.test_grpc import call, rpc


@pytest.fixture
def app() -> Iterator[GrpcApp]:
    with GrpcApp() as made:
        yield made


@pytest.mark.parametrize(
    ("answers", "error", "detail"),
    [
        (
            [h2_frame(1, 5, 1, b"\x8d")],
            "grpc-unimplemented",
            "The app answered UNIMPLEMENTED (12): the answer is HTTP 404 without grpc-status.",
        ),
        (
            [h2_frame(1, 5, 1, b"\x08\x03" + b"503")],
            "grpc-unavailable",
            "The app answered UNAVAILABLE (14): the answer is HTTP 503 without grpc-status.",
        ),
        (
            [h2_frame(1, 5, 1, b"\x88")],
            "grpc-unknown",
            "The app answered UNKNOWN (2): the answer is HTTP 200 without grpc-status.",
        ),
        (
            [OK_HEADERS, h2_frame(0, 1, 1, b"\0\0\0\0\0")],
            "grpc-unknown",
            "The app answered UNKNOWN (2): the answer is HTTP 200 without grpc-status.",
        ),
        (
            [h2_frame(1, 5, 1, b"\x88" + literal(b"grpc-status", b"77"))],
            "grpc-unknown",
            "The app answered UNKNOWN (2): grpc-status 77",
        ),
        (
            [h2_frame(1, 5, 1, b"\x88" + literal(b"grpc-status", b"-1"))],
            "grpc-unknown",
            "The app answered UNKNOWN (2): grpc-status -1",
        ),
    ],
)
def test_an_answer_that_is_not_of_grpc_has_the_status_that_grpc_gives_it(
    outbound: Outbound, answers: list[bytes], error: str, detail: str
) -> None:
    with Scripted(*answers) as server:
        reply = call(outbound, server.url)
    assert (reply.error, reply.error_detail) == (error, detail)
    assert reply.connected


def test_trailers_count_and_an_answer_may_have_no_other_headers(outbound: Outbound) -> None:
    trailers = h2_frame(1, 5, 1, literal(b"grpc-status", b"9") + literal(b"grpc-message", b"a%20b"))
    with Scripted(OK_HEADERS, h2_frame(0, 0, 1, b"\0\0\0\0\0"), trailers) as server:
        reply = call(outbound, server.url)
    assert reply.error == "grpc-failed-precondition"
    assert reply.error_detail == "The app answered FAILED_PRECONDITION (9): a b"
    alone = h2_frame(1, 5, 1, b"\x88" + literal(b"grpc-status", b"0"))
    with Scripted(alone) as server:
        assert call(outbound, server.url).status == 200


@pytest.mark.parametrize(
    ("flood", "errors"),
    [
        (h2_frame(0, 0, 1, b"x" * 16384), {"bad-response"}),
        (h2_frame(1, 4, 1, literal(b"a", b"b" * 100) * 100), {"too-many-headers", "bad-response"}),
        (h2_frame(6, 0, 0, b"12345678"), {"timeout", "bad-response", "connection-lost"}),
    ],
    ids=["body", "headers", "pings"],
)
def test_an_endless_answer_ends(outbound: Outbound, flood: bytes, errors: set[str]) -> None:
    with Scripted(OK_HEADERS, flood=flood) as server:
        assert call(outbound, server.url, timeout=3.0).error in errors


@pytest.mark.parametrize(
    "flood",
    [
        h2_frame(7, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0"),
        h2_frame(6, 1, 0, b"12345678"),
        h2_frame(8, 0, 1, b"\0\0\0\1"),
        h2_frame(0, 8, 1, b"\3\0\0\0"),
    ],
    ids=["goaway", "acknowledged pings", "window updates", "padding"],
)
def test_frames_without_end_keep_no_other_call_from_its_turn(
    outbound: Outbound, app: GrpcApp, flood: bytes
) -> None:
    with Scripted(OK_HEADERS, flood=flood * (4_000_000 // len(flood))) as server:
        # The engine would answer the second once the first has timed out.
        bad, good = outbound.send_all([rpc(server.url, timeout=25.0), rpc(app.url)])

    assert (bad.error, bad.status) == ("bad-response", None)
    assert bad.error_detail == "The answer has too many frames that carry no data."
    assert good.status == 200


def test_a_stream_that_is_reset_is_no_answer(outbound: Outbound) -> None:
    with Scripted(h2_frame(3, 0, 1, b"\0\0\0\2")) as server:
        reply = call(outbound, server.url)
    assert (reply.status, reply.error, reply.connected) == (None, "bad-response", True)


@given(st.binary())
def test_what_was_framed_is_unframed(message: bytes) -> None:
    assert unframe(frame(message)) == message
    assert len(frame(message)) == len(message) + 5


@given(st.binary())
def test_any_bytes_are_unframed_to_some_of_them(body: bytes) -> None:
    assert unframe(body) in body


@given(st.text())
def test_any_message_is_shown_in_printable_characters(text: str) -> None:
    shown = decode_message(text)
    assert shown.isprintable()
    assert len(shown) <= 1024


@given(
    st.integers(200, 599),
    st.dictionaries(st.sampled_from(["grpc-status", "grpc-message", "x"]), st.text()),
)
def test_any_answer_is_a_status_or_an_error_of_grpc(status: int, fields: dict[str, str]) -> None:
    reply = interpret(Reply(status=status), fields, truncated=False)
    assert reply.status == 200 or reply.error in ERRORS.values()
    assert (reply.status is None) is not (reply.error is None)
