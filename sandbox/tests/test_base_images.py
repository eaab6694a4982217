"""Base images that are pulled: how they are asked for, what stands in for them, and what is built and runs on them."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from image_registry import ImageRegistry, image_registry, layer

from pipeline_steps.build.docker import DENIED, LIMITED
from sandbox.base_images import AUTO, REGISTRY, STAND_IN, Settings, chosen
from sandbox.containers.bases import ARCHITECTURES, REMEMBERED_SECONDS, Bases, NotPulledError, answers_not, folder_of
from sandbox.containers.docker import Docker, DockerError
from sandbox.containers.image import OWN_ROOT, Image
from sandbox.containers.registry import RegistryError
from sandbox.containers.remote import Access, canonical
from sandbox.containers.store import ImageStore
from sandbox.containers.task import ContainerSpec, RunningContainer

OWN = ARCHITECTURES[platform.machine()]


@pytest.fixture
def registry() -> Iterator[ImageRegistry]:
    with image_registry() as served:
        yield served


class Client:
    """A `docker` that pulls base images in a mode, and builds Dockerfiles of one folder."""

    def __init__(self, folder: Path, mode: str, registry: ImageRegistry) -> None:
        self.context = folder / "context"
        self.context.mkdir()
        self.folder = folder
        self.registry = registry
        self.store = ImageStore(folder / "state")
        self.lines: list[str] = []
        self.now = 0.0
        self.probes: list[str] = []
        self.unreached = ""
        self.bases = Bases(folder / "images", Settings(mode), lambda: self.now, self._probe)

    def _probe(self, host: str, access: Access) -> str:
        self.probes.append(host)
        return self.unreached

    def run(self, *arguments: str) -> None:
        def no_ecr(region: str) -> Any:
            raise AssertionError(f"a client of ECR in {region} was asked for")

        Docker(self.store, {}, self.lines.append, self.lines.append, no_ecr, OWN, self.bases).run(
            list(arguments), lambda: ""
        )

    def build(self, dockerfile: str, *arguments: str) -> Image:
        """`HOST` in the Dockerfile is the registry's."""
        (self.context / "Dockerfile").write_text(dockerfile.replace("HOST", self.registry.host))
        self.lines.clear()
        self.run("build", "-t", "x", *arguments, str(self.context))
        image = self.store.find("x")
        assert image is not None
        return image

    def failure(self, dockerfile: str, *arguments: str) -> str:
        """The last line of an error, which Package reads."""
        with pytest.raises(DockerError) as caught:
            self.build(dockerfile, *arguments)
        return str(caught.value).splitlines()[-1]

    def said(self, words: str) -> bool:
        return any(words.replace("HOST", self.registry.host) in line for line in self.lines)


@pytest.fixture
def client(tmp_path: Path, registry: ImageRegistry) -> Callable[[str], Client]:
    return lambda mode: Client(tmp_path, mode, registry)


def shell() -> list[tuple[str, bytes, int]]:
    """This machine's shell, and what it is linked with."""
    linked = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    files = ["/bin/sh", *re.findall(r"(/[^ ]+) \(0x", linked)]
    return [(name.lstrip("/"), Path(name).read_bytes(), 0o755) for name in files]


CONFIG = {
    "Env": ["GREETING=hello", "PATH=/bin"],
    "User": "app",
    "WorkingDir": "/srv",
    "Entrypoint": ["/bin/sh", "-c"],
    "Cmd": ["echo $GREETING $HOME $PWD; echo /* /usr/* /srv/*; command -v python3 || echo no python"],
    "Healthcheck": {"Test": ["CMD", "true"]},
    "Labels": None,
    "ExposedPorts": None,
}


def put_base(registry: ImageRegistry, config: dict[str, Any] = CONFIG) -> str:
    users = "root:x:0:0::/root:/bin/sh\napp:x:1234:1234::/home/app:/bin/sh\n"
    below = layer(*shell(), ("etc/passwd", users), ("etc/group", "app:x:1234:\n"), ("srv/gone", "1"))
    above = layer(("srv/.wh.gone", ""), ("srv/kept", "2"), ("srv", None, 0o777))
    image = registry.put("team/base:build", [below, above], config)
    return registry.put_index("team/base:1", amd64=image, arm64=image)


