"""Stand-ins for base images: each stands for a runtime of this machine.

Where an image is not pulled (`sandbox.containers.bases`), `FROM python:3.12-slim` gives this machine's Python, in the
places where the official image has it. An image whose runtime this machine lacks is refused like one that does not
exist.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from sandbox.containers.alpine import COMMANDS
from sandbox.containers.context import Ownership, write_text
from sandbox.containers.image import OWN_ROOT
from sandbox.containers.rootfs import ACCOUNTS, GROUPS, Bind, Runtime, inside

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DISTROLESS = {"static", "base", "base-nossl", "cc"}
"""Of gcr.io/distroless: those without a language, each with a Debian release at its end."""
SHELL_IMAGES = {"scratch", "debian", "ubuntu", "alpine", "busybox", "amazonlinux", "buildpack-deps"}
TOOLS = {
    "node": "node",
    "golang": "go",
    "ruby": "ruby",
    "elixir": "elixir",
    "erlang": "erl",
    "rust": "cargo",
    "php": "php",
    "perl": "perl",
    "eclipse-temurin": "java",
    "amazoncorretto": "java",
    "openjdk": "java",
}
PIP_NAMES = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack")
PIP_FOLDER = "/opt/python-base"  # outside sys.prefix: pip upgrades itself without touching it


class UnknownBaseImage(Exception):
    """No runtime of this machine stands for the image."""


@dataclass(frozen=True)
class Account:
    """A user that a base image has, with a group of the same name and number."""

    name: str
    number: int
    home: str


ACCOUNTS_OF = {"node": Account("node", 1000, "/home/node")}
"""Image → its own user, for COPY --chown and USER (nodejs/docker-node)."""
NONROOT = Account("nonroot", 65532, "/home/nonroot")
"""Of the distroless images, whose tags say whether it is who runs (GoogleContainerTools/distroless)."""


@dataclass(frozen=True)
class BaseImage:
    """What a base image gives: its configuration, and the name of its runtime ("" for a bare system).

    `account` is a user that it has beside those of every system, `commands` are programs of its own.
    """

    runtime: str
    description: str
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    user: str = ""
    account: Account | None = None
    commands: dict[str, str] = field(default_factory=dict)

    def furnish(self, root: Path) -> None:
        """Put its user and its commands into a root folder."""
        for name, text in self.commands.items():
            write_text(root, f"/usr/local/bin/{name}", name, text, Ownership(mode=0o755))
        if self.account is None:
            return
        name, number, home = self.account.name, self.account.number, self.account.home
        passwd = f"{ACCOUNTS}{name}:x:{number}:{number}::{home}:/bin/sh\n"
        write_text(root, "/etc/passwd", "passwd", passwd, Ownership())
        write_text(root, "/etc/group", "group", f"{GROUPS}{name}:x:{number}:\n", Ownership())
        inside(root, home).mkdir(parents=True)
        Ownership(number, number, 0o755).apply(inside(root, home))


def base_image(reference: str) -> BaseImage:
    """What `FROM reference` means on this machine; raises UnknownBaseImage."""
    path, _, tag = reference.partition("@")[0].rpartition("/")[2].partition(":")
    image = _distroless(path, tag) if "/distroless/" in reference else _official(path)
    return replace(image, commands=COMMANDS) if path == "alpine" or "alpine" in tag else image


def _distroless(name: str, tag: str) -> BaseImage:
    if name.split("-debian")[0] not in DISTROLESS:
        raise UnknownBaseImage(f"no runtime of this machine stands for the distroless image {name}")
    bare = BaseImage("", "this machine's system", {"PATH": SYSTEM_PATH}, account=NONROOT)
    return replace(bare, user=str(NONROOT.number)) if "nonroot" in tag else bare


def _official(name: str) -> BaseImage:
    if name in SHELL_IMAGES:
        bare = {} if name == "scratch" else {"PATH": SYSTEM_PATH}
        return BaseImage("", "this machine's system", bare, [] if name == "scratch" else ["/bin/sh"])
    if name == "python":
        version = platform.python_version()
        environment = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "PYTHON_VERSION": version}
        if _shared_library():
            environment["LD_LIBRARY_PATH"] = "/usr/local/lib"
        return BaseImage("python", f"this machine's Python {version}", environment, ["python3"])
    tool = TOOLS.get(name)
    if tool is None:
        raise UnknownBaseImage(f"no runtime of this machine stands for the image {name}")
    if shutil.which(tool) is None:
        raise UnknownBaseImage(f"the image {name} stands for this machine's {tool}, which is not installed")
    folder = _tool_folder(tool)
    path = f"{folder}/bin:{SYSTEM_PATH}" if folder else SYSTEM_PATH
    return BaseImage(name, f"this machine's {tool}", {"PATH": path}, [tool], account=ACCOUNTS_OF.get(name))


@cache
def runtime(name: str) -> Runtime:
    """The runtime of a base image by the name that BaseImage.runtime gave."""
    if name in ("", OWN_ROOT):
        return Runtime(machine=name == "")
    if name == "python":
        return _python()
    tool = TOOLS.get(name)
    program = shutil.which(tool) if tool else None
    if tool is None or program is None:
        raise UnknownBaseImage(f"the image needs this machine's {tool or name}, which is not installed")
    folder = _tool_folder(tool)
    if folder is None:
        return Runtime()
    return Runtime(binds=(Bind(Path(os.path.realpath(program)).parent.parent, folder),))


def _tool_folder(tool: str) -> str | None:
    """Where a tool that is installed outside the system's folders is shown; None for a system tool."""
    prefix = Path(os.path.realpath(shutil.which(tool) or "/usr/bin/x")).parent.parent
    if prefix in (Path("/usr"), Path("/")) or Path("/usr/lib") in prefix.parents:
        return None
    if prefix == Path("/usr/local") or Path("/usr/local") in prefix.parents:
        return str(prefix)
    return f"/opt/{tool}"


def _shared_library() -> bool:
    return bool(sysconfig.get_config_var("Py_ENABLE_SHARED")) and sys.base_prefix != "/usr"


def _python() -> Runtime:
    """Python at /usr/local, with pip, and with an empty site-packages of the image's own."""
    prefix = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if prefix == Path("/usr"):
        return Runtime(links={"usr/local/bin/python": f"/usr/bin/{name}"})
    packages = f"usr/local/lib/{name}/site-packages"
    binds = [
        Bind(prefix / "bin" / name, f"/usr/local/bin/{name}"),
        *(Bind(file, f"/usr/local/lib/{file.name}") for file in sorted(prefix.glob("lib/libpython*.so*"))),
        *(
            Bind(child, f"/usr/local/lib/{name}/{child.name}")
            for child in sorted((prefix / "lib" / name).iterdir())
            if child.name != "site-packages"
        ),
        *(
            Bind(child, f"{PIP_FOLDER}/{child.name}")
            for child in sorted((prefix / "lib" / name / "site-packages").iterdir())
            if child.name.partition("-")[0] in PIP_NAMES
        ),
    ]
    include = prefix / "include" / name
    if include.is_dir():
        binds.append(Bind(include, f"/usr/local/include/{name}"))
    pip = f"#!/usr/local/bin/{name}\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
    files = {
        f"{packages}/_python_base.pth": f"{PIP_FOLDER}\n",
        "usr/local/bin/pip": pip,
        "usr/local/bin/pip3": pip,
    }
    links = {"usr/local/bin/python": name, "usr/local/bin/python3": name}
    return Runtime(tuple(binds), files, links)
