"""Operation: one thing that an account may do, and the costliest requests for it that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from typing import Any, Final
from urllib.parse import urlencode

from bench.client import request
from bench.hostile.attack import Requests
from bench.hostile.target import Target

HOST: Final = "127.0.0.1"


class Surface(StrEnum):
    """How an operation reaches the service."""

    API = "api"
    """HTTP with an API key."""
    CONSOLE = "console"
    """HTTP with the cookie of a session."""
    PUBLIC = "public"
    """HTTP without credentials."""
    RPC = "rpc"
    """gRPC with an API key; requests are messages."""
    MCP = "mcp"
    """The MCP server over HTTP, with an API key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """An operation by its name in the inventory, and its requests on one connection."""

    name: str
    surface: Surface
    requests: Requests


def at(target: Target, path: str, **more: object) -> str:
    """A path with the facts of the target, such as the id of a job, in their places."""
    return path.format_map({**target.facts, **more})


def mine(target: Target, name: str, number: int) -> list[str]:
    """The part of a list of facts that belongs to one connection: every sixteenth of them."""
    values: list[str] = target.facts[name]
    return values[number % _SHARES :: _SHARES] or values


_SHARES: Final = 16


def get(view: str, path: str) -> Operation:
    """Reads at a path, with the key of the account."""
    return Operation(
        name=f"GET {view}",
        surface=Surface.API,
        requests=lambda target, _: cycle([target.request("GET", at(target, path))]),
    )


def send(
    method: str,
    view: str,
    path: str,
    document: Callable[[Target], object] | Mapping[str, object] | None = None,
) -> Operation:
    """The same document again and again, or none, with the key of the account."""

    def requests(target: Target, _number: int) -> Iterator[bytes]:
        where = at(target, path)
        if document is None:
            return cycle([target.request(method, where)])
        found = document(target) if callable(document) else document
        return cycle([target.json(method, where, found)])

    return Operation(name=f"{method} {view}", surface=Surface.API, requests=requests)


def each_of(
    method: str, view: str, path: str, pool: str, document: Mapping[str, object] | None = None
) -> Operation:
    """One request for each of a list of facts, in turn: `{one}` in the path stands for it."""

    def requests(target: Target, number: int) -> Iterator[bytes]:
        for one in cycle(mine(target, pool, number)):
            where = at(target, path, one=one)
            if document is None:
                yield target.request(method, where)
            else:
                yield target.json(method, where, document)

    return Operation(name=f"{method} {view}", surface=Surface.API, requests=requests)


def in_turn(name: str, requests: Requests, surface: Surface = Surface.API) -> Operation:
    """Requests that a function makes."""
    return Operation(name=name, surface=surface, requests=requests)


def public(view: str, path: str, *, method: str = "GET", accept: str = "*/*") -> Operation:
    """Requests without a key."""
    return Operation(
        name=f"{method} {view}",
        surface=Surface.PUBLIC,
        requests=lambda target, _: cycle(
            [request(method, at(target, path), host=f"{HOST}:{target.port}", Accept=accept)]
        ),
    )


def page(view: str, path: str) -> Operation:
    """A page of the console; connections are of several users of the account."""
    return Operation(
        name=f"GET {view}",
        surface=Surface.CONSOLE,
        requests=lambda target, number: cycle(
            [browser_request(target, number, "GET", at(target, path))]
        ),
    )


def form(
    view: str, path: str, pool: str = "", *, sender: str = "users", **fields: str
) -> Operation:
    """A form of the console that is sent; `{one}`, in path or field, is each of the `pool`."""

    def requests(target: Target, number: int) -> Iterator[bytes]:
        for one in cycle(mine(target, pool, number) if pool else [""]):
            sent = {name: at(target, text, one=one) for name, text in fields.items()}
            where = at(target, path, one=one)
            yield browser_request(target, number, "POST", where, sent, sender=sender)

    return Operation(name=f"POST {view}", surface=Surface.CONSOLE, requests=requests)


def browser_request(
    target: Target,
    number: int,
    method: str,
    path: str,
    fields: Mapping[str, str] | None = None,
    *,
    sender: str = "users",
) -> bytes:
    """A request of one of the account's users; a form has the token of that user.

    `sender` is the fact that lists the users.
    """
    users: list[Mapping[str, str]] = target.facts[sender]
    user = users[number % len(users)]
    headers: dict[str, str] = {"Cookie": user["cookie"], "Accept": "text/html"}
    if fields is None:
        return request(method, path, b"", host=f"{HOST}:{target.port}", **headers)
    body = urlencode({**fields, "csrf_token": user["token"]}).encode()
    headers["Content_Type"] = "application/x-www-form-urlencoded"
    return request(method, path, body, host=f"{HOST}:{target.port}", **headers)


def mcp_request(target: Target, method: str, params: Mapping[str, Any], **headers: str) -> bytes:
    """A request of the Model Context Protocol, without a session."""
    return target.json(
        "POST",
        "/mcp",
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
        Accept="application/json, text/event-stream",
        host=f"{HOST}:{target.facts['mcp_port']}",
        **headers,
    )
