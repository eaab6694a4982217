"""What a stack file asks for more of than AWS has: counted before anything is made.

Each problem has the number, AWS's, and the way out, as `key.path: the problem`.
"""

import ipaddress
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from components.iam import policies
from components.scope import Scope
from components.service.connections import names_of
from components.service.parameter_store import Parameter, runtime_statements
from components.service.task_reads import Reads
from components.service.task_role import app_statements
from config.service import Service
from config.stack_file import Stack
from releases.names import build_value_name

TARGET_GROUPS = RULES = 100
"""Of a load balancer (ELB, quotas for Application Load Balancers; the first cannot be raised). A route has as many
target groups as rules, or more; a redirect has a rule."""
CERTIFICATES = 25
"""Of a load balancer, but for each listener's own (the same quotas; it can be raised)."""
BUILD_VARIABLE = 4096
"""Characters of a variable of a build (CodeBuild: `EnvironmentVariable should be at most 4096 characters`)."""
FUNCTION_VARIABLES, OTHER_SETTINGS = 4096, 2000
"""Characters of a function's variables together, counted as JSON in which the quotes of a value are escaped (Lambda:
`exceeded the 4KB limit. String measured: …`), and what its settings besides the migration's command need of them: the
names of the service's things, and of its containers."""
BUILDSPEC = 25600
"""Characters (CodeBuild, CreateProject: `Max buildspec length is 25600`)."""
ROLE_POLICIES = 10240
"""Characters of a role's own policies together, those of white space left out (IAM quotas)."""
OTHER_STATEMENTS = {"build": 5000, "task": 1000, "execution": 1200}
"""Characters of what the role of a build, of a task, and of ECS for a task, may do besides."""
LONGEST = {"partition": "aws-us-gov", "region": "ap-northeast-1", "account": "123456789012"}
"""What makes the ARNs of a stack as long as they may be."""
LONGEST_KEY = "arn:aws-us-gov:kms:ap-northeast-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"


def check_limits(stack: str, config: Stack, buildspecs: Path, reads: Mapping[str, Reads]) -> Iterator[str]:
    """Where a stack file goes beyond a limit.

    Args:
        stack: the Pulumi stack's name.
        config: its file.
        buildspecs: the folder of the pipeline's buildspecs.
        reads: what the templates of the services name; of one without a template that could be read, nothing.
    """
    scope = Scope(stack, **LONGEST)
    yield from _check_load_balancer(config)
    yield from _check_connections(config)
    for name, service in config.services.items():
        yield from _check_pipeline_function(name, service)
        yield from _check_jobs_function(name, service)
        yield from _check_builds(name, service)
        yield from _check_task_roles(scope, name, service, reads.get(name, Reads()))
        yield from _check_build_role(scope, name, service)
    for path in sorted(buildspecs.glob("*.yaml")):
        if (length := len(path.read_text("utf-8"))) > BUILDSPEC:
            yield (
                f"services: {path.parent.name}/{path.name} has {length} characters, and CodeBuild accepts {BUILDSPEC}; "
                "move a part of it into the build's image"
            )


def _check_load_balancer(config: Stack) -> Iterator[str]:
    services = config.services.values()
    if config.review is None:
        ports = 2 + len({port for service in services for port in service.deploy.test_ports})
        if (certificates := len(config.domain.more_zones) * (ports - 1)) > CERTIFICATES:
            yield (
                f"domain.more_zones: need {certificates} more certificates, and a load balancer can have "
                f"{CERTIFICATES}; move zones to another stack"
            )
        for version in (4, 6):
            networks = [c for c in config.cluster.allowed_cidrs if ipaddress.ip_network(c).version == version]
            most = config.cluster.rules_of_a_security_group
            if (rules := len(networks) * ports) > most:
                yield (
                    f"cluster.allowed_cidrs: {len(networks)} networks of IPv{version} on {ports} ports need {rules} "
                    f"rules of the load balancer's security group, which can have {most}; name fewer and larger ones, "
                    "or have the quota raised and set cluster.rules_of_a_security_group to it"
                )
    groups = sum(len(service.routes) * (2 if service.deploy.shifts else 1) for service in services)
    if groups <= TARGET_GROUPS and (rules := groups + len(config.domain.redirects)) > RULES:
        yield (
            f"domain.redirects: with the routes they may need {rules} rules, and a load balancer can have {RULES}; use "
            "fewer, or move services to another stack"
        )
    if groups > TARGET_GROUPS:
        yield (
            f"services: their routes need {groups} target groups, two for each whose traffic shifts, and a load "
            f"balancer can have {TARGET_GROUPS}; move services to another stack"
        )


