"""An `aws` command that answers from a table."""

import json
import socketserver
from typing import Any

import jmespath  # type: ignore[import-untyped]

DIGEST, EARLIER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REVISION, OLD = "arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:8", "…:task-definition/dev-web:7"
RECORD = json.dumps({"schema": 1, "release": 1, "image_digest": EARLIER, "execution": "exec-0"})
AWS = """\
#!/bin/bash
exec 3<> /dev/tcp/127.0.0.1/PORT
printf '%s\\0' "$@" "" >&3
read -r code <&3
if ((code)); then cat <&3 >&2; else cat <&3; fi
exit "$code"
"""
SLEEP = "#!/bin/sh\n"


class FakeAws(socketserver.ThreadingTCPServer):
    """What `aws` answers, from a table; each look at a service's deployments is the table's next, and the last stays."""

    daemon_threads = True

    def __init__(self, table: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.table, self.calls, self.looks = table, list[tuple[str, dict[str, list[str]]]](), 0

    def call(self, given: list[str]) -> str:
        """What a command prints, by its query."""
        options: dict[str, list[str]] = {}
        for word in given[2:]:
            if word.startswith("--"):
                values = options[word[2:]] = list[str]()
            else:
                values.append(word)
        self.calls.append((given[1], options))
        if given[1] in self.table["refused"]:
            raise LookupError(self.table["refused"][given[1]])
        answer = self.answer(given[1], {name: " ".join(words) for name, words in options.items()})
        found = jmespath.search(options["query"][0], answer) if "query" in options else answer
        if not isinstance(found, list):
            return f"{found}\n"
        lines = found if found and isinstance(found[0], list) else [found] if found else []
        return "".join("\t".join(map(str, line)) + "\n" for line in lines)

    def answer(self, verb: str, given: dict[str, str]) -> dict[str, Any]:
        """The whole answer to a command."""
        table = self.table
        if verb == "describe-services":
            answer = table["looks"][min(self.looks, len(table["looks"]) - 1)]
            self.looks += any(word in given["query"] for word in ("deployments", "taskSets"))
            return {"services": [answer]}
        if verb == "describe-images":
            found = [each for each, tags in table["images"].items() if given["image-ids"].partition("=")[2] in tags]
            if not found:
                raise LookupError("An error occurred (ImageNotFoundException)")
            return {"imageDetails": [{"imageDigest": found[0]}]}
        answers: dict[str, dict[str, Any]] = {
            "update-service": {"service": table["updated"]},
            "describe-task-definition": {"taskDefinition": table["definitions"].get(given.get("task-definition"))},
            "list-tasks": {
                "taskArns": [t["taskArn"] for t in table["stopped" if "desired-status" in given else "running"]]
            },
            "describe-tasks": {
                "tasks": [
                    t for t in table["stopped"] + table["running"] if t["taskArn"] in given.get("tasks", "").split()
                ]
            },
            "get-parameter": {"Parameter": {"Value": table["record"], "Version": 2}},
            "batch-get-image": {"images": [{"imageManifest": table["manifest"], "imageManifestMediaType": "media"}]},
        }
        return answers.get(verb, {})


class _Call(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server, said = self.server, b""
        assert isinstance(server, FakeAws)
        while not said.endswith(b"\0\0"):
            said += self.connection.recv(65536)
        try:
            self.wfile.write(b"0\n" + server.call(said.decode().split("\0")[:-2]).encode())
        except LookupError as error:
            self.wfile.write(f"254\n{error}\n".encode())
