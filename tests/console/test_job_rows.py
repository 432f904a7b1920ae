"""Job rows: the picture of the newest runs."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.console import job_rows
from app.domain.recent_run import RecentRun
from app.domain.run import RunKind, RunState

NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)


def runs(states: str) -> list[RecentRun]:
    """Runs by the first letters of their states, the newest first."""
    named = {"s": RunState.SUCCEEDED, "f": RunState.FAILED, "c": RunState.CANCELLED}
    named |= {"r": RunState.RUNNING, "d": RunState.DEAD}
    return [
        RecentRun(
            id=UUID(int=1), due_at=NOW, state=named[each], kind=RunKind.SCHEDULED, settled_at=NOW
        )
        for each in states
    ]


@pytest.mark.parametrize(
    ("states", "paths"),
    [
        ("s", {"good": "M87 11h2"}),
        ("s" * 30, {"good": "M0 11h89"}),
        ("s" * 40, {"good": "M0 11h89"}),
        ("fss", {"good": "M81 11h5", "bad": "M87 7h2"}),
        (
            "rcdsf",
            {"bad": "M75 7h2M81 7h2", "good": "M78 11h2", "off": "M84 13h2", "live": "M87 9h2"},
        ),
    ],
)
def test_each_run_is_a_mark_and_the_newest_is_at_the_right(
    states: str, paths: dict[str, str]
) -> None:
    drawn = str(job_rows.strip(runs(states)))
    for kind, path in paths.items():
        assert f'<path class="{kind}" d="{path}"/>' in drawn
    assert drawn.count("<path") == len(paths)


def test_a_job_without_runs_has_no_picture() -> None:
    assert job_rows.strip([]) == ""


def test_the_states_are_counted_in_words() -> None:
    assert job_rows.counted(runs("ssfrc")) == "1 running, 2 succeeded, 1 failed, 1 cancelled"
