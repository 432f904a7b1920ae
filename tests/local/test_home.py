"""The data directory: held by one, private, and honest about what is lost."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import load
from app.errors import Misconfigured
from local import home as homes
from local.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    held = homes.hold(tmp_path / "deep" / "var")
    yield held
    homes.release(held)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_data_directory_has_one_holder_at_a_time(home: Home) -> None:
    homes.announce(home, {"url": "http://127.0.0.1:8000"})

    with pytest.raises(Misconfigured) as refused:
        homes.hold(home.path)

    assert f"(process {os.getpid()}, http://127.0.0.1:8000)" in refused.value.message
    assert "\n" not in refused.value.message


def test_a_released_data_directory_can_be_held_again(tmp_path: Path) -> None:
    homes.release(homes.hold(tmp_path / "var"))
    again = homes.hold(tmp_path / "var")

    assert again.path.is_dir()
    homes.release(again)


def test_others_cannot_look_into_a_new_data_directory(home: Home) -> None:
    assert mode(home.path) & 0o066 == 0
    assert mode(home.log) == 0o700


def test_a_full_disk_is_reported_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - what shutil returns
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 5 * 2**20))

    with pytest.raises(Misconfigured, match="Only 5 MB are free"):
        homes.hold(tmp_path / "var")


def test_a_data_directory_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    with pytest.raises(Misconfigured, match="cannot be used: File exists"):
        homes.hold(tmp_path / "var")


def test_private_files_are_replaced_whole(home: Home) -> None:
    path = home.path / "demo-key"
    path.write_text("old and longer")
    path.chmod(0o644)

    homes.write_private(path, "new")

    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert homes.demo_key(home) == "new"


def test_a_secret_key_is_made_once_and_found_by_the_settings(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAKECALL_SECRET_KEY", raising=False)
    homes.secret_key(home, fresh_database=True)
    first = (home.path / "secret-key").read_text()
    homes.secret_key(home, fresh_database=False)

    assert (home.path / "secret-key").read_text() == first
    environ = {"WAKECALL_HOME": f"{home.path}", "DATABASE_URL": "postgresql://"}
    assert load(environ).secret_keys == (first,)


def test_a_lost_secret_key_is_reported_and_not_replaced(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAKECALL_SECRET_KEY", raising=False)

    with pytest.raises(Misconfigured, match="secret-key is missing"):
        homes.secret_key(home, fresh_database=False)

    assert not (home.path / "secret-key").exists()


def test_a_running_instance_is_found_by_the_settings_until_it_withdraws(home: Home) -> None:
    homes.announce(home, {"database_url": "postgresql://here", "redis_url": "unix:///there"})
    settings = load({"WAKECALL_HOME": f"{home.path}"})
    assert (settings.database_url, settings.redis_url) == ("postgresql://here", "unix:///there")
    assert homes.announced(home)["database_url"] == "postgresql://here"

    homes.withdraw(home)

    with pytest.raises(Misconfigured, match="no instance runs from"):
        load({"WAKECALL_HOME": f"{home.path}"})


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_damaged_announcement_is_as_good_as_none(home: Home, text: str) -> None:
    (home.path / "instance.json").write_text(text)

    assert homes.announced(home) == {}


def test_the_inbox_keeps_its_port(home: Home) -> None:
    assert homes.inbox_port(home) == 0
    homes.remember_inbox_port(home, 40123)
    assert homes.inbox_port(home) == 40123


def test_a_password_is_made_once(home: Home) -> None:
    path = home.path / "postgres-password"

    assert homes.password(path) == homes.password(path)
    assert len(homes.password(path)) >= 32
    assert json.dumps(homes.password(path)).isascii()
