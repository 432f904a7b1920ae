"""The RPCs of the service Dapr as routes, which a process that speaks gRPC offers to its server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, request
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code

from app.api import bodies, direct_bookings, problems, rate
from app.api.context import current_context
from app.api.dapr import bookings, callers, failures
from app.api.dapr.rpc import direct, messages
from app.api.dapr.rpc import failures as rpc_failures
from app.api.dapr.rpc.direct import MEDIA_TYPE
from app.api.dapr.rpc.requests import SERVICE, is_grpc
from app.api.idempotency import naturally_idempotent
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.account import Caller
from app.domain.dapr.names import check_name
from app.domain.dapr.refusal import Refusal
from app.domain.scope import Scope
from app.errors import Conflict, InvalidMember, NotFound, TooLarge
from app.protos import dapr_runtime_pb2 as runtime
from app.protos import json_values
from app.protos.dapr_runtime_pb2 import Job
from app.service.dapr import apps as dapr_apps
from app.service.dapr import job_lists
from app.service.dapr import jobs as dapr_jobs
from app.service.dapr.job_lists import ListTooLong

DELETION_S: Final = 20.0
"""Seconds in which DeleteJobsByPrefix begins transactions; clients wait longer."""

_FRAME: Final = runtime.ListJobsResponse(jobs=[Job()]).ByteSize()
"""Bytes that stand before a job in a list, at least: its field number and its length."""

_PORTS: Final = {"http": 80, "https": 443}

rpc_routes: Final = Blueprint("dapr_rpc", __name__)


def install(app: Flask) -> None:
    """Offer the RPCs to the gRPC server of this process; a process without one does without."""
    problems.register_error_renderer(app, rpc_failures.renderer())
    app.register_blueprint(rpc_routes)
    direct_bookings.offer(app, direct.covers, direct.read, further=direct.FIELDS)


@rpc_routes.before_request
def _prepare() -> None:
    """Nothing is here over HTTP."""
    if not is_grpc():
        raise failures.no_route()


@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True)
def schedule_job() -> Response:
    """Book a job, or overwrite it."""
    caller, app_id = callers.cached_sender(rpc_failures.no_app)
    received = _message(runtime.ScheduleJobRequest)
    if not received.HasField("job"):
        raise rpc_failures.job_empty()
    job = received.job
    if not job.name:
        raise rpc_failures.name_empty()
    if not job.HasField("schedule") and not job.HasField("due_time"):
        raise rpc_failures.schedule_empty()
    try:
        document = messages.to_document(job, overwrite=received.overwrite)
        judge = partial(bookings.make_booking, app_id, job.name, document)
        dapr_jobs.book(current_context(), caller, judge, overwrite=document.overwrite)
    except Refusal as refusal:
        where = "" if refusal.member == "name" else "job failed validation: "
        raise rpc_failures.scheduler_error(
            Code.INTERNAL, "Unknown", f"{where}{refusal.text}"
        ) from None
    except InvalidMember as refusal:
        raise callers.without_app(refusal, rpc_failures.no_app) from None
    except Conflict:
        key = f"app||{failures.NAMESPACE}||{app_id}||{job.name}"
        raise rpc_failures.scheduler_error(
            Code.ALREADY_EXISTS, "AlreadyExists", f"job already exists: '{key}'"
        ) from None
    return _answer(runtime.ScheduleJobResponse())


@naturally_idempotent
@needs(Scope.READ, of_app=True)
@takes(ignoring=True)
def get_job() -> Response:
    """The job as it was booked."""
    caller, app_id = callers.sender(rpc_failures.no_app)
    name = _checked(_message(runtime.GetJobRequest).name)
    try:
        found = dapr_jobs.get(current_context(), caller, app_id, name).booking
        job = messages.to_message(
            name,
            found.written or {},
            found.data,
            found.type_url,
            most=bodies.MAX_LONG,
            owner=caller.account.id,
        )
    except NotFound:
        raise rpc_failures.scheduler_error(
            Code.INTERNAL, "NotFound", f"job not found: {name}"
        ) from None
    except json_values.TooLarge:
        raise rpc_failures.answer_too_large(bodies.MAX_LONG) from None
    return _answer(runtime.GetJobResponse(job=job))


@naturally_idempotent
@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True)
def delete_job() -> Response:
    """End the job of that name, if there is one."""
    caller, app_id = callers.sender(rpc_failures.no_app)
    name = _checked(_message(runtime.DeleteJobRequest).name)
    dapr_jobs.delete(current_context(), caller, app_id, name)
    return _answer(runtime.DeleteJobResponse())


@naturally_idempotent
@needs(Scope.READ, of_app=True)
@takes(ignoring=True)
def list_jobs() -> Response:
    """The jobs of the app, by name in byte order."""
    caller, app_id = callers.sender(rpc_failures.no_app)
    _message(runtime.ListJobsRequest)
    try:
        jobs = list(_listed(caller, app_id))
    except (ListTooLong, json_values.TooLarge):
        raise rpc_failures.answer_too_large(bodies.MAX_LONG) from None
    rate.count_items(caller.account.id, len(jobs))
    # The database sorts names in an order of its own.
    jobs.sort(key=lambda each: each.name.encode())
    return _answer(runtime.ListJobsResponse(jobs=jobs))


@naturally_idempotent
@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True)
def delete_jobs_by_prefix() -> Response:
    """End the jobs whose names begin with a prefix; all jobs of the app, where it is empty."""
    caller, app_id = callers.sender(rpc_failures.no_app)
    prefix = _message(runtime.DeleteJobsByPrefixRequest).name_prefix
    if "\0" in prefix:
        return _answer(runtime.DeleteJobsByPrefixResponse())
    latest = time.monotonic() + DELETION_S
    number, are_all = job_lists.delete_by_prefix(
        current_context(), caller, app_id, prefix, may_go_on=lambda: time.monotonic() < latest
    )
    rate.count_items(caller.account.id, number)
    if not are_all:
        raise rpc_failures.not_all_deleted(number)
    return _answer(runtime.DeleteJobsByPrefixResponse())


@naturally_idempotent
@needs(Scope.READ, of_app=True)
@takes(ignoring=True)
def get_metadata() -> Response:
    """The app, and how it is called."""
    caller, app_id = callers.sender(rpc_failures.no_app)
    _message(runtime.GetMetadataRequest)
    app = dapr_apps.get(current_context(), caller.account, app_id)
    url = urlsplit(app.url)
    return _answer(
        runtime.GetMetadataResponse(
            id=app_id,
            runtime_version="wakecall",
            app_connection_properties=runtime.AppConnectionProperties(
                port=url.port or _PORTS.get(url.scheme, 0),
                protocol=app.protocol,
                channel_address=url.hostname or "",
            ),
        )
    )


@naturally_idempotent
@needs(Scope.READ, of_app=True)
@takes(ignoring=True)
def set_metadata() -> Response:
    """Answer as Dapr does, and store nothing: no API here shows this metadata."""
    callers.sender(rpc_failures.no_app)
    _message(runtime.SetMetadataRequest)
    return Response(content_type=MEDIA_TYPE)


_RPCS: Final[dict[str, Callable[[], Response]]] = {
    "GetMetadata": get_metadata,
    "SetMetadata": set_metadata,
    **{
        f"{name}{suffix}": view
        for name, view in {
            "ScheduleJob": schedule_job,
            "GetJob": get_job,
            "DeleteJob": delete_job,
            "ListJobs": list_jobs,
            "DeleteJobsByPrefix": delete_jobs_by_prefix,
        }.items()
        for suffix in ("", "Alpha1")
    },
}
for _name, _view in _RPCS.items():
    rpc_routes.add_url_rule(f"/{SERVICE}/{_name}", _name, _view, methods=["POST"])


def paths() -> dict[str, bool]:
    """The paths of the RPCs, and whether their answers may be long; others are not implemented."""
    return {f"/{SERVICE}/{name}": view in {get_job, list_jobs} for name, view in _RPCS.items()}


def _listed(caller: Caller, app_id: str) -> Iterator[Job]:
    """Messages of the app's jobs; raises ListTooLong and TooLarge above what an answer may have."""
    left = bodies.MAX_LONG
    for each in job_lists.list_jobs(current_context(), caller, app_id, most=left):
        job = messages.to_message(
            each.name,
            each.written,
            each.data,
            each.type_url,
            most=left,
            owner=caller.account.id,
        )
        left -= job.ByteSize() + _FRAME
        if left < 0:
            raise ListTooLong
        yield job


def _message(kind: type[messages.AnyRequest]) -> messages.AnyRequest:
    try:
        body = bodies.read(bodies.max_size(request.environ))
    except TooLarge:
        raise rpc_failures.message_too_large(bodies.max_size(request.environ)) from None
    return messages.read(kind, body)


def _checked(name: str) -> str:
    if not name:
        raise rpc_failures.name_empty()
    try:
        check_name(name)
    except Refusal as refusal:
        raise rpc_failures.scheduler_error(Code.INTERNAL, "Unknown", refusal.text) from None
    return name


def _answer(message: Message) -> Response:
    body = message.SerializeToString()
    if len(body) > bodies.MAX_LONG:
        raise rpc_failures.answer_too_large(bodies.MAX_LONG)
    return Response(body, content_type=MEDIA_TYPE)
