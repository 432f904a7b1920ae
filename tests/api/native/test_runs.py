from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from flask.testing import FlaskClient
from lxml import etree

from app.api.native.codecs import generic_codec
from app.api.native.documents import run as run_document
from app.domain.history_usage import bare
from app.domain.run import Attempt, Reply, Run, RunKind, RunState, Timing
from tests.api.native.booked import ABSENT, booked

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LATE = datetime(2026, 11, 22, 9, 30, 0, 1500, tzinfo=UTC)
FAILED = Attempt(
    number=1,
    started_at=LATE,
    lateness_ms=1.5,
    reply=Reply(error="timeout", error_detail="No answer.", timing=Timing(dns=0.5, total=15000.0)),
)
ANSWERED = Attempt(
    number=2,
    started_at=AT,
    lateness_ms=0.0,
    reply=Reply(status=200, headers=(("A", "b\0c"),), body=b"ok", timing=Timing(total=2.0)),
)
RUN = Run(
    id=UUID(ABSENT),
    job_id=UUID(int=1),
    job_version=3,
    kind=RunKind.SCHEDULED,
    due_at=AT,
    state=RunState.WAITING,
    missed=2,
    settled_at=None,
    next_attempt_at=LATE,
    reason="no answer",
    attempts=(FAILED, ANSWERED),
)
SHOWN = {
    "id": ABSENT,
    "job": "00000000-0000-0000-0000-000000000001",
    "version": 3,
    "kind": "scheduled",
    "due": "2026-11-22T09:30:00Z",
    "state": "waiting",
    "missed": 2,
    "nextAttempt": "2026-11-22T09:30:00.0015Z",
    "reason": "no answer",
    "attempts": [
        {
            "number": 1,
            "webhookId": ABSENT,
            "started": "2026-11-22T09:30:00.0015Z",
            "latenessMs": 1.5,
            "error": "timeout",
            "errorDetail": "No answer.",
            "timing": {"dnsMs": 0.5, "totalMs": 15000.0},
            "headers": [],
        },
        {
            "number": 2,
            "webhookId": ABSENT,
            "started": "2026-11-22T09:30:00Z",
            "latenessMs": 0.0,
            "status": 200,
            "timing": {"totalMs": 2.0},
            "headers": [{"name": "A", "value": "b\0c"}],
            "body": "ok",
        },
    ],
}


def test_a_run_shows_what_is_known_of_it() -> None:
    assert run_document.render(RUN) == SHOWN
    settled = run_document.render(replace(RUN, settled_at=LATE, next_attempt_at=None, attempts=()))
    assert (settled["settled"], settled["attempts"]) == ("2026-11-22T09:30:00.0015Z", [])
    assert "nextAttempt" not in settled


def test_in_xml_a_run_has_the_same_shape() -> None:
    root = etree.fromstring(generic_codec.to_xml("runs", [run_document.render(RUN)]))
    assert root.tag == "runs"
    (run,) = root.iterchildren("run")
    assert run.findtext("nextAttempt") == SHOWN["nextAttempt"]
    first, second = run.iterfind("attempts/attempt")
    assert first.findtext("timing/totalMs") == "15000.0"
    assert second.findtext("status") == "200"
    # What XML cannot hold is replaced: this is a record of what was heard, not data.
    assert second.findtext("headers/header/value") == "b\ufffdc"


def test_an_answer_s_body_is_text_where_every_format_can_hold_it() -> None:
    for body, members in (
        (b"", {}),
        ("é".encode(), {"body": "é"}),
        (b"\0", {"body": "AA==", "bodyEncoding": "base64"}),
        (b"\xff", {"body": "/w==", "bodyEncoding": "base64"}),
    ):
        attempt = ANSWERED._replace(reply=ANSWERED.reply._replace(body=body))
        (shown,) = cast(
            "list[dict[str, str]]",
            run_document.render(replace(RUN, attempts=(attempt,)))["attempts"],
        )
        assert {name: shown[name] for name in ("body", "bodyEncoding") if name in shown} == members


def test_runs_in_both_formats(client: FlaskClient) -> None:
    path = f"/1/jobs/{booked(client)['id']}/runs"
    assert client.get(path).get_json() == []
    assert client.get(path, headers={"Accept": "text/xml"}).data == b"<runs/>"
    for limit in ("0", "1001", "-1", "x", "", "1" * 5000, "٣"):
        answer = client.get(path, query_string={"limit": limit})
        assert (answer.status_code, answer.get_json()["member"]) == (400, "limit")
    assert client.get(path, query_string={"limit": "1000"}).status_code == 200
    assert client.get(f"/1/runs/{ABSENT}").status_code == 404


def test_an_event_names_the_run_it_reports() -> None:
    shown = run_document.render(replace(RUN, kind=RunKind.EVENT))
    assert (shown["kind"], shown["run"]) == ("event", SHOWN["job"])
    assert not {"job", "version"} & set(shown)


def test_an_attempt_says_where_the_answer_was_not_kept() -> None:
    attempt = bare(RUN.attempts[0])

    (shown,) = cast(
        "list[dict[str, Any]]", run_document.render(replace(RUN, attempts=(attempt,)))["attempts"]
    )

    assert shown["notKept"] is True
    assert "body" not in shown
    assert shown["headers"] == []
    assert b"<notKept>true</notKept>" in generic_codec.to_xml("attempt", shown)
