"""Config: which service a command talks to, and with which key.

The order is: options, environment, `url` of ./wakecall.toml, the profile of the config file, and
last an instance that `make run` started on this machine. A key that belongs to one address is never
sent to another.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import urlsplit

from wakecall._core.configuration import is_address
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.instances import Instance, running
from wakecall.cli.options import Options

PROJECT_FILE: Final = "wakecall.toml"
DEFAULT_PROFILE: Final = "default"
MAX_FILE_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A service and the key for it, as `wakecall login` saved them."""

    url: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Profiles:
    """The content of the config file."""

    default: str = DEFAULT_PROFILE
    profiles: Mapping[str, Profile] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """The service of a command, its key, and where both came from, for messages."""

    url: str
    url_from: str
    key: str = ""
    key_from: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a command finds around it: environment, current folder, home folder."""

    environ: Mapping[str, str]
    folder: Path
    home: Path

    @property
    def config_file(self) -> Path:
        """The file of profiles, below XDG_CONFIG_HOME."""
        base = self.environ.get("XDG_CONFIG_HOME") or f"{self.home / '.config'}"
        return Path(base) / "wakecall" / "config.toml"


def surroundings() -> Surroundings:
    """Return what is around this process; the root where its folder is gone, or it has no home."""
    return Surroundings(environ=os.environ, folder=_or_root(Path.cwd), home=_or_root(Path.home))


def _or_root(find: Callable[[], Path]) -> Path:
    try:
        return find()
    except (OSError, RuntimeError):
        return Path("/")


def resolve(options: Options, around: Surroundings) -> Connection:
    """Return the service to use, with its key or without one. Raises Failure."""
    profiles = read_profiles(around.config_file)
    instance = running(around.environ, around.folder)
    url, url_from = _url(options, around, profiles, instance)
    url = checked_url(url, url_from)
    key, key_from = _key(url, options, around, profiles, instance)
    return Connection(url=url, url_from=url_from, key=key, key_from=key_from)


def _url(
    options: Options, around: Surroundings, profiles: Profiles, instance: Instance | None
) -> tuple[str, str]:
    for url, url_from in _urls(options, around, profiles, instance):
        if url:
            return url, url_from
    raise Failure(
        Exit.USAGE,
        "No service is configured",
        f"No service is configured, and none of `make run` {_looked_for(around)}.",
        "Give its address with --url or WAKECALL_URL, or save it: wakecall login --url URL",
    )


def _looked_for(around: Surroundings) -> str:
    home = around.environ.get("WAKECALL_HOME")
    return f"runs from {home} (WAKECALL_HOME)" if home else "was found here"


def _urls(
    options: Options, around: Surroundings, profiles: Profiles, instance: Instance | None
) -> Iterator[tuple[str, str]]:
    """Yield each address with where it is from, the most explicit one first."""
    environ = around.environ
    of_instance = (instance.url, f"the instance in {instance.home}") if instance else ("", "")
    yield options.url or "", "--url"
    if options.profile:
        yield _profile(options.profile, profiles).url, f"profile {options.profile}"
    yield environ.get("WAKECALL_URL", ""), "WAKECALL_URL"
    if name := environ.get("WAKECALL_PROFILE"):
        yield _profile(name, profiles).url, f"profile {name}"
    if instance and instance.is_named:
        yield of_instance
    yield _project_url(around.folder / PROJECT_FILE), PROJECT_FILE
    if profile := profiles.profiles.get(profiles.default):
        yield profile.url, f"profile {profiles.default}"
    yield of_instance


def _key(
    url: str,
    options: Options,
    around: Surroundings,
    profiles: Profiles,
    instance: Instance | None,
) -> tuple[str, str]:
    """Return the key for the service at `url`; empty if there is none."""
    if options.key_file:
        return read_key(options.key_file), "--key-file"
    name = options.profile
    if name and same_service(_profile(name, profiles).url, url):
        return checked_key(_profile(name, profiles).key, f"profile {name}"), f"profile {name}"
    if key := around.environ.get("WAKECALL_KEY"):
        return checked_key(key, "WAKECALL_KEY"), "WAKECALL_KEY"
    for name in (around.environ.get("WAKECALL_PROFILE"), profiles.default, *profiles.profiles):
        profile = profiles.profiles.get(name or "")
        if profile and profile.key and same_service(profile.url, url):
            return checked_key(profile.key, f"profile {name}"), f"profile {name}"
    if instance and instance.key and same_service(instance.url, url):
        return instance.key, f"{instance.home / 'demo-key'}"
    return "", ""


def same_service(one: str, other: str) -> bool:
    """Return whether two addresses are the same service, so that a key may be sent to either."""
    first, second = urlsplit(one.rstrip("/")), urlsplit(other.rstrip("/"))
    return (first.scheme, first.netloc.lower(), first.path) == (
        second.scheme,
        second.netloc.lower(),
        second.path,
    )


def checked_url(url: str, origin: str) -> str:
    """Return the address of a service without a slash at its end. Raises Failure."""
    if not is_address(url):
        raise Failure(
            Exit.USAGE,
            "Wrong usage",
            f"{url!r} (from {origin}) is not the address of a service.",
            "Give one such as https://wakecall.example.com",
        )
    return url.rstrip("/")


def checked_key(key: str, origin: str) -> str:
    """Return a key without white space around it. Raises Failure for what cannot be sent."""
    found = key.strip()
    if not found or not found.isascii() or not found.isprintable() or " " in found:
        raise Failure(
            Exit.UNAUTHENTICATED,
            "Not a key",
            f"{origin} does not hold an API key: a key is one word of visible ASCII characters.",
        )
    return found


def read_key(path: Path) -> str:
    """Return the key in a file; `-` is standard input. Raises Failure."""
    try:
        if f"{path}" == "-":
            text = sys.stdin.readline()
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(4096)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failure(
            Exit.UNAUTHENTICATED, "No key", f"The key file {path} cannot be read: {reason}."
        ) from None
    return checked_key(text, f"{path}")


def read_profiles(path: Path) -> Profiles:
    """Return the profiles of the config file; none if there is no file. Raises Failure."""
    document = read_toml(path)
    if document is None:
        return Profiles()
    found = document.get("profiles", {})
    default = document.get("default", DEFAULT_PROFILE)
    if not isinstance(found, dict) or not isinstance(default, str):
        raise _broken(path, "`profiles` is a table of tables, and `default` the name of one")
    profiles = {}
    for name, each in found.items():
        match each:
            case {"url": str(url), "key": str(key)}:
                profiles[name] = Profile(url=url, key=key)
            case _:
                raise _broken(path, f"the profile {name} needs `url` and `key`")
    return Profiles(default=default, profiles=profiles)


def toml_string(text: Any) -> str:  # noqa: ANN401 - a value of JSON
    """Return a value as JSON, whose strings are strings of TOML, but for one character.

    Escapes of JSON are not those of TOML for characters that need two of them.
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_profiles(path: Path, profiles: Profiles) -> None:
    """Replace the config file, readable by its owner alone. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [f"default = {toml_string(profiles.default)}"]
    for name, each in sorted(profiles.profiles.items()):
        lines += [
            "",
            f"[profiles.{toml_string(name)}]",
            f"url = {toml_string(each.url)}",
            f"key = {toml_string(each.key)}",
        ]
    replace_file(path, "\n".join(lines) + "\n", 0o600)


def replace_file(path: Path, text: str, mode: int | None) -> None:
    """Replace a file by one with this text, whole or not at all. Raises OSError.

    A link stays one: the file that it leads to is replaced. `mode` is its mode; None for the one
    that new files have.
    """
    whole = Path(os.path.realpath(path))
    # Of a name that nobody can have put there before, in a folder that others write to as well.
    fresh = whole.with_name(f".{whole.name}.{token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(text)
        fresh.replace(whole)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def is_private(path: Path) -> bool:
    """Return whether only the owner may read a file; also True if there is none."""
    try:
        return not stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError:
        return True


def read_toml(path: Path, *, wrong: Exit = Exit.USAGE) -> dict[str, Any] | None:
    """Return the content of a TOML file, None if there is none.

    Raises Failure, with the exit code `wrong` for a file that is not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            # Its beginning alone would be read as a whole file, with fewer jobs.
            raise _broken(path, f"it has more than {MAX_FILE_BYTES // 1024} KiB", wrong)
        return tomllib.loads(content.decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _broken(path, f"{error.strerror}") from None
    except RecursionError:
        raise _broken(path, "its values are nested too deeply", wrong) from None
    except ValueError as error:
        raise _broken(path, f"{error}", wrong) from None


def _project_url(path: Path) -> str:
    document = read_toml(path) or {}
    url = document.get("url", "")
    if not isinstance(url, str):
        raise _broken(path, "`url` is a text")
    return url


def _profile(name: str, profiles: Profiles) -> Profile:
    found = profiles.profiles.get(name)
    if found is None:
        known = ", ".join(sorted(profiles.profiles)) or "none"
        raise Failure(
            Exit.USAGE,
            "Wrong usage",
            f"There is no profile {name}; there is: {known}.",
            f"Save one: wakecall login --profile {name} --url URL",
        )
    return found


def _broken(path: Path, reason: str, code: Exit = Exit.USAGE) -> Failure:
    return Failure(code, "Unreadable file", f"{path} cannot be used: {reason}.")
