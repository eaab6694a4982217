"""Dockerfiles: what the parser reads, and what real-life files build to."""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.containers.context import Context, CopyError
from sandbox.containers.docker import Docker, DockerError
from sandbox.containers.dockerfile import DockerfileError, expand, parse
from sandbox.containers.flags import UsageError
from sandbox.containers.image import Image
from sandbox.containers.namespace import find_user
from sandbox.containers.runtimes import ACCOUNTS_OF, BaseImage
from sandbox.containers.store import ImageStore


class Shop:
    """A build context and a `docker` without a registry."""

    def __init__(self, folder: Path) -> None:
        self.context = folder / "context"
        self.context.mkdir()
        self.environment: dict[str, str] = {}
        self.store = ImageStore(folder / "state")
        self.lines: list[str] = []

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.context / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def docker(self, *arguments: str) -> None:
        def no_registry(region: str) -> Any:
            raise AssertionError(f"a client of ECR in {region} was asked for")

        docker = Docker(self.store, self.environment, self.lines.append, self.lines.append, no_registry)
        docker.run([str(word) for word in arguments], lambda: "")

    def build(self, dockerfile: str, *arguments: str) -> Image:
        (self.context / "Dockerfile").write_text(dockerfile)
        self.docker("build", "-t", "x", *arguments, str(self.context))
        image = self.store.find("x")
        assert image is not None
        return image

    def failure(self, dockerfile: str, *arguments: str) -> str:
        with pytest.raises(DockerError) as caught:
            self.build(dockerfile, *arguments)
        return str(caught.value)

    @property
    def output(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def files_of(image: Image, folder: Path) -> dict[str, str]:
    image.extract(folder)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A-${B}", "1-"),
        ("${B:-two}${A:+yes}${A:-no}", "twoyes1"),
        ("${E-set}${E:-empty}", "empty"),
        ("'$A'", "$A"),
        ('"$A b"', "1 b"),
        (r"\$A", "$A"),
        ("${B:-${A}}x", "1x"),
        ("$", "$"),
    ],
)
def test_variables(word: str, expected: str) -> None:
    assert expand(word, {"A": "1", "E": ""}) == expected


@pytest.mark.parametrize("word", ["${A#x}", "${A:?}", "'open"])
def test_variables_that_cannot_be_replaced(word: str) -> None:
    with pytest.raises(ValueError, match=r"modifier|not allowed|quote|matching"):
        expand(word, {})


def test_continuations_comments_heredocs_and_directives() -> None:
    text = '# escape=`\nFROM debian AS One\nRUN a `\n# note\n\n  b\nCOPY <<-\'E\' /x\n\tline\n\tE\nCMD ["p", "q"]\n'
    stage = parse(text).stages[0]
    run, copy, command = stage.instructions
    assert (stage.name, run.line, run.rest) == ("one", 3, "a   b")
    assert (copy.heredocs[0].text, copy.heredocs[0].literal) == ("line\n", True)
    assert command.exec_form == ["p", "q"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM debian\nONBUILD RUN x", r"line 2: ONBUILD is not supported"),
        ("FROM debian\nRUNN x", r"line 2: unknown instruction: RUNN"),
        ("RUN x", r"line 1: no build stage"),
        ("", r"no FROM"),
        ("FROM debian\nRUN <<E\nx", r"line 2: unterminated heredoc E"),
        ("FROM a b", r"line 1: FROM requires"),
    ],
)
def test_mistakes_name_their_line(text: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=message):
        parse(text)


def test_dockerignore(tmp_path: Path) -> None:
    context = Context(tmp_path, "# c\n*.log\n**/secret\nnode_modules\n!node_modules/keep\n/top\n")
    ignored = ["a.log", "x/y/secret", "secret/z", "node_modules/x", "top"]
    kept = ["x/a.log", "node_modules/keep", "x/top", "src"]
    assert [name for name in ignored + kept if context.ignored(name)] == ignored


