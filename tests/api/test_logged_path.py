"""The path of a request in the log, without what opens a link or an inbox."""

from __future__ import annotations

import pytest
from flask import Flask

from app.api.logged_path import logged_path


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/console/join/abc", "/console/join/…"),
        ("/console/reset/abc", "/console/reset/…"),
        ("/console/sign-in/abc/d", "/console/sign-in/…/d"),
        ("/in/abc/orders", "/in/…/orders"),
        ("/console/jobs/abc", "/console/jobs/abc"),
        ("/1/in/abc", "/1/in/abc"),
        ("/1/" + "x" * 300, "/1/" + "x" * 197),
    ],
)
def test_no_token_is_logged(path: str, logged: str) -> None:
    with Flask(__name__).test_request_context(path):
        assert logged_path() == logged
