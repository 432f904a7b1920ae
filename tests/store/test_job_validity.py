"""Validity of jobs: the function that judges them, and the CHECKs of the release before it."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import psycopg
from flask_migrate import downgrade, upgrade

from tests.factories import add_account, book, connect, one
from tests.store.test_migrations import FOLDER, UNCHECKED, in_app

OF_A_DIALECT = (
    """trigger = '{"kind": "at"}'""",
    """trigger = '{"kind": "cron"}'""",
    """trigger = '{"kind": "ticks"}'""",
    "trigger = '{}'",
    "endpoint = 'a'",
    "name = ''",
    "name = repeat('x', 128)",
    "name = repeat('x', 129)",
    "dialect = 'other'",
    *(
        f"""dialect = '{dialect}', trigger = '{{"kind": "{kind}"}}', endpoint = '{endpoint}',
            name = {name}, written = {written}"""
        for dialect, kind, endpoint, name, written in (
            ("dapr", "at", "app", "'a'", "'{}'"),
            ("dapr", "ticks", "app", "'a'", "'{}'"),
            ("dapr", "at", "app", "repeat('x', 1024)", "'{}'"),
            ("dapr", "cron", "app", "'a'", "'{}'"),
            ("dapr", "ticks", "", "'a'", "'{}'"),
            ("dapr", "ticks", "app", "NULL", "'{}'"),
            ("fusion", "calendar", "", "'a'", "'{}'"),
            ("fusion", "calendar", "", "repeat('x', 1025)", "'{}'"),
            ("fusion", "calendar", "app", "'a'", "NULL"),
            ("fusion", "at", "app", "'a'", "'{}'"),
        )
    ),
)
OF_ANY_JOB = (
    "",
    "version = 0",
    *(
        f"{column} = repeat('x', {length})"
        for column, most in (
            ("url", 2048),
            ("signature", 1024),
            ("content_type", 1024),
            ("on_success", 2048),
            ("on_failure", 2048),
            ("type_url", 1024),
        )
        for length in (0, 1, most, most + 1)
    ),
    "type_url = 'u', data = NULL",
    "tags = '{}'",
    "tags = '{a}'",
    "tags = '{a,NULL}'",
    "tags = array_fill('x'::text, ARRAY[20])",
    "tags = array_fill('x'::text, ARRAY[21])",
    "misfire = 'all'",
    "misfire = 'none'",
    *(f"misfire_window = {seconds}" for seconds in ("0.9", "1", "2592000", "2592001", "'NaN'")),
    """manner = '{"method": "PUT"}'""",
    """manner = '{"method": "GET"}'""",
    "manner = '[]'",
)
"""Assignments of columns, to be made in pairs: some of what a job may be like, and of what not."""


def test_jobs_are_judged_alike_before_and_after_one_function_judges_them(database: str) -> None:
    def judged(connection: psycopg.Connection) -> dict[str, bool]:
        found = {}
        for change in product(OF_A_DIALECT, OF_ANY_JOB):
            assignments = ", ".join(filter(None, change))
            with (
                suppress(psycopg.errors.CheckViolation),
                connection.transaction(force_rollback=True),
            ):
                found[assignments] = False
                connection.execute(f"UPDATE job SET {assignments}")
                found[assignments] = True
        return found

    with in_app(database), connect(database) as connection:
        book(connection, add_account(connection), due_in=60)
        after = judged(connection)
        downgrade(directory=FOLDER, revision="0044")
        before = judged(connection)
        upgrade(directory=FOLDER)

        assert before == after
        assert set(after.values()) == {True, False}
        assert one(connection, UNCHECKED) == 0