def test_a_python_service_of_two_stages(shop: Shop, tmp_path: Path) -> None:
    shop.write(
        app_dot_py="print('hi')\n", requirements_dot_txt="", notes_dot_log="no", _dot_dockerignore="*.log\nDockerfile\n"
    )
    shop.environment["TOKEN"] = "top-secret-value"  # noqa: S105
    image = shop.build(
        """\
# syntax=docker/dockerfile:1
ARG PYTHON=3.12
FROM public.ecr.aws/docker/library/python:${PYTHON}-slim AS build
ARG FLAVOUR=none
WORKDIR /usr/src/app
COPY requirements.txt ./
COPY . .
RUN --mount=type=secret,id=TOKEN test "$(cat /run/secrets/TOKEN)" = top-secret-value
RUN --mount=type=secret,id=TOKEN,env=KEY test "$KEY" = top-secret-value && echo "$FLAVOUR" > flavour
RUN ls /run/secrets 2>/dev/null && exit 1 || true

FROM python:3.12-slim
ENV MODE=web TITLE="a b"
RUN useradd --create-home app && mkdir -p /var/lib/app && chown app /var/lib/app
WORKDIR /srv/app
COPY --from=build --chown=app:app /usr/src/app ./
USER app
RUN id -un > /var/lib/app/who
EXPOSE 8000
LABEL version=$MODE
ENTRYPOINT ["python"]
CMD ["app.py"]
""",
        *("--build-arg", "FLAVOUR=sweet", "--secret", "id=TOKEN,env=TOKEN"),
    )
    files = files_of(image, tmp_path / "out")
    assert files["srv/app/flavour"] == "sweet\n"
    assert files["var/lib/app/who"] in ("app\n", "root\n")
    assert "srv/app/notes.log" not in files
    assert not any("top-secret-value" in text for text in files.values())
    assert [name for name in files if name.startswith(("usr/", "run", "etc/ssl"))] == []
    assert image.config["Entrypoint"] == ["python"]
    assert image.config["Cmd"] == ["app.py"]
    assert image.config["User"] == "app"
    assert image.config["WorkingDir"] == "/srv/app"
    assert image.config["ExposedPorts"] == {"8000/tcp": {}}
    assert image.config["Labels"] == {"version": "web"}
    assert image.environment["TITLE"] == "a b"
    assert image.runtime == "python"


def test_the_same_content_has_the_same_digest(shop: Shop) -> None:
    text = "FROM debian\nCOPY a /a\nRUN mkdir /b && echo x > /b/c\n"
    shop.write(a="one")
    first = shop.build(text).digest
    os.utime(shop.context / "a", (1, 1))
    assert shop.build(text).digest == first
    shop.write(a="two")
    assert shop.build(text).digest != first


def test_a_failing_command(shop: Shop) -> None:
    message = shop.failure("FROM debian\nRUN echo before; exit 3\n")
    assert 'process "/bin/sh -c echo before; exit 3" did not complete successfully: exit code: 3' in message
    assert "Dockerfile:2" in message
    assert re.search(r"#\d+ \d\.\d+ before", shop.output)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM debian\nCOPY nope /x\n", 'failed to compute cache key: "/nope": not found'),
        ("FROM debian\nCOPY ../../etc/passwd /x\n", 'failed to compute cache key: "/etc/passwd": not found'),
        ("FROM debian\nCOPY --from=nobody /x /y\n", "nobody: failed to resolve source metadata"),
        ("FROM nginx:1\n", "nginx:1: failed to resolve source metadata: no runtime of this machine"),
        ("FROM debian\nUSER nobody-here\nRUN true\n", "unable to find user nobody-here"),
        ("FROM debian\nADD https://example.com/x /x\n", "ADD of a remote source is not supported"),
        ("FROM debian\nRUN --mount=type=ssh true\n", "--mount=type=ssh is not supported"),
        ("FROM debian\nRUN --mount=type=secret,id=x,required=true true\n", "secret x: not found"),
        ("FROM debian\nCOPY --parents a b\n", "--parents is not supported"),
        ('FROM debian\nRUN ["nope"]\n', 'exec: "nope": executable file not found in $PATH'),
    ],
)
def test_what_cannot_be_built(shop: Shop, text: str, message: str) -> None:
    assert message in shop.failure(text)


def test_heredocs_shell_and_exec_forms(shop: Shop, tmp_path: Path) -> None:
    image = shop.build(
        """\
FROM debian
ARG NAME=bob
RUN <<EOF
set -e
echo one > /one
echo "$NAME" >> /one
EOF
RUN <<EOF
#!/bin/bash
[[ x == x ]] && echo script > /two
EOF
RUN cat <<EOF > /three
body
EOF
COPY <<EOF <<'RAW' /texts/
hello ${NAME}
EOF
hello ${NAME}
RAW
SHELL ["/bin/bash", "-c"]
RUN [[ 1 == 1 ]] && echo bash > /four
RUN ["/bin/sh", "-c", "echo exec > /five"]
CMD echo $NAME
"""
    )
    files = files_of(image, tmp_path / "out")
    assert files["one"] == "one\nbob\n"
    assert [files[name] for name in ("two", "three", "four", "five")] == ["script\n", "body\n", "bash\n", "exec\n"]
    assert (files["texts/EOF"], files["texts/RAW"]) == ("hello bob\n", "hello ${NAME}\n")
    assert image.config["Cmd"] == ["/bin/bash", "-c", "echo $NAME"]


