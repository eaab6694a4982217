"""What the things of a stack are called in AWS. Each name is made here, for program, steps, commands and policies.

A service's things are called `{stack}-{service}`, a long service's by a short name, and what follows from that; `*` for
a service or a stack makes the pattern of all their names.
"""

import hashlib
import re
from typing import NamedTuple

PIPELINE_PREFIX_LENGTH = 20
"""CodePipeline cuts a pipeline's name to this many characters where it stores artifacts."""
LIVE = "live"
"""The tag of the image that was released last."""
SOURCES, TEMPLATES, ENVIRONMENT_FILES = "sources", "templates", "environment"
"""The delivery store's folders of uploads, of task definitions for CodeDeploy, and of environment files."""
RELEASE, CONTENT = "release-", "content-"
"""How the tags of a released image and of a built one begin."""
CACHE = "cache"
"""The one tag of a build cache's repository."""
CONTENT_DIGITS = 40
"""Of the hash, in the tag."""
SLACK, COMMITS = "slack", "commits"
"""How the names end of what tells Slack, and the app team's commits, of a stack's releases."""
UPLOADED, TEMPLATE_CHANGED, JOB_ENDED = "upload", "template", "job-ended"
"""What starts a pipeline, or has a job looked at, as the names of its EventBridge rules end."""
COMMAND_BY_HAND = "_command"
"""What stands for a job's name where somebody runs a command."""


LONGEST_IN_FULL, LETTERS_OF_A_HASH, LETTERS_OF_A_LONG_ONE = 18, 5, 9
"""Of a service's name: the longest one that is in AWS's names in full, the letters that a longer one has there, and how
much of its beginning comes after them. A target group's name has 32 characters, with a route's letters and Pulumi's
(ELB, CreateTargetGroup); a role's has 64 (IAM, CreateRole); and CodePipeline tells artifacts by the first 20 of a
pipeline's, which have the letters in stacks of up to 14."""


def short_name(service: str) -> str:
    """A service's name as it is in AWS's names: in full, or of a long one some letters and its beginning."""
    if len(service) <= LONGEST_IN_FULL:
        return service
    return f"{letters_for(service)}-{service[:LETTERS_OF_A_LONG_ONE].rstrip('-')}"


def letters_for(text: str) -> str:
    """Five letters that stand for a text; no digits, so that no route's name is one by priority."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(LETTERS_OF_A_HASH))


def aws_name(stack: str, service: str) -> str:
    """What the things of a service are called: its repository, its pipeline, its task definition's family."""
    return f"{stack}-{short_name(service)}"


def may_be_short(name: str) -> bool:
    """Whether a name may be what `short_name` makes of a long one."""
    letters, hyphen, begins = name.partition("-")
    long_enough = LETTERS_OF_A_LONG_ONE - 1 <= len(begins) <= LETTERS_OF_A_LONG_ONE
    return bool(hyphen) and long_enough and len(letters) == LETTERS_OF_A_HASH and letters.isalpha()


def migration_family(name: str) -> str:
    """The family of a service's migrations.

    Args:
        name: the service's name in AWS.
    """
    return f"{name}-migrate"


def jobs_function(name: str) -> str:
    """The function that runs a service's jobs, and its role.

    Args:
        name: the service's name in AWS.
    """
    return f"{name}-jobs"


def job_family(name: str, job: str) -> str:
    """The family of a job's task definitions. No service's name has a low line.

    Args:
        name: the service's name in AWS.
        job: the job's; `*` for any.
    """
    return f"{name}_{job}"


def command_family(name: str) -> str:
    """The family of commands that somebody runs by hand. No job's name has a low line.

    Args:
        name: the service's name in AWS.
    """
    return job_family(name, COMMAND_BY_HAND)


def starting_rule(name: str, starter: str) -> str:
    """The EventBridge rule that starts a pipeline, or has a job looked at.

    Args:
        name: the service's name in AWS.
        starter: UPLOADED, TEMPLATE_CHANGED or JOB_ENDED.
    """
    return f"{name}-{starter}"


def undelivered(name: str) -> str:
    """The dead-letter queue of what is called so, and its alarm."""
    return f"{name}-undelivered"


def uploader(name: str) -> str:
    """The IAM user that brings a service's releases, and may do nothing else.

    Args:
        name: the service's name in AWS.
    """
    return f"{name}-uploader"


def build_project(name: str) -> str:
    """The CodeBuild project that makes a service's images; its name is from when it was Package.

    Args:
        name: the service's name in AWS.
    """
    return f"{name}-package"


def function_of_steps(name: str) -> str:
    """The function that runs the steps of a service's pipeline.

    Args:
        name: the service's name in AWS.
    """
    return f"{name}-steps"


