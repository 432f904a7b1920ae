"""Dialects: documents, messages and names of the Dapr and Fusion dialects, as bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import NULL_VALUE, Value
from hypothesis import strategies as st

from app import invocation_messages
from app.api.dapr import addresses, documents
from app.api.dapr import direct as dapr_direct
from app.api.dapr.rpc import messages, requests
from app.api.fusion import action_document, json_reader, schedule_document, task_document
from app.delivery import job_event
from app.delivery.job_event import UnsendablePayload
from app.domain.dapr import names
from app.domain.endpoint import AppProtocol
from app.domain.run import Reply
from app.protos import dapr_common_pb2, dapr_runtime_pb2, json_values
from tests.api.worst_dialects import NOW
from tests.fuzz import grammars
from tests.fuzz.parser import BINARY, UNDECODABLE, Parser, to_bytes
from tests.fuzz.parsers.documents import _JSON_WORDS

_JOB: Final[dict[str, Any]] = {
    "schedule": "TZ=Europe/Rome 0 30 * * * *",
    "dueTime": "2094-05-11T15:30:00Z",
    "ttl": "24h",
    "repeats": 5,
    "overwrite": True,
    "data": {"a": [1, "b", None, 1e300]},
    "failurePolicy": {"constant": {"interval": "1.5s", "maxRetries": 3}},
}
_TASK: Final[dict[str, Any]] = {
    "type": "rest-call",
    "id": "clean-up",
    "callParams": {
        "uri": "https://example.com",
        "method": "post",
        "queryParams": {"a": "b"},
        "headers": {"Content-Type": "text/plain"},
        "entity": "x",
    },
}
_SCHEDULE: Final[dict[str, Any]] = {
    "resource": "task:clean-up",
    "enabled": True,
    "triggers": [
        {"type": "cron", "enabled": True, "value": "0 15 10 ? * MON-FRI"},
        {
            "type": "interval",
            "interval": 1,
            "timeUnit": "hour",
            "startTime": "2094-05-11T15:30:00Z",
        },
        {"type": "job_completion", "otherJob": "datasource:a", "triggerType": "on_success"},
    ],
}


def _dapr_job(text: str) -> None:
    """Read a job, and make of its data what a gRPC app gets."""
    found = documents.read(to_bytes(text))
    documents.write("a", documents.to_written(found), found.data)
    if found.data is not None:
        job_event.convert(found.data, None, AppProtocol.GRPC)


def _message(kind: type[Message], text: str) -> None:
    found = messages.read(kind, text.encode("latin-1"))
    if isinstance(found, dapr_runtime_pb2.ScheduleJobRequest):
        document = messages.to_document(found.job, overwrite=found.overwrite)
        written = documents.to_written(document)
        documents.write(found.job.name, written, document.data, document.type_url)
        messages.to_message(
            "a", written, document.data, document.type_url, most=4_000_000, owner=None
        )
        names.check_name(found.job.name)


def _value(text: str) -> None:
    """Make of a Value what an app of HTTP gets."""
    job_event.convert(text.encode("latin-1"), json_values.TYPE_URL, AppProtocol.HTTP)


def _invoked(text: str) -> None:
    reply = invocation_messages.plain(Reply(status=200, body=text.encode("latin-1")))
    assert reply.error in {None, "bad-response"}


def _named(text: str) -> None:
    environ = {"REQUEST_URI": text, "PATH_INFO": text, "wsgi.url_scheme": "http"}
    addresses.is_dapr_path(text)
    dapr_direct.covers(environ)
    addresses.job_name(environ)


def _metadata(text: str) -> None:
    name, _, value = text.partition(":")
    requests.environ_of("/a", [(name, value), (name, value)], text)


def _fusion(read: Callable[[dict[str, Any]], object], text: str) -> None:
    read(json_reader.parse(to_bytes(text)))


def _of_message(kind: type[Message], *samples: Message) -> Parser:
    encoded = tuple(each.SerializeToString().decode("latin-1") for each in samples)
    return Parser(
        read=partial(_message, kind),
        samples=(*encoded, ""),
        words=("\x0a", "\x12", "\x1a", "\xff\xff\xff\xff\x0f", "\x0b", "\x0c", "a\0b", "\xc3("),
        drawn=st.binary(max_size=200).map(lambda data: data.decode("latin-1")),
        letters=BINARY,
    )


def schedule_request() -> Message:
    """A message that schedules a job with all that one may have."""
    policy = dapr_common_pb2.JobFailurePolicy()
    policy.constant.interval.FromJsonString("1.5s")
    policy.constant.max_retries = 3
    job = dapr_runtime_pb2.Job(
        name="R2-D2",
        schedule="@every 1h",
        due_time="1h",
        ttl="24h",
        repeats=5,
        data=AnyMessage(
            type_url=json_values.TYPE_URL, value=Value(string_value="a").SerializeToString()
        ),
        failure_policy=policy,
    )
    return dapr_runtime_pb2.ScheduleJobRequest(job=job, overwrite=True)


def _nested_value() -> str:
    value = Value()
    value.struct_value.fields["a"].list_value.values.add(number_value=1.5)
    value.struct_value.fields["b"].struct_value.fields["c"].null_value = NULL_VALUE
    return value.SerializeToString().decode("latin-1")


def _of_json(read: Callable[[str], object], *useful: dict[str, Any]) -> Parser:
    members = sorted({name for each in useful for name in each})
    return Parser(
        read=read,
        samples=(*(json.dumps(each) for each in useful), '{"triggers": Infinity}'),
        words=(*_JSON_WORDS, *(f'"{each}":' for each in members)),
        drawn=grammars.json_objects(members, useful),
        letters=UNDECODABLE,
    )


DIALECTS: Final[dict[str, Parser]] = {
    "a Dapr job, in bytes": _of_json(_dapr_job, _JOB, {"job": _JOB}, {"data": "AAEC"}),
    "a Fusion schedule, in bytes": _of_json(
        partial(_fusion, lambda found: schedule_document.parse(found, resource=None, now=NOW)),
        _SCHEDULE,
    ),
    "a Fusion task, in bytes": _of_json(
        partial(_fusion, lambda found: task_document.parse(found, allow=(), task_id=None)), _TASK
    ),
    "a Fusion action, in bytes": _of_json(
        partial(_fusion, action_document.parse), {"action": "start"}, {"action": "abort"}
    ),
    "a Dapr job's address": Parser(
        read=_named,
        samples=("/v1.0/jobs/R2-D2", "/v1.0-alpha1//jobs/a%2Fb+c/", "http://a/v1.0/jobs/a", "x"),
        words=("%2F", "%", "%ff", "//", "+", "/v1.0", "http://", "?"),
        letters=BINARY,
    ),
    "metadata of gRPC": Parser(
        read=_metadata,
        samples=("dapr-api-token:wk_a", "content-type:a", "ipv6:%5B::1%5D:5000", "x_y:z"),
        words=("%5B", ":", "-bin", "grpc-", "_"),
    ),
    "a message that schedules a job": _of_message(
        dapr_runtime_pb2.ScheduleJobRequest, schedule_request()
    ),
    "a message that names a job": _of_message(
        dapr_runtime_pb2.GetJobRequest, dapr_runtime_pb2.GetJobRequest(name="R2-D2")
    ),
    "a message that names a prefix": _of_message(
        dapr_runtime_pb2.DeleteJobsByPrefixRequest,
        dapr_runtime_pb2.DeleteJobsByPrefixRequest(name_prefix="a"),
    ),
    "a message that invokes a method": _of_message(
        dapr_runtime_pb2.InvokeServiceRequest,
        dapr_runtime_pb2.InvokeServiceRequest(
            id="orders", message=dapr_common_pb2.InvokeRequest(method="new", content_type="a/b")
        ),
    ),
    "a Value of protobuf": Parser(
        read=_value,
        samples=(_nested_value(), "\x11" + "\0" * 8, "\x20\x01", ""),
        words=("\x0a", "\x12", "\x2a\x02", "\x32\x02", "\x11\0\0\0\0\0\0\xf0\x7f", "\xff\x01"),
        letters=BINARY,
        refusals=(UnsendablePayload,),
    ),
    "an app's answer to an invocation": Parser(
        read=_invoked,
        samples=(
            dapr_common_pb2.InvokeResponse(data=AnyMessage(value=b"a"), content_type="a/b")
            .SerializeToString()
            .decode("latin-1"),
        ),
        letters=BINARY,
    ),
}
