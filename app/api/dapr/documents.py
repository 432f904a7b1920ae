"""The document of a Dapr job: read from a POST, and written for a GET."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson

from app.api.dapr import protojson
from app.api.dapr.protojson import Written
from app.domain.dapr import duration
from app.domain.dapr.refusal import Refusal
from app.errors import InvalidMember, MalformedDocument
from app.protos import json_values

FIELDS: Final = {
    "name": "name",
    "schedule": "schedule",
    "dueTime": "due_time",
    "due_time": "due_time",
    "ttl": "ttl",
    "repeats": "repeats",
    "overwrite": "overwrite",
    "data": "data",
    "failurePolicy": "policy",
    "failure_policy": "policy",
}
"""The members of a job by each of their names."""

_WRAPPER: Final = {"job": "job"}
_POLICIES: Final = {"drop": "drop", "constant": "constant"}
_CONSTANT: Final = {
    "interval": "interval",
    "maxRetries": "max_retries",
    "max_retries": "max_retries",
}
_VALUE: Final = json_values.TYPE_URL


class Policy(NamedTuple):
    """A failure policy: `drop`, or retries."""

    drop: bool = False
    interval: str | None = None
    """A protobuf Duration in its canonical form; None for retries at once."""
    max_retries: int | None = None
    """None for no limit."""


DEFAULT_POLICY: Final = Policy(interval="1s", max_retries=3)
"""The policy that Dapr gives a job without one."""


class JobDocument(NamedTuple):
    """The members of a job as the client wrote them; None for a member that is unset."""

    name: str | None = None
    schedule: str | None = None
    due_time: str | None = None
    ttl: str | None = None
    repeats: int | None = None
    overwrite: bool = False
    data: bytes | None = None
    """JSON text, byte for byte; with a `type_url` any bytes."""
    type_url: str | None = None
    """Of a job that was sent over gRPC, where it has data; empty for none."""
    policy: Policy = DEFAULT_POLICY


def read(body: bytes) -> JobDocument:
    """The job in a body of any media type; an empty body is an empty object.

    A body whose only member is `job` is unwrapped: Dapr's first documentation had clients send
    that. Raises MalformedDocument.
    """
    text = protojson.decode(body) if body else "{}"
    given = protojson.members(text, {**FIELDS, **_WRAPPER})
    wrapped = given.pop("job", None)
    if not given and wrapped is not None and wrapped.is_object:
        given = protojson.members(wrapped.text, FIELDS, "job.")
    data = given.pop("data", None)
    given = {field: value for field, value in given.items() if not value.is_null}
    return JobDocument(
        name=_string(given, "name"),
        schedule=_string(given, "schedule"),
        due_time=_string(given, "due_time"),
        ttl=_string(given, "ttl"),
        repeats=protojson.uint32(given["repeats"]) if "repeats" in given else None,
        overwrite="overwrite" in given and protojson.flag(given["overwrite"]),
        data=None if data is None else data.text.encode(),
        policy=_policy(given["policy"]) if "policy" in given else DEFAULT_POLICY,
    )


def to_written(document: JobDocument) -> dict[str, Any]:
    """The members that are stored for GET to answer, by their names in that answer."""
    members = {
        "schedule": document.schedule,
        "repeats": document.repeats,
        "dueTime": document.due_time,
        "ttl": document.ttl,
        "failurePolicy": _of_policy(document.policy),
    }
    return {name: value for name, value in members.items() if value is not None}


def of_written(written: Mapping[str, Any]) -> Policy:
    """The failure policy in what is stored of a job."""
    policy = written["failurePolicy"]
    if "drop" in policy:
        return Policy(drop=True)
    constant = policy["constant"]
    return Policy(interval=constant.get("interval"), max_retries=constant.get("maxRetries"))


def write(
    name: str, written: Mapping[str, Any], data: bytes | None, type_url: str | None = None
) -> bytes:
    """The document that GET answers, with the spaces that protojson writes."""
    texts = {"name": orjson.dumps(name)}
    for member in ("schedule", "repeats", "dueTime", "ttl"):
        if member in written:
            texts[member] = orjson.dumps(written[member])
    if data is not None:
        texts["data"] = _data(data, type_url)
    texts["failurePolicy"] = _spaced(written["failurePolicy"])
    return _object(texts)


def _data(data: bytes, type_url: str | None) -> bytes:
    """The data of a job; of one that was booked over gRPC in a form that can be read.

    JSON is shown as it is, and other bytes in Base64, as the member `base64`.
    """
    if type_url is None:
        return b'{"@type":"%b", "value":%b}' % (_VALUE.encode(), data)
    texts = {"@type": orjson.dumps(type_url)} if type_url else {}
    if type_url == _VALUE:
        with suppress(json_values.NotJson):
            return _object({**texts, "value": json_values.decode(data) or b"null"})
    if data:
        texts |= {"value": data} if _is_json(data) else {"base64": b'"%b"' % b64encode(data)}
    return _object(texts)


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def parse_repeats(value: object) -> int:
    """The member `repeats` of a preview; raises InvalidMember."""
    if isinstance(value, str):
        with suppress(MalformedDocument):
            return protojson.uint32(Written(member="repeats", text=value))
    raise InvalidMember(
        "repeats",
        f"repeats must be an integer from 1 to {protojson.MAX_UINT32}.",
        remedy="Leave repeats out for a job without an end.",
    )


def _string(given: Mapping[str, Written], field: str) -> str | None:
    if field not in given:
        return None
    text = protojson.string(given[field])
    if "\0" in text:
        raise MalformedDocument(f"{given[field].member} holds a NUL character")
    return text


def _policy(value: Written) -> Policy:
    chosen = _set(value, _POLICIES)
    if len(chosen) > 1:
        raise protojson.wrong(value, "oneof policy (drop or constant, not both)")
    if "drop" in chosen:
        _set(chosen["drop"], {})
        return Policy(drop=True)
    if "constant" not in chosen:
        return DEFAULT_POLICY
    constant = _set(chosen["constant"], _CONSTANT)
    return Policy(
        interval=_interval(constant["interval"]) if "interval" in constant else None,
        max_retries=protojson.uint32(constant["max_retries"])
        if "max_retries" in constant
        else None,
    )


def _interval(value: Written) -> str:
    try:
        return duration.canonical(protojson.string(value), member=value.member)
    except Refusal as refusal:
        raise MalformedDocument(f"{value.member}: {refusal.text}") from None


def _set(value: Written, fields: Mapping[str, str]) -> dict[str, Written]:
    """The fields that are set in a message inside the job."""
    if not value.is_object:
        raise protojson.wrong(value, "message")
    given = protojson.members(value.text, fields, f"{value.member}.")
    return {field: each for field, each in given.items() if not each.is_null}


def _of_policy(policy: Policy) -> dict[str, Any]:
    if policy.drop:
        return {"drop": {}}
    members = {"interval": policy.interval, "maxRetries": policy.max_retries}
    return {"constant": {name: each for name, each in members.items() if each is not None}}


def _spaced(value: Any) -> bytes:  # noqa: ANN401 - what JSON holds
    if not isinstance(value, dict):
        return orjson.dumps(value)
    return _object({name: _spaced(each) for name, each in value.items()})


def _object(texts: Mapping[str, bytes]) -> bytes:
    members = (orjson.dumps(name) + b":" + text for name, text in texts.items())
    return b"{" + b", ".join(members) + b"}"
