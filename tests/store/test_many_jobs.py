"""Pages of jobs of an account with 100,000: found by an index, past nobody else's, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event

from app.domain.account import Account
from app.domain.job_filter import JobFilter, JobKind, JobPosition, JobSort
from app.domain.upcoming import Expected
from app.store import firing_load, job_pages, job_selection, recent_runs, upcoming
from app.store.job_filter import MAX_EXAMINED
from app.store.partitions import make_ahead
from tests.factories import add_account, connect, open_engine
from tests.servers import Databases, database_name
from tests.store.plans import rows_read

JOBS = 100_000
LIMIT = 101

# One job in a thousand is rare, and one in fifty paused.
ADD = """
WITH made AS (
  INSERT INTO job (id, account_id, version, url, trigger, enabled, tags, name, data)
  SELECT gen_random_uuid(), %s, 1, 'https://h' || n %% 7 || '.example.com/wake',
         '{"kind": "cron", "expression": "0 0 12 * * ?"}', n %% 50 <> 0,
         CASE WHEN n %% 1000 = 0 THEN ARRAY['rare', 'common'] ELSE ARRAY['common'] END,
         CASE WHEN n %% 2 = 0 THEN 'job-' || n END, convert_to(repeat('x', 200), 'UTF8')
  FROM generate_series(1, %s) n
  RETURNING id, account_id, enabled)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, account_id, 1, true, CASE WHEN enabled THEN now() + random() * interval '1 day' END
FROM made
"""

# One job in a hundred has 100 runs over the last four days, and one in five has two. The newest run
# of one job in 500 failed, and that of another one died.
ADD_RUNS = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                 settled_at)
SELECT gen_random_uuid(), j.id, j.account_id, 1, 'scheduled', j.due_at, 0,
       CASE WHEN k > 1 OR number %% 250 <> 0 THEN 'succeeded'
            WHEN number %% 500 = 0 THEN 'failed' ELSE 'dead' END, 1, j.due_at
FROM (SELECT id, account_id, k, row_number() OVER (PARTITION BY k ORDER BY id) AS number,
             now() - k * interval '1 hour' - random() * interval '30 minutes' AS due_at
      FROM job CROSS JOIN generate_series(1, 100) k WHERE account_id = %s) j
WHERE number %% 100 = 0 OR (number %% 5 = 0 AND k <= 2)
"""


