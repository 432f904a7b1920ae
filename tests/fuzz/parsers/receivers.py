"""Receivers: what is read of the answers of receivers and apps, once they have come."""

from __future__ import annotations

from typing import Any, Final

from app.delivery import grpc, outcome
from app.domain import completion, retry
from app.domain.grpc_status import ERRORS
from app.domain.run import Reply
from tests.api.worst_dialects import NOW
from tests.fuzz import grammars
from tests.fuzz.parser import BINARY, HEADER, Parser


def _reply(status: int, name: str, text: str) -> Reply:
    return Reply(status=status, headers=((name, text),))


def _retry_after(text: str) -> None:
    wait = retry.retry_after(_reply(503, "Retry-After", text), NOW)
    assert 0 <= wait.total_seconds() <= retry.MAX_RETRY_AFTER.total_seconds()
    retry.describe_reply(_reply(429, "Retry-After", text), wait)


def _complete(text: str) -> None:
    within = completion.within(_reply(202, completion.HEADER, text))
    assert within is None or 1 <= within <= completion.MAX_WITHIN


def _lines(text: str) -> None:
    """Read the lines of headers as libcurl gives them, one after the other."""
    lines = [each + b"\n" for each in text.encode("latin-1").split(b"\n")]
    kept = outcome._headers(lines)
    assert sum(len(name) + len(value) for name, value in kept) <= outcome._KEPT_HEADERS + 100
    fields = outcome._all_fields(lines)
    outcome._incomplete(lines, 200)
    reply = grpc.interpret(Reply(status=200, headers=kept), fields, truncated=False)
    assert reply.status == 200 or reply.error in ERRORS.values()
    retry.decide(reply, attempts_made=1, due_at=NOW, now=NOW, jitter=0.5)


def _body(text: str) -> Any:
    return grpc.unframe(text.encode("latin-1"))


def _message(text: str) -> None:
    assert grpc.decode_message(text).isprintable()


RECEIVERS: Final[dict[str, Parser]] = {
    "Retry-After of a receiver": Parser(
        read=_retry_after,
        samples=("120", "Sun, 06 Nov 2094 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "-1"),
        words=("GMT", "+9999", "-", ":", ",", "(", "Nov", "99999999999", " 00:00:00 ", "0"),
        drawn=grammars.HTTP_DATE,
        letters=HEADER,
    ),
    "Wakecall-Complete of a receiver": Parser(
        read=_complete,
        samples=("later; within=60", 'later;within="60"', "LATER;;a=b"),
        words=("later", ";", "within=", '"', "=", "\xb2"),
        letters=HEADER,
    ),
    "lines of headers": Parser(
        read=_lines,
        samples=(
            "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n",
            "HTTP/2 200\r\ngrpc-status: 5\r\ngrpc-message: a%20b\r\n\r\n",
            "HTTP/1.1 200",
        ),
        words=("\r\n", "HTTP/1.1 ", ":", "grpc-status: ", "grpc-message: %ff", "\n\n"),
        letters=BINARY,
    ),
    "a message of grpc-status": Parser(
        read=_message, samples=("a%20b", "%E2%82%AC", "%zz"), words=("%", "%ff"), letters=BINARY
    ),
    "a frame of gRPC": Parser(
        read=_body, samples=("\0\0\0\0\1a", "\1\xff\xff\xff\xff", ""), letters=BINARY
    ),
}
