"""Estate: what the attacker's account owns before it begins, so that its requests cost much."""

from __future__ import annotations

import http.client
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from app.domain.instants import format_utc
from bench.children import Failed
from bench.hostile.attack import Facts
from bench.hostile.readers import book_many, fail_often, put_long_tasks
from bench.hostile.starters import put_task
from bench.hostile.target import Target, far, soon
from bench.neighbours.operation import HOST

_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_STYLE_SHEET: Final = re.compile(r'/console/static/([^"]+\.css)')
_IMAGE: Final = "performance.svg"
APP: Final = "attacker"
"""The Dapr app of the requests."""

_INBOXES: Final = 8
"""Two fewer than an account may have."""

_CALLS: Final = 40
"""Fewer than an inbox takes of strangers at once."""

_WAIT_S: Final = 30.0
_POLL_S: Final = 0.1


def build(target: Target, *, jobs: int, runs: int, tasks: int, pool: int) -> Facts:
    """Make jobs, failed runs, tasks and inboxes, and pools of what operations use up.

    Return facts for the target, besides those it has. Raises Failed.
    """
    # First, as the account may have no other job, and no other app, until these runs have failed.
    failed = _failed(target, runs)
    target.ask("PUT", f"/1/dapr-apps/{APP}", {"url": target.url("/ok")})
    named = {"url": target.url("/ok"), "when": far(), "data": "x" * 2048}
    job = target.ask("PUT", "/1/jobs/by-name/named", named)["id"]
    book_many(target, jobs)
    put_long_tasks(target, tasks)
    put_task(target, "hanging", "/hang")
    for n in range(pool):
        target.ask("PUT", f"/1/dapr-apps/pool-{n}", {"url": target.url("/ok")})
    target.ask("PUT", "/1/fusion-runners/datasource", {"url": target.url("/ok")})
    long = {"dueTime": "720h", "data": "x" * 60_000}
    target.ask("POST", "/v1.0/jobs/long", long, dapr_app_id=APP)
    keys = [_key(target) for _ in range(pool)]
    return {
        **failed,
        **_inboxes(target),
        "job": job,
        "name": "named",
        "app": APP,
        "dapr_job": "long",
        "account": target.account,
        "url": target.url("/ok"),
        "image": _IMAGE,
        "day_ago": format_utc(datetime.now(UTC) - timedelta(days=1)),
        "key_id": keys[0],
        "keys": keys[1:],
        "apps": [f"pool-{n}" for n in range(pool)],
        "disposable": _booked(target, pool),
        "page_disposable": _booked(target, pool),
        "paused": _booked(target, 16),
        "waiting": _waiting(target, pool),
        **_users(target),
    }


def _failed(target: Target, runs: int) -> Facts:
    found = fail_often(target, runs)
    return {
        "runs": found,
        "run": found[0],
        "failing": target.ask("GET", f"/1/runs/{found[0]}")["job"],
    }


def _key(target: Target) -> str:
    found: str = target.ask("POST", "/1/keys", {"label": "pool", "scope": "read"})["id"]
    return found


def _booked(target: Target, number: int) -> list[str]:
    jobs = [{"url": target.url("/ok"), "when": far()}] * number
    return [each["id"] for each in target.ask("POST", "/1/jobs/bulk", jobs)]


def _waiting(target: Target, number: int) -> list[str]:
    """Runs whose receiver is to report the result."""
    jobs = [{"url": target.url("/later", n), "when": soon()} for n in range(number)]
    target.ask("POST", "/1/jobs/bulk", jobs)
    give_up = time.monotonic() + _WAIT_S
    while len(found := target.ask_all("/1/runs?state=running&limit=1000")) < number:
        if time.monotonic() > give_up:
            raise Failed(f"{len(found)} of {number} runs wait for their receiver")
        time.sleep(_POLL_S)
    return [each["id"] for each in found]


def _inboxes(target: Target) -> Facts:
    made = [target.ask("POST", "/1/inboxes", {"label": f"{n}"}) for n in range(_INBOXES)]
    path = urlsplit(made[0]["url"]).path
    connection = http.client.HTTPConnection(HOST, target.port, timeout=_WAIT_S)
    for _ in range(_CALLS):
        connection.request("POST", path, body="x" * 16_384)
        connection.getresponse().read()
    return {
        "inbox": made[0]["id"],
        "inbox_path": path,
        "inboxes": [each["id"] for each in made[1:4]],
        "page_inboxes": [each["id"] for each in made[4:]],
    }


def _users(target: Target) -> Facts:
    """The users of the account with the token of their forms, and a style sheet of the pages."""
    page = ""
    found: dict[str, list[dict[str, str]]] = {}
    for group in ("users", "leaving"):
        found[group] = []
        for user in target.facts[group]:
            page = _page(target, user["cookie"])
            token = _TOKEN.search(page)
            if token is None:
                raise Failed("a page of the console has no form")
            found[group].append({**user, "token": token[1]})
    sheet = _STYLE_SHEET.search(page)
    return {**found, "style_sheet": sheet[1] if sheet else ""}


def _page(target: Target, cookie: str) -> str:
    connection = http.client.HTTPConnection(HOST, target.port, timeout=_WAIT_S)
    connection.request("GET", "/console/accounts", headers={"Cookie": cookie})
    return connection.getresponse().read().decode()
