"""Who runs the servers for root, and how their files get within that user's reach."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from app.errors import Misconfigured
from local import owner as owners
from local.owner import Owner

ME = Owner(name="me", uid=os.geteuid(), gid=os.getegid())


@pytest.fixture(autouse=True)
def _as_whoever_runs_this(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root may become somebody else, even if that is itself."""
    monkeypatch.setattr(owners, "arguments", lambda _: {})


def installed(packages: Path) -> Path:
    """A package whose program only its owner may run."""
    folder = packages / "server" / "bin"
    folder.mkdir(parents=True)
    program = folder / "server"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o700)
    (folder / "table").write_text("")
    (folder / "table").chmod(0o600)
    return program


def test_an_ordinary_user_runs_the_servers_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert owners.choose(tmp_path) is None


def test_root_hands_them_to_postgres_and_to_nobody_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = pwd.struct_passwd(("nobody", "x", 65534, 65534, "", "/", "/bin/false"))
    known = {"nobody": entry}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)

    assert owners.choose(Path("/nowhere")) == Owner(name="nobody", uid=65534, gid=65534)
    known["postgres"] = pwd.struct_passwd(("postgres", "x", 70, 71, "", "/", "/bin/false"))
    assert owners.choose(Path("/nowhere")) == Owner(name="postgres", uid=70, gid=71)
    known.clear()
    with pytest.raises(Misconfigured, match="no user `postgres` or `nobody`"):
        owners.choose(Path("/nowhere"))


def test_what_can_be_run_where_it_lies_is_not_copied(tmp_path: Path) -> None:
    installed(tmp_path)

    assert owners.runnable_copy(tmp_path, ["server"], "server/bin/server", "x", None) == tmp_path
    assert owners.runnable_copy(tmp_path, ["server"], "server/bin/server", "x", ME) == tmp_path


def test_what_cannot_be_run_where_it_lies_is_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = installed(tmp_path / "packages")
    copy_dir = tmp_path / "copy_dir"
    monkeypatch.setattr(owners, "copy_dir", lambda _: copy_dir)
    copy_dir.mkdir()
    can_run = owners.can_run
    monkeypatch.setattr(
        owners,
        "can_run",
        lambda owner, command: f"{copy_dir}" in command[0] and can_run(owner, command),
    )

    runnable = owners.runnable_copy(
        tmp_path / "packages", ["server"], "server/bin/server", "server-1", ME
    )

    assert runnable == copy_dir / "server-1"
    copy = runnable / "server" / "bin" / "server"
    assert copy.stat().st_mode & 0o777 == 0o755
    assert (runnable / "server" / "bin" / "table").stat().st_mode & 0o777 == 0o644
    program.unlink()
    again = owners.runnable_copy(
        tmp_path / "packages", ["server"], "server/bin/server", "server-1", ME
    )
    assert again == runnable
    assert [each.name for each in copy_dir.iterdir()] == ["server-1"]


def test_a_broken_copy_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path / "packages")
    copy_dir = tmp_path / "copy_dir"
    (copy_dir / "server-1" / "server").mkdir(parents=True)
    monkeypatch.setattr(owners, "copy_dir", lambda _: copy_dir)
    can_run = owners.can_run
    monkeypatch.setattr(
        owners,
        "can_run",
        lambda owner, command: f"{copy_dir}" in command[0] and can_run(owner, command),
    )

    copy = owners.runnable_copy(
        tmp_path / "packages", ["server"], "server/bin/server", "server-1", ME
    )

    assert owners.can_run(ME, [f"{copy}/server/bin/server"])


def test_a_copy_dir_that_others_may_write_to_is_skipped(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path)

    with pytest.raises(Misconfigured, match="can reach neither"):
        owners.copy_dir(ME, [open_to_all, linked, Path("/dev/null/copy_dir")])

    assert owners.copy_dir(ME, [open_to_all, tmp_path / "own"]) == tmp_path / "own"