ROUTE_ALARMS = ("server_errors", "latency", "unhealthy_hosts")
"""A service's alarms on what its load balancer sees, by their keys in the stack file."""
JOB_ALARMS = ("jobs", "jobs_lost")
"""A service's alarms of its jobs: of runs that failed, and of those of which nothing is known."""


def alarm_name(name: str, alarm: str) -> str:
    """An alarm of a service; the composite alarm of all of them is called like the service.

    Args:
        name: the service's name in AWS.
        alarm: its key in the stack file, such as `server_errors`.
    """
    return f"{name}-{alarm.replace('_', '-')}"


# Log groups


def log_group(name: str) -> str:
    """Where a service's containers log.

    Args:
        name: the service's name in AWS.
    """
    return f"/ecs/{name}"


def sessions_log_group(stack: str) -> str:
    """Where the sessions of ECS Exec are logged."""
    return log_group(f"{stack}/sessions")


def build_log_group(project: str) -> str:
    """Where a CodeBuild project logs."""
    return f"/codebuild/{project}"


def function_log_group(function: str) -> str:
    """Where a Lambda function logs."""
    return f"/aws/lambda/{function}"


# Parameter Store


def parameter_path(stack: str, *parts: str) -> str:
    """The name of a parameter of a stack's; without parts, what all of them begin with."""
    return "/".join(("/fargate-delivery", stack, *parts))


def cluster_parameter(stack: str) -> str:
    """The parameter that says in which ECS cluster a stack's services are, where that is none of its own."""
    return parameter_path(stack, "cluster")


def record_name(stack: str, service: str) -> str:
    """The release record's parameter."""
    return parameter_path(stack, service, "release")


def service_of_record(stack: str, name: str) -> str | None:
    """The service whose release record a parameter is; None when it is none."""
    match = re.fullmatch(rf"{re.escape(parameter_path(stack))}/([^/]+)/release", name)
    return match[1] if match else None


def build_value_name(stack: str, service: str, variable: str) -> str:
    """The parameter that an image's build reads for an environment variable."""
    return parameter_path(stack, service, "build", variable)


def runtime_value_name(stack: str, service: str, variable: str) -> str:
    """What the name of a parameter begins with that a task reads for an environment variable; Pulumi adds the rest."""
    return parameter_path(stack, service, "runtime", variable)


class RuntimeValue(NamedTuple):
    """Whose a runtime value is.

    Attributes:
        service: the service.
        variable: the environment variable.
    """

    service: str
    variable: str


def runtime_value(stack: str, name: str) -> RuntimeValue | None:
    """Whose runtime value a parameter is; None when it is none."""
    pattern = runtime_value_name(re.escape(stack), r"([^/]+)", r"([A-Za-z_]\w*)-\w+")
    match = re.fullmatch(pattern, name, re.ASCII)
    return RuntimeValue(match[1], match[2]) if match else None


def parameter_of(reference: str) -> str:
    """A parameter's name of what a container's secret names: its ARN, or the name itself."""
    return reference.partition(":parameter")[2] or reference


# Images


def inbox(name: str) -> str:
    """The repository that an app team pushes images to. No service is called so: a service's name has no slash.

    Args:
        name: the service's name in AWS.
    """
    return f"{name}/inbox"


def build_cache(name: str) -> str:
    """The repository that keeps what the steps of a service's builds have made.

    Args:
        name: the service's name in AWS.
    """
    return f"{name}/cache"


def release_tag(number: int | str) -> str:
    """The tag of a release's image, which is also how a release is called in messages."""
    return f"{RELEASE}{number}"


def content_tag(digest: str) -> str:
    """The tag of an image by what it is made of.

    Args:
        digest: a SHA-256 of that; of an image that was built elsewhere, its own.
    """
    return f"{CONTENT}{digest.removeprefix('sha256:')[:CONTENT_DIGITS]}"


# The delivery store


def source_key(service: str) -> str:
    """The object that an upload of a service's source goes to."""
    return f"{SOURCES}/{service}/source.zip"


def service_of_source(key: str) -> str:
    """The service whose uploads go to an object; another one may be built of them, too (`source.upload_of`)."""
    return key.split("/")[1]


def template_folder(service: str) -> str:
    """Where the two objects are that CodeDeploy is to deploy (`releases/template.py`)."""
    return f"{TEMPLATES}/{service}"


def environment_files(service: str) -> str:
    """Where a service's environment files are."""
    return f"{ENVIRONMENT_FILES}/{service}"


def environment_file_key(service: str, digest: str, name: str) -> str:
    """The object of a service's environment file with this content; ECS takes those only whose names end in `.env`."""
    return f"{environment_files(service)}/{digest}/{name}"


def artifact_prefix(pipeline: str) -> str:
    """The folder where CodePipeline keeps a pipeline's artifacts."""
    return pipeline[:PIPELINE_PREFIX_LENGTH]