def _check_connections(config: Stack) -> Iterator[str]:
    """Rules of a service's security group: one of the load balancer's, and one of each service that connects to it."""
    most = config.cluster.rules_of_a_security_group
    clients = Counter(to for service in config.services.values() for to in names_of(service.connects_to))
    for name, count in clients.items():
        if count + 1 > most:
            yield (
                f"services.{name}: {count} services connect to it, and its security group can have {most} rules, one "
                "of which is for the load balancer; have the quota raised and set "
                "cluster.rules_of_a_security_group to it"
            )


def _check_pipeline_function(name: str, service: Service) -> Iterator[str]:
    if service.migrate is None:
        return
    length = len(json.dumps(json.dumps(service.migrate.command, separators=(",", ":")))) - len('""')
    if length > (most := FUNCTION_VARIABLES - OTHER_SETTINGS):
        yield (
            f"services.{name}.migrate.command: has {length} characters as JSON within JSON, and the pipeline's "
            f"function accepts {most}; put the command into a script in the image"
        )


def _check_jobs_function(name: str, service: Service) -> Iterator[str]:
    jobs = {
        job: {"command": it.command, "minutes": it.timeout, "retries": it.retries} for job, it in service.jobs.items()
    }
    length = len(json.dumps(json.dumps(jobs, separators=(",", ":")))) - len('""')
    if length > (most := FUNCTION_VARIABLES - OTHER_SETTINGS):
        yield (
            f"services.{name}.jobs: have {length} characters as JSON within JSON, and the function that runs them "
            f"accepts {most}; put long commands into scripts in the image"
        )


def _check_builds(name: str, service: Service) -> Iterator[str]:
    where = f"services.{name}"
    names = [key for key, parameter in service.parameters.items() if "build" in parameter.readers]
    if (length := len(" ".join(names))) > BUILD_VARIABLE:
        yield (
            f"{where}.parameters: the {len(names)} names that the build reads have {length} characters together, and "
            f"CodeBuild accepts {BUILD_VARIABLE}; put several values into one parameter"
        )


def _check_task_roles(scope: Scope, name: str, service: Service, reads: Reads) -> Iterator[str]:
    where = f"services.{name}"
    granted = _characters([*app_statements(service.permissions), *reads.task_statements(scope)])
    if granted > (most := ROLE_POLICIES - OTHER_STATEMENTS["task"]):
        yield (
            f"{where}.permissions: with those for mounted file systems they have {granted} characters as a policy, and "
            f"IAM accepts {most}; shorten them with a wildcard, which needs a reason"
        )
    read = {key: parameter for key, parameter in service.parameters.items() if "runtime" in parameter.readers}
    key = LONGEST_KEY if any(parameter.secret for parameter in service.parameters.values()) else None
    statements = runtime_statements(scope, name, read, key) + reads.execution_statements(scope, service.task.kms_keys)
    if (needed := _characters(statements)) > (most := ROLE_POLICIES - OTHER_STATEMENTS["execution"]):
        yield (
            f"{where}: the execution role's policy would have {needed} characters, and IAM accepts {most}: it names "
            "each external parameter, secret of Secrets Manager, file in S3 and image of another repository that its "
            "tasks read; put several values into one secret and read each by its json_key, or use parameters of the "
            "service's own, which need no space of their own"
        )


def _check_build_role(scope: Scope, name: str, service: Service) -> Iterator[str]:
    read = sum(
        (1 if parameter.value is not None else 2) * len(f'"{_arn(scope, name, key, parameter)}",')
        for key, parameter in service.parameters.items()
        if "build" in parameter.readers
    )
    if read > (most := ROLE_POLICIES - OTHER_STATEMENTS["build"]):
        yield (
            f"services.{name}.parameters: those that the build reads need {read} characters of its role's policy, and "
            f"IAM accepts {most}; put several values into one parameter"
        )


def _characters(statements: Sequence[policies.Statement]) -> int:
    """Of a policy as IAM counts them, which leaves out white space (IAM, quotas)."""
    return len("".join(json.dumps(policies.document(statements)).split()))


def _arn(scope: Scope, name: str, key: str, parameter: Parameter) -> str:
    """The longest ARN that what the build reads may have."""
    if (managed := parameter.secrets_manager) is not None:
        return managed.arn
    kept = parameter.external.name if parameter.external else build_value_name(scope.stack, name, key)
    return scope.arn("ssm", f"parameter{kept}")