def test_copying(shop: Shop, tmp_path: Path) -> None:
    shop.write(a="1", dir__b="2", dir__sub__c="3", dir2__d="4")
    with tarfile.open(shop.context / "pack.tar.gz", "w:gz") as archive:
        archive.add(shop.context / "a", "./packed/a")
    image = shop.build(
        """\
FROM debian
WORKDIR /w
COPY a renamed
COPY dir into
COPY a dir2 many/
COPY --chmod=750 a exe
COPY dir/* flat/
COPY none* maybe/
ADD pack.tar.gz unpacked/
RUN --mount=type=cache,target=/cache echo 1 >> /cache/n && --mount 2>/dev/null; true
"""
    )
    files = files_of(image, tmp_path / "out")
    names = {name for name in files if name.startswith("w/")}
    assert names == {
        *("w/renamed", "w/into/b", "w/into/sub/c", "w/many/a", "w/many/d", "w/exe", "w/flat/b", "w/flat/c"),
        "w/unpacked/packed/a",
    }
    assert (tmp_path / "out/w/exe").stat().st_mode & 0o777 == 0o750
    assert not any(name.startswith("cache/") for name in files)


def test_links_of_an_image_do_not_lead_out_of_it(shop: Shop, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "secret").write_text("host")
    shop.write(f="evil")
    text = f"FROM debian AS a\nRUN ln -s {victim} /out\nCOPY f /out/f\n"
    image = shop.build(text)
    assert list(victim.iterdir()) == [victim / "secret"]
    assert files_of(image, tmp_path / "out")[f"{str(victim)[1:]}/f"] == "evil"
    assert "not found" in shop.failure(text + "FROM debian\nCOPY --from=a /out/secret /x\n")
    (shop.context / "link").symlink_to(victim)
    with pytest.raises(CopyError, match="not found"):
        Context(shop.context).find("link/secret")


def test_stages_that_are_not_needed_are_not_built(shop: Shop) -> None:
    text = "FROM debian AS a\nRUN exit 1\nFROM debian AS b\nRUN true\nFROM a AS c\n"
    shop.build(text, "--target", "b")
    assert "exit code: 1" in shop.failure(text)
    assert 'target stage "z" could not be found' in shop.failure(text, "--target=z")


def test_arguments(shop: Shop) -> None:
    shop.build('FROM debian\nARG A\nARG B=b\nRUN test "$A$B$C" = 1b\n', "--build-arg", "A=1", "--build-arg", "C=3")
    assert "One or more build-args ['C'] were not consumed" in shop.output


def test_an_image_of_before_is_a_base(shop: Shop) -> None:
    shop.build("FROM python:3\nENV A=1\nRUN echo base > /base\nWORKDIR /w\n", "-t", "base:1")
    image = shop.build('FROM base:1\nRUN test "$(cat /base)$A$(pwd)" = base1/w\n')
    assert image.runtime == "python"


def test_the_machine_is_not_written_to(shop: Shop) -> None:
    message = shop.failure("FROM debian\nRUN touch /usr/bin/hello-from-a-build\n")
    assert "exit code: 1" in message
    assert not Path("/usr/bin/hello-from-a-build").exists()


def test_commands_and_flags_that_are_unknown(shop: Shop) -> None:
    for arguments, named in [
        (["run", "x"], "docker run"),
        (["buildx", "create"], "docker buildx create"),
        (["build", "--squash", "."], "--squash"),
        (["push", "--all-tags", "x"], "--all-tags"),
        (["build", "--platform", "linux/amd64,linux/arm64", str(shop.context)], "one platform"),
    ]:
        (shop.context / "Dockerfile").write_text("FROM debian")
        with pytest.raises(UsageError, match=named):
            shop.docker(*arguments)


def test_results_of_a_build(shop: Shop, tmp_path: Path) -> None:
    image = shop.build("FROM debian\n", "--metadata-file", str(tmp_path / "m"), "--iidfile", str(tmp_path / "i"))
    assert image.digest in (tmp_path / "m").read_text()
    assert (tmp_path / "i").read_text() == image.blob_digests[0]
    assert image.configuration["os"] == "linux"
    assert shop.build("FROM debian\n", "--platform=linux/arm64").configuration["architecture"] == "arm64"


