"""Diagrams of an export."""

import itertools
import re

from page_facts import Page
from page_facts import stack as facts
from stack_export import ALB, API, APPROVE, BALANCER, BUILD, SOURCE, exported, ingress, pipeline, resource, service

from delivery.page.diagram import Arrow, Box, laid_out, pipelines, reach, stage_order
from delivery.page.export import Stage, read_export
from delivery.page.render import render


def boxes(svg: str) -> dict[str, tuple[int, int, int]]:
    """Title → x, y and height."""
    found = re.findall(
        r'<g><rect x="(\d+)" y="(\d+)" width="\d+" height="(\d+)".*?class="title">(?:<title>.*?</title>)?(.*?)<', svg
    )
    return {title: (int(x), int(y), int(height)) for x, y, height, title in found}


def test_the_columns_of_a_stack() -> None:
    columns, arrows = laid_out(read_export(exported()))
    assert columns == [
        [Box("source", "the internet", ["0.0.0.0/0", "::/0", "pl-1"], "outside")],
        [Box("balancer", "dev", ["80 HTTP, redirects", "443 HTTPS"], "entrance")],
        [
            Box("api", "api", ["api.example.com/v1/*", "api.example.com/v2/*", "api.example.com"], "service"),
            Box("web", "web", ["web.example.com"], "service"),
            Box("worker", "worker", ["not behind the load balancer"], "service"),
        ],
        [Box("sg-db", "sg-db", ["security group"], "outside")],
    ]
    assert arrows == [
        Arrow("source", "balancer", "80, 443"),
        Arrow("balancer", "api", "4000"),
        Arrow("balancer", "web", "4000"),
        Arrow("worker", "api", "all ports"),
        Arrow("worker", "sg-db", "port 5432"),
    ]


def test_the_drawing_of_a_stack() -> None:
    svg = reach(read_export(exported()))
    assert Page(svg).problems == []
    found = boxes(svg)
    assert {title: x for title, (x, _, _) in found.items()} == {
        "the internet": 0,
        "dev": 304,
        "api": 608,
        "web": 608,
        "worker": 608,
        "sg-db": 912,
    }
    column = sorted((y, y + height) for x, y, height in found.values() if x == 608)
    assert [top - bottom for (_, bottom), (top, _) in itertools.pairwise(column)] == [16, 16]
    middles = {2 * y + height for title, (_, y, height) in found.items() if title in ("the internet", "dev", "sg-db")}
    assert middles == {column[0][0] + column[-1][1]}
    assert svg.count('class="arrow"') == 5
    (picture,) = Page(svg).all("svg")
    assert picture["aria-label"] == (
        "Who may reach what in dev: the internet to dev, 80, 443; dev to api, 4000; dev to web, 4000; worker to api, all "
        "ports; worker to sg-db, port 5432."
    )


def test_others_than_everybody_and_a_load_balancer_of_another_stack() -> None:
    columns, _ = laid_out(read_export(exported(BALANCER, ingress(ALB, cidrIpv4="192.0.2.0/24"))))
    assert columns[0] == [Box("source", "allowed addresses", ["192.0.2.0/24"], "outside")]
    columns, arrows = laid_out(read_export(exported(service("web", "sg", "target"))))
    assert columns[:2] == [[], [Box("balancer", "a load balancer", ["of another stack"], "entrance")]]
    assert arrows == [Arrow("balancer", "web", "4000")]
    internal = resource("aws:lb/loadBalancer:LoadBalancer", "alb", name="dev", internal=True)
    assert laid_out(read_export(exported(internal)))[0][1] == [Box("balancer", "dev", ["internal"], "entrance")]


def test_a_stack_of_workers_has_one_column() -> None:
    svg = reach(read_export(exported(service("worker", "sg"))))
    assert boxes(svg) == {"worker": (0, 0, 56)}
    assert "Who may reach what in dev: nothing." in svg


def test_too_many_lines_are_counted() -> None:
    box = Box("a", "a", [str(number) for number in range(8)])
    assert box.shown == ["0", "1", "2", "3", "4", "and 3 more"]
    assert Box("a", "a", box.lines[:6]).shown == list(box.lines[:6])


def test_a_long_name_is_cut_and_whole_in_its_title() -> None:
    name = "a-service-with-a-very-long-name-indeed"
    svg = reach(read_export(exported(service(name, API))))
    assert f"<title>{name}</title>a-service-with-a-very-long-na…<" in svg


def test_what_is_drawn_is_escaped() -> None:
    svg = reach(read_export(exported(service("<script>", "sg"))))
    assert {tag for tag, _ in Page(svg).elements} == {"svg", "g", "rect", "text"}


def test_the_pipelines_of_a_stack() -> None:
    svg = pipelines(read_export(exported()))
    assert Page(svg).problems == []
    texts = Page(svg).text
    assert texts.startswith(
        "api, worker Source Source: S3 Build Build: CodeBuild Deploy Deploy: ECS Release: Lambda web Source"
    )
    found = re.findall(r'<rect x="(\d+)" y="(\d+)"', svg)
    assert found == [
        ("0", "28"),
        ("158", "28"),
        ("474", "28"),
        ("0", "146"),
        ("158", "146"),
        ("316", "146"),
        ("474", "146"),
    ]
    assert svg.count('class="arrow"') == 5
    (picture,) = Page(svg).all("svg")
    assert picture["aria-label"] == (
        "The pipelines of dev: api, worker: Source, then Build, then Deploy; web: Source, then Build, then Approve, then Deploy."
    )


def test_a_stage_is_after_what_comes_before_it() -> None:
    def stages(*names: str) -> tuple[Stage, ...]:
        return tuple(Stage(name, []) for name in names)

    whole = stages("Source", "Build", "Package", "Approve", "Deploy")
    assert stage_order([stages("Source", "Package", "Deploy"), whole]) == [stage.name for stage in whole]
    assert stage_order([stages("Source", "Test", "Deploy"), stages("Source", "Build", "Deploy")]) == [
        "Source",
        "Build",
        "Test",
        "Deploy",
    ]
    assert stage_order([]) == []


def test_the_page_has_both_where_there_is_an_export() -> None:
    page = Page(render(facts(), export=read_export(exported())))
    assert page.problems == []
    headings = [each.get("id") for each in page.all("h2")]
    assert headings == ["glance", "runs", "reach", "pipelines"]
    assert "Tasks of worker may call any address." in page.text
    only = Page(render(facts(), export=read_export(exported(pipeline("web", SOURCE, BUILD, APPROVE)))))
    assert [each.get("id") for each in only.all("h2")] == ["glance", "runs", "reach", "pipelines"]
    none = Page(render(facts(), export=read_export(exported(service("worker", "sg")))))
    assert "pipelines" not in [each.get("id") for each in none.all("h2")]
