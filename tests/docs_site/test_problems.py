"""Every problem type leads to a page that explains it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import config, create_app
from app.api.problems import BY_CODE
from app.docs_site.sources import ROOT
from tests.console.rules import check_page
from tests.docs_site.conftest import SETTINGS

FOLDER = ROOT / "docs" / "problems"


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_each_type_resolves_to_a_page(client: FlaskClient, code: str) -> None:
    _, kind = BY_CODE[code]
    page = client.get(f"/problems/{code}", follow_redirects=True)
    document = check_page(page.data, most_bytes=60 * 1024)
    assert page.status_code == 200
    assert document.xpath("string(//h1)") == kind.title
    assert f"Status {kind.status}" in document.xpath("string(//article/p[1])")
    headings = [each.text_content().strip(" #") for each in document.xpath("//article/h2")]
    assert headings == ["What causes it", "Example", "What to do"]


def test_a_prefix_is_part_of_the_path_to_the_page(tmp_path: Path) -> None:
    settings = {**SETTINGS, "WAKECALL_HOME": str(tmp_path), "WAKECALL_PATH_PREFIX": "/calls"}
    client = create_app(config.load(settings)).test_client()
    answer = client.get("/problems/conflict", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.data) == (302, b"")
    assert answer.headers["Location"] == "/calls/docs/problems/conflict"


def test_programs_get_text_or_markdown(client: FlaskClient) -> None:
    text = client.get("/problems/conflict", headers={"Accept": "*/*"})
    assert text.content_type == "text/plain; charset=utf-8"
    assert text.text.startswith("409 ")
    assert text.headers["Vary"] == "Accept"
    markdown = client.get(
        "/problems/conflict", headers={"Accept": "text/markdown"}, follow_redirects=True
    )
    assert markdown.text.startswith("# ")
    assert client.get("/problems/none").status_code == 404


def test_each_example_is_of_its_type() -> None:
    for code in BY_CODE:
        examples = re.findall(r'"type": "/problems/([a-z-]+)"', (FOLDER / f"{code}.md").read_text())
        assert examples == [code]


def test_the_index_lists_all_types() -> None:
    rows = re.findall(
        r"^\| (\d+) \| \[`([a-z-]+)`\]", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert {code: int(status) for status, code in rows} == {
        code: kind.status for code, (_, kind) in BY_CODE.items()
    }
