"""The embedded PostgreSQL: created once, found again, refused if it cannot be used."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.errors import Misconfigured
from local import cluster as clusters
from local import postgres
from local.cluster import Cluster
from local.orphans import identity
from local.owner import choose
from tests.servers import FAST, Server, sockets, temp_folder

PASSWORD = "correct horse / battery & staple"  # needs quoting in a URL


@pytest.fixture
def folder() -> Iterator[Path]:
    with temp_folder() as made:
        yield made


@pytest.fixture
def at() -> Iterator[Path]:
    with sockets() as made:
        yield made


def prepare(folder: Path, at: Path, password: str = PASSWORD) -> Cluster:
    named = folder / "postgres"
    return clusters.prepare(named, at, password, choose(named))


def server(cluster: Cluster, folder: Path) -> Server:
    return Server(postgres.program(cluster, folder / "postgres.log", FAST))


def ready(cluster: Cluster, running: Server) -> None:
    postgres.await_ready(cluster, running.alive, running.words, lambda _: None)


def test_a_database_is_made_and_found_again_after_it_was_killed(folder: Path, at: Path) -> None:
    cluster = prepare(folder, at)
    assert cluster.fresh
    with server(cluster, folder) as running:
        ready(cluster, running)
        with psycopg.connect(postgres.url(cluster)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        running.kill()

    found = prepare(folder, at)
    assert not found.fresh
    with server(found, folder) as running:
        ready(found, running)
        with psycopg.connect(postgres.url(found)) as connection:
            assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]
            settings = connection.execute(
                "SELECT current_setting('TimeZone'), current_setting('listen_addresses'), "
                "current_setting('is_superuser'), current_setting('server_encoding')"
            ).fetchone()

    assert settings == ("UTC", "", "off", "UTF8")


def test_the_server_of_real_data_keeps_what_it_has_confirmed() -> None:
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & set(postgres.SETTINGS)


@pytest.mark.parametrize(("webs", "workers", "least"), [(2, 4, 100), (2, 64, 362), (64, 1, 1163)])
def test_the_server_has_room_for_the_connections_of_all_processes(
    webs: int, workers: int, least: int
) -> None:
    """As docs/operations.md counts them: 18 of a web, 5 of a worker, 6 of a scheduler."""
    settings = postgres.settings_for(webs=webs, workers=workers)

    assert int(settings["max_connections"]) >= least
    assert {**settings, "max_connections": "100"} == postgres.SETTINGS


def test_nobody_gets_in_without_the_password(folder: Path, at: Path) -> None:
    cluster = prepare(folder, at)
    with server(cluster, folder) as running:
        ready(cluster, running)
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host=f"{at}", user="wakecall", dbname="wakecall")
        forgotten = dataclasses.replace(cluster, password="another")
        with pytest.raises(Misconfigured, match="password authentication failed"):
            ready(forgotten, running)


def test_a_server_left_running_is_ended_before_another_starts(folder: Path, at: Path) -> None:
    cluster = prepare(folder, at)
    with server(cluster, folder) as left:
        ready(cluster, left)
        assert left.process is not None

        prepare(folder, at)

        assert not identity(left.process.pid)


def test_a_number_that_went_to_somebody_else_does_not_stop_the_start(
    folder: Path, at: Path
) -> None:
    cluster = prepare(folder, at)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as somebody:
        (cluster.data / "postmaster.pid").write_text(f"{somebody.pid}\n{cluster.data}\n")

        prepare(folder, at)

        assert not (cluster.data / "postmaster.pid").exists()
        assert somebody.poll() is None
        somebody.kill()


def test_an_unfinished_database_is_replaced(folder: Path, at: Path) -> None:
    (folder / "postgres.unfinished" / "base").mkdir(parents=True)

    assert prepare(folder, at).fresh
    assert sorted(each.name for each in folder.iterdir()) == ["postgres"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("PG_VERSION", "17\n", "was made by PostgreSQL 17; this is PostgreSQL 18"),
        ("PG_VERSION", None, "PG_VERSION cannot be read"),
        ("global/pg_control", "junk", 'could not read file "global/pg_control"'),
        ("global/pg_filenode.map", "junk", 'could not read file "global/pg_filenode.map"'),
        ("postgresql.conf", "work_mem = much\n", "configuration file"),
    ],
)
def test_a_database_that_cannot_be_opened_is_reported_in_one_line(
    folder: Path, at: Path, file: str, content: str | None, message: str
) -> None:
    cluster = prepare(folder, at)
    if content is None:
        (cluster.data / file).unlink()
    else:
        (cluster.data / file).write_text(content)

    with pytest.raises(Misconfigured) as refused:
        start_again(folder, at)

    assert message in refused.value.message
    assert "\n" not in refused.value.message
    assert f"mv {folder}/postgres {folder}/postgres" in refused.value.message


def start_again(folder: Path, at: Path) -> None:
    cluster = prepare(folder, at)
    with server(cluster, folder) as running:
        try:
            ready(cluster, running)
        finally:
            # A damaged server may never end in good order.
            running.kill()


def test_a_database_that_lies_elsewhere_is_found_through_its_link(folder: Path, at: Path) -> None:
    cluster = prepare(folder, at)
    elsewhere = folder / "elsewhere"
    cluster.data.rename(elsewhere)
    (folder / "postgres").symlink_to(elsewhere)

    found = prepare(folder, at)

    assert (found.fresh, found.data) == (False, elsewhere)


def test_a_link_that_leads_nowhere_is_not_taken_for_a_fresh_start(folder: Path, at: Path) -> None:
    (folder / "postgres").symlink_to(folder / "gone")

    with pytest.raises(Misconfigured, match="PG_VERSION cannot be read"):
        prepare(folder, at)
