"""Answers to `InvokeService` where the app's answer is a failure."""

from __future__ import annotations

import pytest
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from app.api.dapr.rpc.invocations import _render
from app.domain.dapr.invocation import Callee, Invocation
from app.domain.run import Reply


@pytest.mark.parametrize(
    ("grpc_status", "code"),
    [
        ("5", Code.NOT_FOUND),
        # A superscript two is a digit, and not a number; the others are too long or no failure.
        ("\u00b2", Code.INTERNAL),
        ("9" * 1024, Code.INTERNAL),
        ("0", Code.INTERNAL),
        ("17", Code.INTERNAL),
        ("", Code.INTERNAL),
    ],
)
def test_any_grpc_status_of_an_app_that_failed_is_a_failure(grpc_status: str, code: int) -> None:
    invocation = Invocation(
        callee=Callee(app_id="a", url="http://127.0.0.1:1"),
        caller="b",
        method="POST",
        target="c",
    )
    reply = Reply(None, "bad-response", "It broke off.", (("grpc-status", grpc_status),), b"")

    answer = _render(invocation, reply)

    assert Status.FromString(answer.start).code == code
