"""The document of a task of the type `rest-call`: read, checked, and written as it was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from app.api.fusion import json_reader
from app.domain.call_options import MAX_LABEL, check_headers, check_value
from app.domain.checks import quoted
from app.domain.fusion.task import Call, Task
from app.domain.target import Network, judge_url
from app.errors import InvalidMember, TooLarge

TYPE: Final = "rest-call"
MAX_ID: Final = 128
MAX_ENTITY: Final = 65_536
METHODS: Final = ("GET", "PUT", "POST", "DELETE")

MEMBERS: Final = ("id", "type", "callParams", "hidden")
PARAMS: Final = ("uri", "method", "queryParams", "headers", "entity")
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CONTENT_TYPE: Final = "content-type"
# As in the HTTP clients that Fusion uses: the other methods carry no content.
_WITH_ENTITY: Final = ("PUT", "POST")
_URI: Final = 'Give a URL, as in "https://example.com/clean-up".'


def parse(
    members: Mapping[str, Any],
    *,
    allow: Sequence[Network],
    deny: Sequence[Network] = (),
    task_id: str | None,
) -> Task:
    """The task in a document; `task_id` is the id in the request's path, where there is one.

    The host of its URL is checked against `allow` and `deny` as a callback's is, without resolving
    it. Raises InvalidMember, TooLarge.
    """
    if members.get("type") is not None:
        # The type is checked first: which members are known depends on it.
        _check_type(json_reader.read_text("type", members["type"]))
    _refuse_unknown("", members, MEMBERS)
    found = _id(members, task_id)
    _needed(members, "type")
    written: dict[str, Any] = {"id": found, "type": TYPE}
    given = json_reader.read_object("callParams", _needed(members, "callParams"))
    params = {name: value for name, value in given.items() if value is not None}
    written["callParams"] = params
    if members.get("hidden") is not None:
        written["hidden"] = json_reader.read_flag("hidden", members["hidden"])
    ordered = {name: written[name] for name in ("id", *members) if name in written}
    return Task(
        id=found,
        call=_call(params, tuple(allow), tuple(deny)),
        source_document=orjson.dumps(ordered).decode(),
    )


def render(source_document: str) -> dict[str, Any]:
    """The document of a task as the client sent it."""
    members: dict[str, Any] = orjson.loads(source_document)
    return members


def _check_type(kind: str) -> None:
    if kind != TYPE:
        raise InvalidMember(
            "type",
            f"{quoted(kind)} is not a type of task here.",
            remedy=f'Use "{TYPE}", an HTTP call.',
        )


def _id(members: Mapping[str, Any], task_id: str | None) -> str:
    value = members.get("id")
    found = task_id if value is None and task_id is not None else None
    if found is None:
        found = json_reader.read_text("id", _needed(members, "id"))
    if not _ID.fullmatch(found) or len(found) > MAX_ID:
        raise InvalidMember(
            "id",
            f"{quoted(found)} is not a valid task id.",
            remedy=f"Use 1 to {MAX_ID} letters, digits, _ and -.",
        )
    if task_id is not None and found != task_id:
        raise InvalidMember(
            "id",
            f"id is {quoted(found)}, the path names {quoted(task_id)}.",
            remedy="Leave it out, or name the task of the path.",
        )
    return found


def _call(params: Mapping[str, Any], allow: tuple[Network, ...], deny: tuple[Network, ...]) -> Call:
    path = "callParams"
    _refuse_unknown(path, params, PARAMS)
    method = _method(params)
    headers, content_type = _headers(params)
    entity = json_reader.read_text(f"{path}.entity", params.get("entity", ""))
    data = entity.encode()
    if len(data) > MAX_ENTITY:
        raise TooLarge(
            f"callParams.entity has {len(data)} bytes.",
            member=f"{path}.entity",
            remedy=f"Send at most {MAX_ENTITY} bytes.",
        )
    return Call(
        url=_url(params, allow, deny),
        method=method,
        headers=headers,
        data=data if data and method in _WITH_ENTITY else None,
        content_type=content_type,
    )


def _url(params: Mapping[str, Any], allow: tuple[Network, ...], deny: tuple[Network, ...]) -> str:
    member = "callParams.uri"
    uri = json_reader.read_text(member, _needed(params, "uri", "callParams"))
    scheme = _SCHEME.match(uri)
    if scheme is not None and scheme[1].lower() not in ("http", "https"):
        raise InvalidMember(
            member,
            f"{quoted(uri)} has the scheme {quoted(scheme[1])}: only http and https are called; "
            "solr and service are schemes of services inside Fusion.",
            remedy=_URI,
        )
    # A fragment never leaves the client (RFC 9110, 4.2.4).
    called = uri.partition("#")[0]
    query = urlencode(list(_texts(params, "queryParams").items()), quote_via=quote, safe="")
    if query:
        joined = "" if called.endswith(("?", "&")) else "&" if "?" in called else "?"
        called += joined + query
    judge_url(called, allow=allow, deny=deny, member=member)
    return called


def _method(params: Mapping[str, Any]) -> str:
    member = "callParams.method"
    text = json_reader.read_text(member, _needed(params, "method", "callParams"))
    method = text.upper()
    if method not in METHODS:
        raise InvalidMember(
            member,
            f"{quoted(text)} is not a method of a task.",
            remedy=f"Use {', '.join(METHODS).lower()}.",
        )
    return method


def _headers(params: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """The headers other than Content-Type, and Content-Type."""
    member = "callParams.headers"
    given = tuple(_texts(params, "headers").items())
    types = [(name, value) for name, value in given if name.lower() == _CONTENT_TYPE]
    for name, value in types:
        check_value(json_reader.join_path(member, name), value, MAX_LABEL)
    if types[1:]:
        raise InvalidMember(
            json_reader.join_path(member, types[1][0]),
            "The header Content-Type is given more than once.",
            remedy="Give each header once.",
        )
    others = tuple(header for header in given if header not in types)
    check_headers(others, member=member, ours="")
    return others, types[0][1] if types else None


def _texts(params: Mapping[str, Any], name: str) -> dict[str, str]:
    """A map of strings; empty where it is not given."""
    path = f"callParams.{name}"
    entries = json_reader.read_object(path, params.get(name, {}))
    return {
        each: json_reader.read_text(json_reader.join_path(path, each), value)
        for each, value in entries.items()
    }


def _needed(members: Mapping[str, Any], name: str, path: str = "") -> Any:  # noqa: ANN401 - JSON holds anything
    remedies = {
        "id": "Give the task an id.",
        "type": f'Give "{TYPE}".',
        "callParams": f"Give an object with {', '.join(PARAMS)}; uri and method must be there.",
        "uri": _URI,
        "method": f"Use {', '.join(METHODS).lower()}.",
    }
    return json_reader.require(
        members, name, path=json_reader.join_path(path, name), remedy=remedies[name]
    )


def _refuse_unknown(path: str, members: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in members:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise InvalidMember(
                json_reader.join_path(path, name),
                f"{path or 'A task'} has no member {quoted(name)}.",
                remedy=f"{hint}The members are {', '.join(known)}.",
            )
