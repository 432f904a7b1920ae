"""The page that tries out schedules, in the terms of each dialect."""

from __future__ import annotations

import pytest

from app.domain.role import Role
from tests.console.job_scene import text
from tests.console.people import SignedIn
from tests.console.rules import check_page

PLACE = "/console/preview"


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("", ["at 02:30 on Sunday, America/New_York", "(example)"]),
        (
            "cron=0+30+2+*+*+%3F&timezone=America/New_York&after=2027-03-13T12:00&count=10",
            ["Mon 15 Mar 2027 02:30:00 -04:00", "02:30 does not exist and is skipped."],
        ),
        (
            "cron=0+30+1+*+*+%3F&timezone=America/New_York&onOverlap=both&after=2027-11-06T12:00",
            ["01:30:00 -04:00", "01:30:00 -05:00", "fires both times"],
        ),
        ("cron=0+0/5+*+*+*+%3F", ["fires again after 300 seconds"]),
        ("cron=bad", ["has 1 field; one of crontab has five, and one of Quartz six or seven"]),
        ("dialect=dapr", ["at 09:30 from Monday to Friday, Europe/Rome"]),
        ("dialect=dapr&schedule=@every+1h&repeats=2", ["every hour, 2 times at most"]),
        ("dialect=dapr&schedule=@every+1h&repeats=x", ["repeats"]),
        ("dialect=dapr&schedule=nonsense", ["nonsense"]),
        ("dialect=fusion", ["at 10:15 from Monday to Friday, UTC; every 2 hours"]),
        ("dialect=fusion&triggers=[", ["The triggers are not JSON"]),
        ("dialect=fusion&triggers=7", ["triggers"]),
        (f"dialect=fusion&triggers={'[' * 900}{']' * 900}", ["nested too deeply"]),
        ('dialect=fusion&triggers=[{"\\ud800":"\\ud800"}]', ["Next firings"]),
        ("dialect=crontab", ["every 15 minutes from 09:00 to 17:45, from Monday to Friday"]),
        (
            "dialect=crontab&crontab=0+0+13+*+5+/bin/x",
            ["at 00:00 on the 13th of the month, and also on Friday", "either is enough"],
        ),
        ("dialect=crontab&crontab=0+0+L+*+*", ["which only Quartz has"]),
        ("dialect=crontab&crontab=0+0", ["The line has 2 fields"]),
        ("cron=*/20+9-17+*+*+mon-fri", ["every 20 minutes from 09:00 to 17:40"]),
    ],
)
def test_a_schedule_is_shown_with_what_is_to_be_known(
    signed_in: SignedIn, query: str, parts: list[str]
) -> None:
    shown = text(check_page(signed_in.get(f"{PLACE}?{query}")).get_element_by_id("main"))
    for part in parts:
        assert part in shown


def test_the_command_asks_the_api_for_the_same(signed_in: SignedIn) -> None:
    shown = text(check_page(signed_in.get(f"{PLACE}?dialect=dapr&schedule=@daily&count=10")))
    assert "curl -X POST http://localhost/1/preview" in shown
    assert '"dialect": "dapr"' in shown


@pytest.mark.parametrize("query", ["dialect=cobol", "colour=x", "cron=a&cron=b"])
def test_what_is_not_a_parameter_is_refused(signed_in: SignedIn, query: str) -> None:
    answer = signed_in.client.get(f"{PLACE}?{query}")
    assert answer.status_code == 400
    check_page(answer.data)


def test_text_is_never_markup(signed_in: SignedIn) -> None:
    for query in ("cron=<script>alert(1)</script>", "dialect=fusion&triggers=<script>alert(1)"):
        page = signed_in.get(f"{PLACE}?{query}")
        check_page(page)
        assert "<script>alert" not in page


def test_a_reader_tries_schedules_and_books_none(signed_in: SignedIn) -> None:
    query = "?cron=0+0+12+*+*+%3F&timezone=Asia/Tokyo"
    link = "//a[contains(@href, '/console/jobs/new?cron=0%200%2012%20%2A%20%2A%20%3F')]"
    assert check_page(signed_in.get(PLACE + query)).xpath(link)
    assert not check_page(signed_in.with_role(Role.READER).get(PLACE + query)).xpath(link)
