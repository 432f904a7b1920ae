"""The Markdown of the pages: whole without the repository, and without notes for the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urldefrag

import pytest
from flask.testing import FlaskClient
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.docs_site.site import Site

PARSER = MarkdownIt("commonmark").enable("table")
ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:")


def links_of(text: str) -> Iterator[str]:
    """All links and images, as a reader of CommonMark finds them."""
    for token in PARSER.parse(text):
        for each in token.children or ():
            if each.type in {"link_open", "image"}:
                yield str(each.attrGet("href") or each.attrGet("src") or "")


def fences_of(text: str) -> list[Token]:
    return [each for each in PARSER.parse(text) if each.type == "fence"]


@pytest.fixture(scope="module")
def twins(site: Site) -> dict[str, str]:
    """The Markdown of all pages, by their paths."""
    return {
        site.links.to_twin(slug): site.markdown(source)
        for slug, source in site.listing.pages.items()
    }


@pytest.mark.parametrize("slug", ["", "reference/runs", "how-to/console"])
def test_a_page_has_a_twin_in_markdown(
    client: FlaskClient, site: Site, twins: dict[str, str], slug: str
) -> None:
    path = site.links.to_twin(slug)
    twin = client.get(path)
    assert twin.content_type == "text/markdown; charset=utf-8"
    assert twin.text.startswith("# ")
    assert twin.text == twins[path]
    asked = client.get(site.links.to_page(slug), headers={"Accept": "text/markdown"})
    assert (asked.status_code, asked.data) == (200, twin.data)


def test_no_link_of_a_twin_is_dead(client: FlaskClient, site: Site, twins: dict[str, str]) -> None:
    anchors = {
        site.links.to_twin(slug): {each.anchor for each in site.rendered(source).sections}
        for slug, source in site.listing.pages.items()
    }
    texts = {**twins, "/llms-full.txt": client.get("/llms-full.txt").text}
    texts["/llms.txt"] = client.get("/llms.txt").text
    dead, known, pages = [], set[str](), 0
    for name, text in texts.items():
        for link in links_of(text):
            path, anchor = urldefrag(link)
            if ABSOLUTE.match(link):
                continue
            if path in anchors:
                pages += 1
                if anchor and anchor not in anchors[path]:
                    dead.append(f"{name}: {link}")
            elif path not in known:
                if not path.startswith("/") or client.get(path).status_code >= 400:
                    dead.append(f"{name}: {link}")
                else:
                    known.add(path)
    assert dead == []
    assert pages > 1000


def test_links_to_pages_lead_to_their_twins(site: Site, twins: dict[str, str]) -> None:
    assert "](/docs/start/receive.md)" in twins["/docs/start/first-call.md"]
    pages = {site.links.to_page(slug) for slug in site.listing.pages}
    found = {urldefrag(link)[0] for text in twins.values() for link in links_of(text)}
    assert found & pages == set()


def test_only_the_language_is_left_of_what_is_noted_behind_a_fence(
    site: Site, twins: dict[str, str]
) -> None:
    noted = 0
    for slug, source in site.listing.pages.items():
        before, after = fences_of(source.markdown), fences_of(twins[site.links.to_twin(slug)])
        assert [each.content for each in after] == [each.content for each in before], slug
        assert [each.info for each in after] == [each.info.partition(" ")[0] for each in before], (
            slug
        )
        noted += sum(" " in each.info for each in before)
    assert noted > 100


@pytest.mark.parametrize(
    ("text", "served"),
    [
        ("[Runs](api.md#runs)", "[Runs](/docs/reference/runs.md#runs)"),
        ("the [`Procfile`](../Procfile) of it", "the `Procfile` of it"),
        ("[a `]` b](../Procfile) c", "a `]` b c"),
        ("![A chart](images/performance.svg)", "![A chart](/docs/images/performance.svg)"),
        ("![A chart](../chart.svg)", "A chart"),
        ("`a\nb` [`c\nd`](../Procfile) e", "`a\nb` `c\nd` e"),
        ("`[a](../Procfile)` and ``[`b`](../c)``", "`[a](../Procfile)` and ``[`b`](../c)``"),
        (r"\[a](../Procfile)", r"\[a](../Procfile)"),
        ("    [a](../Procfile)", "    [a](../Procfile)"),
        ('- ~~~~ sh skip="[a](b)"\n  [a](b)\n  ~~~~', "- ~~~~sh\n  [a](b)\n  ~~~~"),
        ("| a | b |\n|--|--|\n| [c](../d) | `e` |", "| a | b |\n|--|--|\n| c | `e` |"),
        ("[a](https://example.com/x)", "[a](https://example.com/x)"),
        ("[home](index.md)", "[home](/docs/index.md)"),
    ],
)
def test_links_are_rewritten_in_text_and_nowhere_else(site: Site, text: str, served: str) -> None:
    source = replace(site.listing.pages["reference/runs"], file="docs/x.md", title="X")
    text = f"One.\n\n{text}\n\nLast [a](../b) one."
    made = site.markdown(replace(source, text=text))
    assert made == f"# X\n\nOne.\n\n{served}\n\nLast a one.\n"
