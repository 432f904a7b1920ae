"""Assets: what is vendored is what its authors published, and names change with the content."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from app.console import assets
from tests.console import specimen

# Of dist/htmx.min.js in the package htmx.org 4.0.1.
HTMX_SHA256 = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
EVALUATES = re.compile(r"\beval\(|new Function|setTimeout\(\s*[\"'`]|innerHTML\s*=|document\.write")


def test_htmx_is_the_published_file() -> None:
    content = (assets.FOLDER / "htmx-4.0.1.min.js").read_bytes()
    assert hashlib.sha256(content).hexdigest() == HTMX_SHA256


def test_own_scripts_evaluate_no_text() -> None:
    own = [each for each in assets.FOLDER.glob("*.js") if not each.name.startswith("htmx")]
    found = {each.name: EVALUATES.findall(each.read_text()) for each in own}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_style_sheets_fetch_nothing() -> None:
    for sheet in assets.FOLDER.glob("*.css"):
        assert not re.search(r"url\(|@import", sheet.read_text()), sheet.name


def test_a_file_may_be_kept_for_a_year_under_a_name_with_its_hash(tmp_path: Path) -> None:
    client = specimen.make(tmp_path).test_client()
    for file, asset in assets.BY_FILE.items():
        answer = client.get(f"/console/static/{asset.name}")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", file
        assert answer.data == (assets.FOLDER / file).read_bytes()
    assert client.get("/console/static/console.css").status_code == 404
