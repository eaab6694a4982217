"""examples/own-program on the real engine: made, found idle, and taken down."""

import shutil

from tests.engine.conftest import REPOSITORY, Program, changed

OWN_PROGRAM = REPOSITORY / "examples" / "own-program"


def test_it_deploys_and_is_idle(program: Program) -> None:
    shutil.copytree(OWN_PROGRAM, program.root, dirs_exist_ok=True)
    program.stack = "own"

    assert "shop-pipeline" in changed(program.run("up"))
    (service,) = program.client("ecs").describe_services(cluster="own", services=["own-shop"])["services"]
    assert (service["desiredCount"], service["taskDefinition"].rpartition("/")[2]) == (0, "own-shop:1")
    assert program.client("codepipeline").get_pipeline(name="own-shop")["pipeline"]["executionMode"] == "QUEUED"

    assert changed(program.run("preview", refresh=True)) == {}
    program.run("destroy")
    pipelines = program.client("codepipeline").list_pipelines()["pipelines"]
    assert "own-shop" not in [pipeline["name"] for pipeline in pipelines]
