"""Booking form: the fields of the form of a job as the API's document, and the other way round."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.api import negotiation
from app.api.native.codecs.reader import Body
from app.api.native.documents import job as job_document
from app.api.native.documents import payload
from app.api.native.documents.job import JobDocument
from app.domain.checks import quoted
from app.domain.retry_policy import MAX_ATTEMPTS
from app.errors import InvalidMember

AT: Final = "at"
CRON: Final = "cron"
"""The values of `how`: which of the two schedules of the form counts."""

STANDARD: Final = "standard"
CUSTOM: Final = "custom"
RETRIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "none": {"maxAttempts": 1},
    "fast": {"schedule": [1, 5, 15, 60]},
    "patient": {"maxAttempts": 12, "backoff": {"initial": 60, "factor": 2, "max": 43_200}},
}
"""The retry policies of the presets; `standard` omits the member."""

PLAIN: Final[tuple[str, ...]] = (
    *("url", "signature", "contentType", "data", "dataEncoding"),
    *("name", "method", "misfire", "onSuccess", "onFailure"),
)
SCHEDULE: Final[tuple[str, ...]] = ("how", "when", "cron", "timezone", "onGap", "onOverlap")
NUMBERS: Final[Mapping[str, str]] = {"retryMaxAttempts": "maxAttempts", "retryMaxAge": "maxAge"}
BACKOFF: Final[Mapping[str, str]] = {
    "retryInitial": "initial",
    "retryFactor": "factor",
    "retryMax": "max",
}
WAITS: Final = "retryWaits"
RETRY: Final[tuple[str, ...]] = ("retry", WAITS, *NUMBERS, *BACKOFF)
FIELDS: Final = (
    *SCHEDULE,
    *PLAIN,
    *RETRY,
    *("headers", "tags", "timeout", "misfireWindow", "paused", "version"),
)
"""The names of all fields."""

MEMBERS: Final = {
    "retry.schedule": WAITS,
    "retry.backoff.initial": "retryInitial",
    "retry.backoff.factor": "retryFactor",
    "retry.backoff.max": "retryMax",
    "retry.maxAttempts": "retryMaxAttempts",
    "retry.maxAge": "retryMaxAge",
    "retry.backoff": "retryInitial",
    **{f"retry.schedule[{number}]": WAITS for number in range(MAX_ATTEMPTS)},
}
"""The fields of members that are not fields of their own names."""

_UNSENT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that a field of a page does not keep."""

EXAMPLE: Final = {"how": CRON, "method": "POST", "retry": STANDARD}


