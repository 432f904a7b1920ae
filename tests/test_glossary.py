"""The glossary: its paths exist, and no name of the code has a retired word."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "glossary.md").read_text()
TERMS, _, RETIRED = PAGE.partition("## Retired words")
EVERYWHERE = ("app", "workers", "local", "bench", "tests")
ROOMS = ("workers", "app/store", "app/domain")
GENERATED = "_pb2"
INSTALLED = ".installed"
"""The folder into which `make bench-peers` installs what others wrote."""


def retired_words() -> tuple[set[str], set[str]]:
    """The two lists that end the page: of all names, and of modules and classes of the rooms."""
    _, everywhere, _, rooms = RETIRED.strip().split("\n\n")
    return set(re.findall(r"[a-z]+", everywhere)), set(re.findall(r"[a-z]+", rooms))


def words_of(name: str) -> list[str]:
    """`LeasedRun` and `leased_run` alike in lower-case words."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def names_in(tree: ast.AST) -> Iterator[str]:
    """The names that a module gives: of classes, functions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def modules(rooms: Iterable[str]) -> Iterator[tuple[str, str, ast.AST]]:
    """Each module of the rooms: its path, its name and its tree."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            if GENERATED not in path.name and INSTALLED not in path.parts:
                yield path.relative_to(ROOT).as_posix(), path.stem, ast.parse(path.read_text())


def all_names() -> Iterator[tuple[str, str]]:
    """Each name of the code and its tests, with the file it stands in."""
    for where, module, tree in modules(EVERYWHERE):
        yield where, module
        yield from ((where, name) for name in set(names_in(tree)))


def modules_and_classes() -> Iterator[tuple[str, str]]:
    """Each module and class of the rooms, with the file it stands in."""
    for where, module, tree in modules(ROOMS):
        yield where, module
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield where, node.name


def having(retired: set[str], found: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{where}: {name}" for where, name in found if retired & set(words_of(name))]


def test_no_name_has_a_word_that_is_retired_everywhere() -> None:
    everywhere, _ = retired_words()
    assert having(everywhere, all_names()) == []


def test_no_module_or_class_of_the_rooms_has_a_retired_word() -> None:
    everywhere, rooms = retired_words()
    assert having(everywhere | rooms, modules_and_classes()) == []


def test_a_retired_word_is_found_in_names_of_either_spelling() -> None:
    found = [("a.py", "BellRinger"), ("a.py", "keeper_thread"), ("a.py", "Notifier")]
    assert having({"bell", "keeper"}, found) == ["a.py: BellRinger", "a.py: keeper_thread"]


def test_names_of_every_kind_are_found() -> None:
    tree = ast.parse("class A:\n  def b(self, c):\n    self.d = e = 1\n  async def f(g): g.h()")
    assert set(names_in(tree)) == {"A", "b", "self", "c", "d", "e", "f", "g"}


def test_each_term_has_a_meaning_in_a_sentence_and_a_path_in_the_tree() -> None:
    rows = [line.strip("| ").split(" | ") for line in TERMS.splitlines() if line.startswith("| ")]
    terms = [row for row in rows if row[0] != "term"]
    paths = [path for *_, where in terms for path in re.findall(r"`([\w/.]+)`", where)]

    assert len({term for term, *_ in terms}) == len(terms) > 40
    assert [term for term, meaning, _ in terms if not meaning.endswith(".")] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []
