"""Answers to invocations over HTTP."""

from __future__ import annotations

import pytest

from app.api.dapr.invocations import _render
from app.domain.dapr.invocation import Callee, Invocation
from app.domain.run import Reply

INVOCATION = Invocation(
    callee=Callee(app_id="a", url="http://127.0.0.1:1"), caller="b", method="POST", target="c"
)


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("text/plain; charset=utf-8", b"text/plain; charset=utf-8"),
        ("text/\u00e9", b"text/\xe9"),
        ("text/\u65e5\u672c", None),
        ("text/plain\r\nSet-Cookie: a=b", None),
        ("text/plain\n", None),
        ("a\0b", None),
    ],
)
def test_a_type_that_no_field_may_have_does_not_cost_the_answer(
    content_type: str, sent: bytes | None
) -> None:
    reply = Reply(200, None, None, (("Content-Type", content_type),), b"answer")

    answer = _render(INVOCATION, reply)

    assert (answer.status, answer.start) == (200, b"answer")
    assert dict(answer.headers).get(b"content-type") == sent
