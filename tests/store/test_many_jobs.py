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
from app.domain.job_filter import JobFilter, JobPosition, JobSort
from app.domain.upcoming import Expected
from app.store import firing_load, job_pages, upcoming
from app.store.job_filter import MAX_EXAMINED
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


@pytest.fixture(scope="module")
def crowded(databases: Databases) -> Iterator[tuple[str, int]]:
    """A database where an account has JOBS jobs beside one with half as many; the account."""
    url = databases.fresh()
    with connect(url) as connection:
        account_id, stranger = add_account(connection), add_account(connection, "stranger")
        connection.execute(ADD, (account_id, JOBS))
        connection.execute(ADD, (stranger, JOBS // 2))
        connection.execute("VACUUM (ANALYZE) job, due")
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
    assert listed or wanted.host or wanted.tags
    assert listed == sorted(listed, reverse=sort is JobSort.NEWEST)
    by_id = {"job_account", "job_paused", "job_pkey", "due_pkey"}
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
    (plan,) = plans
    assert set(indexes(plan["Plan"])) == {"due_upcoming"}
    assert most_read(plan, "due") <= most

    monkeypatch.setattr(firing_load, "MAX_COUNTED", 500)
    with explained(web) as plans:
        few = firing_load.count(web, crowded[1], begins, until)
    assert few.counted_until is not None
    assert few.counted_until < until
    assert sum(few.counts) + few.overdue == 500
    assert most_read(plans[0], "due") == 500
