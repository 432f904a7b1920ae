"""Native: the operations of the API below `/1`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle
from typing import Final
from urllib.parse import quote

from bench.hostile.readers import list_ids, list_runs, redeliver, zoned_crons
from bench.hostile.target import PER_BULK, Target, far, soon
from bench.neighbours.operation import Operation, at, each_of, get, in_turn, send

_ZONE: Final = "Asia/Gaza"
"""A zone whose clock changes at irregular dates, which makes its schedules long to work out."""

_TAGS: Final = [f"tag-{n}" for n in range(20)]
"""As many as a job may have."""

_MINUTES: Final = "bucket=5m&after={day_ago}"


def _job(target: Target) -> dict[str, object]:
    """A job with all that costs a booking: a schedule in a zone, tags, and a long payload."""
    return {
        "url": target.url("/ok"),
        "cron": "0 0,15,30,45 * ? * MON,WED,FRI",
        "timezone": _ZONE,
        "tags": _TAGS,
        "data": "x" * 2048,
        "headers": {f"X-Header-{n}": "x" * 100 for n in range(10)},
    }


def _booking_by_path(target: Target, _number: int) -> Iterator[bytes]:
    path = f"/1/jobs/{quote(far(), safe='')}/{quote(target.url('/ok'), safe='')}"
    return cycle([target.request("POST", path, b"x" * 2048, Content_Type="text/plain")])


def _dry_runs(target: Target, number: int) -> Iterator[bytes]:
    """Dry runs of a thousand cron jobs, each time with other expressions, and bulks in turn."""
    for n in count():
        crons = zoned_crons(number + n)
        jobs = [
            {"url": target.url("/ok"), "cron": cron, "timezone": _ZONE} for cron, _zone in crons
        ]
        yield target.json("POST", "/1/jobs/bulk?dryRun=true", jobs)
        yield target.json("POST", "/1/jobs/bulk", target.bulk("/ok", soon(), PER_BULK))


def _previews(target: Target, number: int) -> Iterator[bytes]:
    for cron, zone in cycle(zoned_crons(number)):
        yield target.json("POST", "/1/preview", {"cron": cron, "timezone": zone, "count": 100})


def _put_by_name(target: Target, number: int) -> Iterator[bytes]:
    """The same few names, so that the bookings of all connections meet on a row."""
    for n in count(number):
        document = {**_job(target), "data": f"{n}"}
        yield target.json("PUT", f"/1/jobs/by-name/shared-{n % 4}", document)


def _delete_by_name(target: Target, number: int) -> Iterator[bytes]:
    for n in count(number):
        path = f"/1/jobs/by-name/brief-{number}-{n % 4}"
        yield target.json("PUT", path, {"url": target.url("/ok"), "when": far()})
        yield target.request("DELETE", path)


def _update(target: Target, number: int) -> Iterator[bytes]:
    for n in count(number):
        yield target.json("PUT", at(target, "/1/jobs/{job}"), {**_job(target), "data": f"{n}"})


def _delete_app(target: Target, number: int) -> Iterator[bytes]:
    path = f"/1/dapr-apps/brief-{number}"
    put = target.json("PUT", path, {"url": target.url("/ok")})
    return cycle([put, target.request("DELETE", path)])


def _delete_runner(target: Target, _number: int) -> Iterator[bytes]:
    path = "/1/fusion-runners/spark"
    put = target.json("PUT", path, {"url": target.url("/ok")})
    return cycle([put, target.request("DELETE", path)])


_FULL: Final = "view=full&limit=1000"

READS: Final[tuple[Operation, ...]] = (
    get("native.show_account", "/1/account"),
    get("native.show_accuracy", "/1/accuracy"),
    get("native.list_audit", "/1/audit?limit=1000"),
    get("native.list_apps", "/1/dapr-apps?limit=1000"),
    get("native.get_app", "/1/dapr-apps/{app}"),
    get("native.list_held_destinations", "/1/destinations"),
    get("native.list_runners", "/1/fusion-runners"),
    get("native.get_runner", "/1/fusion-runners/datasource"),
    get("native.list_inboxes", "/1/inboxes"),
    get("native.get_inbox", "/1/inboxes/{inbox}"),
    get("native.list_inbox_calls", "/1/inboxes/{inbox}/calls?limit=1000"),
    get("native.get_inbox_call", "/1/inboxes/{inbox}/calls/1"),
    in_turn("GET native.list_jobs", list_ids),
    get("native.get_job", "/1/jobs/{job}"),
    get("native.list_runs_of_job", "/1/jobs/{failing}/runs?limit=1000"),
    get("native.get_job_by_name", "/1/jobs/by-name/{name}"),
    get("native.list_keys", "/1/keys?limit=1000"),
    get("native.get_key", "/1/keys/{key_id}"),
    in_turn("GET native.list_runs", list_runs),
    each_of("GET", "native.get_run", "/1/runs/{one}", "runs"),
    each_of("GET", "native.list_attempts", "/1/runs/{one}/attempts?limit=1000", "runs"),
    get("native.count_runs", f"/1/runs/counts?{_MINUTES}"),
    get("native.list_failures", "/1/runs/failures"),
    get("native.list_secrets", "/1/secrets"),
    get("native.list_upcoming", "/1/upcoming?tag=absent&limit=1000"),
    get("native.count_upcoming", "/1/upcoming/counts"),
    in_turn("POST native.preview_schedule", _previews),
)
"""What changes nothing, each with what makes its answer longest or its search widest."""

WRITES: Final[tuple[Operation, ...]] = (
    send("POST", "native.create_job", "/1/jobs", _job),
    in_turn("POST native.create_jobs", _dry_runs),
    in_turn("POST native.create_job_by_path", _booking_by_path),
    in_turn("PUT native.update_job", _update),
    each_of("DELETE", "native.delete_job", "/1/jobs/{one}", "disposable"),
    send("POST", "native.fire_job", "/1/jobs/{job}/fire"),
    each_of("POST", "native.pause_job", "/1/jobs/{one}/pause", "paused"),
    each_of("POST", "native.resume_job", "/1/jobs/{one}/resume", "paused"),
    in_turn("PUT native.put_job_by_name", _put_by_name),
    in_turn("DELETE native.delete_job_by_name", _delete_by_name),
    send("PUT", "native.put_app", "/1/dapr-apps/{app}", lambda target: {"url": target.url("/ok")}),
    in_turn("DELETE native.delete_app", _delete_app),
    send(
        "PUT",
        "native.put_runner",
        "/1/fusion-runners/datasource",
        lambda target: {"url": target.url("/ok")},
    ),
    in_turn("DELETE native.delete_runner", _delete_runner),
    send("POST", "native.create_inbox", "/1/inboxes", {"label": "x" * 100}),
    send("PUT", "native.change_inbox", "/1/inboxes/{inbox}", {"label": "y", "answer": "wait"}),
    each_of("DELETE", "native.delete_inbox", "/1/inboxes/{one}", "inboxes"),
    send("POST", "native.create_key", "/1/keys", {"label": "x" * 100, "scope": "read"}),
    each_of("DELETE", "native.revoke_key", "/1/keys/{one}", "keys"),
    each_of(
        "POST",
        "native.complete_run",
        "/1/runs/{one}/complete",
        "waiting",
        {"status": "failed", "message": "x" * 1024},
    ),
    each_of("POST", "native.redeliver_run", "/1/runs/{one}/redeliver", "runs"),
    in_turn("POST native.redeliver_runs", lambda target, _: redeliver(target, 1)),
    send("POST", "native.rotate_secret", "/1/secrets/rotate", {"overlap": 60}),
)
"""What changes something, over and over and where it can be, from all connections the same row."""
