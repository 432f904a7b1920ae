"""The glossary: its paths exist, and no class or module has a retired word in its name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "glossary.md").read_text()
TERMS, _, RETIRED = PAGE.partition("## Retired words")
ROOMS = ("workers", "app/store", "app/domain")


def retired_words() -> set[str]:
    """The list that ends the page, one lower-case word each."""
    return set(re.findall(r"[a-z]+", RETIRED.rpartition("\n\n")[2]))


def words_of(name: str) -> list[str]:
    """`LeasedRun` and `leased_run` alike in lower-case words."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def names() -> Iterator[tuple[str, str]]:
    """Each module and class of the rooms, with the file it stands in."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            where = path.relative_to(ROOT).as_posix()
            yield where, path.stem
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    yield where, node.name


def bearing_retired_words(found: Iterator[tuple[str, str]]) -> list[str]:
    retired = retired_words()
    return [f"{where}: {name}" for where, name in found if retired & set(words_of(name))]


def test_no_module_or_class_bears_a_retired_word() -> None:
    assert bearing_retired_words(names()) == []


def test_a_retired_word_is_found_in_names_of_either_spelling() -> None:
    found = iter([("a.py", "BellRinger"), ("a.py", "keeper_thread"), ("a.py", "Notifier")])
    assert bearing_retired_words(found) == ["a.py: BellRinger", "a.py: keeper_thread"]


def test_each_term_has_a_meaning_in_a_sentence_and_a_path_in_the_tree() -> None:
    rows = [line.strip("| ").split(" | ") for line in TERMS.splitlines() if line.startswith("| ")]
    terms = [row for row in rows if row[0] != "term"]
    paths = [path for *_, where in terms for path in re.findall(r"`([\w/.]+)`", where)]

    assert len({term for term, *_ in terms}) == len(terms) > 40
    assert [term for term, meaning, _ in terms if not meaning.endswith(".")] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []
