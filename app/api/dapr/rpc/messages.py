"""Messages of jobs: read from requests, and written for answers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final, TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from app.api.computing import OneAtATime, Turn
from app.api.dapr import documents
from app.api.dapr.documents import DEFAULT_POLICY, JobDocument, Policy
from app.api.dapr.rpc import failures
from app.domain.dapr import duration
from app.domain.dapr.refusal import Refusal
from app.protos import json_values
from app.protos.dapr_common_pb2 import JobFailurePolicy
from app.protos.dapr_runtime_pb2 import Job

MAX_TYPE_URL: Final = 1024

_LONG_BYTES: Final = 64 * 1024
_ONE_LONG: Final = OneAtATime()
"""Held while long JSON is encoded, which may compute for a second: one thread at a time does so,
and the others of the process keep most of the interpreter's time."""

_NUL: Final = "\0"
_TEXTS: Final = (("schedule", "schedule"), ("due_time", "dueTime"), ("ttl", "ttl"))
"""Fields of a job that are text, and their names in what is stored of it."""

AnyRequest = TypeVar("AnyRequest", bound=Message)


def read(kind: type[AnyRequest], body: bytes) -> AnyRequest:
    """The message in the body of a request; raises RpcError."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise failures.undecodable(str(error)) from None


def to_document(job: Job, *, overwrite: bool) -> JobDocument:
    """What is to be booked. A field that is sent empty is given, as one with content.

    Raises Refusal, and RpcError for a `type_url` that cannot be stored.
    """
    data = job.data if job.HasField("data") else None
    type_url = None if data is None else data.type_url
    schedule, due_time, ttl = (_text(job, field, member) for field, member in _TEXTS)
    if type_url is not None and (len(type_url) > MAX_TYPE_URL or _NUL in type_url):
        raise failures.type_url_refused(MAX_TYPE_URL)
    return JobDocument(
        schedule=schedule,
        due_time=due_time,
        ttl=ttl,
        repeats=job.repeats if job.HasField("repeats") else None,
        overwrite=overwrite,
        data=None if data is None else data.value,
        type_url=type_url,
        policy=_policy(job.failure_policy) if job.HasField("failure_policy") else DEFAULT_POLICY,
    )


def _text(job: Job, field: str, member: str) -> str | None:
    if not job.HasField(field):
        return None
    text: str = getattr(job, field)
    if _NUL in text:
        raise Refusal(member, f"{member} holds a NUL character", remedy="leave it out")
    return text


def to_message(
    name: str,
    written: Mapping[str, Any],
    data: bytes | None,
    type_url: str | None,
    *,
    most: int,
    owner: Hashable,
) -> Job:
    """A job as it was booked. JSON that was booked over HTTP is a google.protobuf.Value.

    Long JSON is encoded when it is the turn of its `owner`. Raises TooLarge where that would have
    more than about `most` bytes.
    """
    job = Job(name=name)
    for field, member in _TEXTS:
        if member in written:
            setattr(job, field, written[member])
    if "repeats" in written:
        job.repeats = written["repeats"]
    if data is not None:
        job.data.CopyFrom(_any(data, type_url, most, owner))
    _write_policy(job.failure_policy, documents.of_written(written))
    return job


def _any(data: bytes, type_url: str | None, most: int, owner: Hashable) -> AnyMessage:
    if type_url is not None:
        return AnyMessage(type_url=type_url, value=data)
    with Turn(is_long=len(data) > _LONG_BYTES, owner=owner, among=_ONE_LONG):
        value = json_values.encode(data, most=most)
    return AnyMessage(type_url=json_values.TYPE_URL, value=value)


def _policy(given: JobFailurePolicy) -> Policy:
    match given.WhichOneof("policy"):
        case "drop":
            return Policy(drop=True)
        case "constant":
            constant = given.constant
            has_interval, is_bounded = (
                constant.HasField("interval"),
                constant.HasField("max_retries"),
            )
            nanoseconds = constant.interval.seconds * duration.SECOND + constant.interval.nanos
            return Policy(
                interval=duration.of_nanoseconds(nanoseconds) if has_interval else None,
                max_retries=constant.max_retries if is_bounded else None,
            )
        case _:
            return DEFAULT_POLICY


def _write_policy(message: JobFailurePolicy, policy: Policy) -> None:
    if policy.drop:
        message.drop.SetInParent()
        return
    constant = message.constant
    constant.SetInParent()
    if policy.interval is not None:
        constant.interval.FromJsonString(policy.interval)
    if policy.max_retries is not None:
        constant.max_retries = policy.max_retries
