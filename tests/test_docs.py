"""The pages tell of all there is, of nothing that is not there, and lead nowhere that is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
from flask import Flask

from app import commands, config, create_app, people_commands
from app.api import problems
from app.api.dapr import commands as dapr_commands
from app.api.fusion import commands as fusion_commands
from app.domain import limits
from app.errors import Misconfigured, WakecallError
from app.service import health
from app.store.backlog import Backlog
from app.store.engine import db
from tests.api.routes import rules

ROOT = Path(__file__).parent.parent
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")})
SOURCES = [
    *ROOT.glob("app/**/*.py"),
    *ROOT.glob("workers/**/*.py"),
    *ROOT.glob("local/**/*.py"),
    *(path for path in ROOT.glob("bench/**/*.py") if ".installed" not in path.parts),
]
SETTINGS = ROOT / "docs" / "settings.md"
OPERATIONS = ROOT / "docs" / "operations.md"

NOT_OURS = {"PATH"}
COMMANDS = {"__main__", "command"}
"""The modules of a target of `make` that read its variables."""
OFFERED: tuple[click.Command, ...] = (
    *(commands.account, commands.key, commands.secret),
    *(dapr_commands.dapr_app, dapr_commands.run_sidecar, dapr_commands.run_grpc),
    fusion_commands.fusion_runner,
    *(people_commands.invite, people_commands.beta, people_commands.user, people_commands.outbox),
)
DATABASE = {"DATABASE_URL": "postgresql://nowhere/x"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application that is asked what it offers, and never asked to do it."""
    home = tmp_path_factory.mktemp("home")
    return create_app(config.load({**DATABASE, "WAKECALL_HOME": str(home)}))


def reference() -> str:
    """All pages below docs/, decisions left out: those tell why, not what there is."""
    return "\n".join(page.read_text() for page in sorted(ROOT.glob("docs/*.md")))


def first_cells(page: Path) -> dict[str, list[str]]:
    """The rows of all tables of a page whose first cell is code, by that code."""
    rows = (line.strip("| ").split(" | ") for line in page.read_text().splitlines() if "|" in line)
    return {cells[0].strip("`"): cells for cells in rows if re.fullmatch(r"`[^`]+`", cells[0])}


# Settings.


def variables_read() -> set[str]:
    """The environment variables that Python, Procfile and Makefile read."""
    found = set()
    makefile = (ROOT / "Makefile").read_text()
    started = {
        ROOT.joinpath(*name.split(".")) for name in re.findall(r"-m (tests[.\w]+)", makefile)
    }
    makes = [each for folder in started for each in folder.glob("*.py") if each.stem in COMMANDS]
    for source in [*SOURCES, ROOT / "wsgi.py", *makes]:
        # What HTTP code calls `environ` is a request.
        is_web = not {"api", "console", "docs_site"}.isdisjoint(source.parts)
        mappings = {"os.environ"} if is_web else {"environ", "environment"}
        for node in ast.walk(ast.parse(source.read_text())):
            found |= set(_names(node, mappings))
    found |= set(re.findall(r"\$\{(\w+)", (ROOT / "Procfile").read_text()))
    found |= set(re.findall(r"^(?:export )?([A-Z]+)(?: \?=|$)", makefile, re.MULTILINE))
    found |= set(re.findall(r"\$\(or \$\(([A-Z]+)\)", makefile))
    return (found | {each.setting for each in limits.TABLE}) - NOT_OURS


def _names(node: ast.AST, mappings: set[str]) -> Iterator[str]:
    """The variable that an expression such as `environ.get("X")` or `environ["X"]` names."""
    match node:
        case ast.Call(
            func=ast.Name(id="number" | "of_environment"),
            args=[_, ast.Constant(value=str(name)), *_],
        ):
            yield name
        case (
            ast.Call(func=ast.Attribute(value=at, attr="get"), args=[ast.Constant(value=name), *_])
            | ast.Subscript(value=at, slice=ast.Constant(value=name), ctx=ast.Load())
        ) if {ast.unparse(at), ast.unparse(at).rpartition(".")[2]} & mappings:
            yield str(name)
        case _:
            return