@pytest.fixture(scope="module")
def crowded(databases: Databases) -> Iterator[tuple[str, int]]:
    """A database where an account has JOBS jobs beside one with half as many; the account."""
    url = databases.fresh()
    with connect(url) as connection:
        account_id, other = add_account(connection), add_account(connection, "other")
        connection.execute(ADD, (account_id, JOBS))
        connection.execute(ADD, (other, JOBS // 2))
        today = datetime.now(UTC).date()
        for days in (6, 0):
            make_ahead(connection, today - timedelta(days=days))
        connection.execute(ADD_RUNS, (account_id,))
        connection.execute(ADD_RUNS, (other,))
        connection.execute("VACUUM (ANALYZE) job, due, run")
    yield url, account_id
    databases.drop(database_name(url))


@pytest.fixture
def web(crowded: tuple[str, int]) -> Iterator[Connection]:
    """A connection as the web has them."""
    engine = open_engine(crowded[0])
    with engine.connect() as opened:
        yield opened


@contextmanager
def explained(web: Connection) -> Iterator[list[dict[str, Any]]]:
    """Collect the plans, with what was read, of the queries that are made meanwhile."""
    plans: list[dict[str, Any]] = []
    made: list[tuple[str, Any]] = []

    def note(_c: object, _u: object, query: str, params: object, *_: object) -> None:
        if query.lstrip().startswith("SELECT"):
            made.append((query, params))

    event.listen(web.engine, "before_cursor_execute", note)
    yield plans
    event.remove(web.engine, "before_cursor_execute", note)
    for query, params in made:
        # Within the transaction of the page, so with its settings.
        found = web.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params)
        plans.append(found.scalar_one()[0])


def most_read(plan: dict[str, Any], relation: str) -> float:
    """The most rows of a table that one scan of the plan read."""
    return max(rows_read(plan["Plan"], relation), default=0)


def indexes(node: dict[str, Any]) -> Iterator[str]:
    """The indexes that a plan reads, and the kind of each scan without one."""
    bitmap = node["Node Type"] == "Bitmap Heap Scan"
    if "Index Name" in node or ("Relation Name" in node and not bitmap):
        yield node.get("Index Name", node["Node Type"])
    for inner in node.get("Plans", []):
        yield from indexes(inner)


NOON = datetime.now(UTC) + timedelta(hours=12)


@pytest.mark.parametrize("until", [None, NOON + timedelta(hours=6)])
@pytest.mark.parametrize(
    ("wanted", "most"),
    [
        (JobFilter(), LIMIT),
        (JobFilter(tags=("common",)), LIMIT + 50),
        (JobFilter(tags=("rare",)), MAX_EXAMINED),
        (JobFilter(tags=("none",)), MAX_EXAMINED),
        (JobFilter(name_prefix="job-777", host="h1.example.com"), MAX_EXAMINED),
    ],
)
def test_upcoming_firings_are_read_in_the_order_of_one_index(
    crowded: tuple[str, int],
    web: Connection,
    wanted: JobFilter,
    most: int,
    until: datetime | None,
) -> None:
    after = Expected(at=NOON, job_id=UUID(int=7))
    with (
        explained(web) as plans,
        upcoming.page(web, crowded[1], wanted, until=until, after=after, limit=LIMIT) as found,
    ):
        listed = [each.expected for each in found.firings]
    assert (found.resume_after is None) == wanted.is_open
    assert listed == sorted(listed)
    assert all(each > after for each in listed)
    assert set(indexes(plans[-1]["Plan"])) <= {"due_upcoming", "job_account", "job_pkey"}
    assert all(most_read(plan, "due") <= MAX_EXAMINED for plan in plans)
    assert most_read(plans[-1], "job") <= most


TAGGED = {"job_tags", "job_account"}


@pytest.mark.parametrize(
    ("sort", "wanted", "read_by", "most"),
    [
        (JobSort.NEWEST, JobFilter(), {"job_account"}, LIMIT),
        (JobSort.NEWEST, JobFilter(enabled=False), {"job_paused"}, LIMIT),
        (JobSort.NEWEST, JobFilter(enabled=True), {"job_account"}, LIMIT + 50),
        (JobSort.NEWEST, JobFilter(tags=("rare",)), TAGGED, 150),
        (JobSort.NEWEST, JobFilter(tags=("rare",), host="h1.example.com"), TAGGED, 150),
        (JobSort.NEWEST, JobFilter(tags=("rare",), enabled=False), TAGGED, 150),
        (JobSort.NEWEST, JobFilter(tags=("common",)), TAGGED, LIMIT),
        (JobSort.NEWEST, JobFilter(host="none.example.com"), {"job_account"}, MAX_EXAMINED),
        (JobSort.NEWEST, JobFilter(kind=JobKind.ONCE), {"job_account"}, MAX_EXAMINED),
        (JobSort.NEWEST, JobFilter(kind=JobKind.CRON), {"job_account"}, LIMIT + 50),
        (JobSort.NEWEST, JobFilter(kind=JobKind.CHAINED), {"job_account"}, MAX_EXAMINED),
        (JobSort.NEXT, JobFilter(), {"due_upcoming"}, LIMIT),
        (JobSort.NEXT, JobFilter(tags=("rare",)), {"due_upcoming"}, MAX_EXAMINED),
        (JobSort.NAME, JobFilter(), {"job_sorted_name"}, LIMIT),
        (JobSort.NAME, JobFilter(name_prefix="job-77"), {"job_sorted_name"}, LIMIT),
        (JobSort.NAME, JobFilter(enabled=False), {"job_sorted_name"}, MAX_EXAMINED),
    ],
)
def test_jobs_are_read_in_the_order_of_one_index(
    crowded: tuple[str, int],
    web: Connection,
    sort: JobSort,
    wanted: JobFilter,
    read_by: set[str],
    most: int,
) -> None:
    account = Account(id=crowded[1], name="demo")
    keys: dict[JobSort, datetime | str] = {JobSort.NEXT: NOON, JobSort.NAME: "job-5"}
    after = JobPosition(key=keys.get(sort), id=UUID(int=2**127))
    with (
        explained(web) as plans,
        job_pages.page(web, account, wanted, sort, after=after, limit=LIMIT) as found,
    ):
        listed = [each.position for each in found.jobs]
    assert listed or wanted.host or wanted.tags or wanted.kind
    assert listed == sorted(listed, reverse=sort is JobSort.NEWEST)
    by_id = {"job_account", "job_paused", "job_pkey", "due_pkey", "follow_pkey"}
    for plan in plans:
        assert set(indexes(plan["Plan"])) <= read_by | by_id
        assert read_by & set(indexes(plan["Plan"]))
        bound = most if plan is plans[-1] else MAX_EXAMINED + 1
        assert max(most_read(plan, each) for each in ("job", "due")) <= bound


def test_upcoming_firings_are_counted_from_an_index_alone(
    crowded: tuple[str, int], web: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    until = begins + timedelta(hours=24)
    with explained(web) as plans:
        found = firing_load.count(web, crowded[1], begins, until)
    most = JOBS * 49 // 50
    assert most * 0.9 <= sum(found.counts) <= most
    assert found.counted_until is None
    assert len(plans) == 2
    for plan in plans:
        assert set(indexes(plan["Plan"])) == {"due_upcoming"}
        assert most_read(plan, "due") <= firing_load._AT_ONCE
    monkeypatch.setattr(firing_load, "_AT_ONCE", most + 1)
    assert firing_load.count(web, crowded[1], begins, until) == found

    monkeypatch.setattr(firing_load, "MAX_COUNTED", 500)
    with explained(web) as plans:
        few = firing_load.count(web, crowded[1], begins, until)
    assert few.counted_until is not None
    assert few.counted_until < until
    assert few.counted_until.second == 0
    assert sum(few.counts) + few.overdue == 500
    assert most_read(plans[0], "due") == 500


@pytest.mark.parametrize("sort", JobSort)
@pytest.mark.parametrize(
    ("wanted", "listed"),
    [
        (JobFilter(failing=True), JOBS // 250),
        (JobFilter(failing=True, host="none.example.com"), 0),
    ],
)
def test_jobs_that_fail_are_found_by_their_failures(
    crowded: tuple[str, int], web: Connection, sort: JobSort, wanted: JobFilter, listed: int
) -> None:
    account = Account(id=crowded[1], name="demo")
    with (
        explained(web) as plans,
        job_pages.page(web, account, wanted, sort, after=None, limit=1000) as found,
    ):
        positions = [each.position for each in found.jobs]
    # Jobs without a name or a next firing are not in each order.
    assert len(positions) <= listed
    assert bool(positions) == bool(listed)
    assert positions == sorted(positions, reverse=sort is JobSort.NEWEST)
    for plan in plans:
        assert "Seq Scan" not in set(indexes(plan["Plan"]))
        assert max(most_read(plan, each) for each in ("job", "due")) <= MAX_EXAMINED
    assert scanned(plans[0]) <= 4 * recent_runs.MAX_FAILURES


def scanned(plan: dict[str, Any]) -> float:
    """The rows that the scans of all partitions of `run` read."""

    def below(node: dict[str, Any]) -> Iterator[float]:
        if str(node.get("Relation Name", "")).startswith("run"):
            yield from rows_read({**node, "Plans": []}, node["Relation Name"])
        for inner in node.get("Plans", []):
            yield from below(inner)

    return sum(below(plan["Plan"]))


def test_the_newest_runs_of_a_page_of_jobs_are_read_by_an_index(
    crowded: tuple[str, int], web: Connection
) -> None:
    account = Account(id=crowded[1], name="demo")
    with job_pages.page(web, account, JobFilter(), JobSort.NEWEST, after=None, limit=50) as found:
        ids = [each.job.id for each in found.jobs]
    with explained(web) as plans:
        runs = recent_runs.newest(web, account.id, ids, limit=30)
    assert len(runs) == 10
    assert set(runs) < set(ids)
    assert {len(each) for each in runs.values()} == {2, 30}
    for each in runs.values():
        assert sorted(each, key=lambda run: run.due_at, reverse=True) == list(each)
    assert "Seq Scan" not in set(indexes(plans[-1]["Plan"]))
    # A merge of the partitions reads a row of each ahead.
    assert scanned(plans[-1]) <= 50 * (30 + 20)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (JobFilter(), JOBS),
        (JobFilter(tags=("rare",)), JOBS // 1000),
        (JobFilter(enabled=False), JOBS // 50),
        (JobFilter(failing=True), JOBS // 250),
        (JobFilter(kind=JobKind.INTERVAL), 0),
    ],
)
def test_all_jobs_of_a_filter_are_counted_and_read_once(
    crowded: tuple[str, int], web: Connection, wanted: JobFilter, number: int
) -> None:
    account_id, last = crowded[1], UUID(int=2**128 - 1)
    assert job_selection.count(web, account_id, wanted, most=2 * JOBS) == number
    assert job_selection.count(web, account_id, wanted, most=10) == min(number, 10)
    after, read = UUID(int=0), 0
    for _ in range(3):
        ids = job_selection.batch(
            web, account_id, wanted, after=after, until=last, limit=number // 2 + 1
        )
        assert ids == sorted(ids)
        assert all(each > after for each in ids)
        after, read = ids[-1] if ids else after, read + len(ids)
    assert read == number
