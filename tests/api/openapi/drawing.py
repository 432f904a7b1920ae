"""Drawing: what Schemathesis draws for members whose texts have a grammar, such as `cron`.

The descriptions say of such a text what a client has to know, and have no pattern for it, so that
nearly all that is drawn from them alone is refused. A format by the name of the member is added
here: most of its texts are valid, and the others nearly so.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from string import ascii_letters, digits
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis import HookContext

from tests.fuzz import grammars
from tests.fuzz.grammars import Texts

_ANY: Final = "*/*"
_BYTES: Final = "application/octet-stream"
_GOOD: Final = 7
_KEPT: Final = 30
_EXCLUDED: Final = {"when": {"cron", "timezone"}, "cron": {"when"}}
"""Members, and those that a document with them does not have."""

_HEADER_NAMES: Final = {"pattern": "^[A-Za-z][A-Za-z0-9-]{0,20}$"}
_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))


def _mostly(good: Texts | Sequence[str], other: Texts) -> Texts:
    """In most cases a good text, else another one."""
    valid = st.sampled_from(good) if isinstance(good, Sequence) else good
    return st.one_of(*[valid] * _GOOD, other)


def _text(letters: str) -> Texts:
    return st.text(letters, min_size=1, max_size=60)


_ANYTHING: Final = st.text(min_size=1, max_size=60)
_CRONS: Final = (
    *("0 0 12 * * ?", "0 15 10 ? * MON-FRI", "0 0/10 * * * ?", "0 0 0 L * ?", "30 4 * * *"),
    *("0 0 9 ? * 6#3 2030-2040", "0 9 * * 1-5", "*/15 * * * *", "@daily", "0 0 2 29 2 ?"),
)
_URLS: Final = ("https://example.com/wake", "http://example.com:8080/?a=b", "https://b.example/a")
_DURATIONS: Final = ("1h", "90s", "1h30m", "PT5M", "P1DT2H", "2094-05-11T15:30:00Z")
_SCHEDULES: Final = ("@every 1m", "@daily", "0 30 * * * *", "TZ=Europe/Rome 0 0 9 * * *")
_INSTANTS: Final = st.datetimes(datetime(2030, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001 - in UTC
    "{:%FT%TZ}".format
)
_BASE64: Final = st.binary(max_size=60).map(lambda each: base64.b64encode(each).decode())

_FORMATS: Final[Mapping[str, Texts]] = {
    name: texts
    for names, texts in (
        (
            "when after before until expires startTime endTime",
            _mostly(_INSTANTS, grammars.INSTANT),
        ),
        ("cron expression value", _mostly(_CRONS, grammars.QUARTZ | grammars.CRONTAB)),
        ("url uri callback onSuccess onFailure", _mostly(_URLS, grammars.URL)),
        (
            "name namePrefix label app daprApp dapr-app-id tags",
            _mostly(_text(f"{ascii_letters}{digits}._-"), _ANYTHING),
        ),
        (
            "dueTime due_time ttl",
            _mostly(_DURATIONS, grammars.GO_DURATION | grammars.ISO_DURATION | grammars.INSTANT),
        ),
        ("timezone", _mostly(grammars.ZONES[:4], st.sampled_from(grammars.ZONES))),
        ("schedule", _mostly(_SCHEDULES, grammars.DAPR_SCHEDULE)),
        ("contentType", _mostly(("application/json", "text/plain; charset=utf-8"), _ANYTHING)),
        ("data", _mostly(_BASE64, _ANYTHING)),
        ("signature headers Idempotency-Key", _mostly(_text(_VISIBLE), _ANYTHING)),
        ("repeatUnit timeUnit", _mostly(("minute", "hour", "day", "week", "month"), _ANYTHING)),
        ("method", _mostly(("get", "put", "post", "delete"), _ANYTHING)),
        ("triggerType", _mostly(("on_success", "on_failure", "on_completion"), _ANYTHING)),
    )
    for name in names.split()
}

schemathesis.openapi.media_type(_BYTES, st.binary(max_size=3000))
for _name, _texts in _FORMATS.items():
    schemathesis.openapi.format(f"wakecall-{_name}", _texts)


class Accepted:
    """Documents that each operation has accepted, some members of which are drawn anew."""

    def __init__(self, examples: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        self._by_operation = defaultdict(list, {name: [*of] for name, of in examples.items()})

    def add(self, operation: str, document: Any) -> None:
        """Remember a document that was accepted."""
        if isinstance(document, dict):
            kept = self._by_operation[operation]
            kept.append(document)
            del kept[:-_KEPT]

    def mixed(self, operation: str, drawn: Any, chosen: int) -> Any:
        """An accepted document with a few of the drawn members; in one case of five, the drawn one.

        `chosen` is a number of which the choice is made.
        """
        kept = self._by_operation[operation]
        if not (isinstance(drawn, dict) and kept) or chosen % 5 == 4:
            return drawn
        names = sorted(drawn)
        first = chosen // 7 % max(1, len(names))
        changes = {name: drawn[name] for name in names[first : first + chosen % 3 + 1]}
        mixed = {**kept[chosen // 3 % len(kept)], **changes}
        return mixed if chosen % 8 == 5 else _without_excluded(mixed, changes)


def _without_excluded(document: Mapping[str, Any], changes: Collection[str]) -> dict[str, Any]:
    """The document without the members that those changed last, or else any other, exclude."""
    left = dict(document)
    for name in sorted(document, key=lambda each: each not in changes):
        for excluded in _EXCLUDED.get(name, ()) if name in left else ():
            left.pop(excluded, None)
    return left


@schemathesis.hook
def before_load_schema(_context: HookContext, document: dict[str, Any]) -> None:
    """Add the formats; draw bytes for a body of any type.

    A strategy for `*/*` itself would be that of every type, JSON included.
    """
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {})
            if _ANY in content:
                content[_BYTES] = content.pop(_ANY)
            for each in operation.get("parameters", ()):
                _add_format(each.get("name"), each.get("schema", {}))
    for name, schema in _members(document):
        _add_format(name, schema)


def _members(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """All members of objects in a description, with their schemas."""
    if isinstance(node, list):
        for each in node:
            yield from _members(each)
    elif isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties.items()
        for each in node.values():
            yield from _members(each)


def _add_format(name: str | None, schema: dict[str, Any]) -> None:
    for each in (schema, schema.get("items"), schema.get("additionalProperties")):
        if name in _FORMATS and isinstance(each, dict) and _is_free(each):
            each["format"] = f"wakecall-{name}"
    if name == "headers" and "additionalProperties" in schema:
        schema["propertyNames"] = _HEADER_NAMES


def _is_free(schema: Mapping[str, Any]) -> bool:
    """Whether it takes any text."""
    has_rule = bool(schema.keys() & {"enum", "const", "pattern", "format"})
    return schema.get("type") == "string" and not has_rule
