"""The forms that single values of a stack file have: what fits, and how it is said when one does not."""

import ipaddress
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, WithJsonSchema

PATTERN_MESSAGES: dict[str, str] = {}
"""Pattern → what it stands for, for whoever wrote something else."""

PARAMETER_BYTES = 4096
"""What a standard parameter of Parameter Store holds (PutParameter)."""
REFERENCE = "{{"
"""What no value of a parameter contains (SSM, PutParameter: Value)."""


def text(pattern: str, words: str) -> Any:
    """A text of this form; one form has the same words everywhere."""
    assert PATTERN_MESSAGES.setdefault(pattern, words) == words, pattern
    return Field(pattern=pattern)


OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
IPV4 = rf"({OCTET}\.){{3}}{OCTET}"


def _json_schema(pattern: str) -> Any:
    """What an editor is told of a text that the program judges by itself."""
    PATTERN_MESSAGES[pattern] = "as its validator says"
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _network(text: str) -> str:
    try:
        if not text.partition("/")[2].isdecimal():
            raise ValueError(text)  # Python takes an address without a length, and a mask; EC2 takes neither
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be a network in CIDR notation, such as 203.0.113.0/24") from None
    return text


def _vpc(text: str) -> str:
    try:
        fits = 16 <= ipaddress.IPv4Network(text).prefixlen <= 24
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("must be an IPv4 network of /16 to /24 in CIDR notation, such as 10.0.0.0/16")
    return text


def _unique(items: list[str]) -> list[str]:
    seen = set()
    for item in items:
        try:
            same: Any = ipaddress.ip_network(item)
        except ValueError:
            same = item
        if same in seen:
            raise ValueError(f"has {item!r} twice")
        seen.add(same)
    return items


def _parameter_value(text: str) -> str:
    if not text:
        raise ValueError("must not be empty; Parameter Store has no empty values")
    if (size := len(text.encode())) > PARAMETER_BYTES:
        raise ValueError(f"has {size} bytes; a standard parameter holds {PARAMETER_BYTES}")
    if REFERENCE in text:
        raise ValueError(f"contains {REFERENCE}, which Parameter Store would read as another parameter's name")
    return text