def test_a_service_is_built_and_runs_in_the_root_of_its_base_image(
    client: Callable[[str], Client], registry: ImageRegistry, tmp_path: Path
) -> None:
    index = put_base(registry)
    docker = client(AUTO)
    (docker.context / "note").write_text("3")
    image = docker.build("FROM HOST/team/base:1\nRUN echo $GREETING > made\nCOPY note .\n", "--label", "a=b")
    assert docker.said(f"HOST/team/base:1 is HOST/team/base@{index}")
    inherited = {key: CONFIG[key] for key in ("User", "WorkingDir", "Entrypoint", "Cmd", "Healthcheck")}
    assert image.config == {**inherited, "Env": CONFIG["Env"], "Labels": {"a": "b"}}
    (tmp_path / "task").mkdir()
    container = RunningContainer(tmp_path / "task", ContainerSpec(image))
    assert container.wait(20) == 0
    assert (tmp_path / "task/output.log").read_text().splitlines() == [
        "hello /home/app /srv",
        "/bin /dev /etc /lib /lib64 /proc /srv /usr/* /srv/kept /srv/made /srv/note",
        "no python",
    ]
    assert (tmp_path / "task/rootfs/srv/made").read_text() == "hello\n"


def test_what_is_there_is_not_pulled_again(client: Callable[[str], Client], registry: ImageRegistry) -> None:
    digest = put_base(registry)
    docker = client(AUTO)
    docker.build("FROM HOST/team/base:1\n")
    assert [line.split("/")[-2] for line in registry.asked] == ["manifests"] * 3 + ["blobs"] * 3
    registry.asked.clear()
    docker.build("FROM HOST/team/base:1\n")
    assert registry.asked == ["HEAD team/base/manifests/1"]
    registry.asked.clear()
    docker.build(f"FROM HOST/team/base:1@{digest}\n")
    assert (registry.asked, docker.probes) == ([], [registry.host])


def test_an_image_of_another_architecture_has_this_machine_s_programs(
    client: Callable[[str], Client], registry: ImageRegistry
) -> None:
    put_base(registry)
    (other,) = {"amd64", "arm64"} - {OWN}
    docker = client(REGISTRY)
    image = docker.build("FROM HOST/team/base:1\n", "--platform", f"linux/{other}")
    assert image.configuration["architecture"] == other
    assert docker.said(f"its programs are those of linux/{OWN}")
    registry.put_index("team/base:2", **{OWN: registry.put("team/base:build", [], {})})
    said = docker.failure("FROM HOST/team/base:2\n", "--platform", f"linux/{other}")
    assert said.endswith(f"team/base:2: no matching manifest for linux/{other} in the manifest list entries")


