"""Config check: judges the values of jobs in wakecall.toml as the service does, without asking it.

Pure. What depends on the service, as the address of a URL, is left to `wakecall plan`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wakecall.cli.booking import MAX_DATA_BYTES
from wakecall.cli.config_file import ConfigFile, Declared
from wakecall.cli.output import Json

Schema = Mapping[str, Any]
"""Some keywords of JSON Schema."""

_TEXT: Final[Schema] = {"type": "string"}
_URL: Final[Schema] = {**_TEXT, "maxLength": 2048}
_LABEL: Final[Schema] = {**_TEXT, "minLength": 1, "maxLength": 1024}
_WAIT: Final[Schema] = {"type": "number", "minimum": 1, "maximum": 86_400}
_BACKOFF: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "initial": _WAIT,
        "factor": {"type": "number", "minimum": 1, "maximum": 10},
        "max": _WAIT,
    },
    "required": ["initial"],
}
_RETRY: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "maxAttempts": {"type": "integer", "minimum": 1, "maximum": 20},
        "schedule": {"type": "array", "items": _WAIT, "minItems": 1, "maxItems": 19},
        "backoff": _BACKOFF,
        "maxAge": {"type": "number", "minimum": 1, "maximum": 604_800},
    },
}
NAME: Final[Schema] = {**_TEXT, "minLength": 1, "maxLength": 128}
MEMBERS: Final[Mapping[str, Schema]] = {
    "url": _URL,
    "cron": _TEXT,
    "timezone": _TEXT,
    "onGap": {**_TEXT, "enum": ["skip", "next"]},
    "onOverlap": {**_TEXT, "enum": ["first", "second", "both"]},
    "data": _TEXT,
    "dataEncoding": {**_TEXT, "enum": ["base64"]},
    "contentType": _LABEL,
    "signature": _LABEL,
    "enabled": {"type": "boolean"},
    "tags": {
        "type": "array",
        "items": {**_TEXT, "minLength": 1, "maxLength": 64},
        "maxItems": 20,
        "uniqueItems": True,
    },
    "method": {**_TEXT, "enum": ["POST", "PUT", "PATCH", "GET", "HEAD", "DELETE"]},
    "headers": {"type": "object", "additionalProperties": _TEXT, "maxProperties": 20},
    "timeout": {"type": "number", "minimum": 1, "maximum": 60},
    "retry": _RETRY,
    "misfire": {**_TEXT, "enum": ["all", "one", "skip"]},
    "misfireWindow": {"type": "number", "minimum": 1, "maximum": 2_592_000},
    "onSuccess": _URL,
    "onFailure": _URL,
}
"""What the service accepts: a test compares it with the OpenAPI description of a job."""

_FIELDS: Final = range(5, 8)
_URLS: Final = frozenset({"url", "onSuccess", "onFailure"})


def check(file: ConfigFile) -> Iterator[str]:
    """Yield what the service would refuse in the jobs of a file, with the place of each value.

    Values are not shown, but for numbers of the file: the others may be secrets.
    """
    for job in file.jobs:
        yield from _judge(f"jobs.{job.name}", job.name, NAME, is_shown=False)
        for member, value in job.document.items():
            where, is_shown = job.where(member), member not in job.sensitive
            wrong = list(_judge(where, value, MEMBERS[member], is_shown=is_shown))
            yield from wrong or _judge_text(where, member, value)
        yield from _judge_together(job)


def _judge(where: str, value: Json, schema: Schema, *, is_shown: bool) -> Iterator[str]:
    match schema["type"], value:
        case (("number" | "integer"), _):
            yield from _judge_number(where, value, schema, is_shown=is_shown)
        case "boolean", bool():
            return
        case "boolean", _:
            yield f"{where}: it is true or false"
        case "string", str():
            yield from _judge_length(where, value, schema)
        case "string", _:
            yield f"{where}: it is a text"
        case "array", list():
            yield from _judge_items(where, value, schema, is_shown=is_shown)
        case "array", _:
            yield f"{where}: it is an array"
        case "object", dict():
            yield from _judge_table(where, value, schema, is_shown=is_shown)
        case _:
            yield f"{where}: it is a table"


def _judge_number(where: str, value: Json, schema: Schema, *, is_shown: bool) -> Iterator[str]:
    kinds: tuple[type, ...] = (int,) if schema["type"] == "integer" else (int, float)
    least, most = schema["minimum"], schema["maximum"]
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        whole = "whole " if schema["type"] == "integer" else ""
        found = f", not {value}" if is_number and is_shown else ""
        yield f"{where}: it is a {whole}number from {least} to {most}{found}"


def _judge_length(where: str, value: str, schema: Schema) -> Iterator[str]:
    if "enum" in schema:
        if value not in schema["enum"]:
            yield f"{where}: it is one of {', '.join(schema['enum'])}"
        return
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if len(value) < least or (most is not None and len(value) > most):
        yield f"{where}: it has {least} to {most} characters, not {len(value)}"


def _judge_items(where: str, value: list[Json], schema: Schema, *, is_shown: bool) -> Iterator[str]:
    least, most = schema.get("minItems", 0), schema["maxItems"]
    if not least <= len(value) <= most:
        yield f"{where}: it has {least} to {most} elements, not {len(value)}"
        return
    if schema.get("uniqueItems") and any(each in value[:at] for at, each in enumerate(value)):
        yield f"{where}: an element is there twice"
    for index, each in enumerate(value):
        yield from _judge(f"{where}[{index}]", each, schema["items"], is_shown=is_shown)


def _judge_table(
    where: str, value: dict[str, Json], schema: Schema, *, is_shown: bool
) -> Iterator[str]:
    known = schema.get("properties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}: {name} is missing"
    most = schema.get("maxProperties")
    if most is not None and len(value) > most:
        yield f"{where}: it has at most {most} members, not {len(value)}"
    for name, each in value.items():
        if known is not None and name not in known:
            yield f"{where}.{name}: unknown; it has {', '.join(known)}"
            continue
        inner = schema["additionalProperties"] if known is None else known[name]
        yield from _judge(f"{where}.{name}", each, inner, is_shown=is_shown)


def _judge_text(where: str, member: str, value: Json) -> Iterator[str]:
    """Yield what is wrong with a text of the right length."""
    if member in _URLS and not f"{value}".lower().startswith(("http://", "https://")):
        yield f"{where}: it begins with http:// or https://"
    if member == "cron" and not f"{value}".startswith("@"):
        count = len(f"{value}".split())
        if count not in _FIELDS:
            yield f"{where}: it has five fields as in a crontab, or six or seven, not {count}"


def _judge_together(job: Declared) -> Iterator[str]:
    """Yield what is wrong with members beside each other."""
    document = job.document
    for member in ("onGap", "onOverlap"):
        if member in document and "timezone" not in document:
            yield f"{job.where(member)}: it needs timezone"
    if "dataEncoding" in document and "data" not in document:
        yield f"{job.where('dataEncoding')}: it needs data"
    retry = document.get("retry")
    if isinstance(retry, dict) and {"schedule", "backoff"} <= retry.keys():
        yield f"{job.where('retry')}: give schedule or backoff, not both"
    if isinstance(document.get("data"), str):
        yield from _judge_payload(job, document["data"], document.get("dataEncoding"))


def _judge_payload(job: Declared, data: str, encoding: Json) -> Iterator[str]:
    length = len(data.encode("utf-8", "replace"))
    if encoding == "base64":
        try:
            length = len(base64.b64decode(data, validate=True))
        except ValueError:
            yield f"{job.where('data')}: it is not Base64"
            return
    if length > MAX_DATA_BYTES:
        yield f"{job.where('data')}: it has at most {MAX_DATA_BYTES} bytes, not {length}"
