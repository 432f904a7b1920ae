"""Statements: what PostgreSQL logs of a page is added up for each statement."""

from __future__ import annotations

from tests.scale import statements

LOG = """2026-11-29 15:00:00.001 UTC [7] LOG:  duration: 0.010 ms  statement: BEGIN
2026-11-29 15:00:00.002 UTC [7] LOG:  duration: 1.500 ms  parse <unnamed>: SELECT 1
\t  FROM run
2026-11-29 15:00:00.003 UTC [7] LOG:  duration: 2.000 ms  bind <unnamed>: SELECT 1
\t  FROM run
2026-11-29 15:00:00.003 UTC [8] LOG:  duration: 7.000 ms  execute _pg3_0: SELECT 2
2026-11-29 15:00:00.004 UTC [7] LOG:  duration: 0.500 ms  execute <unnamed>: SELECT 1
\t  FROM run
2026-11-29 15:00:00.004 UTC [7] LOG:  duration: 0.100 ms  bind _pg3_1: SELECT 1
\t  FROM run
2026-11-29 15:00:00.004 UTC [7] LOG:  duration: 0.500 ms  execute _pg3_1: SELECT 1
\t  FROM run
2026-11-29 15:00:00.005 UTC [7] LOG:  duration: 1.000 ms  statement: DECLARE "c_1" CURSOR FOR S3
2026-11-29 15:00:00.006 UTC [7] LOG:  duration: 4.000 ms  statement: FETCH FORWARD 64 FROM "c_1"
2026-11-29 15:00:00.007 UTC [7] LOG:  duration: 0.250 ms  statement: CLOSE "c_1"
2026-11-29 15:00:00.008 UTC [7] LOG:  checkpoint starting: time
2026-11-29 15:00:00.009 UTC [7] LOG:  duration: 0.010 ms  statement: COMMIT
"""


def test_planning_execution_and_fetches_belong_to_one_statement() -> None:
    found = [(each.text, each.took_ms) for each in statements.read(LOG)]
    assert found == [
        ("SELECT 1 FROM run", 4.0),
        ("SELECT 2", 7.0),
        ("SELECT 1 FROM run", 0.6),
        ('DECLARE "cursor" CURSOR FOR S3', 5.25),
    ]