def test_files_of_an_image_and_an_image_of_nothing(
    client: Callable[[str], Client], registry: ImageRegistry, tmp_path: Path
) -> None:
    put_base(registry)
    docker = client(AUTO)
    image = docker.build("FROM scratch\nCOPY --from=HOST/team/base:1 /srv/kept /kept\n")
    image.extract(tmp_path / "out")
    assert image.runtime == OWN_ROOT
    assert [str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")] == ["kept"]
    docker.unreached = "no network"
    docker.now += REMEMBERED_SECONDS
    image = docker.build("FROM debian AS made\nRUN echo x > /x\nFROM scratch\nCOPY --from=made /x /x\n")
    assert (image.runtime, docker.said("debian stands for this machine's system, since no network")) == ("", True)


def limit(registry: ImageRegistry) -> None:
    registry.status = 429


def limit_tokens(registry: ImageRegistry) -> None:
    registry.token_status = 429


def break_down(registry: ImageRegistry) -> None:
    registry.status = 503


def close(registry: ImageRegistry) -> None:
    registry.closed.add("team/python")


def ask_for_a_login(registry: ImageRegistry) -> None:
    registry.login = "team:s3cret"


def forbid(registry: ImageRegistry) -> None:
    registry.status = 403


def damage(registry: ImageRegistry) -> None:
    for digest in registry.blobs:
        registry.blobs[digest] += b" "


HEAD = "unexpected status from HEAD request to http://HOST/v2/team/python/manifests/1: "
TOKENS = r"failed to authorize: unexpected status from GET request to http://HOST/token\?\S+: "


@pytest.mark.parametrize(
    ("state", "words", "seen_by", "stood_in"),
    [
        (limit, f"{HEAD}429 Too Many Requests", LIMITED, True),
        (limit_tokens, f"{TOKENS}429 Too Many Requests", LIMITED, True),
        (break_down, f"{HEAD}503 Service Unavailable", None, True),
        (close, "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", DENIED, False),
        (ask_for_a_login, f"{TOKENS}401 Unauthorized", DENIED, False),
        (forbid, f"{HEAD}403 Forbidden", DENIED, False),
        (lambda registry: registry.manifests.clear(), "HOST/team/python:1: not found", None, False),
        (lambda registry: registry.blobs.clear(), r"HOST/team/python:1: not found", None, False),
        (damage, r"blob sha256:\w+ is damaged: .*", None, False),
        (lambda registry: registry.put_index("team/python:1", s390x="x"), "no matching manifest for linux/.*", None, False),
    ],
)  # fmt: skip
def test_what_a_registry_refuses(
    client: Callable[[str], Client],
    registry: ImageRegistry,
    state: Callable[[ImageRegistry], object],
    words: str,
    seen_by: re.Pattern[str] | None,
    stood_in: bool,
) -> None:
    registry.put("team/python:1", [layer(("a", "1"))], {})
    state(registry)
    docker = client(REGISTRY)
    name = f"{registry.host}/team/python:1"
    said = docker.failure("FROM HOST/team/python:1\n")
    begin = f"ERROR: failed to build: failed to solve: {name}: failed to resolve source metadata for {name}: "
    assert re.fullmatch(re.escape(begin) + words.replace("HOST", registry.host), said), said
    assert [bool(each.search(said)) for each in (DENIED, LIMITED)] == [seen_by == each for each in (DENIED, LIMITED)]
    docker.bases = Bases(docker.folder / "again", Settings(AUTO), lambda: 0, docker._probe)
    if not stood_in:
        assert docker.failure("FROM HOST/team/python:1\n") == said
        return
    docker.build("FROM HOST/team/python:1\n")
    (line,) = [line for line in docker.lines if "stands for this machine's Python" in line]
    assert re.search(words.replace("HOST", registry.host) + "$", line), line


def test_what_a_base_image_must_not_have(client: Callable[[str], Client], registry: ImageRegistry) -> None:
    docker = client(AUTO)
    registry.put("team/python:1", [], {"OnBuild": ["RUN x"]})
    assert docker.failure("FROM HOST/team/python:1\n").endswith("ONBUILD of a base image is not supported")
    registry.put("team/python:1", [layer(("../../x", "1"))], {})
    assert docker.failure("FROM HOST/team/python:1\n").endswith("member '../../x' is outside of its root")


def test_a_limit_is_told_where_nothing_stands_in(client: Callable[[str], Client], registry: ImageRegistry) -> None:
    limit(registry)
    said = client(AUTO).failure("FROM HOST/team/base:1\n")
    assert LIMITED.search(said)
    assert said.endswith("Too Many Requests: no runtime of this machine stands for the image base")


def test_a_limit_is_not_remembered(client: Callable[[str], Client], registry: ImageRegistry) -> None:
    registry.put("team/python:1", [], {})
    limit(registry)
    docker = client(AUTO)
    assert docker.build("FROM HOST/team/python:1\n").runtime == "python"
    registry.status = 0
    assert docker.build("FROM HOST/team/python:1\n").runtime == OWN_ROOT


def test_a_login_is_used(client: Callable[[str], Client], registry: ImageRegistry) -> None:
    put_base(registry)
    ask_for_a_login(registry)
    docker = client(REGISTRY)
    docker.run("login", "-u", "team", "-p", "s3cret", registry.host)
    docker.build("FROM HOST/team/base:1\n")
    docker.run("login", "-u", "team", "-p", "wrong", registry.host)
    assert DENIED.search(docker.failure("FROM HOST/team/base:1\n"))


def test_a_registry_that_does_not_answer_is_not_asked_again_for_a_while(
    client: Callable[[str], Client], registry: ImageRegistry
) -> None:
    registry.put("team/python:1", [], {})
    docker = client(AUTO)
    docker.unreached = "it is away"
    for _ in range(2):
        docker.build("FROM HOST/team/python:1\n")
        assert docker.said("HOST/team/python:1 stands for this machine's Python")
        assert docker.said(", since it is away")
    assert (len(docker.probes), registry.asked) == (1, [])
    docker.unreached = ""
    docker.now = REMEMBERED_SECONDS
    assert docker.build("FROM HOST/team/python:1\n").runtime == OWN_ROOT
    docker.now *= 2
    docker.unreached = "it is away"
    assert docker.build("FROM HOST/team/python:1\n").runtime == OWN_ROOT
    assert docker.said("HOST/team/python:1 is the one that was pulled before, since it is away")
    assert len(docker.probes) == 3


def test_a_connection_that_breaks_is_remembered(tmp_path: Path) -> None:
    bases = Bases(tmp_path, Settings(AUTO), lambda: 0, lambda host, access: "")
    for _ in range(2):
        with pytest.raises(NotPulledError, match=r"^localhost:1 is not reached \(Connection refused\)$"):
            bases.find("localhost:1/team/python:1", OWN, {}, lambda line: None)
    with pytest.raises(
        RegistryError, match=r"^failed to resolve source metadata for localhost:1/team/python:1: localhost:1"
    ):
        Bases(tmp_path, Settings(REGISTRY)).find("localhost:1/team/python:1", OWN, {}, lambda line: None)


def test_what_a_probe_says(registry: ImageRegistry) -> None:
    assert answers_not(registry.host, Access()) == ""
    assert answers_not("localhost:1", Access()) == "localhost:1 is not reached (Connection refused)"


def test_nothing_is_asked_where_images_are_stood_in_for(
    client: Callable[[str], Client], registry: ImageRegistry
) -> None:
    put_base(registry)
    docker = client(STAND_IN)
    docker.build("FROM HOST/team/python:1\nRUN echo x\nFROM scratch\n")
    assert (registry.asked, docker.probes, docker.said(", since")) == ([], [], False)


def test_the_tests_stand_in() -> None:
    assert chosen().mode == STAND_IN


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ({}, Settings(AUTO)),
        ({"SANDBOX_IMAGES": "registry", "https_proxy": "http://p:3128"}, Settings(REGISTRY, "http://p:3128")),
        ({"NO_PROXY": "a,b", "SSL_CERT_FILE": "/etc/ssl/own.pem"}, Settings(AUTO, "", "a,b", "/etc/ssl/own.pem")),
    ],
)
def test_settings(environment: dict[str, str], settings: Settings) -> None:
    assert chosen(environment) == settings


def test_a_setting_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"^SANDBOX_IMAGES is real; it may be auto, registry, stand-in$"):
        chosen({"SANDBOX_IMAGES": "real"})


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("python", "docker.io/library/python:latest"),
        ("team/app:1", "docker.io/team/app:1"),
        ("index.docker.io/python:3", "docker.io/library/python:3"),
        ("public.ecr.aws/docker/library/python:3", "public.ecr.aws/docker/library/python:3"),
        ("localhost/app", "localhost/app:latest"),
    ],
)
def test_whole_names(name: str, whole: str) -> None:
    assert str(canonical(name)) == whole


def test_images_outlive_a_stack_s_server() -> None:
    assert folder_of(Path("/r/.sandbox/dev")) == Path("/r/.sandbox/.images")
    assert folder_of(Path("/tmp/served")) == Path("/tmp/served/.images")  # noqa: S108
