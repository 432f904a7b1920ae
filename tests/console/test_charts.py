"""Charts: their shapes as text, named in words, with nothing that the policy forbids."""

from __future__ import annotations

import pytest
from lxml import etree

from app.console import charts
from app.console.charts import Bar, Scale
from app.domain.run import Timing

SVG = "{http://www.w3.org/2000/svg}"


def parsed(markup: str) -> etree._Element:
    """The chart as XML, in which there is neither a style nor a script."""
    root = etree.fromstring(
        str(markup).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    )
    for element in root.iter():
        assert "style" not in element.attrib
        assert not any(str(name).startswith("on") for name in element.attrib)
        assert element.tag != f"{SVG}script"
    return root


@pytest.mark.parametrize(
    ("most", "top"),
    [
        (0, 1),
        (1, 1),
        (2, 2),
        (3, 5),
        (5, 5),
        (6, 10),
        (10, 10),
        (11, 20),
        (501, 1000),
        (1000, 1000),
    ],
)
def test_an_axis_ends_at_a_round_number(most: int, top: int) -> None:
    assert charts.nice_top(most) == top


def test_bars_are_stacked_from_the_bottom_and_named() -> None:
    found = parsed(
        charts.bars(
            [
                Bar(parts=(("succeeded", 5), ("failed", 5)), text="10:00: 5 & 5"),
                Bar(parts=(("succeeded", 0), ("failed", 0)), text="nothing"),
            ],
            'Runs <by> "hour"',
            name="runs",
        )
    )
    assert found.get("aria-label") == 'Runs <by> "hour"'
    assert [each.text for each in found.iter(f"{SVG}title")] == ["10:00: 5 & 5", "nothing"]
    drawn = {each.get("class"): each for each in found.findall(f"{SVG}path")}
    assert drawn["b-succeeded"].get("d") == "M67.2 120h345.6v-60h-345.6z"
    assert drawn["b-succeeded"].get("fill") is None
    assert drawn["b-failed"].get("d") == "M67.2 60h345.6v-60h-345.6z"
    assert drawn["b-failed"].get("fill") == "url(#runs-failed)"
    assert [each.get("id") for each in found.iter(f"{SVG}pattern")] == ["runs-failed"]


def test_a_part_that_is_not_zero_can_be_seen() -> None:
    found = parsed(
        charts.bars([Bar(parts=(("succeeded", 9_999), ("dead", 1)), text="")], "", name="a")
    )
    drawn = {each.get("class"): each.get("d") for each in found.findall(f"{SVG}path")}
    assert drawn["b-succeeded"] == "M134.4 120h691.2v-120h-691.2z"
    assert drawn["b-dead"] == "M134.4 0h691.2v-1.5h-691.2z"


def test_a_scale_covers_its_values_in_whole_decades() -> None:
    assert charts.scale_of([]) == Scale(low=0, high=1)
    assert charts.scale_of([1.0]) == Scale(low=0, high=1)
    assert charts.scale_of([0.0, 250.0]) == Scale(low=-1, high=3)
    scale = Scale(low=-1, high=3)
    assert list(scale.marks) == [1000, 100, 10, 1, 0.1]
    assert [scale.height(each) for each in (5000, 1000, 10, 0)] == [0, 0, 0.5, 1]


def test_lines_have_gaps_where_nothing_is_known() -> None:
    values = [1.0, 10.0, None, 1.0, None, None]
    found = parsed(charts.lines([("p99", values)], "Lateness", Scale(low=0, high=1)))
    (line,) = [each for each in found if each.get("class") == "line p99"]
    assert line.get("d") == "M80 120L240 0M520 120H600"


def test_the_phases_of_a_call_are_what_lies_between_its_milestones() -> None:
    timing = Timing(dns=1.0, connect=3.0, tls=None, first_byte=9.0, total=10.0)
    assert [(name, length) for name, _, length in charts.phases(timing)] == [
        ("dns", 1.0),
        ("connect", 2.0),
        ("wait", 6.0),
        ("read", 1.0),
    ]
    found = parsed(charts.timing_bar(timing, "10 ms"))
    assert [each.get("x") for each in found] == ["0", "96", "288", "864"]
    assert [each.get("width") for each in found] == ["96", "192", "576", "96"]


def test_a_call_that_reached_nobody_has_a_bar_too() -> None:
    assert [each[0] for each in charts.phases(Timing(total=5.0))] == ["read"]
    assert len(parsed(charts.timing_bar(Timing(), "0 ms"))) == 1