Item = TypeVar("Item", bound=str)
UniqueList = Annotated[list[Item], AfterValidator(_unique), Field(json_schema_extra={"uniqueItems": True})]
"""A list, each item of which becomes something in AWS that there cannot be twice."""
Host = Annotated[
    str,
    text(
        r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]+$",
        "must be a host name in small letters, such as www.example.com",
    ),
    Field(max_length=128),
]
"""What a listener rule's host condition takes (ELB, CreateRule: HostHeaderConditionConfig)."""
Path = Annotated[str, text(r"^/[^\s]*$", "must be a path that begins with a slash"), Field(max_length=1024)]
PathPattern = Annotated[
    str,
    text(
        r"""^/[A-Za-z0-9_.$/~"'@:+&*?-]*$""",
        "must be a path that begins with a slash, of letters, digits and _ - . $ / ~ \" ' @ : + & * ?",
    ),
    Field(max_length=128),
]
"""What a listener rule's path condition takes (ELB, CreateRule: RuleCondition)."""
Cidr = Annotated[
    str, AfterValidator(_network), _json_schema(rf"^({IPV4}/(3[0-2]|[12]?\d)|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/\d{{1,3}})$")
]
VpcCidr = Annotated[str, AfterValidator(_vpc), _json_schema(rf"^{IPV4}/(1[6-9]|2[0-4])$")]
VpcId = Annotated[str, text(r"^vpc-[0-9a-f]+$", "must be the id of a VPC, such as vpc-0a1b2c3d")]
SubnetId = Annotated[str, text(r"^subnet-[0-9a-f]+$", "must be the id of a subnet, such as subnet-0a1b2c3d")]
EndpointService = Annotated[
    str,
    text(r"^[a-z0-9][a-z0-9.-]*$", "must be what follows com.amazonaws.REGION. in the endpoint's name, such as sqs"),
]
CertificateArn = Annotated[str, text(r"^arn:aws[a-z-]*:acm:", "must be the ARN of an ACM certificate")]
RoleArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$",
        "must be the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME",
    ),
]
ListenerArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/app/[A-Za-z0-9-]+/[0-9a-f]+/[0-9a-f]+$",
        "must be the ARN of a listener of an Application Load Balancer",
    ),
]
ClusterName = Annotated[str, text(r"^[A-Za-z0-9_-]{1,255}$", "must be the name of an ECS cluster, such as shared")]
FunctionArn = Annotated[
    str, text(r"^arn:aws[a-z-]*:lambda:[^:]+:\d{12}:function:.+$", "must be the ARN of a Lambda function")
]
HealthyCodes = Annotated[
    str,
    text(
        r"^([2-4]\d{2}([-,][2-4]\d{2})*|\d{1,2}([-,]\d{1,2})*)$",
        "must be HTTP codes from 200 to 499 as 200, 200,302 or 200-299, or with protocol grpc gRPC's from 0 to 99",
    ),
]
"""ELB, Matcher: HttpCode and GrpcCode."""
HttpsAddress = Annotated[str, text(r"^https://[^\s*?#]+$", "must be an address that begins with https://")]
TemplateName = Annotated[
    str, text(r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*\.json$", "must be a file of task_templates/, such as web.json")
]
FileSystemId = Annotated[
    str, text(r"^fs-[0-9a-f]{8,40}$", "must be the id of an EFS file system, such as fs-0123456789abcdef0")
]
"""EFS, DescribeFileSystems: FileSystemId."""
AccessPointId = Annotated[
    str, text(r"^fsap-[0-9a-f]{8,40}$", "must be the id of an EFS access point, such as fsap-0123456789abcdef0")
]
"""EFS, DescribeAccessPoints: AccessPointId."""
SecurityGroupId = Annotated[str, text(r"^sg-[0-9a-f]+$", "must be the id of a security group, such as sg-0a1b2c3d")]
ContainerPath = Annotated[str, text(r"^(/[^\s/:]+)+$", "must be a folder of the container, such as /app/uploads")]
VolumeName = Annotated[
    str, text(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$", "must be letters, digits, hyphens and underscores")
]
"""ECS, Volume: name."""
EnvironmentFile = Annotated[
    str,
    text(
        r"^([A-Za-z0-9_-][A-Za-z0-9_.-]*|arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63}/[^\s*?]+)\.env$",
        "must be a file of task_templates/, such as web.env, or the ARN of an S3 object whose name ends in .env",
    ),
]
SourcePath = Annotated[
    str,
    text(
        r"^(\.|\.?[^\s/.][^\s/]*(/\.?[^\s/.][^\s/]*)*)$",
        "must be a path within the source without spaces, such as services/web",
    ),
]
ImagePath = Annotated[
    str,
    text(
        r"^(/\.?[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*)+$",
        "must be a folder's whole path in the image, such as /app/public/assets, without spaces and a slash at the end",
    ),
    Field(max_length=200),
]
ImageTag = Annotated[
    str,
    text(r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", "must be a tag of an image: letters, digits, dots, hyphens, underscores"),
    Field(max_length=128),
]
"""OCI distribution specification, "Pulling manifests"."""
StageName = Annotated[str, text(r"^[A-Za-z][A-Za-z0-9_.-]*$", "must be the name of a stage of the Dockerfile")]
ExternalName = Annotated[str, text(r"^/[A-Za-z0-9_./-]+$", "must be the name of a parameter that begins with a slash")]
KeyArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$",
        "must be the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID; a policy takes no alias",
    ),
]
SecretArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$",
        "must be the ARN of a secret of Secrets Manager, which ends in six characters of its own",
    ),
]
JsonKey = Annotated[str, text(r"^[^:]+$", "must be a key of the secret's JSON, without a colon")]
"""A colon ends it where ECS and CodeBuild read it."""
SecretVersion = Annotated[
    str,
    text(r"^[A-Za-z0-9-]{32,64}$", "must be the id of a secret's version, 32 to 64 characters"),
]
"""Secrets Manager, GetSecretValue: VersionId."""
VersionStage = Annotated[
    str, text(r"^[^\s:]{1,256}$", "must be the label of a secret's version, such as AWSCURRENT or AWSPREVIOUS")
]
"""Secrets Manager, GetSecretValue: VersionStage."""
RepositoryArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9]+([._/-][a-z0-9]+)*(/[*])?$",
        "must be the ARN of an ECR repository, or of all below a prefix, arn:aws:ecr:REGION:ACCOUNT:repository/base/*",
    ),
]
RegistryHost = Annotated[
    str,
    text(
        r"^[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?$", "must be the host of a registry without https://, such as docker.io"
    ),
]
CachePrefix = Annotated[
    str,
    text(
        r"^[a-z0-9]+([._/-][a-z0-9]+)*$", "must be the prefix of a pull-through cache rule of ECR's, such as docker-hub"
    ),
]
ParameterName = Annotated[
    str, text(r"^[A-Za-z_][A-Za-z0-9_]*$", "must be the name of an environment variable"), Field(max_length=128)
]
ParameterValue = Annotated[str, AfterValidator(_parameter_value)]
NAME = text(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "must be small letters, digits and single hyphens, such as my-app")
ServiceName = Annotated[
    str,
    NAME,
    Field(min_length=2, max_length=40),
]
"""What a repository's name may be, with the stack's before it (ECR, CreateRepository: repositoryName)."""
Action = Annotated[str, text(r"^[a-z0-9-]+:[A-Za-z0-9*?]+$", "must be an action of IAM's, such as s3:GetObject")]
Resource = Annotated[
    str, text(r"^(\*|arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:\S+)$", "must be an ARN, or * with a reason")
]
QueueArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$",
        "must be the ARN of an SQS queue, such as arn:aws:sqs:ap-northeast-1:123456789012:orders",
    ),
]
PolicyArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9_+=,.@/-]+$",
        "must be the ARN of a managed policy, arn:aws:iam::ACCOUNT:policy/NAME",
    ),
]
TopicArn = Annotated[
    str, text(r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+$", "must be the ARN of an SNS topic")
]
TagKey = Annotated[
    str,
    text(
        r"^[A-Za-z0-9 _.:/=+@-]{1,128}$",
        "must be 1 to 128 letters, digits, blanks and _ . : / = + - @",
    ),
]
TagValue = Annotated[str, text(r"^[A-Za-z0-9 _.:/=+@-]{0,256}$", "must be letters, digits, blanks and _ . : / = + - @")]
"""What every service of AWS's takes (IAM, CreateRole: Tag)."""
AccountId = Annotated[str, text(r"^[0-9]{12}$", "must be an account's 12 digits, in quotes")]
Region = Annotated[str, text(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "must be a Region's code, such as ap-northeast-1")]
StackName = Annotated[str, text(r"^[A-Za-z0-9_.-]+$", "must be the name of a stack, such as dev")]
GitHubRepository = Annotated[
    str, text(r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", "must be OWNER/NAME of a repository, such as my-org/my-app")
]
GitLabAddress = Annotated[
    str,
    text(
        r"^https://[a-z0-9.-]+$",
        "must be the address of a GitLab without a path or a port, https://gitlab.example.com: IAM takes no OIDC "
        "provider with a port (CreateOpenIDConnectProvider)",
    ),
]
GitLabProject = Annotated[str, text(r"^[\w.-]+(/[\w.-]+)+$", "must be GROUP/PROJECT, such as web/my-app")]
