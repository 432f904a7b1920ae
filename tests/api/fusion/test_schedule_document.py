"""Schedule documents: samples, tolerated forms, and what a response repeats."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.fusion import json_reader, schedule_document
from app.api.fusion.schedule_document import render
from app.domain.follow import Follow
from app.domain.fusion import resource, time_triggers
from app.domain.fusion.intervals import MAX_UNITS, ByInterval, Unit
from app.domain.fusion.schedule import Schedule, follows_of, time_triggers_of
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from app.domain.fusion.triggers import Trigger
from app.domain.run import RunState
from app.errors import InvalidMember
from tests.domain.fusion.trigger_strategies import utc

NOW = utc(2026, 11, 22, 14, 5, 6, 789_654)
SAVED = utc(2026, 11, 22, 14, 5, 6, 789_000)
OK, FAILED, DEAD, ENDED = (
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.DEAD,
    RunState.CANCELLED,
)


def read(text: str | dict[str, Any], job: str | None = "task:own", now: datetime = NOW) -> Schedule:
    body = (text if isinstance(text, str) else json.dumps(text)).encode()
    named = None if job is None else resource.parse(job)
    return schedule_document.parse(json_reader.parse(body), resource=named, now=now)


def follow(upstream: str, *states: RunState) -> Follow:
    return Follow(upstream=upstream, states=frozenset(states))


def one(**members: Any) -> Trigger:
    (trigger,) = read({"triggers": [members]}).triggers
    return trigger


def ordered(value: object) -> str:
    return json.dumps(value)


SEED_FIRST = """{
  "enabled": true,
  "triggers": [
    {"type": "cron", "enabled": true, "value": "0 */10 * * * *"}
  ]
}"""
SEED_LAST = (
    """{"triggers": [{"type": "cron", "enabled": "true", "expression": "0 15 10 ? * MON-FRI"}]}"""
)
SEED_ANSWER = """{
  "resource" : "datasource:ratings-db",
  "triggers" : [ {
    "type" : "cron",
    "enabled" : true,
    "expression" : "0 15 10 ? * MON-FRI",
    "type" : "cron"
  } ]
}"""
# As a server of 4.x writes it, and as a client of 5.x sends it.
WRITTEN_BY_4 = """{
  "resource" : "spark:hourly-rollup",
  "enabled" : true,
  "triggers" : [ {
    "type" : "interval",
    "enabled" : false,
    "interval" : 1,
    "timeUnit" : "hour",
    "startTime" : "2018-10-25T20:31:44.158Z",
    "type" : "interval"
  } ],
  "default" : false
}"""
SENT_BY_5 = """{"resource":"datasource:names","enabled":true,
"triggers":[{"type":"interval","enabled":true,"interval":1,"timeUnit":"month",
"startTime":"2022-05-06T04:00:00.000Z"},
{"type":"job_completion","enabled":true,"triggerType":"on_success","otherJob":"datasource:csv-test"},
{"type":"interval","startTime":"2022-05-07T04:00:00.000Z","interval":1,"timeUnit":"month"}],
"default":false}"""


def test_the_first_example_of_the_documentation() -> None:
    found = read(SEED_FIRST, "datasource:movie-db")
    assert found.enabled
    assert found.triggers == (ByCron(expression="0 */10 * * * *"),)
    assert time_triggers.next_after(time_triggers_of(found), NOW) == utc(2026, 11, 22, 14, 10)


def test_the_last_example_of_the_documentation_and_its_answer() -> None:
    found = read(SEED_LAST, "datasource:ratings-db")
    assert found.enabled
    assert found.triggers == (ByCron(expression="0 15 10 ? * MON-FRI"),)
    # But for the second "type", which JSON objects do not have.
    assert ordered(render(found)) == ordered(json.loads(SEED_ANSWER))
    assert read(SEED_ANSWER, "datasource:ratings-db") == found


@pytest.mark.parametrize("text", [SEED_FIRST, SEED_LAST, SEED_ANSWER, WRITTEN_BY_4, SENT_BY_5])
def test_what_is_got_can_be_put_and_got_again(text: str) -> None:
    job = json.loads(text).get("resource", "datasource:movie-db")
    first = read(text, job)
    again = read(json.dumps(render(first)), job)
    assert again == first
    assert ordered(render(again)) == ordered(render(first))
    assert ordered({"resource": job, **json.loads(text.replace('"true"', "true"))}) == ordered(
        render(first)
    )


def test_real_documents_mean_what_their_servers_make_of_them() -> None:
    four = read(WRITTEN_BY_4, "spark:hourly-rollup")
    start = utc(2018, 10, 25, 20, 31, 44, 158_000)
    assert four.triggers == (ByInterval(start=start, every=1, unit=Unit.HOUR, enabled=False),)
    five = read(SENT_BY_5, "datasource:names")
    monthly = ByInterval(start=utc(2022, 5, 6, 4), every=1, unit=Unit.MONTH)
    later = ByInterval(start=utc(2022, 5, 7, 4), every=1, unit=Unit.MONTH)
    assert time_triggers_of(five) == TimeTriggers(triggers=(monthly, later))
    assert follows_of(five) == (follow("datasource:csv-test", OK),)


def test_the_two_families_of_names_mean_the_same() -> None:
    times = {"startTime": "2027-01-01T00:00Z", "endTime": "2027-02-01T00:00:00.5+01:00"}
    documented = one(type="interval", interval=2, repeatUnit="week", **times)
    spoken = one(type="interval", interval="2", timeUnit="WEEKS", **times)
    assert (
        documented
        == spoken
        == ByInterval(
            start=utc(2027, 1, 1), end=utc(2027, 1, 31, 23, 0, 0, 500_000), every=2, unit=Unit.WEEK
        )
    )
    assert one(type="cron", value="0 0 12 * * ?") == one(type="CRON", expression="0 0 12 * * ?")
    assert one(type="job", jobID="task:a", runOnSuccess="True", runOnAbort=False) == one(
        type="job_completion", otherJob="task:a", triggerType="ON_SUCCESS"
    )


@pytest.mark.parametrize(
    ("said", "states"),
    [
        ({"triggerType": "on_success"}, (OK,)),
        ({"triggerType": "on_failure"}, (FAILED, DEAD)),
        ({"triggerType": "on_abort"}, (ENDED,)),
        ({"triggerType": "on_success_or_failure"}, (OK, FAILED, DEAD)),
        ({"triggerType": "on_completion"}, (OK, FAILED, DEAD, ENDED)),
        ({"runOnSuccess": True}, (OK,)),
        ({"runOnFailure": "true"}, (FAILED, DEAD)),
        ({"runOnAbort": True, "runOnSuccess": False}, (ENDED,)),
        ({"runOnAbort": True, "runOnSuccess": True}, (OK, ENDED)),
        ({"triggerType": "on_success", "runOnSuccess": True}, (OK,)),
    ],
)
def test_the_ends_after_which_a_job_runs(
    said: dict[str, Any], states: tuple[RunState, ...]
) -> None:
    found = read({"triggers": [{"type": "job", "jobID": "task:a", **said}]})
    assert follows_of(found) == (follow("task:a", *states),)
    assert time_triggers_of(found) == TimeTriggers()


def test_triggers_on_one_job_are_one_and_disabled_ones_none() -> None:
    after = {"type": "job", "jobID": "task:a"}
    found = read(
        {
            "triggers": [
                {**after, "jobID": "task:b", "runOnAbort": True},
                {**after, "runOnAbort": True},
                {**after, "runOnSuccess": True},
                {**after, "runOnFailure": True, "enabled": "false"},
            ]
        }
    )
    assert follows_of(found) == (follow("task:a", ENDED, OK), follow("task:b", ENDED))


def test_an_interval_without_a_start_counts_from_the_moment_of_saving() -> None:
    hourly = one(type="interval", interval=1, repeatUnit="hour")
    assert hourly == ByInterval(start=SAVED, every=1, unit=Unit.HOUR, given=False)
    assert time_triggers.next_of(hourly, NOW) == SAVED + timedelta(hours=1)
    written = read({"triggers": [{"type": "interval", "interval": 1, "repeatUnit": "hour"}]})
    assert "startTime" not in render(written)["triggers"][0]


def test_times_have_milliseconds_and_nothing_happens_early() -> None:
    given_times = {"startTime": "2027-01-01T00:00:00.0001Z", "endTime": "20270102T000000.9999+01"}
    found = read(
        {"triggers": [{"type": "interval", "interval": 1, "timeUnit": "day", **given_times}]}
    )
    (shown,) = render(found)["triggers"]
    assert shown["startTime"] == "2027-01-01T00:00:00.001Z"
    assert shown["endTime"] == "2027-01-01T23:00:00.999Z"
    assert found.triggers == (
        ByInterval(
            start=utc(2027, 1, 1, 0, 0, 0, 1000),
            end=utc(2027, 1, 1, 23, 0, 0, 999_000),
            every=1,
            unit=Unit.DAY,
        ),
    )


def test_what_nobody_knows_is_kept_in_its_place_but_null_in_a_trigger_is_not_given() -> None:
    found = read(
        """{"owner": {"team": ["a", null, 1.5]}, "enabled": "FALSE", "default": "true",
        "triggers": [{"startTime": null, "type": "cron", "value": "0 0 12 * * ?"}], "note": null}"""
    )
    assert ordered(render(found)) == ordered(
        {
            "resource": "task:own",
            "owner": {"team": ["a", None, 1.5]},
            "enabled": False,
            "default": True,
            "triggers": [{"type": "cron", "value": "0 0 12 * * ?"}],
            "note": None,
        }
    )
    assert not found.enabled


BEANS = (
    {"type": "cron", "value": "0 0 12 * * ?"},
    {"type": "interval", "interval": 5, "timeUnit": "minute"},
    {"type": "job", "jobID": "task:other", "runOnSuccess": True},
)
ZEROS: dict[str, Any] = {
    "value": "",
    "expression": None,
    "interval": 0,
    "repeatUnit": "",
    "timeUnit": None,
    "startTime": "",
    "endTime": None,
    "jobID": "",
    "otherJob": None,
    "triggerType": "",
    "runOnSuccess": False,
    "runOnFailure": "false",
    "runOnAbort": False,
}


@pytest.mark.parametrize("own", BEANS, ids=[str(each["type"]) for each in BEANS])
def test_members_of_another_type_that_are_zero_count_as_not_given(own: dict[str, Any]) -> None:
    """One class for all types of triggers, with primitives, writes all its members."""
    names = list(ZEROS)
    of_own = {"cron": names[:2], "interval": names[2:7], "job": names[7:]}[str(own["type"])]
    foreign = {name: value for name, value in ZEROS.items() if name not in of_own}

    found = read({"triggers": [{**foreign, **own}]})

    assert found.triggers == read({"triggers": [own]}).triggers
    assert render(found)["triggers"] == render(read({"triggers": [own]}))["triggers"]


@pytest.mark.parametrize(
    ("name", "value"), [("interval", 5), ("runOnSuccess", True), ("jobID", "task:x"), ("every", 0)]
)
def test_members_of_another_type_that_say_something_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidMember) as refusal:
        read({"triggers": [{**BEANS[0], name: value}]})
    assert refusal.value.member == f"triggers[0].{name}"


def test_a_schedule_may_have_nothing_to_come() -> None:
    past = {"interval": 1, "timeUnit": "day", "startTime": "2017-01-01T00:00Z"}
    found = read(
        {
            "triggers": [
                {"type": "interval", **past, "endTime": "2017-01-01T00:00Z"},
                {"type": "cron", "value": "0 0 12 * * ? 2018"},
            ]
        }
    )
    assert time_triggers.next_after(time_triggers_of(found), NOW) is None
    anchored = {"interval": 1, "timeUnit": "day", "endTime": "2017-01-01T00:00Z"}
    (over,) = read({"triggers": [{"type": "interval", **anchored}]}).triggers
    assert isinstance(over, ByInterval)
    assert time_triggers.next_of(over, NOW) is None
    assert read({"triggers": []}).triggers == ()


@pytest.mark.parametrize("written", ["15", "15.0", "1.5e1", "150e-1", '"15"'])
def test_an_interval_is_a_whole_number_however_it_is_written(written: str) -> None:
    document = f'{{"type": "interval", "interval": {written}, "timeUnit": "minute"}}'
    found = read(f'{{"triggers": [{document}]}}')
    assert found.triggers == (ByInterval(start=SAVED, every=15, unit=Unit.MINUTE, given=False),)
    assert render(found)["triggers"][0]["interval"] == 15


@pytest.mark.parametrize("text", ["1.5", "1e99", "1e999", "-1.0", "0.0", "1" * 40])
def test_a_number_that_is_no_interval_is_refused_in_a_preview(text: str) -> None:
    class Number(str):
        __slots__ = ()

    members = {"type": "interval", "interval": Number(text), "timeUnit": "minute"}
    with pytest.raises(InvalidMember, match="must be an integer"):
        schedule_document.parse_lenient({"triggers": [members]}, resource=None, now=NOW)


def test_numbers_that_came_as_text_of_their_own_are_read_too() -> None:
    class Number(str):
        __slots__ = ()

    members = {"type": "interval", "interval": Number("15.0"), "timeUnit": "minute"}
    found = schedule_document.parse_lenient({"triggers": [members]}, resource=None, now=NOW)
    assert found.triggers == (ByInterval(start=SAVED, every=15, unit=Unit.MINUTE, given=False),)
    assert "resource" not in render(found)
    with pytest.raises(InvalidMember, match="is a number, not a string"):
        schedule_document.parse_lenient(
            {"triggers": [{"type": Number("1")}]}, resource=None, now=NOW
        )


flags = st.booleans() | st.sampled_from(["true", "FALSE"])
instants = st.datetimes(min_value=utc(2020, 1, 1).replace(tzinfo=None)).map(
    lambda instant: instant.isoformat() + "Z"
)
upstreams = st.sampled_from(["task:a", "spark:b", "datasource:c.d"])


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


def merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda each: {k: v for part in each for k, v in part.items()})


def either(*names: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(st.sampled_from(names), value).map(lambda pair: {pair[0]: pair[1]})


triggers = st.one_of(
    merged(
        st.just({"type": "cron"}),
        either("value", "expression", value=st.sampled_from(["0 0 12 * * ?", "* * * * * *"])),
        some(enabled=flags),
    ),
    merged(
        st.just({"type": "interval"}),
        some(enabled=flags, startTime=instants),
        either("repeatUnit", "timeUnit", value=st.sampled_from(["minute", "HOUR", "days"])),
        either("interval", value=st.integers(1, MAX_UNITS)),
    ),
    merged(
        either("type", value=st.sampled_from(["job", "job_completion"])),
        either("jobID", "otherJob", value=upstreams),
        either("triggerType", value=st.sampled_from(["on_success", "on_completion"])),
        some(enabled=flags),
    ),
)
unknown = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3),
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", [], {"y": 1.5}]),
    max_size=3,
)
documents = merged(
    unknown,
    some(enabled=flags, default=flags, resource=st.just("task:own")),
    st.lists(triggers, max_size=4).map(lambda each: {"triggers": each}),
)


@given(documents)
def test_any_document_survives_get_put_get(members: dict[str, Any]) -> None:
    first = read(members)
    again = read(render(first))
    assert again == first
    assert ordered(render(again)) == ordered(render(first))
    for sent, rendered in zip(members["triggers"], render(first)["triggers"], strict=True):
        assert list(rendered) == list(sent)
    assert set(render(first)) == {*members, "resource"}
