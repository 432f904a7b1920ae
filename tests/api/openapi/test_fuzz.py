"""A short run of what `make fuzz` does for ten minutes."""

from __future__ import annotations

from flask import Flask

from app.api.openapi.routes import DESCRIPTIONS
from tests.api.openapi.documents import described_at
from tests.api.openapi.fuzz import fuzz


def test_drawn_requests_are_answered_as_described(app: Flask, key: str) -> None:
    result = fuzz(app, key, number=1, cases=2, until=0)
    documents = [described_at(app, path) for path in DESCRIPTIONS]
    described = {f"{each.method} {each.path}" for of in documents for each in of.operations}

    assert "\n\n".join(result.failures) == ""
    # The address from which the document itself is read is not drawn.
    assert described - set(result.requests) == {"GET /openapi.json"}


def test_a_quarter_of_the_bookings_that_are_drawn_to_be_valid_are_accepted(
    app: Flask, key: str
) -> None:
    result = fuzz(app, key, number=1, cases=40, until=0, only={"POST /1/jobs"})

    assert result.drawn_valid["POST /1/jobs"] >= 30
    # What is drawn differs with the modules that are loaded; about half is accepted.
    assert result.accepted["POST /1/jobs"] > result.drawn_valid["POST /1/jobs"] / 4
