"""docs/api.md describes every route, member and error."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask

from app.api.native.documents.job import JOB
from app.api.problems import BY_CODE
from tests.api.routes import rules

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXT = (DOCS / "api.md").read_text()
# The routes of the other dialects, by how their paths begin, have pages of their own.
PAGES = {"/v1.0": DOCS / "dapr.md", "/api/": DOCS / "fusion.md"}


def test_every_route_is_documented(app: Flask) -> None:
    for rule in rules(app):
        path = re.sub(r"<booking_path:\w+>", "<when>/<callback>", rule.rule)
        path = re.sub(r"<(?:\w+:)?(?:\w*_)?(\w+)>", r"<\1>", path)
        # Each Fusion route has its place below several addresses, which the page tells of once.
        path = re.sub(r"^/api(/apollo)?(/apps/<app>)?/", "/api/", path)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            pages = [page.read_text() for begin, page in PAGES.items() if path.startswith(begin)]
            assert f"`{method} {path}`" in (pages or [TEXT])[0]


def test_every_error_code_is_documented_with_its_status() -> None:
    for code, (_, kind) in BY_CODE.items():
        assert f"| {kind.status} | `{code}` |" in TEXT


def test_every_member_is_documented() -> None:
    for member in JOB.members:
        assert re.search(rf"^\|[^|]*`{member}`[^|]*\|", TEXT, re.MULTILINE)
