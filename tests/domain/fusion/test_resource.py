"""Resource: `<type>:<id>`, with the ids that real servers have."""

from __future__ import annotations

import pytest

from app.domain.fusion import resource
from app.domain.fusion.resource import Kind, Resource
from app.errors import InvalidMember


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("datasource:movie-db", Kind.DATASOURCE, "movie-db"),
        ("spark:dailyMetricsRollup-counters", Kind.SPARK, "dailyMetricsRollup-counters"),
        ("task:delete-old-system-logs", Kind.TASK, "delete-old-system-logs"),
        ("datasource:test_csv-test", Kind.DATASOURCE, "test_csv-test"),
        ("spark:My App 2.0", Kind.SPARK, "My App 2.0"),
        ("task:_x", Kind.TASK, "_x"),
        ("task:-", Kind.TASK, "-"),
        ("task:" + "a" * 128, Kind.TASK, "a" * 128),
    ],
)
def test_a_resource_is_read_and_written(text: str, kind: Kind, name: str) -> None:
    found = resource.parse(text)
    assert found == Resource(kind=kind, id=name)
    assert str(found) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("movie-db", '"movie-db" has no type, because it has no colon.'),
        ("", '"" has no type, because it has no colon.'),
        ("index:a", '"index" is not a type of job.'),
        (":a", '"" is not a type of job.'),
        ("Task:a", '"Task" is not a type of job.'),
        ("task:", '"task:" has no id after its colon.'),
        ("task:a:b", '"a:b" is not a valid id.'),
        ("task:a/b", '"a/b" is not a valid id.'),
        ("task:..", '".." is not a valid id.'),
        ("task: a", '" a" is not a valid id.'),
        ("task:a ", '"a " is not a valid id.'),
        ("task:a\n", '"a\\n" is not a valid id.'),
        ("task:é", '"\\xe9" is not a valid id.'),
        ("task:" + "a" * 129, "The id has 129 characters."),
    ],
)
def test_what_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        resource.parse(text, member="jobID")
    assert (refused.value.member, refused.value.message) == ("jobID", said)
    assert refused.value.remedy
