"""Text inputs of schedules and of the Dapr and Fusion dialects, each with its costliest text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice, product

from app.api.dapr import documents
from app.api.fusion import action_document, json_reader, schedule_document, task_document
from app.domain import quartz
from app.domain.dapr import duration, names, reader, time_spec
from app.domain.fusion import resource
from app.service.dapr import apps as dapr_apps
from app.service.fusion import apps
from tests.worst import TextInput, numbered, repeated

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TASK = '{"type":"rest-call","id":"a","callParams":{"uri":"http://example.com","method":"get"'
LONG_NAME = "\U0001f600" * 60


def spellings_of_content_type(size: int) -> str:
    """A task with a header in as many spellings as fit."""
    letters = product(*[(each, each.upper()) for each in "contenttype"])
    spelt = islice(map("".join, letters), size // 20)
    fields = [f'"{each[:7]}-{each[7:]}":"a"' for each in spelt]
    return f'{TASK},"headers":{{{",".join(fields)}}}}}}}'


def deep_paths(unit: str) -> Callable[[int], str]:
    """Values as many and as deep as they may be, below the longest names that errors tell."""
    opening = f'{{"{LONG_NAME}":' * 15

    def build(size: int) -> str:
        room = size - len(opening.encode())
        return opening + "[" + unit * (room // len(unit)) + "0]" + "}" * 15

    return build


def fusion_schedule(text: str) -> object:
    return schedule_document.parse_lenient(json_reader.parse(text.encode()), resource=None, now=NOW)


def fusion_task(text: str) -> object:
    return task_document.parse(json_reader.parse(text.encode()), allow=(), task_id=None)


DIALECTS: dict[str, TextInput] = {
    "a Quartz expression": TextInput(
        read=quartz.parse,
        worst=(
            repeated("* "),
            repeated("9"),
            repeated("1,"),
            lambda _: "0 0 0 L-" + "9" * 240 + " * ?",
            lambda _: "0 0 0 " + "9" * 240 + "W * ?",
            lambda _: "0 0 0 ? * MON#" + "9" * 240,
            lambda _: "0 0 0 ? * " + "A" * 240 + "L",
            lambda _: "0 0 0 1/" + "9" * 240 + " * ?",
            lambda _: "0-59," * 40 + "1 0-59 0-23 ? * *",
        ),
        patterns=(
            "domain.quartz.days.LAST",
            "domain.quartz.days.NEAREST",
            "domain.quartz.days.LAST_OF_WEEKDAY",
            "domain.quartz.days.NTH_OF_WEEKDAY",
            "domain.quartz.expansion._ITEM",
            "domain.quartz.reader._FOREIGN",
            "domain.quartz.reader._BLANKS",
        ),
    ),
    "a Dapr schedule": TextInput(
        read=reader.read,
        worst=(
            repeated("* "),
            repeated("a", "TZ="),
            repeated(" ", "TZ=Europe/Rome"),
            repeated("9h", "@every "),
            lambda _: "@every " + "9" * 240,
            lambda _: "TZ=" + "a" * 240 + " @daily",
            lambda _: "0-59," * 45 + " * * * * *",
            lambda _: "9" * 240 + " * * * * *",
        ),
        patterns=(
            "domain.dapr.reader._SPACES",
            "domain.dapr.reader._PREFIX",
            "domain.dapr.fields._NUMBER",
        ),
    ),
    "a Dapr due time": TextInput(
        read=lambda text: time_spec.parse(text, NOW, member="dueTime"),
        worst=(
            repeated("9"),
            repeated("1D", "P"),
            lambda _: "2030-01-01T00:00:00." + "9" * 108,
            lambda _: "R" + "9" * 120 + "/P1D",
            lambda _: "P" + "9" * 120 + "D",
            lambda _: "P" + "1D" * 60,
            lambda _: "9" * 126 + "h",
        ),
        patterns=(
            "domain.dapr.time_spec._RFC_3339",
            "domain.dapr.time_spec._NUMBER",
            "domain.dapr.time_spec._PIECE",
            "domain.dapr.duration._PART",
        ),
    ),
    "a protobuf duration": TextInput(
        read=lambda text: duration.canonical(text, member="interval"),
        worst=(repeated("9"), repeated("9", "0.", "s"), lambda _: "9" * 127 + "s"),
        patterns=("domain.dapr.duration._PROTOBUF",),
    ),
    "a Dapr job's name": TextInput(
        read=names.check_name, worst=(repeated("a"), lambda _: "\u0301" * 512)
    ),
    "a Dapr job": TextInput(
        read=lambda text: documents.read(text.encode()),
        worst=(
            numbered('"%d":1', "{", "}"),
            numbered('"%d":1', '{"data":{', "}}"),
            repeated("\\ud83d\\ude00", '{"data":"', '"}'),
            repeated("\\\\", '{"data":"\\ud83d', '"}'),
            repeated("\\ud83d", '{"data":"', '"}'),
            repeated(" ", "{", "x"),
            repeated("1", '{"repeats":', "}"),
            lambda _: '{"repeats":0e999999999}',
            lambda _: '{"repeats":1e-999999999}',
            lambda _: '{"repeats":1e999999999}',
            repeated("[", '{"data":'),
            repeated('{"a":', '{"data":'),
            repeated("x", '{"job":{"failurePolicy":{"constant":{"a":"', '"}}}}'),
        ),
        patterns=(
            "api.dapr.protojson._BLANK",
            "api.dapr.protojson._NUMBER",
            "api.dapr.protojson._ESCAPE",
            "api.dapr.protojson._HALF",
        ),
    ),
    "a Dapr app's id": TextInput(
        read=dapr_apps._APP_ID.fullmatch,
        worst=(repeated("a"), repeated("."), lambda _: "a" + "." * 255),
        patterns=("service.dapr.apps._APP_ID",),
    ),
    "a Fusion app": TextInput(
        read=apps.tag, worst=(repeated("a"), repeated(" ")), patterns=("service.fusion.apps._NAME",)
    ),
    "a Fusion resource": TextInput(
        read=resource.parse,
        worst=(repeated("a", "task:"), lambda _: "task:a" + " " * 127, repeated("a")),
        patterns=("domain.fusion.resource._ID",),
    ),
    "a Fusion action": TextInput(
        read=lambda text: action_document.parse(json_reader.parse(text.encode())),
        worst=(repeated("a", '{"action":"', '"}'), repeated(" ", '{"action":"start"', "}")),
    ),
    "a Fusion schedule": TextInput(
        read=fusion_schedule,
        worst=(
            numbered('"a%d":1', "{", "}"),
            numbered('"enbld%d":1', "{", "}"),
            repeated("triggers", '{"', '":1}'),
            repeated('"a":[1],', "{", '"triggers":[]}'),
            numbered('"a":%d', "{", "}"),
            deep_paths("0,"),
            deep_paths('"",'),
            deep_paths("[],"),
            repeated("0", '{"a":1.', "}"),
            repeated("0", '{"a":0.', "1e60000}"),
            repeated("9", '{"a":', "e-60000}"),
            repeated("1e400,", '{"a":[', "1]}"),
            repeated("9", '{"a":', "}"),
            repeated("a", '{"triggers":[{"type":"cron","', '":1}]}'),
            repeated("0", '{"triggers":[{"type":"interval","interval":"', '"}]}'),
            repeated("[", ""),
        ),
    ),
    "a Fusion task": TextInput(
        read=fusion_task,
        worst=(
            repeated("callParams", '{"', '":1}'),
            numbered('"%d":""', f'{TASK},"queryParams":{{', "}}}"),
            repeated("\xff", f'{TASK},"queryParams":{{"a":"', '"}}}'),
            numbered('"%d":""', f'{TASK},"headers":{{', "}}}"),
            spellings_of_content_type,
            repeated("a", TASK[:52] + '"uri":"', '"}}'),
            repeated("#", f'{TASK},"entity":"', '"}}'),
        ),
        patterns=("api.fusion.task_document._ID", "api.fusion.task_document._SCHEME"),
    ),
}
