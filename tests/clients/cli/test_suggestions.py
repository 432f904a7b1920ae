"""Suggestions: words of other tools, and mistyped ones, lead to the commands that are meant."""

from __future__ import annotations

import pytest

from tests.clients.cli.invocation import Commands
from wakecall.cli.failures import Exit


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("list", "wakecall job list"),
        ("jobs", "wakecall job list"),
        ("logs", "wakecall run list"),
        ("create", "wakecall book"),
        ("delete", "wakecall job rm"),
        ("pause", "wakecall job pause"),
        ("rotate", "wakecall secret rotate"),
        ("boook", "wakecall book"),
        ("help", "wakecall --help"),
        ("job create", "wakecall book"),
        ("job delete", "wakecall job rm"),
        ("job lsit", "wakecall job list"),
        ("job help", "wakecall job --help"),
        ("key add", "wakecall key create"),
        ("key delete", "wakecall key revoke"),
        ("app add", "wakecall app set"),
        ("inbox show", "wakecall inbox calls"),
        ("run retry", "wakecall run redeliver"),
    ],
)
def test_a_word_that_is_not_a_command_leads_to_one(
    wakecall: Commands, words: str, meant: str
) -> None:
    done = wakecall.run(*words.split())
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert f"There is no command {words.rsplit(maxsplit=1)[-1]!r}. Did you mean `" in done.err
    assert f"`{meant}`" in done.err


@pytest.mark.parametrize(
    ("words", "help_of"), [("xyzzy", "wakecall"), ("job xyzzy", "wakecall job")]
)
def test_any_other_word_leads_to_the_list(wakecall: Commands, words: str, help_of: str) -> None:
    done = wakecall.run(*words.split())
    assert done.code == Exit.USAGE
    assert f"There is no command 'xyzzy'. `{help_of} --help` lists the commands." in done.err


def test_programs_get_it_as_a_problem_document(wakecall: Commands) -> None:
    problem = wakecall.run("--json", "list").problem
    assert problem["detail"] == "There is no command 'list'. Did you mean `wakecall job list`?"