@pytest.mark.parametrize(
    ("dockerfile", "platform", "recorded"),
    [
        ("FROM debian\nRUN true\n", "linux/amd64", "amd64"),
        ("FROM debian\nRUN true\n", "linux/arm64", None),
        ("FROM debian\nCOPY Dockerfile .\n", "linux/arm64", "arm64"),
        ("FROM --platform=linux/arm64 debian\nRUN true\n", "", None),
        (
            "FROM --platform=$BUILDPLATFORM debian AS b\nRUN touch /x\nFROM debian\nCOPY --from=b /x /\n",
            "linux/arm64",
            "arm64",
        ),
        ("FROM foreign\nRUN true\n", "", None),
    ],
)
def test_a_machine_runs_programs_of_its_own_architecture_only(
    shop: Shop, dockerfile: str, platform: str, recorded: str | None
) -> None:
    shop.store.tag("foreign", shop.build("FROM debian\n", "--platform=linux/arm64"))
    if recorded is not None:
        assert shop.build(dockerfile, f"--platform={platform}").configuration["architecture"] == recorded
        return
    failure = shop.failure(dockerfile, f"--platform={platform}")
    assert failure.endswith('process "/bin/sh -c true" did not complete successfully: exit code: 1')
    assert "exec /bin/sh: exec format error" in shop.output


def test_pushing_needs_a_login_and_a_registry_of_ecr(shop: Shop) -> None:
    shop.build("FROM debian\n", "-t", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1")
    with pytest.raises(DockerError, match="no basic auth credentials"):
        shop.docker("push", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1")
    with pytest.raises(DockerError, match="denied"):
        shop.docker("push", "x")
    with pytest.raises(DockerError, match="does not exist locally"):
        shop.docker("push", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2")
    with pytest.raises(DockerError, match="400 Bad Request"):
        shop.docker("login", "-u", "AWS", "-p", "guess", "123456789012.dkr.ecr.eu-west-1.amazonaws.com")


def test_a_login_to_another_registry_is_taken_as_it_is_and_said(shop: Shop) -> None:
    shop.docker("login", "--username", "team", "-p", "s3cret", "docker.io")
    assert shop.lines == [
        "note: the login to docker.io is taken as it is: this stand-in for docker uses it for base images",
        "Login Succeeded",
    ]
    with pytest.raises(DockerError, match="400 Bad Request"):
        shop.docker("login", "--username", "team", "--password-stdin", "docker.io")


def test_nothing_of_a_build_is_left(shop: Shop) -> None:
    shop.failure("FROM debian\nRUN sleep 300 & exit 1\n")
    assert not list(shop.store.folder.glob("build-*"))
    assert str(shop.store.folder) not in Path("/proc/mounts").read_text()


USERS = {
    "gcr.io/distroless/static-debian12:nonroot": ("ENV A=b", "", "65532:65532 /home/nonroot"),
    "gcr.io/distroless/base-debian12": ("ENV A=b", "nonroot:nonroot", "65532:65532 /home/nonroot"),
    "python:3.12-alpine": (
        "RUN addgroup -g 1500 -S app && adduser -S -D -H -u 1501 -G app app",
        "app",
        "1501:1500 /home/app",
    ),
    "alpine:3.20": ("RUN adduser -D -u 1600 app", "app", "1600:1600 /home/app"),
    "debian:12": ("RUN groupadd --gid 1700 app && useradd --uid 1701 --gid app app", "app", "1701:1700 /home/app"),
}


@pytest.mark.parametrize("base", USERS)
def test_users_of_base_images_and_new_ones(shop: Shop, tmp_path: Path, base: str) -> None:
    run, user, expected = USERS[base]
    wanted = f"USER {user}\n" if user else ""
    image = shop.build(f"FROM {base}\n{run}\n{wanted}CMD true\n")
    root = tmp_path / "root"
    image.extract(root)
    found = find_user(root, image.config.get("User") or "root")
    assert f"{found.uid}:{found.gid} {found.home}" == expected


def test_the_user_of_node_s_image(tmp_path: Path) -> None:
    BaseImage("", "a machine without node", account=ACCOUNTS_OF["node"]).furnish(tmp_path)
    found = find_user(tmp_path, "node:node")
    assert (found.uid, found.gid, found.home) == (1000, 1000, "/home/node")
    assert (tmp_path / "home/node").is_dir()
