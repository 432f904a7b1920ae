import base64

import pytest

from app.api import senders
from app.api.senders import SENDER, Senders, network_of
from app.domain import key

ONE, TWO = key.compose(b"\1" * 64), key.compose(b"\2" * 64)


def environ(**fields: str) -> dict[str, str]:
    return {"REMOTE_ADDR": "192.0.2.1", **{f"HTTP_{name}": text for name, text in fields.items()}}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "sent",
    [
        {"X_API_KEY": ONE},
        {"X_API_KEY": f" {ONE} "},
        {"AUTHORIZATION": f"Bearer {ONE}"},
        {"AUTHORIZATION": f"bearer  {ONE}"},
        {"AUTHORIZATION": basic(ONE, "whatever")},
        {"AUTHORIZATION": basic("demo", ONE)},
        {"DAPR_API_TOKEN": ONE},
    ],
)
def test_a_key_is_known_again_however_it_is_sent(sent: dict[str, str]) -> None:
    known = Senders()
    first = known.identify(environ(X_API_KEY=ONE))
    assert (first.account, first.lane, first.member) == (None, None, "192.0.2.1")
    senders.note({SENDER: first}, 7, 3)
    known.remember(first, 200)
    again = known.identify(environ(**sent))
    assert (again.account, again.max_concurrent, again.member) == (7, 3, None)
    known.remember(again, 401)
    assert known.identify(environ(X_API_KEY=ONE)).account is None


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"X_API_KEY": "wk_x"},
        {"AUTHORIZATION": "Basic !"},
        {"AUTHORIZATION": "Basic " + "A" * 4000},
        {"AUTHORIZATION": f"Digest {ONE}"},
        {"AUTHORIZATION": f"Bearer {' ' * 512}{ONE}"},
        {"X_API_KEY": f"{ONE}{' ' * 512}"},
    ],
)
def test_what_is_not_a_key_is_not_remembered(sent: dict[str, str]) -> None:
    sender = Senders().identify(environ(**sent))
    assert (sender.keys, sender.account) == ((), None)


def test_of_two_keys_none_is_learnt_or_forgotten() -> None:
    known = Senders()
    both = known.identify(environ(X_API_KEY=ONE, DAPR_API_TOKEN=TWO))
    senders.note({SENDER: both}, 7, None)
    known.remember(both, 200)
    assert known.identify(environ(X_API_KEY=ONE)).account is None
    one = known.identify(environ(X_API_KEY=ONE))
    senders.note({SENDER: one}, 7, None)
    known.remember(one, 200)
    known.remember(known.identify(environ(X_API_KEY=ONE, DAPR_API_TOKEN=TWO)), 401)
    assert known.identify(environ(X_API_KEY=ONE)).account == 7


def test_few_keys_are_remembered() -> None:
    known = Senders(most=1)
    for number, each in enumerate((ONE, TWO)):
        sender = known.identify(environ(X_API_KEY=each))
        senders.note({SENDER: sender}, number, None)
        known.remember(sender, 200)
    assert known.identify(environ(X_API_KEY=ONE)).account is None
    assert known.identify(environ(X_API_KEY=TWO)).account == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a:b", "a:b"),
    ],
)
def test_one_client_s_addresses_are_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


SESSION, OTHER = "s" * 43, "o" * 43


def page(cookie: str, **fields: str) -> dict[str, str]:
    return {**environ(COOKIE=cookie, **fields), "PATH_INFO": "/console/jobs"}


@pytest.mark.parametrize(
    "cookie",
    [
        f"wakecall={SESSION}",
        f"a=b; __Host-wakecall={SESSION}",
        f"wakecall={SESSION};__Host-wakecall={SESSION}",
    ],
)
def test_a_session_is_known_again_for_pages_alone(cookie: str) -> None:
    known = Senders()
    first = known.identify(page(f"wakecall={SESSION}"))
    assert (first.account, first.member) == (None, "192.0.2.1")
    senders.note({SENDER: first}, 7, 3)
    known.remember(first, 200)

    assert known.identify(page(cookie)).lane == 7
    # A key is none of a page's credentials, and a session is none of the API's.
    assert known.identify(page("a=b", X_API_KEY=ONE)).keys == ()
    assert known.identify(environ(COOKIE=cookie)).keys == ()
    assert known.identify(page(f"wakecall={OTHER}")).account is None
    known.remember(known.identify(page(cookie)), 401)
    assert known.identify(page(cookie)).account is None


def test_a_session_that_changes_its_account_changes_its_lane() -> None:
    known = Senders()
    for account in (7, 8):
        sender = known.identify(page(f"wakecall={SESSION}"))
        senders.note({SENDER: sender}, account, None)
        known.remember(sender, 303)
        assert known.identify(page(f"wakecall={SESSION}")).lane == account


@pytest.mark.parametrize(
    "cookie", ["", "wakecall", "wakecall=", "wakecall=x; =; ;;", f"b={SESSION}"]
)
def test_what_is_not_a_session_is_not_remembered(cookie: str) -> None:
    assert Senders().identify(page(cookie)).keys == ()


def test_a_session_that_has_ended_takes_no_turns_of_the_account() -> None:
    known = Senders()
    for forgets in (False, True):
        sender = known.identify(page(f"wakecall={SESSION}"))
        if forgets:
            assert sender.lane == 7
            senders.disown({SENDER: sender})
        else:
            senders.note({SENDER: sender}, 7, None)
        known.remember(sender, 303)
    assert known.identify(page(f"wakecall={SESSION}")).lane is None
