"""Table: columns that fit, and ids that are whole."""

from __future__ import annotations

import pytest

from tests.clients.cli.invocation import Canned, Commands
from wakecall.cli import table

ID = "01a20290-027f-7fc0-b123-b43bd8583de0"


def test_columns_that_do_not_fit_are_left_out_from_the_right_and_named() -> None:
    rows = [[ID, "1204", "x" * 40]]

    wide = table.lay_out(["ID", "COUNT", "URL"], rows, columns=90)
    narrow = table.lay_out(["ID", "COUNT", "URL"], rows, columns=60)
    tiny = table.lay_out(["ID", "COUNT", "URL"], rows, columns=10)

    assert (wide.left_out, narrow.left_out, tiny.left_out) == ((), ("URL",), ("COUNT", "URL"))
    assert narrow.lines == (f"{'ID':<36}  COUNT", f"{ID}  1204")
    assert tiny.lines[1] == ID


def test_a_free_text_at_the_end_is_shortened_before_it_is_left_out() -> None:
    laid_out = table.lay_out(
        ["ID", "REASON"],
        [["7", "The receiver answered 500."]],
        columns=24,
        free=frozenset({"REASON"}),
    )

    assert laid_out.lines[1] == "7   The receiver answer…"
    assert len(laid_out.lines[1]) == 24


def test_without_a_limit_nothing_is_left_out() -> None:
    assert table.lay_out(["A", "B"], [["x" * 200, "y"]], columns=None).left_out == ()


def test_numbers_are_aligned_to_the_right() -> None:
    lines = table.lay_out(
        ["N", "X"], [["7", "a"], ["1204", "b"]], columns=80, right=frozenset({"N"})
    ).lines

    assert lines == ("   N  X", "   7  a", "1204  b")


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("\U0001f600", 2)]
)
def test_width_counts_columns_of_the_terminal(text: str, columns: int) -> None:
    assert table.width(text) == columns


def test_named_columns_are_printed_in_their_order(wakecall: Commands, canned: Canned) -> None:
    canned.answers["GET", "/1/jobs"] = "full-list"

    done = wakecall.run("job", "list", "--columns", "dialect,JOB")
    odd = wakecall.run("job", "list", "--columns", "odd")
    comma = wakecall.run("job", "list", "-o", "csv", "--columns", "name,schedule", "--no-header")

    assert done.out == "dialect\tjob\n\tinvoices\ndapr\tpoll\n"
    assert (odd.code, "The columns are job, next," in odd.err) == (2, True)
    assert comma.out == "invoices,0 15 10 ? * * Europe/Berlin\npoll,'@every 1m\n"
