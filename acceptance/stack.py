"""The stack that lives for the acceptance only, and the app that it delivers."""

import io
import zipfile
from typing import Any

import yaml

STACK = "acceptance"
SERVICE = "web"
MEMORY, EDITED_MEMORY = 512, 1024
"""In MiB: at first, and after the edit."""
ZONE = "acceptance.test"
"""Nobody's domain: the load balancer asks the tasks by their addresses, and nobody else asks them."""
ACCOUNT_KEYS = ("aws:region", "aws:profile", "aws:assumeRoles", "aws:allowedAccountIds", "aws:skipRegionValidation")
"""What says where a stack is, and who deploys it."""
DOCKERFILE = """\
FROM public.ecr.aws/docker/library/python:3.12-slim
COPY server.py migrate.py /
CMD ["python", "/server.py"]
"""
SERVER = """\
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(STATUS)
        self.end_headers()
        self.wfile.write(b"VERSION")

    def log_message(self, *args):
        pass

print("VERSION listens", flush=True)
http.server.HTTPServer(("0.0.0.0", 4000), Handler).serve_forever()
"""


def stack_file(config: dict[str, Any], certificate: str) -> str:
    """The stack file: one service, in the account and the region of the stack with this `config`."""
    where = {key: config[key] for key in ACCOUNT_KEYS if key in config}
    service = {
        "task": {"template": "web.json", "cpu": 256, "memory": MEMORY, "port": 4000},
        "health_check": {"path": "/healthz", "interval": 5, "timeout": 2, "unhealthy": 2, "grace": 0},
        "routes": [{"host": f"web.{ZONE}", "priority": 1}],
        "tasks": {"min": 1, "max": 2, "target_cpu": 60},
        "deploy": {"timeout": 15},
        "migrate": {"command": ["python", "/migrate.py"]},
        "approve": True,
    }
    document: dict[str, Any] = {
        "config": {
            **where,
            "aws:defaultTags": {"tags": {"project": "fargate-delivery", "stack": STACK}},
            "fargate-delivery:network": {"nat": "none"},
            "fargate-delivery:domain": {"zone": ZONE, "certificate_arn": certificate, "records": False},
            "fargate-delivery:cluster": {"log_retention_days": 1},
            "fargate-delivery:common": {},
            "fargate-delivery:services": {SERVICE: service},
        }
    }
    return str(yaml.safe_dump(document, sort_keys=False))


def edited(text: str) -> str:
    """The stack file, with what Pulumi has written into it, and more memory."""
    document = yaml.safe_load(text)
    document["config"]["fargate-delivery:services"][SERVICE]["task"]["memory"] = EDITED_MEMORY
    return str(yaml.safe_dump(document, sort_keys=False))


def source(version: str, *, healthy: bool = True) -> bytes:
    """The app's source as a zip; its tasks never pass their health check unless healthy."""
    server = SERVER.replace("VERSION", version).replace("STATUS", "200" if healthy else "503")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Dockerfile", DOCKERFILE)
        archive.writestr("server.py", server)
        archive.writestr("migrate.py", f'print("{version} migrates")\n')
    return buffer.getvalue()
