"""Which images a Dockerfile is built of, and how the image that it becomes says it."""

import pytest

from pipeline_steps.build.base_images import BASE, OTHERS, base_images, labels, qualified, recorded

PYTHON, NODE, UV = "docker.io/library/python:3.12-slim", "docker.io/library/node:22", "ghcr.io/astral-sh/uv:0.5"
STAGES = """\
# syntax=docker/dockerfile:1
ARG NODE=22
FROM node:${NODE} AS Assets
RUN npm ci
FROM python:3.12-slim as base
FROM docker.io/library/rust:1 AS unused
FROM base
COPY --chown=1:1 --from=assets /dist /dist
COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv
"""


@pytest.mark.parametrize(
    ("dockerfile", "found"),
    [
        ("FROM python:3.12-slim\n", [PYTHON]),
        ("from --platform=$BUILDPLATFORM python:3.12-slim AS app\nCMD x", [PYTHON]),
        ("FROM scratch\nCOPY a /\n", [""]),
        ("FROM node:22 AS build\nFROM scratch\nCOPY --from=build /a /\n", ["", NODE]),
        ("FROM node:22\nFROM python:3.12-slim\nCOPY --from=0 /a /\n", [PYTHON, NODE]),
        (STAGES, [PYTHON, UV, NODE]),
        ("FROM python:3.12-slim\nRUN --mount=type=bind,from=node:22,target=/n cp /n/a /\n", [PYTHON, NODE]),
        ("FROM python:3.12-slim\nRUN <<EOF\nFROM node:22\nEOF\nRUN <<'A' <<B\nFROM x\nA\nFROM y\nB\n", [PYTHON]),
        ("FROM python:3.12-slim\nRUN echo \\\n# a comment\nFROM node:22\n", [PYTHON]),
        ("# escape=`\nFROM python:3.12-slim\nRUN dir C:\\\nFROM node:22\n", [NODE]),
        ("FROM python:3.12-slim\nRUN uvx --from=build pyproject-build\nRUN docker run --mount=from=x y\n", [PYTHON]),
        ("FROM python:3.12-slim\nRUN --network=none --mount=type=cache,target=/a --mount=from=node:22,target=/n \\\n  true", [PYTHON, NODE]),
        ("FROM python:3.12-slim\nRUN echo $((1<<SHIFT)) <<<EOF\nFROM node:22\n", [NODE]),
        ("ARG V=3.12\nARG NAME=python:${V}-slim\nFROM ${NAME}\n", [PYTHON]),
        ("FROM python:${V:-3.12-slim}\n", [PYTHON]),
        ("ARG V\nFROM python:3.12${V:+-slim}\n", ["docker.io/library/python:3.12"]),
        ('ARG V="3.12-slim"\nFROM python:$V\n', [PYTHON]),
        ("FROM base-$TARGETARCH:1\n", ["docker.io/library/base-arm64:1"]),
        ("ARG V\nFROM python:$V\n", [""]),
        ("FROM python:${V##x}\n", [""]),
        ("", []),
        ("RUN true\n", []),
    ],
)  # fmt: skip
def test_the_images_of_a_dockerfile(dockerfile: str, found: list[str]) -> None:
    assert base_images(dockerfile, "", "linux/arm64", {}) == found


def test_a_build_s_argument_is_for_what_the_dockerfile_declares() -> None:
    given = {"V": "3.13", "OTHER": "x"}
    assert base_images("ARG V=3.12\nFROM python:$V\n", "", "linux/arm64", given) == ["docker.io/library/python:3.13"]
    assert base_images("FROM python:$OTHER\n", "", "linux/arm64", given) == [""]


@pytest.mark.parametrize(("target", "found"), [("assets", [NODE]), ("BASE", [PYTHON]), ("0", [NODE]), ("none", [])])
def test_a_stage_is_built_of_its_own(target: str, found: list[str]) -> None:
    assert base_images(STAGES, target, "linux/arm64", {}) == found


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("node", "docker.io/library/node"),
        ("team/web:1", "docker.io/team/web:1"),
        ("localhost/web", "localhost/web"),
        ("registry:5000/web", "registry:5000/web"),
        ("public.ecr.aws/docker/library/node:22", "public.ecr.aws/docker/library/node:22"),
    ],
)
def test_a_name_without_a_registry_is_docker_hub_s(name: str, whole: str) -> None:
    assert qualified(name) == whole


@pytest.mark.parametrize(
    ("images", "found"),
    [
        ([], {}),
        ([""], {}),
        ([PYTHON], {BASE: PYTHON}),
        ([PYTHON, UV, NODE], {BASE: PYTHON, OTHERS: f"{UV} {NODE}"}),
        (["", NODE], {OTHERS: NODE}),
    ],
)
def test_what_the_image_says_is_what_is_read_of_it(images: list[str], found: dict[str, str]) -> None:
    assert labels(images) == found
    assert recorded(labels(images)) == [image for image in images if image]
