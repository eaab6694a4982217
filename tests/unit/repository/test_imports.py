"""Who imports whom: the sandbox and the program not each other, and nobody himself by way of others.

Every import counts: those inside functions, and those for type checkers only (a module that names another one's types
knows it). Between the sandbox and the program the names of modules in strings count too, which `importlib` may import;
within the sandbox they are how parts are registered.
"""

import ast
import functools
import os
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SANDBOX, TESTS = "sandbox", "tests"
SOURCES: dict[tuple[str, ...], tuple[str, ...]] = {("sandbox", "src"): (), ("sandbox", "tests"): (TESTS, "sandbox")}
"""Folder → the package that its modules are in, where that is not the folder itself."""

Graph = Mapping[str, set[str]]


@functools.cache
def files() -> dict[str, Path]:
    """Module → its file."""
    found = {}
    for folder, folders, files_in in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        for file in (Path(folder, name) for name in files_in if name.endswith(".py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            parts = (*SOURCES.get(parts[:2], parts[:2]), *parts[2:])
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@functools.cache
def imports() -> dict[str, set[str]]:
    """Module → the repository's modules that it imports."""
    return {name: set(imported(_parsed(file), files())) - {name} for name, file in files().items()}


@functools.cache
def names() -> dict[str, set[str]]:
    """Module → the repository's modules that it imports, or names in a string."""
    return {name: imports()[name] | set(named(_parsed(file), files())) for name, file in files().items()}


@functools.cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(tree: ast.Module, known: Container[str]) -> Iterator[str]:
    """The known modules that a source imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in known:
                    yield name
                elif node.module in known:
                    yield str(node.module)


def named(tree: ast.Module, known: Container[str]) -> Iterator[str]:
    """The known modules within packages that a source has in a string, as `a.b` or `a.b:function`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            name = node.value.partition(":")[0]
            if name in known:
                yield name


def circles(graph: Graph) -> list[list[str]]:
    """The sets of nodes that reach each other, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in order:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], order[other])
        if lowest[node] == order[node]:
            circle = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def package(module: str) -> str:
    """A module's top-level package, in the sandbox its second level; a module in no package is its own."""
    parts = module.split(".")
    if parts[0] == SANDBOX:
        return ".".join(parts[:2])
    return parts[0]


def between_packages() -> dict[str, set[str]]:
    """Package → the packages that it imports."""
    graph: dict[str, set[str]] = {}
    for name, others in imports().items():
        graph.setdefault(package(name), set()).update(package(other) for other in others)
    return {name: others - {name} for name, others in graph.items() if name != TESTS}


def test_the_sandbox_imports_nothing_of_the_program() -> None:
    assert {
        f"{name} imports {other}"
        for name, others in names().items()
        for other in others
        if name.partition(".")[0] == SANDBOX != other.partition(".")[0]
    } == set()


def test_the_program_imports_nothing_of_the_sandbox() -> None:
    assert {
        f"{name} imports {other}"
        for name, others in names().items()
        for other in others
        if name.partition(".")[0] not in (SANDBOX, TESTS) and other.partition(".")[0] == SANDBOX
    } == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(imports()) == []


def test_no_package_imports_itself_by_way_of_others() -> None:
    assert circles(between_packages()) == []


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import a.b", {"a.b"}),
        ("from a import b", {"a.b"}),
        ("from a import name", {"a"}),
        ("def f():\n    from a.b import name", {"a.b"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a.b", {"a.b"}),
        ("import os, c", set()),
        ("importlib.import_module('a.b')", set()),
    ],
)  # fmt: skip
def test_what_counts_as_an_import(source: str, modules: set[str]) -> None:
    assert set(imported(ast.parse(source), ["a", "a.b"])) == modules


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("importlib.import_module('a.b')", {"a.b"}),
        ("LOADED = ('a.b:function',)", {"a.b"}),
        ("'About a.b.'", set()),
        ("WORD = 'a'", set()),
    ],
)  # fmt: skip
def test_what_counts_as_a_name(source: str, modules: set[str]) -> None:
    assert set(named(ast.parse(source), ["a", "a.b"])) == modules


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b", "c"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, [["c", "d"], ["a", "b"]]),
    ],
)  # fmt: skip
def test_which_circles_there_are(graph: Graph, found: list[list[str]]) -> None:
    assert circles(graph) == found
