"""Invocation messages: an invocation and its answer as an app that speaks gRPC has them."""

from __future__ import annotations

from typing import Final

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError

from app.delivery.addressing import TOKEN_HEADER
from app.delivery.grpc import CONTENT_TYPE, as_grpc
from app.delivery.request import Call
from app.domain.dapr.invocation import MAX_ANSWER, TIMEOUT_S, Invocation
from app.domain.run import Reply
from app.protos.dapr_common_pb2 import HTTPExtension, InvokeRequest, InvokeResponse

_METHOD: Final = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"


def to_call(invocation: Invocation) -> Call:
    """The call of `OnInvoke` that hands the request to the app."""
    path, _, query = invocation.target.partition("?")
    message = InvokeRequest(
        method=path,
        data=Any(value=invocation.body),
        content_type=invocation.content_type or "",
        http_extension=HTTPExtension(verb=invocation.method, querystring=query),
    )
    callee = invocation.callee
    metadata = [
        (name.lower(), value)
        for name, value in invocation.fields
        if not name.lower().startswith("grpc-")
    ]
    if callee.token is not None:
        metadata.append((TOKEN_HEADER, callee.token))
    lines = (f"Content-Type: {CONTENT_TYPE}",)
    own = tuple(f"{name}: {value}" for name, value in metadata)
    url = f"{callee.url.rstrip('/')}{_METHOD}"
    return as_grpc(
        Call(url, lines, message.SerializeToString(), TIMEOUT_S, "POST", own, keep=MAX_ANSWER + 1)
    )


def plain(reply: Reply) -> Reply:
    """The reply of `OnInvoke` as that of an HTTP request: body and type of what it answered."""
    if reply.status is None:
        return reply
    try:
        message = InvokeResponse.FromString(reply.body)
    except DecodeError:
        detail = "The app's answer is not an InvokeResponse."
        return reply._replace(status=None, error="bad-response", error_detail=detail)
    headers = (("Content-Type", message.content_type),) if message.content_type else ()
    return reply._replace(headers=headers, body=message.data.value)