def members(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the document that the fields stand for, in the order of the API's documents.

    Members keep values that the API refuses, so that its error names them. Raises InvalidMember
    for what no document can express.
    """
    given = {name: text for name, text in values.items() if text}
    found: dict[str, Any] = {name: given[name] for name in PLAIN[:5] if name in given}
    found |= schedule(values)
    if "paused" in given:
        found["enabled"] = False
    if "name" in given:
        found["name"] = given["name"]
    tags = _split_tags(given.get("tags", ""))
    if tags:
        found["tags"] = tags
    # POST is the method of a job that names none.
    if given.get("method", "POST") != "POST":
        found["method"] = given["method"]
    headers = _headers(given.get("headers", ""))
    if headers:
        found["headers"] = headers
    if "timeout" in given:
        found["timeout"] = _number(given["timeout"])
    retry = _retry(given)
    if retry is not None:
        found["retry"] = retry
    if "misfire" in given:
        found["misfire"] = given["misfire"]
    if "misfireWindow" in given:
        found["misfireWindow"] = _number(given["misfireWindow"])
    found |= {name: given[name] for name in ("onSuccess", "onFailure") if name in given}
    return found


def schedule(values: Mapping[str, str]) -> dict[str, str]:
    """Return the members of the job's schedule."""
    chosen = "cron" if values.get("how", AT) == CRON else "when"
    names = (chosen, "timezone", "onGap", "onOverlap")
    return {name: values[name].strip() for name in names if values.get(name)}


def text(document: Mapping[str, Any]) -> str:
    """Return a document as the JSON text that is sent and shown."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def read(document: Mapping[str, Any]) -> JobDocument:
    """Return the document as the API reads it; raises MalformedDocument and InvalidMember."""
    return job_document.read(body(document))


def body(document: Mapping[str, Any]) -> Body:
    """Return the body of a request with this document."""
    return Body(content=text(document).encode("utf-8", "replace"), media_type=negotiation.JSON)


def normalized(form: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a submitted form. Browsers send each line break as CR and LF."""
    return {name: form.get(name, "").replace("\r\n", "\n") for name in FIELDS}


def values_of(document: JobDocument) -> dict[str, str]:
    """Return the fields that show a job, so that `members` makes the same document of them."""
    shown = dict(job_document.members(document))
    found: dict[str, str] = {name: str(shown[name]) for name in PLAIN if name in shown}
    found |= {name: str(shown[name]) for name in SCHEDULE if name in shown}
    found["how"] = CRON if "cron" in shown else AT
    data = document.data
    if data is not None and document.data_encoding is None and _UNSENT.search(data):
        found |= {"data": payload.to_base64(data.encode()), "dataEncoding": payload.BASE64}
    found["method"] = document.method or "POST"
    found["tags"] = _joined_tags(document.tags or ())
    found["headers"] = "\n".join(
        f"{name}: {value}" for name, value in (document.headers or {}).items()
    )
    for name in ("timeout", "misfireWindow"):
        if name in shown:
            found[name] = _written(shown[name])
    if document.enabled is False:
        found["paused"] = "on"
    return found | _retry_values(document.retry)


def _retry_values(retry: Mapping[str, Any] | None) -> dict[str, str]:
    if retry is None:
        return {"retry": STANDARD}
    for name, preset in RETRIES.items():
        if preset == retry:
            return {"retry": name}
    backoff = retry.get("backoff") or {}
    found = {field: _written(retry.get(member)) for field, member in NUMBERS.items()}
    found |= {field: _written(backoff.get(member)) for field, member in BACKOFF.items()}
    found[WAITS] = ", ".join(map(_written, retry.get("schedule") or ()))
    return {"retry": CUSTOM, **found}


def _retry(given: Mapping[str, str]) -> Mapping[str, Any] | None:
    chosen = given.get("retry", STANDARD)
    if chosen != CUSTOM:
        return RETRIES.get(chosen)
    found: dict[str, Any] = {
        member: _number(given[field]) for field, member in NUMBERS.items() if field in given
    }
    waits = [_number(each.strip()) for each in given.get(WAITS, "").split(",") if each.strip()]
    if waits:
        found["schedule"] = waits
    backoff = {member: _number(given[field]) for field, member in BACKOFF.items() if field in given}
    if backoff:
        found["backoff"] = backoff
    return found


def _split_tags(written: str) -> list[str]:
    """Return the tags of a field: between commas, or in double quotes, which are doubled within."""
    # A row of CSV (RFC 4180) ends with its line, and a field of a page has one line.
    line = " ".join(written.splitlines())
    try:
        (found,) = csv.reader([line], skipinitialspace=True)
    except csv.Error:
        # A tag of more than 128 KiB, which the API refuses.
        found = line.split(",")
    return [each.strip() for each in found if each.strip()]


def _joined_tags(tags: Sequence[str]) -> str:
    return ", ".join(map(_written_tag, tags))


def _written_tag(tag: str) -> str:
    if "," in tag or tag.startswith('"'):
        doubled = tag.replace('"', '""')
        return f'"{doubled}"'
    return tag


def _headers(lines: str) -> dict[str, str]:
    """Return the headers of lines such as `X-Team: billing`; raises InvalidMember."""
    found: dict[str, str] = {}
    for name, value in _split_lines(lines):
        if name in found:
            raise InvalidMember(
                "headers",
                f"The header {quoted(name)} is given more than once.",
                remedy="Give each header once.",
            )
        found[name] = value
    return found


def _split_lines(lines: str) -> Iterator[tuple[str, str]]:
    for line in filter(str.strip, lines.split("\n")):
        name, colon, value = line.partition(":")
        if not colon:
            raise InvalidMember(
                "headers",
                f"The line {quoted(line)} is not a header.",
                remedy='Write one header in each line, as in "X-Team: billing".',
            )
        yield name.strip(), value.strip()


def _number(written: str) -> int | float | str:
    """Return a number; a text that is not one is left to the API, which names the member."""
    try:
        return int(written)
    except ValueError:
        pass
    try:
        found = float(written)
    except ValueError:
        return written
    return found if abs(found) < float("inf") else written


def _written(number: object) -> str:
    if number is None:
        return ""
    return f"{number:.15g}" if isinstance(number, float) else str(number)
