"""Config: which service is used, with which key, and that a key goes nowhere else."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.clients.cli.conftest import Account
from tests.clients.cli.invocation import KEY, URL, Canned, Commands
from wakecall.cli import config
from wakecall.cli.config import Connection, Profile, Profiles, Surroundings
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Options

OTHER = "https://other.test"
LOCAL = "http://127.0.0.1:8000"


def resolved(home: Path, environ: dict[str, str] | None = None, **options: str) -> Connection:
    around = Surroundings(environ=environ or {}, folder=home / "folder", home=home)
    return config.resolve(Options(**options), around)  # type: ignore[arg-type]  # texts alone


def save(home: Path, default: str = "work", **profiles: str) -> Path:
    """Save profiles given by their addresses; the key of each is its name."""
    path = home / ".config" / "wakecall" / "config.toml"
    made = {name: Profile(url=url, key=f"key-of-{name}") for name, url in profiles.items()}
    config.write_profiles(path, Profiles(default=default, profiles=made))
    return path


def announce(home: Path, url: str = LOCAL, process: int | None = None) -> Path:
    """Write the files of an instance of `make run` that this process is."""
    home.mkdir(parents=True, exist_ok=True)
    facts = {"url": url, "pid": process or os.getpid()}
    (home / "instance.json").write_text(json.dumps(facts))
    (home / "demo-key").write_text("wk_demo\n")
    return home


def test_what_is_more_explicit_goes_first(home: Path) -> None:
    save(home, work="https://work.test", play="https://play.test")
    (home / "folder" / "wakecall.toml").write_text('url = "https://project.test"')
    announce(home / "instance")
    everything = {
        "WAKECALL_URL": URL,
        "WAKECALL_PROFILE": "play",
        "WAKECALL_HOME": str(home / "instance"),
    }

    def url(*without: str, **options: str) -> str:
        environ = {name: value for name, value in everything.items() if name not in without}
        return resolved(home, environ, **options).url

    assert url(url=OTHER, profile="work") == OTHER
    assert url(profile="work") == "https://work.test"
    assert url() == URL
    assert url("WAKECALL_URL") == "https://play.test"
    assert url("WAKECALL_URL", "WAKECALL_PROFILE") == LOCAL
    assert url(*everything) == "https://project.test"
    (home / "folder" / "wakecall.toml").unlink()
    assert url(*everything) == "https://work.test"


def test_an_instance_is_found_in_the_folder_above_when_nothing_else_is(home: Path) -> None:
    announce(home / "var")

    found = resolved(home)

    assert (found.url, found.key) == (LOCAL, "wk_demo")
    assert found.key_from == str(home / "var" / "demo-key")


@pytest.mark.parametrize("url", ["https://evil.test", "http://192.0.2.1:8000", "", "http://["])
def test_an_instance_elsewhere_is_not_believed(home: Path, url: str) -> None:
    announce(home / "var", url)

    with pytest.raises(Failure, match="No service"):
        resolved(home)


def test_an_instance_that_was_killed_is_not_used(home: Path) -> None:
    announce(home / "var", process=2**22 + 1)

    with pytest.raises(Failure, match="No service"):
        resolved(home)


def test_the_key_of_a_profile_is_sent_to_its_own_address_alone(home: Path) -> None:
    save(home, work="https://work.test", play="https://play.test")
    (home / "folder" / "wakecall.toml").write_text('url = "https://evil.test"')

    assert resolved(home).key == ""
    assert resolved(home, url="https://play.test/").key == "key-of-play"
    assert resolved(home, url="http://work.test").key == ""
    assert resolved(home, profile="work", url=OTHER).key == ""


def test_the_key_of_a_file_goes_before_that_of_the_environment(home: Path) -> None:
    save(home, work=URL)
    path = home / "key"
    path.write_text(" wk_file \n")
    environ = {"WAKECALL_KEY": "wk_environ"}

    assert resolved(home, environ).key == "wk_environ"
    assert resolved(home, environ, profile="work").key == "key-of-work"
    assert resolved(home, environ, key_file=path).key == "wk_file"  # type: ignore[arg-type]  # a path


@pytest.mark.parametrize("text", ["", "\n", "two words", "schl\u00fcssel", "a\x00b"])
def test_what_is_not_a_key_is_not_sent(wakecall: Commands, home: Path, text: str) -> None:
    (home / "key").write_text(text)

    done = wakecall.run("job", "list", "--key-file", str(home / "key"))

    assert done.code == Exit.UNAUTHENTICATED
    assert text.strip() == "" or text not in done.err


def test_a_key_file_that_cannot_be_read_is_named(wakecall: Commands) -> None:
    done = wakecall.run("whoami", "--key-file", "/nowhere/key")

    assert done.code == Exit.UNAUTHENTICATED
    assert "/nowhere/key" in done.err


@pytest.mark.parametrize(
    "url",
    [
        *("example.com", "ftp://example.com", "https://", "https://a@b.test", "https://a.test?x=1"),
        *("https://a.test\n", "https://a test", "https://a..test", "https://\udcff"),
    ],
)
def test_what_is_not_an_address_is_refused(wakecall: Commands, url: str) -> None:
    assert wakecall.run("job", "list", "--url", url).code == Exit.USAGE


@pytest.mark.parametrize(
    "text", ["profiles = 1", "[profiles.a]\nurl = 1", "[", "default = 1", "\xff"]
)
def test_a_config_file_that_is_broken_is_named(wakecall: Commands, home: Path, text: str) -> None:
    path = save(home, work=URL)
    path.write_bytes(text.encode("latin-1"))

    done = wakecall.run("job", "list", "--json")

    assert done.code == Exit.USAGE
    assert "config.toml cannot be used" in done.problem["detail"]


def test_login_saves_a_profile_that_only_its_owner_reads(
    wakecall: Commands, canned: Canned, home: Path
) -> None:
    wakecall.environ.clear()
    canned.answers["GET", "/1/account"] = "account"

    done = wakecall.run("login", "--url", URL, "--key-stdin", given=f"{KEY}\n")
    wakecall.run("login", "--url", OTHER, "--profile", "other", "--key-stdin", given="wk_other\n")

    path = home / ".config" / "wakecall" / "config.toml"
    assert (done.code, done.out.splitlines()[0]) == (0, "account\tdemo")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert "Other users can read" in wakecall.run("whoami").err
    assert config.read_profiles(path) == Profiles(
        default="default",
        profiles={
            "default": Profile(url=URL, key=KEY),
            "other": Profile(url=OTHER, key="wk_other"),
        },
    )
    assert wakecall.run("whoami").code == 0
    assert canned.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    wakecall.run("whoami", "--profile", "other")
    assert canned.requests[-1].url.host == "other.test"
    wakecall.run("login", "--url", URL, "--profile", "🌙\x7f", "--key-stdin", given=KEY)
    assert list(config.read_profiles(path).profiles) == ["default", "other", "🌙\x7f"]
    assert wakecall.run("logout", "--profile", "🌙\x7f").code == 0
    assert wakecall.run("logout").code == 0
    assert list(config.read_profiles(path).profiles) == ["other"]


def test_login_saves_no_key_that_is_refused(wakecall: Commands, canned: Canned, home: Path) -> None:
    problem = {"type": "/problems/unauthenticated", "title": "No key", "detail": "Unknown key."}
    canned.answers["GET", "/1/account"] = (401, problem)

    done = wakecall.run("login", "--key-stdin", "--json", given="wk_wrong\n")

    assert (done.code, done.problem["title"]) == (Exit.UNAUTHENTICATED, "No key")
    assert not (home / ".config").exists()


def test_login_without_a_terminal_fails_at_once_with_the_ways_to_go_on(
    wakecall: Commands,
) -> None:
    done = wakecall.run("login", "--json")

    assert done.code == Exit.UNAUTHENTICATED
    assert "--key-stdin" in done.problem["remedy"]
    assert "WAKECALL_KEY" in done.problem["remedy"]
    assert wakecall.opened == []


def test_a_person_is_shown_where_keys_are_made(wakecall: Commands, canned: Canned) -> None:
    canned.answers["GET", "/1/account"] = "account"

    done = wakecall.person("login", given=f"{KEY}\n")

    assert done.code == 0, done.err
    assert wakecall.opened == [f"{URL}/console/keys"]
    assert KEY not in done.out + done.err


def test_without_a_key_the_ways_to_give_one_are_named(wakecall: Commands) -> None:
    del wakecall.environ["WAKECALL_KEY"]

    done = wakecall.run("job", "list")

    assert done.code == Exit.UNAUTHENTICATED
    assert "wakecall login" in done.err
    assert wakecall.run("job", "list", "--key-file", "-", given="").code == Exit.UNAUTHENTICATED


def test_a_key_that_is_refused_is_named_by_where_it_is_from(
    wakecall: Commands, canned: Canned, home: Path
) -> None:
    problem = {
        "type": "/problems/unauthenticated",
        "title": "No key",
        "detail": "Unknown key.",
        "remedy": "Send `Authorization: Bearer KEY`.",
    }
    canned.answers["GET", "/1/jobs"] = (401, problem)
    of_variable = wakecall.run("job", "list")
    as_json = wakecall.run("job", "list", "--json")
    del wakecall.environ["WAKECALL_KEY"]
    config.write_profiles(
        home / ".config" / "wakecall" / "config.toml",
        Profiles(default="shop", profiles={"shop": Profile(url=URL, key=KEY)}),
    )
    of_profile = wakecall.run("job", "list")

    assert of_variable.code == as_json.code == of_profile.code == Exit.UNAUTHENTICATED
    remedy = "Save another one: wakecall login"
    assert of_variable.err.startswith(
        "wakecall: Unknown key. The key is that of WAKECALL_KEY. "
        f"{remedy}, once WAKECALL_KEY is unset."
    )
    assert as_json.problem == problem
    assert f"The key is that of profile shop. {remedy}." in of_profile.err
    assert "Bearer" not in of_variable.err + of_profile.err


def test_there_is_no_option_for_the_key_itself(wakecall: Commands) -> None:
    assert wakecall.run("--key", KEY, "job", "list").code == Exit.USAGE


def test_a_config_file_that_is_a_link_stays_one(real: Commands, account: Account) -> None:
    link = real.home / ".config" / "wakecall" / "config.toml"
    kept = real.home / "dotfiles" / "config.toml"
    for folder in (link.parent, kept.parent):
        folder.mkdir(parents=True)
    kept.touch(mode=0o644)
    link.symlink_to(kept)

    saved = real.run("login", "--url", URL, "--key-stdin", given=account.key)

    assert saved.code == 0, saved.err
    assert link.readlink() == kept
    assert account.key in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert real.run("logout").code == 0
    assert (link.readlink(), account.key in kept.read_text()) == (kept, False)
    assert [*kept.parent.iterdir(), *link.parent.iterdir()] == [kept, link]


def test_nothing_is_left_of_a_file_that_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()

    with pytest.raises(OSError, match="directory"):
        config.replace_file(tmp_path / "config.toml", "key", 0o600)

    assert [each.name for each in tmp_path.iterdir()] == ["config.toml"]
