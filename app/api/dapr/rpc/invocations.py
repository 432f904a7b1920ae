"""Invocations over gRPC: `InvokeService`, which a sidecar passes on to an app of the account."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from flask import Blueprint, Response
from google.protobuf.any_pb2 import Any
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from app.api import admission, bodies
from app.api.dapr import invocations
from app.api.dapr.failures import not_invoked as http_failure
from app.api.dapr.rpc import messages
from app.api.dapr.rpc.failures import STATUS_TYPE, RpcError
from app.api.dapr.rpc.requests import SERVICE
from app.api.idempotency import naturally_idempotent
from app.api.parameters import takes
from app.api.scopes import needs
from app.api.wsgi_bridge import WsgiResponse
from app.domain.dapr.invocation import METHODS, Invocation
from app.domain.run import Reply
from app.domain.scope import Scope
from app.protos.dapr_common_pb2 import HTTPExtension, InvokeResponse
from app.protos.dapr_runtime_pb2 import InvokeServiceRequest

PATH: Final = f"/{SERVICE}/InvokeService"

_MEDIA_TYPE: Final = "application/grpc+proto"
_REASON: Final = "ERR_DIRECT_INVOKE"
_DONE: Final = range(200, 300)
# Source: dapr/dapr pkg/messaging/v1 (CodeFromHTTPStatus).
_BY_HTTP_STATUS: Final = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    408: Code.CANCELLED,
    409: Code.ALREADY_EXISTS,
    429: Code.RESOURCE_EXHAUSTED,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
# By the text of grpc-status, which may be any; a call that failed has not succeeded.
_FAILURE_CODES: Final = {f"{each}": each for each in Code.values() if each != Code.OK}

invocation_rpcs: Final = Blueprint("dapr_invocation_rpcs", __name__)


@invocation_rpcs.post(PATH)
@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True)
@naturally_idempotent
def invoke_service() -> Response:
    """Pass a request on to an app of the account."""
    caller = admission.admit()
    received = messages.read(InvokeServiceRequest, bodies.read(bodies.MAX_LONG))
    callee = invocations.find_callee(caller, received.id, _not_invoked)
    message = received.message
    query = message.http_extension.querystring
    path = message.method.removeprefix("/")
    invocation = Invocation(
        callee=callee,
        caller=caller.app or "",
        method=_method(message.http_extension.verb),
        target=f"{path}?{query}" if query else path,
        headers=invocations.sent_headers(),
        content_type=message.content_type or None,
        body=message.data.value,
    )
    return invocations.leave(invocation, _render)


def _method(verb: int) -> str:
    """The method of an HTTP request for a verb; without one it is a POST."""
    if verb == HTTPExtension.NONE:
        return "POST"
    name = HTTPExtension.Verb.Name(verb) if verb in HTTPExtension.Verb.values() else f"{verb}"
    if name not in METHODS:
        raise RpcError(
            Code.INVALID_ARGUMENT, _REASON, f"The verb {name} is not offered. Use another verb."
        )
    return name


def _render(invocation: Invocation, reply: Reply) -> WsgiResponse:
    """The app's answer as a message; a status of HTTP that is not a success as Dapr has it."""
    if reply.status is not None and reply.status in _DONE:
        content_type = invocations.content_type_of(reply) or ""
        answer = InvokeResponse(data=Any(value=reply.body), content_type=content_type)
        return _answer(_MEDIA_TYPE, answer.SerializeToString())
    if reply.status is not None:
        code = _BY_HTTP_STATUS.get(reply.status, Code.UNKNOWN)
        return _failed(code, reply.body[:1024].decode(errors="replace"))
    fields = {name.lower(): value for name, value in reply.headers}
    code = _FAILURE_CODES.get(fields.get("grpc-status", ""))
    if code is not None:
        return _failed(code, unquote(fields.get("grpc-message", "")))
    code = Code.RESOURCE_EXHAUSTED if reply.error == invocations.BUSY else Code.INTERNAL
    return _failed(code, http_failure(invocation.callee.app_id, reply.error_detail or "").message)


def _not_invoked(app_id: str, why: str) -> RpcError:
    return RpcError(Code.INTERNAL, _REASON, http_failure(app_id, why).message)


def _failed(code: int, message: str) -> WsgiResponse:
    return _answer(STATUS_TYPE, Status(code=code, message=message).SerializeToString())


def _answer(content_type: str, body: bytes) -> WsgiResponse:
    headers = [(b"content-type", content_type.encode())]
    return WsgiResponse(status=200, headers=headers, start=body, rest=None)
