"""No description loses what clients rely on, nor requires more of them, unless it is recorded."""

from __future__ import annotations

import pytest
from flask import Flask

from app import config, create_app
from app.api.openapi.routes import DESCRIPTIONS
from tests.api.openapi.contract import breaks, contract, path_of
from tests.api.openapi.documents import described_at

RECORD = ".venv/bin/python -m tests.api.openapi.contract records what is now described."


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    home = tmp_path_factory.mktemp("home")
    return create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": str(home)}))


@pytest.mark.parametrize("path", DESCRIPTIONS)
def test_a_description_is_as_it_was_recorded(app: Flask, path: str) -> None:
    recorded = path_of(path).read_text().splitlines()
    found = contract(described_at(app, path))

    assert breaks(recorded, found) == [], f"This breaks clients. {RECORD}"
    assert found == recorded, RECORD


BEFORE = [
    "jobs.get: GET /1/jobs/{id}",
    "sent NewJob.url",
    "sent NewJob.url is required",
    "sent NewJob.method = PUT",
    "answered Job.id is always there",
    "answered Job.timeout: number",
]


@pytest.mark.parametrize(
    ("removed", "added", "broken"),
    [
        (["jobs.get: GET /1/jobs/{id}"], [], ["removed: jobs.get: GET /1/jobs/{id}"]),
        (["sent NewJob.url"], [], ["removed: sent NewJob.url"]),
        (["sent NewJob.method = PUT"], [], ["removed: sent NewJob.method = PUT"]),
        (
            ["answered Job.timeout: number"],
            ["answered Job.timeout: string"],
            ["removed: answered Job.timeout: number"],
        ),
        (
            ["answered Job.id is always there"],
            [],
            ["removed: answered Job.id is always there"],
        ),
        ([], ["sent NewJob.name is required"], ["new: sent NewJob.name is required"]),
        # A requirement that is dropped, a new member and a new schema break nobody.
        (["sent NewJob.url is required"], [], []),
        ([], ["sent NewJob.note", "answered Job.note is always there"], []),
        ([], ["sent NewGroup.name is required"], []),
    ],
)
def test_what_breaks_clients(removed: list[str], added: list[str], broken: list[str]) -> None:
    after = [line for line in BEFORE if line not in removed] + added

    assert breaks(BEFORE, after) == broken
