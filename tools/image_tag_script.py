"""The script `examples/ci/image_tag.py`, which tells an app's CI the tag that an image of its content has.

It is what Package itself runs, in one file without this repository: `python -m tools.image_tag_script` writes it anew.
"""

import ast
import inspect
from pathlib import Path
from types import ModuleType

from pipeline_steps.build import content, dockerignore
from releases import names

FILE = Path(__file__).parent.parent / "examples" / "ci" / "image_tag.py"
HEAD = '''\
#!/usr/bin/env python3
"""The tag that a service's image has by what it is made of, for a CI that builds it before its release.

    python3 image_tag.py --platform linux/arm64 --build-arg MIX_ENV=prod

Copy it into the app's repository; Python 3.9 or later is all that it needs. It is written by `make docs` of
fargate-delivery from what the pipeline itself runs, so copy it anew when that has changed: another tag is no harm, the
image is built once more.
"""

'''
MAIN = '''

def main() -> None:
    """Print the tag."""
    parser = argparse.ArgumentParser(description="Print the tag of the image that a source becomes.")
    parser.add_argument("source", nargs="?", default=".", help="the top of the source, as it is zipped")
    parser.add_argument("--platform", required=True, help="of the service's tasks: linux/amd64 or linux/arm64")
    parser.add_argument("--context", default=".", help="build.context of the service")
    parser.add_argument("--dockerfile", help="build.dockerfile")
    parser.add_argument("--target", default="", help="build.target")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="each plain parameter")
    given = parser.parse_args()
    source = Path(given.source)
    dockerfile = given.dockerfile or str(PurePosixPath(given.context) / DOCKERFILE)
    arguments = dict(sorted(each.split("=", 1) for each in given.build_arg))
    built = Content(source, given.context, dockerfile, given.target, given.platform, arguments)
    if missing := list(built.missing()):
        parser.error(f"the source has no {missing[0]}")
    print(built.tag())


if __name__ == "__main__":
    main()
'''


def script() -> str:
    """The file's text."""
    bodies = [_body(module) for module in (dockerignore, content)]
    constants = f'CONTENT, CONTENT_DIGITS = "{names.CONTENT}", {names.CONTENT_DIGITS}\n'
    tag = inspect.getsource(names.content_tag)
    return "\n\n".join([f"{HEAD}{_imports(dockerignore, content)}\n{constants}", tag, *bodies]) + MAIN


def _imports(*modules: ModuleType) -> str:
    """What modules import of Python itself, and what `main` does."""
    whole, parts = {"argparse"}, dict[str, set[str]]()
    for node in (node for module in modules for node in ast.parse(inspect.getsource(module)).body):
        if isinstance(node, ast.Import):
            whole |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not str(node.module).startswith(("pipeline_steps", "releases")):
            parts.setdefault(str(node.module), set()).update(each.name for each in node.names)
    lines = [f"import {name}" for name in sorted(whole)]
    lines += [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(parts.items())]
    return "\n".join(lines) + "\n"


def _body(module: ModuleType) -> str:
    """What follows the imports."""
    source = inspect.getsource(module)
    last = max(node.end_lineno or 0 for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom))
    return "\n".join(source.splitlines()[last:]).strip() + "\n"


if __name__ == "__main__":
    FILE.write_text(script())
