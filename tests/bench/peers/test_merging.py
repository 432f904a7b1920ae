"""Peers are added to the latest results, survive a whole run, and are shown on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from app.errors import Misconfigured
from bench import __main__ as whole
from bench import report, results
from bench.children import Failed
from bench.peers import __main__ as command
from bench.peers import install, merging, wakecall
from bench.peers import round as peers
from bench.peers.peer import Book, Peer, PeerSetup
from bench.plan import FULL, QUICK, Plan
from bench.receiver import Receiver

FIGURES = {
    "version": "1.2.3",
    "drain_per_s": 1234.0,
    "lateness_p99_ms": 12.34,
    "creates_per_s": 567.0,
    "settings": {"worker": "one"},
    "durability": "PostgreSQL with fsync",
}
BROKEN = {"version": "4", "error": "it needs a | pipe", "settings": {}, "durability": "none"}
RUN: dict[str, Any] = {
    "peers": {"wakecall": {**FIGURES, "version": ""}, "celery": FIGURES, "quirrel": BROKEN},
    "about": {
        "date": "2030-05-11T15:30:00Z",
        "load_at_start": 0.25,
        "receiver": "nginx/1.2",
        "commit": "abc1234",
    },
    "sizes": {"drain_jobs": 3000, "rate": 50, "seconds": 15.0},
}


@pytest.fixture
def kept() -> dict[str, Any]:
    """The results kept last, as if no peer had been measured."""
    found = {
        key: value
        for key, value in results.read().items()
        if not key.startswith("peers") and key != merging.VS_QUIRREL
    }
    sizes = {name: value for name, value in found["sizes"].items() if name != "peers"}
    return {**found, "sizes": sizes}


def test_peers_join_what_was_kept_and_change_nothing_of_it(kept: dict[str, Any]) -> None:
    found = merging.merged(kept, **RUN)

    assert found["peers"] == RUN["peers"]
    assert found["sizes"] == {**kept["sizes"], "peers": RUN["sizes"]}
    assert {key: found[key] for key in kept if key != "sizes"} == {
        key: value for key, value in kept.items() if key != "sizes"
    }


def test_bookings_are_compared_with_those_of_quirrel_where_both_were_measured(
    kept: dict[str, Any],
) -> None:
    assert merging.merged(kept, **RUN)["create_vs_quirrel"] is None
    both = {"wakecall": FIGURES, "quirrel": {**FIGURES, "creates_per_s": 500.0}}
    found = merging.merged(kept, **{**RUN, "peers": both})
    assert found["create_vs_quirrel"] == 1.13
    assert "1.13 × Quirrel" in report.block(found)


def test_peers_of_another_run_replace_those_before(kept: dict[str, Any]) -> None:
    before = merging.merged(kept, **RUN)

    found = merging.merged(before, **{**RUN, "peers": {"celery": BROKEN}})

    assert found["peers"] == {"celery": BROKEN}


def test_a_whole_run_keeps_the_peers_measured_before(kept: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    path.write_text(json.dumps(merging.merged(kept, **RUN)))

    found = merging.carried({**kept, "drain_per_s": 1.0}, path)

    assert found == merging.merged({**kept, "drain_per_s": 1.0}, **RUN)


@pytest.mark.parametrize("text", [None, "", "{}", '{"peers": {}}'])
def test_a_whole_run_needs_no_peers(kept: dict[str, Any], tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "latest.json"
    if text is not None:
        path.write_text(text)

    assert merging.carried(kept, path) == kept


@pytest.mark.parametrize(
    ("plan", "installed", "measured"),
    [(FULL, True, True), (FULL, False, False), (QUICK, True, False)],
)
def test_a_full_run_ends_with_the_peers_where_they_are_installed(
    kept: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    plan: Plan,
    installed: bool,
    measured: bool,
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(results, "write", written.append)
    monkeypatch.setattr(results, "read", lambda: written[-1])
    monkeypatch.setattr(merging, "carried", lambda found, _path: found)
    monkeypatch.setattr(report, "main", lambda: 0)
    monkeypatch.setattr(report, "write_page", lambda _found: None)
    monkeypatch.setattr(install, "is_installed", lambda _package: installed)
    monkeypatch.setattr(
        peers,
        "run",
        lambda _plan, _peers, *, commit: {**RUN, "about": {**RUN["about"], "commit": commit}},
    )
    found = {**kept, "sizes": {**kept["sizes"], "plan": plan.name}}

    whole.keep(found)

    about = {**RUN["about"], "commit": found["versions"]["commit"]}
    assert written == [found, merging.merged(found, **{**RUN, "about": about})][: 1 + measured]


def test_the_page_has_a_row_for_each_peer(kept: dict[str, Any]) -> None:
    text = report.block(merging.merged(kept, **RUN))

    assert "| celery 1.2.3 | 1,234/s | 12.3 ms | 567/s | PostgreSQL with fsync |" in text
    assert "| wakecall | 1,234/s |" in text
    assert "measured on 2030-05-11, load 0.25 before, receiver nginx/1.2, commit abc1234" in text
    assert "3,000 jobs, and the lateness at 50 calls a second for 15 s" in text


def test_a_peer_that_was_not_measured_has_a_reason_and_no_figure(kept: dict[str, Any]) -> None:
    text = report.block(merging.merged(kept, **RUN))

    assert r"| quirrel 4 | not measured | it needs a \| pipe |  |  |" in text


def test_the_page_is_silent_where_no_peer_was_measured(kept: dict[str, Any]) -> None:
    assert "Peers, measured" not in report.block(kept)


def peer(failure: Exception | None = None) -> Peer:
    @contextmanager
    def start(_ground: PeerSetup) -> Iterator[Book]:
        if failure:
            raise failure
        yield lambda _batch: 1.0

    return Peer(name="celery", package="celery", start=start, settings={"a": 1}, durability="none")


NO_RECEIVER = cast("Receiver", None)


@pytest.mark.parametrize(
    "failure", [Failed("it says\nno"), Misconfigured("it says no"), OSError("it says no")]
)
def test_a_program_that_does_not_start_is_reported_in_one_line(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(install, "install", lambda _package, _progress: tmp_path)

    found = peers.one(peer(failure), QUICK, NO_RECEIVER, tmp_path)

    assert found == {
        "version": install.version("celery"),
        "error": "it says no",
        "settings": {"a": 1},
        "durability": "none",
    }


def test_without_wakecall_there_is_nothing_to_compare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = peer(Failed("it does not start"))
    monkeypatch.setattr(wakecall, "PEER", ours)

    with pytest.raises(Failed, match="it does not start"):
        peers.one(ours, QUICK, NO_RECEIVER, tmp_path)


def test_a_lock_names_the_version_and_the_digests_of_all_and_no_registry() -> None:
    for each in peers.PEERS:
        if each is wakecall.PEER:
            continue
        assert re.fullmatch(r"\d+\.\d+\.\d+", install.version(each.package))
        text = install.lock(each.package).read_text()
        assert "sha512-" in text if "{" in text else "--hash=sha256:" in text
        assert '"resolved"' not in text
        assert "--index-url" not in text


def test_an_unknown_peer_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["sidekiq"])

    assert "there is no peer sidekiq; there are wakecall, quirrel" in capsys.readouterr().err
