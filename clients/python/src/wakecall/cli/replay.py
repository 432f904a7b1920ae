"""Replay: sends a recorded call to a URL of this machine, and reports the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx2

from wakecall import errors
from wakecall.cli import times, views
from wakecall.cli.output import Json, Output, Row
from wakecall.cli.session import Session

_OWN: Final = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "keep-alive", "expect"}
)
"""Headers of the connection, which the copy has of its own."""

_LEFT_OPEN: Final = "the run is called again within the hour; --fail completes it as failed at once"
_MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where calls are brought; `timeout` is in seconds."""

    base: str
    timeout: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What came of a call on this machine, and what was reported of it."""

    status: int | None = None
    error: str = ""
    """Why there was no answer."""

    took_ms: float = 0.0
    body: bytes = b""
    reported: str = ""
    """`succeeded` or `failed`; empty if nothing was reported."""

    note: str = ""
    """Why nothing was reported, though it should have been."""

    @property
    def is_success(self) -> bool:
        """Whether the call was answered with 2xx."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - 2xx

    def document(self) -> dict[str, Json]:
        """What is printed as JSON, beside the call."""
        found = {
            "status": self.status,
            "error": self.error,
            "tookMs": round(self.took_ms, 3),
            "completed": self.reported,
            "note": self.note,
        }
        return {name: value for name, value in found.items() if value not in (None, "")}


@contextmanager
def sender(target: Target) -> Iterator[Callable[[Row], Replayed]]:
    """Give what sends a recorded call to the target.

    Neither proxies of the environment nor redirects are used: the call goes where it is told. As
    the service does, it keeps no cookies.
    """
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    with httpx2.Client(timeout=target.timeout, trust_env=False, cookies=cookies) as http:
        yield lambda call: _send(http, target, call)


def _send(http: httpx2.Client, target: Target, call: Row) -> Replayed:
    body = body_of(call)
    if len(body) != call["bytes"]:
        return Replayed(
            error=f"not sent: an inbox keeps {len(body)} of the {call['bytes']} bytes of its body"
        )
    query = f"?{call['query']}" if call["query"] else ""
    headers = [
        (each["name"], each["value"])
        for each in call["headers"]
        if each["name"].lower() not in _OWN
    ]
    began = time.perf_counter()
    try:
        request = http.build_request(
            call["method"], f"{target.base}{call['path']}{query}", headers=headers, content=body
        )
        response = http.send(request, stream=True)
        try:
            answer = b""
            for chunk in response.iter_bytes():
                answer = (answer + chunk)[:_MAX_ANSWER]
                if len(answer) == _MAX_ANSWER:
                    break
                if time.perf_counter() - began > target.timeout:
                    # Each part came in time, and there may be no end to them.
                    raise httpx2.ReadTimeout(f"the answer takes longer than {target.timeout:g} s")
        finally:
            response.close()
    except (httpx2.RequestError, httpx2.InvalidURL, UnicodeEncodeError) as error:
        took = (time.perf_counter() - began) * 1000
        return Replayed(error=f"{error}" or type(error).__name__, took_ms=took)
    took = (time.perf_counter() - began) * 1000
    return Replayed(status=response.status_code, took_ms=took, body=answer)


def report(session: Session, call: Row, replayed: Replayed, *, fails: bool) -> Replayed:
    """Complete the run of a call that succeeded here, with `fails` also one that failed."""
    if call["signature"] != "verified":
        return replayed
    if not (replayed.is_success or fails):
        return replace(replayed, note=_LEFT_OPEN)
    result = "succeeded" if replayed.is_success else "failed"
    document = {"status": result}
    if not replayed.is_success:
        document["message"] = f"listen: {replayed.status or replayed.error}"[:1024]
    try:
        session.ask("POST", f"/1/runs/{call['run']}/complete", document=document)
    except errors.WakecallError as error:
        return replace(replayed, note=f"{error}")
    return replace(replayed, reported=result)


def body_of(call: Row) -> bytes:
    """Return what an inbox keeps of the body of a call."""
    return views.body_of(call)


def sentence(out: Output, call: Row, replayed: Replayed) -> str:
    """Return a line about a call: when, what, how late, and what came of it here."""
    received = views.instant(call["received"])
    clock = times.exact_clock(received, out.zone) if received else ""
    query = f"?{call['query']}" if call["query"] else ""
    mark = views.DONE if replayed.is_success else views.FAILED
    parts = [f"{replayed.status or replayed.error}", times.milliseconds(replayed.took_ms)]
    if isinstance(call.get("latenessMs"), int | float):
        parts.append(f"{times.milliseconds(call['latenessMs'])} late")
    if call.get("run"):
        parts.append(f"run {call['run']}, attempt {call['attempt']}")
    if replayed.reported:
        parts.append(f"completed as {replayed.reported}")
    elif replayed.note:
        parts.append(f"not completed: {replayed.note}")
    return f"{clock} {mark} {call['method']} {call['path'] or '/'}{query}: {', '.join(parts)}"
