"""Tests of docs/python.md: it names all that the library offers, and nothing else."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import wakecall
from wakecall import AsyncClient, Client

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
CODE = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", PAGE))))
"""The words of the page that are written as code."""

PARTS = ("jobs", "runs", "secrets", "keys", "apps", "runners", "inboxes")


def methods(of: object) -> list[str]:
    return [name for name, _ in inspect.getmembers(of, callable) if not name.startswith("_")]


@pytest.fixture(scope="module")
def client() -> Client:
    return Client("key", url="http://127.0.0.1:9")


def test_every_name_of_the_library_is_described() -> None:
    # The types of filters are described by the filters.
    known = {"JobFilters", "ListedJobs", "RunFilters", "AsyncPages", "Pages", "Page", "Problem"}
    offered = set(wakecall.__all__) - known - {"__version__"}
    assert offered - CODE == set()


@pytest.mark.parametrize("part", PARTS)
def test_every_method_is_described(client: Client, part: str) -> None:
    for name in methods(getattr(client, part)):
        assert f"`{part}.{name}(" in PAGE, f"{part}.{name}"


def test_every_method_of_the_client_is_described(client: Client) -> None:
    for name in methods(client):
        assert f"`{name}(" in PAGE, name


def test_every_method_of_the_page_exists(client: Client) -> None:
    for part, name in re.findall(r"`(\w+)\.(\w+)\(", PAGE):
        if part in PARTS:
            assert name in methods(getattr(client, part))
    for name in re.findall(r"\| `(\w+)\(", PAGE):
        assert name in methods(client)


def test_both_clients_offer_the_same(client: Client) -> None:
    other = AsyncClient("key", url="http://127.0.0.1:9")
    for part in PARTS:
        assert methods(getattr(client, part)) == methods(getattr(other, part))
    assert {*methods(client)} - {"close"} == {*methods(other)} - {"aclose"}
