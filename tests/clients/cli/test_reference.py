"""docs/cli.md: the help of every command stands there as it is printed."""

from __future__ import annotations

import re

import pytest

from tests.clients.cli.reference import PAGE, commands, page
from wakecall.cli.failures import Exit
from wakecall.cli.main import main

ALL = dict(commands(main))


def test_the_page_has_the_help_of_every_command_as_it_is_printed() -> None:
    assert PAGE.read_text() == page(PAGE.read_text()), "run `make cli-reference`"


def test_the_page_has_every_exit_code() -> None:
    rows = re.findall(r"^\| `(\d+)` \|", PAGE.read_text(), re.MULTILINE)

    assert sorted(map(int, rows)) == sorted(Exit)


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = ALL[name].command

    assert command.help
    options = [each for each in command.params if each.param_type_name == "option"]
    assert [each.name for each in options if not getattr(each, "help", "")] == []
