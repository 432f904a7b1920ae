"""Server URLs: the checks of DATABASE_URL and REDIS_URL, with the libraries that will read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis import ConnectionPool
from redis.exceptions import RedisError

from app.errors import Misconfigured

_DATABASE_FORM: Final = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_REDIS_FORM: Final = "redis://HOST:PORT/NUMBER, rediss:// for TLS, or unix:///PATH"

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_UNKNOWN: Final = re.compile(r'invalid URI query parameter: "(\w+)"')
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_MAX_PORT: Final = 65535
_BAD_PORT: Final = "a port is not an integer from 1 to 65535 (in a password, write / as %2F)"
_INTEGERS: Final = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
_QUERY_UNREADABLE: Final = (
    "the part after its first ? cannot be read (in a password, write ? as %3F and / as %2F)"
)
_NO_SERVER: Final = "/nonexistent"


def check_database_url(text: str) -> str:
    """Return `text` if libpq may connect with it; raises Misconfigured if it never can.

    The grammar is libpq's: a URL or `name=value` pairs, several hosts separated by commas.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING

    No message quotes text that may be a part of the password.
    """
    if reason := _judge_database_url(text):
        raise Misconfigured(f"DATABASE_URL cannot be used: {reason}.")
    return text


def check_redis_url(text: str) -> str:
    """Return `text` if redis-py may connect with it; raises Misconfigured if it never can."""
    if reason := _judge_redis_url(text):
        raise Misconfigured(f"REDIS_URL cannot be used: {reason}.")
    return text


def _judge_database_url(text: str) -> str | None:
    """Return why libpq can never connect with this; None if it may."""
    scheme = _SCHEME.match(text)
    if scheme and scheme[1] not in {"postgresql", "postgres"}:
        return f"it begins with {scheme[0]}; use {_DATABASE_FORM}"
    try:
        given = cast("dict[str, str]", conninfo_to_dict(text))
    except psycopg.ProgrammingError as error:
        if unknown := _UNKNOWN.match(str(error)):
            if _may_hold_password(text):
                return _QUERY_UNREADABLE
            return f"PostgreSQL has no connection parameter {unknown[1]}"
        return f"it is not a connection string of PostgreSQL; use {_DATABASE_FORM}"
    except UnicodeError:
        return "it is not valid UTF-8"
    return _judge_hosts(given) or _judge_numbers(given) or _judge_options(text, given)


def _judge_hosts(given: Mapping[str, str]) -> str | None:
    """Return why these hosts and ports cannot be used; libpq checks them only when it connects."""
    hosts, addresses, ports = (
        given.get(name, "").split(",") for name in ("host", "hostaddr", "port")
    )
    if given.get("host") and given.get("hostaddr") and len(hosts) != len(addresses):
        return f"host has {len(hosts)} values and hostaddr has {len(addresses)}"
    count = max(len(hosts), len(addresses))
    if len(ports) not in {1, count}:
        return f"it has {len(ports)} ports for {count} host{'s' * (count > 1)}"
    return None if all(map(_is_port, ports)) else _BAD_PORT


def _judge_numbers(given: Mapping[str, str]) -> str | None:
    for name in _INTEGERS:
        if not re.fullmatch(r"-?[0-9]{1,9}", given.get(name, "0").strip()):
            return f"{name} is not an integer"
    return None


def _judge_options(text: str, given: Mapping[str, str]) -> str | None:
    """Return libpq's objection to the value of a parameter, which precedes any connection."""
    wanted = given.get("target_session_attrs", "any")
    if wanted in {"read-only", "standby", "prefer-standby"}:
        return (
            f"target_session_attrs={wanted} asks for a server that cannot be written to; "
            "use read-write, or leave it out"
        )
    nowhere = {**given, "host": _NO_SERVER, "hostaddr": "", "port": ""}
    attempt = pq.PGconn.connect_start(make_conninfo("", **nowhere).encode())
    said = attempt.get_error_message()
    attempt.finish()
    if _NO_SERVER in said:
        return None
    return _QUERY_UNREADABLE if _may_hold_password(text) else said.strip().replace("\n", " ")


def _judge_redis_url(text: str) -> str | None:
    """Return why redis-py can never connect with this; None if it may."""
    try:
        return _judge_redis_address(urlsplit(text)) or _judge_redis_parameters(text)
    except ValueError:
        return f"its host cannot be read; use {_REDIS_FORM}"


def _judge_redis_address(parts: SplitResult) -> str | None:
    if parts.scheme not in {"redis", "rediss", "unix"}:
        return f"it is not a Redis URL; use {_REDIS_FORM}"
    if not _is_port(parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]):
        return _BAD_PORT
    if parts.scheme != "unix" and not re.fullmatch(r"/?|/[0-9]{1,9}", parts.path):
        return "the part after the host is not the number of a database"
    if "," in (parts.hostname or ""):
        return "it has several hosts, but only one is supported"
    return None


def _judge_redis_parameters(text: str) -> str | None:
    """Return redis-py's objection to a parameter, which precedes any connection."""
    try:
        ConnectionPool.from_url(text).make_connection()
    except (TypeError, ValueError, RedisError) as error:
        if _may_hold_password(text):
            return _QUERY_UNREADABLE
        if isinstance(error, TypeError):
            return f"it has an {str(error).rpartition('got an ')[2]}"
        return str(error).rstrip(".")
    return None


def _may_hold_password(url: str) -> bool:
    """Return whether the query, as a library reads the URL, may be a part of a password."""
    return bool(_SCHEME.match(url)) and "@" in url.partition("?")[2]


def _is_port(text: str) -> bool:
    return not text or bool(_PORT.fullmatch(text) and 1 <= int(text) <= _MAX_PORT)
