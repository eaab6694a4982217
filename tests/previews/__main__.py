"""`python -m tests.previews [NAME…]`: record what `pulumi preview --json` prints for edits of stack `local`, into this folder.

The real CLI, on the committed program, against a sandbox of its own. Of each step only what a report may read is kept.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import yaml
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from sandbox import program
from sandbox.engine import Engine
from sandbox.stacks import StackFolder
from tests.scenarios.conftest import REPOSITORY, Apps, Stack, new_stack

HERE = Path(__file__).parent
STEP = ("op", "urn", "diffReasons", "replaceReasons", "detailedDiff")
STATE = ("parent", "inputs", "retainOnDelete")
SERVICES = "fargate-delivery:services"
LARGEST_MESSAGE = 1024 * 1024 * 400
"""Bytes, as the engine has it."""

Edit = Callable[[dict[str, Any]], object]


def more_memory(config: dict[str, Any]) -> None:
    for service in ("hello", "shop"):
        config[SERVICES][service]["task"]["memory"] = 1024


def another_strategy(config: dict[str, Any]) -> None:
    config[SERVICES]["hello"]["deploy"] = {"strategy": "codedeploy", "replace": True}


def a_new_service(config: dict[str, Any]) -> None:
    config[SERVICES]["fresh"] = {
        "task": {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000},
        "routes": [{"host": "fresh.local.example.com", "priority": 50}],
        "parameters": {"GREETING": {"value": "Hello", "for": ["runtime"]}},
    }


def a_parameter_of_somebody_else(config: dict[str, Any]) -> None:
    config[SERVICES]["mailer"]["parameters"]["SHARED"] = {"external": "/shared/key", "for": ["runtime"]}


EDITS: Mapping[str, Edit] = {
    "nothing": lambda config: None,
    "memory": more_memory,
    "new": a_new_service,
    "removed": lambda config: config[SERVICES].pop("shop"),
    "strategy": another_strategy,
    "opened": lambda config: config["fargate-delivery:cluster"].pop("allowed_cidrs"),
    "permissions": a_parameter_of_somebody_else,
    "failed": lambda config: config[SERVICES]["chuoi"]["task"].update(memory=3000),
    "refused": lambda config: config["aws:defaultTags"]["tags"].pop("stack"),
}
"""Recording → what is edited in the stack file, before a preview that does not refresh. The policy pack refuses one."""


def preview(stack: Stack, *options: str) -> str:
    """What the CLI prints for `pulumi preview --json --refresh=false`."""
    folder = StackFolder(stack.name, stack.root)
    engine = Engine(folder, folder.running_server(), lambda line: print(line, file=sys.stderr))  # noqa: T201
    workspace = engine._stack().workspace
    size = [("grpc.max_receive_message_length", LARGEST_MESSAGE)]
    with ThreadPoolExecutor(4) as pool, program.as_if_started(stack.root, engine.variables()):
        server = grpc.server(pool, options=size)
        language = LanguageServer(lambda: program.run(stack.root))
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(language, server)
        client = f"--client=127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        command = [workspace.pulumi_command.command, "preview", "--json", "--refresh=false", "--non-interactive"]
        variables = {
            **os.environ,
            "PATH": f"{REPOSITORY}/.venv/bin{os.pathsep}{os.environ['PATH']}",  # for sandbox.analyzer
            **workspace.env_vars,
            "PULUMI_HOME": str(folder.home),
            "PULUMI_DEBUG_COMMANDS": "true",
        }
        done = subprocess.run(
            [*command, client, "--stack", stack.name, *options],
            cwd=workspace.work_dir, env=variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        server.stop(None)
    print(done.stderr, file=sys.stderr)  # noqa: T201
    return done.stdout


def kept(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what no report reads, such as times and what AWS has answered."""
    steps = []
    for step in document.get("steps", []):
        states = {
            state: {key: step[state][key] for key in STATE if step[state].get(key)}
            for state in ("oldState", "newState")
            if state in step
        }
        steps.append({**{key: step[key] for key in STEP if step.get(key)}, **states})
    return {**document, "steps": steps, "duration": 0}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, new_stack(Path(folder) / "repository", "local") as stack:
        file = stack.root / "Pulumi.local.yaml"
        config = yaml.safe_load(file.read_text())["config"]
        config["fargate-delivery:cluster"]["allowed_cidrs"] = ["203.0.113.0/24"]

        def write(edit: Edit) -> None:
            edited = json.loads(json.dumps(config))
            edit(edited)
            file.write_text(yaml.safe_dump({"config": edited}))

        write(EDITS["nothing"])
        stack.ok("up")
        apps = Apps(Path(folder) / "apps")
        for service in ("hello", "shop"):
            assert stack.ship(service, apps.make(f"{service}-1")).code == 0
        events = Path(folder, "events")
        judged = ["--policy-pack", str(REPOSITORY / "policy"), "--event-log", str(events)]
        for name in sys.argv[1:] or EDITS:
            write(EDITS[name])
            document = preview(stack, *(judged if name == "refused" else ()))
            text = json.dumps(kept(json.loads(document)), indent=1, sort_keys=True)
            (HERE / f"{name}.json").write_text(text.replace(folder, "").replace(f"{REPOSITORY}/", "") + "\n")
            print(f"{name}: {len(text):,} characters")  # noqa: T201
        if events.exists():
            policy = [line for line in events.read_text().splitlines() if '"policyEvent"' in line]
            (HERE / "refused.events").write_text("\n".join(policy) + "\n")


if __name__ == "__main__":
    main()
