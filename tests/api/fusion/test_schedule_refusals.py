"""Schedule documents that are refused, and the member that is to blame."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.fusion.intervals import MAX_UNITS
from app.errors import InvalidMember
from tests.api.fusion.test_schedule_document import read


def refused(text: dict[str, Any]) -> InvalidMember:
    with pytest.raises(InvalidMember) as refusal:
        read(text)
    assert refusal.value.remedy
    assert len(refusal.value.message) < 300
    return refusal.value


def cron(**members: Any) -> dict[str, Any]:
    return {"triggers": [{"type": "cron", **members}]}


def interval(**members: Any) -> dict[str, Any]:
    usual = {"type": "interval", "interval": 1, "timeUnit": "day"}
    return {"triggers": [{"type": "cron", "value": "0 0 12 * * ?"}, {**usual, **members}]}


def job(**members: Any) -> dict[str, Any]:
    return {"triggers": [{"type": "job", "jobID": "task:a", **members}]}


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ({}, "triggers"),
        ({"triggers": None}, "triggers"),
        ({"triggers": {}}, "triggers"),
        ({"triggers": [1]}, "triggers[0]"),
        ({"triggers": [{}]}, "triggers[0].type"),
        ({"triggers": [{"type": 1}]}, "triggers[0].type"),
        ({"triggers": [{"type": "every"}]}, "triggers[0].type"),
        (cron(), "triggers[0].expression"),
        (cron(value=5), "triggers[0].value"),
        (cron(value="0 0 12 * *"), "triggers[0].value"),
        (cron(expression="0 0 25 * * ?"), "triggers[0].expression"),
        (cron(value="0 0 12 30 2 ?"), "triggers[0].value"),
        (cron(value="0 0 12 * * ?", expression="0 0 13 * * ?"), "triggers[0].expression"),
        (cron(value="0 0 12 * * ?", enabled="yes"), "triggers[0].enabled"),
        (cron(value="0 0 12 * * ?", enabled=1), "triggers[0].enabled"),
        (cron(value="0 0 12 * * ?", timeZone="CET"), "triggers[0].timeZone"),
        (cron(value="0 0 12 * * ?", interval=1), "triggers[0].interval"),
        (interval(interval=0), "triggers[1].interval"),
        (interval(interval=-1), "triggers[1].interval"),
        (interval(interval=MAX_UNITS + 1), "triggers[1].interval"),
        (interval(interval=1.5), "triggers[1].interval"),
        (interval(interval=True), "triggers[1].interval"),
        (interval(interval=1e99), "triggers[1].interval"),
        (interval(interval="1e3"), "triggers[1].interval"),
        (interval(interval="1.0"), "triggers[1].interval"),
        (interval(interval="²"), "triggers[1].interval"),
        (interval(interval=None), "triggers[1].interval"),
        (interval(timeUnit=None), "triggers[1].timeUnit"),
        (interval(timeUnit="second"), "triggers[1].timeUnit"),
        (interval(timeUnit="year"), "triggers[1].timeUnit"),
        (interval(repeatUnit="hour"), "triggers[1].repeatUnit"),
        (interval(startTime="2027-01-01"), "triggers[1].startTime"),
        (interval(startTime=1546300800000), "triggers[1].startTime"),
        (interval(endTime="tomorrow"), "triggers[1].endTime"),
        (
            interval(startTime="2027-01-01T00:00Z", endTime="2026-12-31T23:59:59.999Z"),
            "triggers[1].endTime",
        ),
        (job(), "triggers[0]"),
        (job(runOnSuccess=False), "triggers[0]"),
        (job(triggerType="on_start"), "triggers[0].triggerType"),
        (job(triggerType="on_success,on_abort"), "triggers[0].triggerType"),
        (job(triggerType="on_success", runOnAbort=True), "triggers[0].triggerType"),
        (job(jobID=None, runOnAbort=True), "triggers[0].otherJob"),
        (job(jobID="a", runOnAbort=True), "triggers[0].jobID"),
        (job(otherJob="task:b", runOnAbort=True), "triggers[0].otherJob"),
        ({"triggers": [], "resource": "task:other"}, "resource"),
        ({"triggers": [], "resource": "own"}, "resource"),
        ({"triggers": [], "enabled": "no"}, "enabled"),
        ({"triggers": [], "enable": False}, "enable"),
        ({"triggers": [], "Enabled": False}, "Enabled"),
        ({"triggers": [], "ENABLED": False}, "ENABLED"),
        ({"triggers": [], "trigger": []}, "trigger"),
        ({"triggers": [], "note": "a" * 5000}, "note"),
        ({"triggers": [{"type": "cron", "value": "0 0 12 * * ?"}] * 101}, "triggers"),
    ],
)
def test_what_is_wrong_is_named(text: dict[str, Any], member: str) -> None:
    assert refused(text).member == member


def test_a_refusal_says_what_would_be_right() -> None:
    unknown = refused(cron(value="0 0 12 * * ?", enable=True))
    assert unknown.message == 'A trigger of the type cron has no member "enable".'
    assert unknown.remedy.startswith("Did you mean enabled?")
    twice = refused(cron(value="0 0 12 * * ?", expression="0 0 13 * * ?"))
    assert "value and expression, which mean the same, with different values" in twice.message
    assert refused(interval(timeUnit="s")).remedy == "Use minute, hour, day, week or month."
