"""Writes the reference of the components from their sources, by `make docs`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reference/components.md"
HEAD = """\
# The components

`make docs` generates this page from the components' sources. Create each with `Name(name, args, opts)`; it is the
parent of all its resources. [A program of your own](../../examples/own-program/README.md) uses three of them.
Values such as `Route` or `Task` are the models of [a stack file's keys](stack-file.md).
"""


def page() -> str:
    """The whole page."""
    classes = {node.name: node for _, node in _classes()}
    return HEAD + "".join(_section(file, component, classes) for file, component in components())


def components() -> Iterator[tuple[Path, ast.ClassDef]]:
    """Each component with its file."""
    for file, node in _classes():
        if any(ast.unparse(base) == "pulumi.ComponentResource" for base in node.bases):
            yield file, node


def _classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for file in sorted((ROOT / "components").rglob("*.py")):
        yield from ((file, node) for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.ClassDef))


def _section(file: Path, component: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> str:
    path = file.relative_to(ROOT).as_posix()
    token = re.search(r'"(fargate-delivery:index:\w+)"', ast.unparse(component).replace("'", '"'))
    about = _paragraphs(ast.get_docstring(component) or "")
    return (
        f"\n## `{component.name}`\n\n[`{path}`](../../{path})"
        f"{f', `{token[1]}`' if token else ''}\n\n{about}\n"
        f"{_table('input', _inputs(component, classes))}{_table('output', _attributes(component))}"
    )


def _inputs(component: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[tuple[str, str, str]]:
    """Of the class that its constructor takes as `args`, and of those that it extends."""
    made = next(node for node in component.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    annotation = made.args.args[2].annotation
    name = ast.unparse(annotation) if annotation else ""
    return _all_of(name, classes)


def _all_of(name: str, classes: dict[str, ast.ClassDef]) -> list[tuple[str, str, str]]:
    if name not in classes:
        return []
    inherited = [row for base in classes[name].bases for row in _all_of(ast.unparse(base), classes)]
    return inherited + _attributes(classes[name])


def _attributes(node: ast.ClassDef) -> list[tuple[str, str, str]]:
    """Name, type and meaning of each public attribute with an annotation."""
    rows = []
    for index, each in enumerate(node.body):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not each.target.id.startswith("_"):
            after = node.body[index + 1] if index + 1 < len(node.body) else None
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            rows.append((each.target.id, ast.unparse(each.annotation), str(text)))
    return rows


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    lines = "".join(
        f"| `{name}` | {_type(kind)} | {' '.join(text.split())} |\n".replace(" |  |", " | |")
        for name, kind, text in rows
    )
    return f"\n| {title} | type | |\n|---|---|---|\n{lines}" if rows else ""


def _type(annotation: str) -> str:
    """Without what says only that it may be left out."""
    inner = re.fullmatch(r"NotRequired\[(.*)\]", annotation)
    kind = inner[1] if inner else annotation
    return f"`{kind}`{', optional' if inner else ''}".replace("|", "\\|")


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