def variables_told_of() -> set[str]:
    return {name for name in first_cells(SETTINGS) if name.isupper() and "." not in name}


def test_every_setting_is_documented() -> None:
    assert variables_read() <= variables_told_of()


def test_every_documented_setting_is_read() -> None:
    assert variables_told_of() <= variables_read()


def test_documented_defaults_are_those_in_use(tmp_path: Path) -> None:
    basis = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}
    documented = {
        name: cells[1].strip("`")
        for name, cells in first_cells(SETTINGS).items()
        if name in variables_told_of() and re.fullmatch(r"`[^`]+`", cells[1])
    }

    assert documented.keys() >= {"PORT", "WAKECALL_CONCURRENCY", "WAKECALL_RETENTION_DAYS"}
    for name, value in documented.items():
        used = config.load({key: text for key, text in basis.items() if key != name})
        assert used == config.load({**basis, name: value}), name


def test_every_file_of_the_data_directory_is_documented() -> None:
    drawn = ast.get_docstring(ast.parse((ROOT / "local" / "home.py").read_text())) or ""
    names = re.findall(r"^[├└]── ([\w.-]+/?)", drawn, re.MULTILINE)

    assert names
    assert [name for name in names if f"`{name}`" not in SETTINGS.read_text()] == []


# What is offered: routes, error codes, metrics, events, commands.


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Method and path of all that is answered, paths as the pages write them."""
    for rule in rules(app):
        path = re.sub(r"<(uuid:\w+|app_id|key_id)>", "<id>", rule.rule)
        path = re.sub(r"<(?:job|dapr)_name:_\w+>", "<name>", path)
        # The pages tell once of the prefixes that Fusion's routes have.
        path = re.sub(r"^/api(/apollo)?(/apps/<app>)?/", "/api/", path)
        path = re.sub(r"<\w+_(\w+)>", r"<\1>", path)
        both = ("<when>/<callback>", "<cron>/<callback>")
        for written in {re.sub(r"<booking_path:\w+>", form, path) for form in both}:
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield method, written


def test_the_routes_documented_are_those_there_are(app: Flask) -> None:
    documented = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?]*)`", reference()))

    assert documented == set(routes(app))


def statuses(error: type[WakecallError]) -> Iterator[tuple[str, int]]:
    kind = next(problems.KINDS[each] for each in error.__mro__ if each in problems.KINDS)
    # The command line tells of this one, in words alone.
    if error is not Misconfigured:
        yield error.code, kind.status
    for further in error.__subclasses__():
        yield from statuses(further)


def test_the_error_codes_documented_are_those_there_are_with_their_statuses() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", reference(), re.MULTILINE)

    assert {code: int(status) for status, code in rows} == dict(statuses(WakecallError))


def metrics() -> set[str]:
    families = [*health._counters({}), *health._gauges(Backlog(0, {}), frozenset(), 0.0)]
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in families}


def test_the_metrics_documented_are_those_there_are() -> None:
    documented = {name for name in first_cells(OPERATIONS) if name.startswith("wakecall_")}

    assert documented == metrics()


def events() -> Iterator[str]:
    """What log lines are called, in all the code."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=where), args=[ast.Constant(value=str(event)), *_]
                ) if ast.unparse(where).rpartition(".")[2] == "logger":
                    yield event
                case ast.Call(
                    func=ast.Name(id="lines" | "_common_fields"),
                    args=[ast.Constant(value=str(event)), _],
                ):
                    yield event
                case _:
                    continue


def test_the_log_events_documented_are_those_there_are() -> None:
    table = OPERATIONS.read_text().partition("| event |")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    documented = {event for row in rows for event in re.findall(r"`([^`]+)`", row.split(" | ")[0])}

    assert documented == set(events())


