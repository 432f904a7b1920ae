"""Assets: what is vendored is what its authors published, and names change with the content."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from app.api.asgi import AsgiApp
from app.console import assets
from tests.api.exchange import Exchange, scope_of
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


def test_no_thread_serves_a_file(tmp_path: Path) -> None:
    def application(_environ: Any, _start: Any) -> Any:
        raise AssertionError

    assert specimen.make(tmp_path).extensions["wakecall.quick"]
    asgi = AsgiApp(application, quick=assets.answer)
    for encoding in ("gzip, deflate, br", "gzip;q=0", ""):
        exchange = Exchange()
        name = assets.BY_FILE["console.css"].name
        scope = scope_of("GET", Accept_Encoding=encoding)
        scope["raw_path"] = f"/console/static/{name}".encode()
        asyncio.run(asgi(scope, exchange.receive, exchange.send))
        body = exchange.body
        if encoding.startswith("gzip,"):
            assert (b"content-encoding", b"gzip") in exchange.sent[0]["headers"]
            body = gzip.decompress(body)
        assert body == (assets.FOLDER / "console.css").read_bytes()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/console/static/{}"), ("GET", "/console/static/x"), ("GET", "/static/{}")],
)
def test_all_else_is_left_to_the_application(method: str, path: str) -> None:
    name = assets.BY_FILE["console.css"].name
    asked = {"PATH_INFO": path.format(name), "REQUEST_METHOD": method}
    assert assets.answer(asked) is None


def test_all_of_the_scripts_and_sheets_stay_small() -> None:
    """What a first page costs a browser: 40 KB compressed."""
    assert sum(len(each.compressed) for each in assets.BY_FILE.values()) < 40 * 1024
