"""The one-machine run: beside other instances, after crashes, and in unusable places."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from app.config import load
from local import cluster as clusters
from local.client import Client
from local.home import hold, password, release
from local.instance import CHECKOUT
from local.orphans import identity
from local.owner import choose
from tests.e2e.instance import Instance, until
from tests.servers import sockets, temp_folder

pytestmark = pytest.mark.long

NAMES = ("postgres", "valkey", "web", "scheduler", "worker")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temp_folder() as made:
        yield made


@pytest.fixture(scope="module")
def instance(folder: Path) -> Iterator[Instance]:
    made = Instance(folder / "shared")
    made.start()
    made.wait_until_ready()
    yield made
    made.stop()


def refusal(refused: Instance) -> str:
    """What an instance prints that cannot run: one line, on standard error."""
    refused.start()
    assert refused.process is not None
    assert refused.process.wait(60) == 1
    refused.stop()
    text = refused.home.with_name(f"{refused.home.name}.err").read_text()
    assert text.startswith("wakecall: ")
    assert text.count("\n") == 1
    return text


def test_a_name_of_this_machine_may_be_listened_on(folder: Path) -> None:
    named = Instance(folder / "named", HOST="localhost")
    named.start()
    try:
        named.wait_for_line("are ready")
    finally:
        assert named.stop() == 0


def test_commands_go_by_the_limits_of_the_running_instance(instance: Instance) -> None:
    found = load({"WAKECALL_HOME": str(instance.home)})

    assert found.limits.requests_per_second is None


def test_the_link_that_is_printed_signs_the_demo_user_in_once(instance: Instance) -> None:
    printed = instance.wait_for_line("/console/sign-in/")
    path = re.search(r"/console/sign-in/[\w-]{43}", printed)
    assert path is not None
    page = urljoin(f"http://127.0.0.1:{instance.port}", path[0])
    browser = build_opener(HTTPCookieProcessor())
    browser.addheaders = [("Accept", "text/html")]
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.open(page).read().decode())
    assert token is not None
    form = urlencode({"csrf_token": token[1]}).encode()

    assert "demo@localhost" in browser.open(page, form).read().decode()
    with pytest.raises(HTTPError, match="404"):
        browser.open(page)


def test_the_command_that_is_printed_makes_another_link(instance: Instance) -> None:
    printed = re.search(r"another one: (.*)\)$", instance.wait_for_line("another one: "))
    assert printed is not None
    surroundings = {"PATH": os.environ["PATH"], "HOME": f"{instance.home}"}

    done = subprocess.run(
        printed[1],
        shell=True,
        cwd=CHECKOUT,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert f"http://127.0.0.1:{instance.port}/console/sign-in/" in done.stdout


def test_a_second_start_from_the_same_data_directory_is_refused(instance: Instance) -> None:
    second = Instance(instance.home)
    assert instance.process is not None

    refused_with = refusal(second)

    assert f"process {instance.process.pid}, http://127.0.0.1:{instance.port}" in refused_with
    assert "PORT=8001 WAKECALL_HOME=" in refused_with
    assert second.lines == []


def test_a_port_in_use_is_refused_by_its_number(instance: Instance, folder: Path) -> None:
    elsewhere = Instance(folder / "elsewhere")
    elsewhere.environment["PORT"] = f"{instance.port}"

    refused_with = refusal(elsewhere)

    assert f"Port {instance.port} on 127.0.0.1 is in use" in refused_with
    assert f"PORT={instance.port + 1} make run" in refused_with


@pytest.mark.parametrize("name", NAMES)
def test_a_process_that_is_killed_is_started_again_and_reported(
    instance: Instance, name: str
) -> None:
    before = instance.pid(name)
    instance.kill(name)

    until(lambda: instance.pid(name) not in {None, before}, f"another {name}")
    instance.wait_for_line(f"{name} was ended by SIGKILL; starting it again")
    instance.wait_until_ready()


def test_two_instances_run_side_by_side_and_know_nothing_of_each_other(
    instance: Instance, folder: Path
) -> None:
    beside = Instance(folder / "beside")
    beside.environment["WAKECALL_ALLOW_TARGETS"] = ""
    beside.start()
    try:
        beside.wait_for_line("WAKECALL_ALLOW_TARGETS does not allow loopback")
        assert (beside.ask("GET", "/1/jobs").status, instance.ask("GET", "/1/jobs").status) == (
            200,
            200,
        )
        foreign = Client(host="127.0.0.1", port=beside.port, key=instance.key)
        assert foreign.ask("GET", "/1/jobs")[0] == 401
    finally:
        assert beside.stop() == 0


def test_a_killed_run_takes_its_processes_along_and_the_next_one_starts(folder: Path) -> None:
    killed = Instance(folder / "killed")
    killed.start()
    killed.wait_until_ready()
    # A number may be that of another process by the time the next run is ready.
    began = {pid: identity(pid) for pid in (killed.pid(name) or 0 for name in NAMES)}
    left = Path(killed.facts()["sockets"])
    assert all(began.values())
    assert killed.process is not None

    os.kill(killed.process.pid, signal.SIGKILL)
    killed.stop()
    killed.start()
    # The web process of the killed run may still answer /readyz: the new run's own line counts.
    killed.wait_for_line("are ready")

    assert [pid for pid in began if identity(pid) == began[pid]] == []
    assert not left.exists()
    assert killed.stop() == 0


def test_a_damaged_database_is_refused_with_the_way_out(folder: Path) -> None:
    home = hold(folder / "damaged")
    with sockets() as at:
        secret = password(home.path / "postgres-password")
        cluster = clusters.prepare(home.path / "postgres", at, secret, choose(home.path))
    (cluster.data / "global" / "pg_control").write_text("junk")
    release(home)

    refused_with = refusal(Instance(home.path))

    assert "does not start: could not read file" in refused_with
    assert f"mv {home.path}/postgres {home.path}/postgres.damaged" in refused_with


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("PORT", "eighty", "PORT must be an integer from 1 to 65535 (default 8000), not 'eighty'"),
        ("HOST", "192.0.2.1", "HOST is '192.0.2.1', which is not an address of this machine"),
        ("WAKECALL_ALLOW_TARGETS", "everything", "WAKECALL_ALLOW_TARGETS is invalid: 'everything'"),
        ("WAKECALL_HOME", "/dev/null/var", "The data directory /dev/null/var cannot be used"),
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x", "DATABASE_URL: no connection"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    folder: Path, setting: str, value: str, reason: str
) -> None:
    refused = Instance(folder / f"refused-{setting}")
    refused.environment[setting] = value

    assert reason in refusal(refused)