def test_what_bounds_each_table_is_documented() -> None:
    section = OPERATIONS.read_text().partition("## What an account may store")[2]
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    documented = [table for row in rows for table in re.findall(r"`(\w+)`", row.split(" | ")[0])]

    assert sorted(documented) == sorted(db.metadata.tables)


def command_lines(group: click.Command, words: str) -> Iterator[str]:
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from command_lines(command, f"{words} {name}")
    else:
        arguments = (each for each in group.params if isinstance(each, click.Argument))
        yield " ".join([words, *(each.make_metavar(click.Context(group)) for each in arguments)])


@pytest.mark.usefixtures("app")
def test_every_command_is_documented() -> None:
    offered = {
        line for group in OFFERED for line in command_lines(group, f"flask --app wsgi {group.name}")
    }
    documented = {name for name in first_cells(OPERATIONS) if name.startswith("flask ")}

    assert documented - {"flask --app wsgi db upgrade"} == offered


@pytest.mark.usefixtures("app")
def test_every_option_of_a_command_is_documented() -> None:
    page = OPERATIONS.read_text()
    options = [
        flag
        for group in OFFERED
        for command in (group.commands.values() if isinstance(group, click.Group) else [group])
        for each in command.params
        if isinstance(each, click.Option)
        for flag in each.opts
    ]

    assert [flag for flag in options if flag not in page] == []


# What the pages name is in the tree.


@pytest.mark.parametrize("page", ["architecture.md", "state_machine.md"])
def test_what_a_page_names_is_in_the_tree(page: str) -> None:
    """Paths, functions, statements, columns, states: a name that was changed is noticed here."""
    code = [*SOURCES, *ROOT.glob("app/**/*.sql"), *ROOT.glob("migrations/versions/*.py")]
    known = set(
        re.findall(r"\w+", "\n".join(each.read_text() for each in [*code, ROOT / "Procfile"]))
    )
    named = re.findall(r"`([A-Za-z_]+(?:[./][A-Za-z_]+)*)`", (ROOT / "docs" / page).read_text())

    assert named
    paths = {name for name in named if "/" in name}
    missing = {path for path in paths if not (ROOT / path).exists()}
    missing |= {name for name in set(named) - paths if not set(name.split(".")) <= known}
    assert missing == set()


# Links and numbers.


def links(page: Path) -> Iterable[str]:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    """How GitHub names the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_page_has_conflict_markers() -> None:
    marker = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    assert [page.name for page in PAGES if marker.search(page.read_text())] == []


def test_every_relative_link_leads_somewhere() -> None:
    dead = []
    for page in PAGES:
        for link in links(page):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = unquote(link).partition("#")
            target = page.parent / path if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                dead.append(f"{page.relative_to(ROOT)}: {link}")

    assert dead == []


def test_decisions_are_numbered_without_gaps_or_doubles() -> None:
    names = sorted(path.name for path in DECISIONS.glob("*.md") if path.name != "README.md")

    assert [name[:5] for name in names] == [f"{n:04}-" for n in range(1, len(names) + 1)]


def test_the_index_of_decisions_names_each_by_its_title() -> None:
    index = (DECISIONS / "README.md").read_text()
    for page in sorted(DECISIONS.glob("0*.md")):
        title = page.read_text().splitlines()[0].removeprefix("# ")

        assert title.startswith(f"{int(page.name[:4])}. ")
        assert f"[{title}]({page.name})" in index


def test_decisions_named_in_the_code_exist() -> None:
    named = {
        name
        for source in SOURCES
        for name in re.findall(r"docs/decisions/(\d{4}[\w-]*(?:\.md)?)", source.read_text())
    }

    assert [name for name in named if not [*DECISIONS.glob(f"{name.removesuffix('.md')}*")]] == []
