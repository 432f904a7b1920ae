"""Accounts, keys and secrets: shown once, compared in constant time, worthless when revoked."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet

from app.domain.account import Caller
from app.domain.secret import MAX_SECRETS
from app.errors import Conflict, InvalidMember, Misconfigured, NotFound, Unauthenticated
from app.service import accounts, keys
from app.service.context import Context
from app.service.secrets import SecretBox
from tests.factories import one


def test_a_key_speaks_for_its_account_and_no_other(context: Context) -> None:
    mine, theirs = accounts.create(context, "mine"), accounts.create(context, "theirs")

    assert accounts.authenticate(context, mine, account=None).account.name == "mine"
    assert accounts.authenticate(context, theirs, account="theirs").account.name == "theirs"
    with pytest.raises(Unauthenticated):
        accounts.authenticate(context, mine, account="theirs")


def test_a_key_is_stored_as_its_id_and_digest_only(
    context: Context, connection: psycopg.Connection
) -> None:
    text = accounts.create(context, "demo")

    row = connection.execute("SELECT id, digest FROM api_key").fetchone()

    assert row is not None
    assert row[0] == text[3:13]
    assert text.encode() not in row[1]
    assert len(row[1]) == 32


def test_a_typo_is_refused_without_a_query(
    context: Context, connection: psycopg.Connection
) -> None:
    text = accounts.create(context, "demo")
    connection.execute("ALTER TABLE api_key RENAME TO out_of_reach")
    try:
        swapped = text[:-1] + ("0" if text[-1] != "0" else "1")
        for typo in (swapped, text[1:], text + "0", "", "wk_"):
            with pytest.raises(Unauthenticated):
                accounts.authenticate(context, typo, account=None)
    finally:
        connection.execute("ALTER TABLE out_of_reach RENAME TO api_key")


def test_a_revoked_key_stops_at_once_and_the_others_go_on(context: Context) -> None:
    first = accounts.create(context, "demo")
    second = keys.create(context, "demo", "laptop")
    caller = accounts.authenticate(context, first, account=None)

    keys.revoke(context, caller.key_id)

    with pytest.raises(Unauthenticated):
        accounts.authenticate(context, first, account=None)
    assert accounts.authenticate(context, second, account=None).account.name == "demo"
    usable = {key.label: key.revoked_at is None for key in keys.list_keys(context, "demo")}
    assert usable == {"first": False, "laptop": True}


def test_every_refusal_reads_the_same(context: Context) -> None:
    key = accounts.create(context, "demo")
    keys.revoke(context, key[3:13])
    refusals = set()
    for text, account in ((key, None), ("nonsense", None), (key, "other")):
        with pytest.raises(Unauthenticated) as refused:
            accounts.authenticate(context, text, account=account)
        refusals.add((refused.value.message, refused.value.remedy))

    assert len(refusals) == 1


def test_a_rotated_secret_leaves_the_old_one_valid_for_the_overlap(
    context: Context, connection: psycopg.Connection
) -> None:
    accounts.create(context, "demo")
    (old,) = accounts.list_secrets(context, "demo")
    assert old.expires_at is None

    new, retired = accounts.rotate_secret(context, "demo", overlap=timedelta(hours=1))
    assert accounts.list_secrets(context, "demo") == (new, retired)
    assert (new.expires_at, retired.value, retired.created_at) == (None, old.value, old.created_at)
    assert retired.expires_at is not None
    assert retired.expires_at - new.created_at <= timedelta(hours=1)
    assert new.created_at - old.created_at < retired.expires_at - old.created_at
    assert one(connection, "SELECT count(*) FROM signing_secret WHERE expires_at IS NULL") == 1


def test_secrets_that_ended_are_gone_with_the_next_rotation(
    context: Context, connection: psycopg.Connection
) -> None:
    accounts.create(context, "demo")
    for _ in range(20):
        accounts.rotate_secret(context, "demo", overlap=timedelta(0))
    assert one(connection, "SELECT count(*) FROM signing_secret") <= 2


def test_no_secret_outlives_the_overlap_of_a_later_rotation(context: Context) -> None:
    accounts.create(context, "demo")
    (old,) = accounts.list_secrets(context, "demo")
    middle, _ = accounts.rotate_secret(context, "demo", overlap=timedelta(days=2))

    newest, *others = accounts.rotate_secret(context, "demo", overlap=timedelta(hours=1))
    assert [each.value for each in others] == [middle.value, old.value]
    for each in others:
        assert each.expires_at is not None
        assert each.expires_at - newest.created_at <= timedelta(hours=1)
    # A longer one brings nothing back.
    *_, first = accounts.rotate_secret(context, "demo", overlap=timedelta(days=9))
    assert first == others[1]

    (alone,) = accounts.rotate_secret(context, "demo", overlap=timedelta(0))
    assert accounts.list_secrets(context, "demo") == (alone,)


def test_only_so_many_secrets_sign_at_once(
    context: Context, connection: psycopg.Connection
) -> None:
    accounts.create(context, "demo")
    for _ in range(MAX_SECRETS - 1):
        accounts.rotate_secret(context, "demo", overlap=timedelta(hours=1))
    before = accounts.list_secrets(context, "demo")
    assert len(before) == MAX_SECRETS

    with pytest.raises(Conflict) as refused:
        accounts.rotate_secret(context, "demo", overlap=timedelta(minutes=1))
    assert (refused.value.member, "0 ends" in refused.value.remedy) == ("overlap", True)
    assert accounts.list_secrets(context, "demo") == before

    connection.execute(
        "UPDATE signing_secret SET expires_at = clock_timestamp()"
        " WHERE id = (SELECT min(id) FROM signing_secret)"
    )
    assert len(accounts.rotate_secret(context, "demo", overlap=timedelta(hours=1))) == MAX_SECRETS
    assert len(accounts.rotate_secret(context, "demo", overlap=timedelta(0))) == 1


def test_secrets_are_unreadable_at_rest(context: Context, connection: psycopg.Connection) -> None:
    accounts.create(context, "demo")
    (secret,) = accounts.list_secrets(context, "demo")
    sealed = bytes(one(connection, "SELECT sealed FROM signing_secret"))

    assert secret.value.encode() not in sealed
    with pytest.raises(Misconfigured, match="cannot be decrypted"):
        SecretBox([Fernet.generate_key().decode()]).open(sealed)


def test_the_key_that_seals_can_be_changed() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = SecretBox([old]).seal("whsec_x")

    assert SecretBox([new, old]).open(sealed) == "whsec_x"


@pytest.mark.parametrize("keys", [[], ["not a key"]])
def test_a_seal_that_cannot_work_is_reported(keys: list[str]) -> None:
    with pytest.raises(Misconfigured, match="WAKECALL_SECRET_KEY"):
        SecretBox(keys)


@pytest.mark.parametrize("name", ["", "Demo", "a b", "-a", "a" * 64, "ä"])
def test_a_name_that_cannot_be_one_is_refused(context: Context, name: str) -> None:
    with pytest.raises(InvalidMember):
        accounts.create(context, name)


def test_a_taken_name_and_unknown_ones_are_reported(context: Context, caller: Caller) -> None:
    with pytest.raises(Conflict):
        accounts.create(context, "demo")
    for call in (
        lambda: keys.create(context, "nobody", ""),
        lambda: keys.list_keys(context, "nobody"),
        lambda: accounts.list_secrets(context, "nobody"),
        lambda: accounts.rotate_secret(context, "nobody", overlap=timedelta(0)),
        lambda: keys.revoke(context, "0000000000"),
    ):
        with pytest.raises(NotFound):
            call()
