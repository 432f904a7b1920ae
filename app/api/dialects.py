"""Dialects: what each dialect registers with the shared modules, which import no dialect.

app/factory.py registers the dialects when it is imported, hence before any request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from app.domain.job import Dialect
from app.domain.limits import Limit
from app.service import endpoints, foreign_jobs, limits

_SHORTEN: Final = "Shorten the URL."


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiDialect:
    """The paths, headers, limits and remedies of one dialect."""

    dialect: Dialect
    covers: Callable[[str], object]
    """Truthy for a path of the dialect, whether or not it has a route."""
    paths_remedy: str | None = None
    """The remedy for a path without a route; None for the remedy of the first dialect."""
    address_remedy: str = _SHORTEN
    """The remedy for a URL of the dialect that is too long."""
    long_bodies: re.Pattern[str] | None = None
    """The paths (a full match) whose POST may have a long body."""
    lists: re.Pattern[str] | None = None
    """The paths (a full match) whose GET answers with a list, which may be long."""
    posted_lists: re.Pattern[str] | None = None
    """The paths (a full match) whose POST answers with a list, or changes many jobs or runs."""
    key_header: str | None = None
    """The dialect's own header for an API key, besides those of all dialects."""
    app_header: str | None = None
    """The header that chooses one of the account's apps, each of which has its own jobs."""
    changed_by: str | None = None
    """Which request changes a job of the dialect, because the native API cannot."""
    endpoints: endpoints.EndpointKind | None = None
    """What the dialect's endpoints are; None for a dialect without endpoints."""
    counts: Mapping[Limit, limits.Count] = field(default_factory=dict)
    """How the usage of further limits that only this dialect has is counted."""


_REGISTERED: Final[dict[Dialect, ApiDialect]] = {}


def register(*dialects: ApiDialect) -> None:
    """Register these dialects; the first one gives the remedy for paths that no dialect covers."""
    for each in dialects:
        _REGISTERED[each.dialect] = each
        if each.changed_by is not None:
            foreign_jobs.register(each.dialect, changed_by=each.changed_by)
        if each.endpoints is not None:
            endpoints.register(each.dialect, each.endpoints)
        for limit, count in each.counts.items():
            limits.register_count(limit, count)


def paths_remedy(path: str) -> str:
    """Return the remedy for a path without a route."""
    found, first = _of_path(path), next(iter(_REGISTERED.values()))
    return (found and found.paths_remedy) or first.paths_remedy or ""


def address_remedy(path: str) -> str:
    """Return the remedy for a URL that is too long."""
    found = _of_path(path)
    return _SHORTEN if found is None else found.address_remedy


def takes_long_body(path: str) -> bool:
    """Whether a POST to this path may have a long body."""
    return any(
        each.long_bodies is not None and each.long_bodies.fullmatch(path)
        for each in _REGISTERED.values()
    )


def is_list(method: str, path: str) -> bool:
    """Whether a request asks for a list, which may be long."""
    is_read = method in {"GET", "HEAD"}
    patterns = (each.lists if is_read else each.posted_lists for each in _REGISTERED.values())
    return any(each is not None and each.fullmatch(path) for each in patterns)


def key_headers() -> tuple[str, ...]:
    """Return the headers of the dialects in which an API key may be sent."""
    return tuple(each.key_header for each in _REGISTERED.values() if each.key_header)


def app_headers() -> tuple[str, ...]:
    """Return the headers of the dialects that choose one of an account's apps."""
    return tuple(each.app_header for each in _REGISTERED.values() if each.app_header)


def in_environ(environ: Mapping[str, Any], headers: tuple[str, ...]) -> list[str]:
    """Return the values of those of these headers that are in a request's WSGI environment."""
    return [environ[name] for name in _variables(headers) if name in environ]


@lru_cache
def _variables(headers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"HTTP_{each.upper().replace('-', '_')}" for each in headers)


def _of_path(path: str) -> ApiDialect | None:
    return next((each for each in _REGISTERED.values() if each.covers(path)), None)
