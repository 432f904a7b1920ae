"""Login: the commands that save and remove profiles: a service and the key for it."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from wakecall.cli import config
from wakecall.cli.config import Profile, Profiles
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.instances import running
from wakecall.cli.options import Command
from wakecall.cli.session import Session, pass_session

_KEY_PAGE = "/console/keys"


@click.command(cls=Command)
@click.option("--key-stdin", is_flag=True, help="Read the key from standard input.")
@pass_session
def login(session: Session, *, key_stdin: bool) -> None:
    """Save a service and the key for it in the config file, readable by you alone.

    --url names the service and --profile the profile, "default" if it is not given. In CI, use
    WAKECALL_URL and WAKECALL_KEY instead: nothing is saved then.
    """
    url = _url(session)
    key = _key(session, url, from_stdin=key_stdin)
    account = session.client_of(url, key).account().name
    around = session.world.around
    profiles = config.read_profiles(around.config_file)
    name = session.options.profile or config.DEFAULT_PROFILE
    saved = Profiles(
        default=profiles.default if profiles.profiles else name,
        profiles={**profiles.profiles, name: Profile(url=url, key=key)},
    )
    try:
        config.write_profiles(around.config_file, saved)
    except OSError as error:
        raise Failure(
            Exit.REFUSED,
            "Not saved",
            f"{around.config_file} cannot be written: {error.strerror or error}.",
            "Set WAKECALL_URL and WAKECALL_KEY instead.",
        ) from None
    session.out.fields(
        {"account": account, "url": url, "profile": name},
        [("account", account), ("url", url), ("profile", name)],
        of="account",
    )
    if around.environ.get("WAKECALL_KEY"):
        session.out.hint("WAKECALL_KEY is set, and goes before the key that was saved.")


@click.command(cls=Command)
@click.option("--all", "every", is_flag=True, help="Remove all profiles.")
@pass_session
def logout(session: Session, *, every: bool) -> None:
    """Remove a profile with its key from the config file. The key stays valid: see `key revoke`."""
    path = session.world.around.config_file
    profiles = config.read_profiles(path)
    name = session.options.profile or profiles.default
    gone = set(profiles.profiles) if every else {name} & set(profiles.profiles)
    if not gone:
        session.out.hint(f"There is no profile {name}.")
        return
    kept = {each: profile for each, profile in profiles.profiles.items() if each not in gone}
    try:
        config.write_profiles(path, replace(profiles, profiles=kept))
    except OSError as error:
        raise Failure(
            Exit.REFUSED, "Not removed", f"{path} cannot be written: {error.strerror or error}."
        ) from None
    session.out.hint(f"Removed {', '.join(sorted(gone))} from {path}.")


def _url(session: Session) -> str:
    """Return the address to log in to: one that was named, or the only one that is known."""
    around, options = session.world.around, session.options
    known = config.read_profiles(around.config_file).profiles
    profile = known.get(options.profile or "")
    if options.url or profile is None:
        # A profile that is to be made has no address yet.
        return config.resolve(replace(options, profile=None), around).url
    return config.checked_url(profile.url, f"profile {options.profile}")


def _key(session: Session, url: str, *, from_stdin: bool) -> str:
    """Return the key: of a file, of standard input, of a running instance, or as it is typed."""
    if session.options.key_file:
        return config.read_key(session.options.key_file)
    if from_stdin:
        return config.checked_key(sys.stdin.readline(), "standard input")
    around = session.world.around
    instance = running(around.environ, around.folder)
    if instance and instance.key and config.same_service(instance.url, url):
        return instance.key
    page = f"{url}{_KEY_PAGE}"
    if session.options.no_input or not session.world.can_ask():
        raise Failure(
            Exit.UNAUTHENTICATED,
            "No key",
            "Without a terminal no key can be asked for.",
            f"Create one at {page}, and then: wakecall login --url {url} --key-stdin < FILE, or "
            "set WAKECALL_KEY.",
        )
    session.out.hint(f"Create a key at {page}")
    session.world.open_page(page)
    return config.checked_key(click.prompt("API key", hide_input=True, err=True), "What was typed")
