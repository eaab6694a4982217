"""What AWS takes of the texts that a program declares; the provider checks few of them.

A wrong one fails in the middle of an `up`, on an account only.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.loaders


@dataclass(frozen=True)
class Text:
    """What a text may be.

    Attributes:
        pattern: of the whole text.
        longest: characters.
        source: who says so.
    """

    pattern: str
    longest: int
    source: str

    def problem(self, value: str) -> str | None:
        """What is wrong with a text, if anything is."""
        if len(value) > self.longest:
            return f"has {len(value)} characters, of {self.longest} ({self.source})"
        if re.fullmatch(self.pattern, value, re.DOTALL | re.ASCII if r"\w" in self.pattern else re.DOTALL) is None:
            return f"does not match {self.pattern} ({self.source})"
        return None


def model(shape: str) -> Text:
    """The pattern and the length that botocore's model has, as `iam.roleNameType`."""
    service, _, name = shape.partition(".")
    found = _shapes(service)[name]
    pattern = re.sub(r"\\p\{(\w+)\}", lambda match: JAVA[match[1]], found.get("pattern", ".*"))
    least = "" if not found.get("min") else f"(?=.{{{found['min']}}})"
    return Text(least + f"(?:{pattern})", found.get("max", 10**6), f"botocore, {shape}")


JAVA = {"L": "a-zA-Z", "N": "0-9", "Z": " "}
"""Java's classes within brackets; of letters and digits only ASCII's, which every service takes."""


@cache
def _shapes(service: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = botocore.loaders.Loader().load_service_model(service, "service-2")
    return loaded["shapes"]  # type: ignore[no-any-return]


EC2_TEXT = r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]*"
EC2 = Text(EC2_TEXT, 255, "EC2, CreateSecurityGroup: Description; IpRange: Description")
BALANCED = r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
HOST = Text(
    r"[A-Za-z0-9*?.-]+\.[A-Za-z]+", 128, "ELB, CreateRule: HostHeaderConditionConfig, letters after the last dot"
)
PATH = Text(r"""[A-Za-z0-9_.$/~"'@:+&*?-]+""", 128, "ELB, CreateRule: RuleCondition, path-pattern")
CODES = Text(r"[2-4]\d\d([-,][2-4]\d\d)*", 255, "ELB, Matcher: HttpCode, 200 to 499 for an Application Load Balancer")
PARAMETER_NAME = Text(r"(?!/?(aws|ssm)(?i:))[a-zA-Z0-9_.\-/]+", 900, "SSM, PutParameter: Name")
PARAMETER_VALUE = Text(r"(?!.*\{\{).+", 4096, "SSM, PutParameter: Value, of a standard parameter")
BUILD_VARIABLE = Text(".*", 4096, "CodeBuild: EnvironmentVariable should be at most 4096 characters")
BUILDSPEC = Text(".+", 25600, "CodeBuild: Max buildspec length is 25600")

Path = tuple[str, str]
TEXTS: Mapping[Path, Text] = {
    ("acm/certificate:Certificate", "domainName"): Text(
        r"(\*\.)?[a-z0-9.-]+", 64, "ACM, RequestCertificate: the first name has at most 64 characters"
    ),
    ("acm/certificate:Certificate", "subjectAlternativeNames.*"): model("acm.DomainNameString"),
    ("cloudwatch/compositeAlarm:CompositeAlarm", "alarmName"): model("cloudwatch.AlarmName"),
    ("cloudwatch/compositeAlarm:CompositeAlarm", "alarmDescription"): model("cloudwatch.AlarmDescription"),
    ("cloudwatch/compositeAlarm:CompositeAlarm", "alarmRule"): model("cloudwatch.AlarmRule"),
    ("cloudwatch/dashboard:Dashboard", "dashboardName"): Text(
        "[A-Za-z0-9_-]+", 255, "CloudWatch, PutDashboard: DashboardName"
    ),
    ("cloudwatch/eventApiDestination:EventApiDestination", "name"): model("events.ApiDestinationName"),
    ("cloudwatch/eventApiDestination:EventApiDestination", "invocationEndpoint"): Text(
        # A path parameter is a `*`; the model's own pattern forgets it (EventBridge, API destinations).
        r"https://[\w.:/%#*~&=?-]+",
        2048,
        "botocore, events.HttpsEndpoint",
    ),
    ("cloudwatch/eventConnection:EventConnection", "name"): model("events.ConnectionName"),
    ("cloudwatch/eventConnection:EventConnection", "description"): model("events.ConnectionDescription"),
    ("cloudwatch/eventConnection:EventConnection", "authParameters.apiKey.key"): model("events.AuthHeaderParameters"),
    ("cloudwatch/eventConnection:EventConnection", "authParameters.apiKey.value"): model(
        "events.AuthHeaderParametersSensitive"
    ),
    ("cloudwatch/eventRule:EventRule", "name"): model("events.RuleName"),
    ("cloudwatch/eventRule:EventRule", "description"): model("events.RuleDescription"),
    ("cloudwatch/eventRule:EventRule", "eventPattern"): Text(".+", 2048, "EventBridge quotas: event pattern size"),
    ("cloudwatch/eventTarget:EventTarget", "targetId"): model("events.TargetId"),
    ("cloudwatch/eventTarget:EventTarget", "input"): model("events.TargetInput"),
    ("cloudwatch/eventTarget:EventTarget", "inputTransformer.inputTemplate"): model("events.TransformerInput"),
    ("cloudwatch/eventTarget:EventTarget", "inputTransformer.inputPaths.*"): model("events.TargetInputPath"),
    ("cloudwatch/logGroup:LogGroup", "name"): model("logs.LogGroupName"),
    ("cloudwatch/metricAlarm:MetricAlarm", "name"): model("cloudwatch.AlarmName"),
    ("cloudwatch/metricAlarm:MetricAlarm", "alarmDescription"): model("cloudwatch.AlarmDescription"),
    ("cloudwatch/metricAlarm:MetricAlarm", "metricQueries.*.id"): Text(
        "[a-z][A-Za-z0-9_]*", 255, "CloudWatch, MetricDataQuery: Id"
    ),
    ("cloudwatch/metricAlarm:MetricAlarm", "metricQueries.*.expression"): model("cloudwatch.MetricExpression"),
    ("cloudwatch/queryDefinition:QueryDefinition", "name"): model("logs.QueryDefinitionName"),
    ("cloudwatch/queryDefinition:QueryDefinition", "queryString"): model("logs.QueryDefinitionString"),
    ("codebuild/project:Project", "name"): model("codebuild.ProjectName"),
    ("codebuild/project:Project", "description"): model("codebuild.ProjectDescription"),
    ("codebuild/project:Project", "source.buildspec"): BUILDSPEC,
    ("codebuild/project:Project", "environment.environmentVariables.*.name"): Text(
        "[A-Za-z_][A-Za-z0-9_]*", 255, "CodeBuild, EnvironmentVariable"
    ),
    ("codebuild/project:Project", "environment.environmentVariables.*.value"): BUILD_VARIABLE,
    ("codedeploy/application:Application", "name"): model("codedeploy.ApplicationName"),
    ("codedeploy/deploymentConfig:DeploymentConfig", "deploymentConfigName"): model("codedeploy.DeploymentConfigName"),
    ("codedeploy/deploymentGroup:DeploymentGroup", "deploymentGroupName"): model("codedeploy.DeploymentGroupName"),
    ("codepipeline/pipeline:Pipeline", "name"): model("codepipeline.PipelineName"),
    ("codepipeline/pipeline:Pipeline", "stages.*.name"): model("codepipeline.StageName"),
    ("codepipeline/pipeline:Pipeline", "stages.*.actions.*.name"): model("codepipeline.ActionName"),
    ("codepipeline/pipeline:Pipeline", "stages.*.actions.*.namespace"): model("codepipeline.ActionNamespace"),
    ("codepipeline/pipeline:Pipeline", "stages.*.actions.*.inputArtifacts.*"): model("codepipeline.ArtifactName"),
    ("codepipeline/pipeline:Pipeline", "stages.*.actions.*.outputArtifacts.*"): model("codepipeline.ArtifactName"),
    ("codepipeline/pipeline:Pipeline", "stages.*.actions.*.configuration.*"): model(
        "codepipeline.ActionConfigurationValue"
    ),
    ("codepipeline/pipeline:Pipeline", "stages.*.beforeEntry.condition.rules.*.name"): model("codepipeline.RuleName"),
    ("codepipeline/pipeline:Pipeline", "stages.*.beforeEntry.condition.rules.*.configuration.*"): model(
        "codepipeline.RuleConfigurationValue"
    ),
    ("codepipeline/pipeline:Pipeline", "variables.*.name"): model("codepipeline.PipelineVariableName"),
    ("codepipeline/pipeline:Pipeline", "variables.*.defaultValue"): model("codepipeline.PipelineVariableValue"),
    ("codepipeline/pipeline:Pipeline", "variables.*.description"): model("codepipeline.PipelineVariableDescription"),
    ("ec2/securityGroup:SecurityGroup", "description"): EC2,
    ("ecr/lifecyclePolicy:LifecyclePolicy", "policy"): model("ecr.LifecyclePolicyText"),
    ("ecr/repository:Repository", "name"): model("ecr.RepositoryName"),
    ("ecs/cluster:Cluster", "name"): Text("[A-Za-z0-9_-]+", 255, "ECS, CreateCluster: clusterName"),
    ("ecs/service:Service", "name"): Text("[A-Za-z0-9_-]+", 255, "ECS, CreateService: serviceName"),
    ("ecs/taskDefinition:TaskDefinition", "family"): Text("[A-Za-z0-9_-]+", 255, "ECS, RegisterTaskDefinition: family"),
    ("iam/policy:Policy", "name"): model("iam.policyNameType"),
    ("iam/policy:Policy", "description"): model("iam.policyDescriptionType"),
    ("iam/policy:Policy", "path"): model("iam.policyPathType"),
    ("iam/role:Role", "name"): model("iam.roleNameType"),
    ("iam/role:Role", "description"): model("iam.roleDescriptionType"),
    ("iam/role:Role", "path"): model("iam.pathType"),
    ("iam/rolePolicy:RolePolicy", "name"): model("iam.policyNameType"),
    ("iam/user:User", "name"): model("iam.userNameType"),
    ("kms/alias:Alias", "name"): model("kms.AliasNameType"),
    ("kms/key:Key", "description"): model("kms.DescriptionType"),
    ("kms/key:Key", "policy"): model("kms.PolicyType"),
    ("lambda/function:Function", "name"): Text("[A-Za-z0-9_-]+", 64, "Lambda, CreateFunction: FunctionName"),
    ("lambda/permission:Permission", "statementId"): model("lambda.StatementId"),
    ("lb/listener:Listener", "defaultActions.*.fixedResponse.messageBody"): model("elbv2.FixedResponseActionMessage"),
    ("lb/listenerRule:ListenerRule", "conditions.*.hostHeader.values.*"): HOST,
    ("lb/listenerRule:ListenerRule", "conditions.*.pathPattern.values.*"): PATH,
    ("lb/loadBalancer:LoadBalancer", "name"): Text(BALANCED, 32, "ELB, CreateLoadBalancer: Name"),
    ("lb/targetGroup:TargetGroup", "healthCheck.path"): model("elbv2.Path"),
    ("lb/targetGroup:TargetGroup", "healthCheck.matcher"): CODES,
    ("route53/record:Record", "name"): model("route53.DNSName"),
    ("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "rules.*.id"): Text(
        ".*", 255, "S3, LifecycleRule: ID"
    ),
    ("s3/bucketObjectv2:BucketObjectv2", "key"): Text(r"[A-Za-z0-9!_.*'()/-]+", 1024, "S3, object keys: safe ones"),
    ("scheduler/scheduleGroup:ScheduleGroup", "name"): model("scheduler.ScheduleGroupName"),
    ("sns/topic:Topic", "name"): Text("[A-Za-z0-9_-]+", 256, "SNS, CreateTopic: Name"),
    ("sqs/queue:Queue", "name"): Text("[A-Za-z0-9_-]+", 80, "SQS, CreateQueue: QueueName"),
    ("ssm/parameter:Parameter", "name"): PARAMETER_NAME,
    ("ssm/parameter:Parameter", "description"): model("ssm.ParameterDescription"),
    ("ssm/parameter:Parameter", "value"): PARAMETER_VALUE,
    ("ssm/parameter:Parameter", "insecureValue"): PARAMETER_VALUE,
    ("vpc/securityGroupEgressRule:SecurityGroupEgressRule", "description"): EC2,
    ("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "description"): EC2,
}
"""(type, path of an input) → what it may be; `*` is each item of a list, each value of a map."""

AUTONAMED: Mapping[str, Text] = {
    "ec2/securityGroup:SecurityGroup": Text(f"(?!sg-){EC2_TEXT}", 255, "EC2, CreateSecurityGroup: GroupName"),
    "iam/rolePolicy:RolePolicy": model("iam.policyNameType"),
    "iam/userPolicy:UserPolicy": model("iam.policyNameType"),
    "lb/targetGroup:TargetGroup": Text(BALANCED, 32, "ELB, CreateTargetGroup: Name"),
    "s3/bucket:Bucket": Text("[a-z0-9][a-z0-9.-]*[a-z0-9]", 63, "S3, bucket naming rules"),
    "ssm/parameter:Parameter": PARAMETER_NAME,
    "appautoscaling/policy:Policy": Text("[ -~]+", 256, "botocore, application-autoscaling.PolicyName"),
}
"""What is called like its Pulumi resource with `-` and seven more characters, where the program gives no name."""

REFERENCES = {
    ("cloudwatch/eventTarget:EventTarget", "rule"),
    ("codebuild/project:Project", "logsConfig.cloudwatchLogs.groupName"),
    ("codedeploy/deploymentGroup:DeploymentGroup", "appName"),
    ("codedeploy/deploymentGroup:DeploymentGroup", "deploymentConfigName"),
    ("codedeploy/deploymentGroup:DeploymentGroup", "ecsService.clusterName"),
    ("codedeploy/deploymentGroup:DeploymentGroup", "ecsService.serviceName"),
    ("codedeploy/deploymentGroup:DeploymentGroup", "loadBalancerInfo.targetGroupPairInfo.targetGroups.*.name"),
    ("ecs/cluster:Cluster", "configuration.executeCommandConfiguration.logConfiguration.cloudWatchLogGroupName"),
    ("ecs/cluster:Cluster", "settings.*.name"),
    ("ecs/clusterCapacityProviders:ClusterCapacityProviders", "clusterName"),
    ("ecs/service:Service", "loadBalancers.*.containerName"),
    ("route53/record:Record", "aliases.*.name"),
    ("cloudwatch/metricAlarm:MetricAlarm", "dimensions.QueueName"),
    ("cloudwatch/metricAlarm:MetricAlarm", "dimensions.PipelineName"),
    ("cloudwatch/metricAlarm:MetricAlarm", "dimensions.FunctionName"),
    ("cloudwatch/metricAlarm:MetricAlarm", "metricName"),
    ("cloudwatch/metricAlarm:MetricAlarm", "metricQueries.*.metric.metricName"),
}
"""Names of what something else declares, or AWS."""

SID = Text("[A-Za-z0-9]+", 10**4, "IAM JSON policy elements: Sid")
POLICY_LENGTHS: Mapping[str, tuple[str, int, str]] = {
    "iam/rolePolicy:RolePolicy": ("role", 10240, "IAM quotas: role inline policies together"),
    "iam/userPolicy:UserPolicy": ("user", 2048, "IAM quotas: user inline policies together"),
}
POLICIES: Mapping[Path, tuple[int, str]] = {
    ("iam/role:Role", "assumeRolePolicy"): (2048, "IAM quotas: role trust policy"),
    ("iam/policy:Policy", "policy"): (6144, "IAM quotas: managed policy"),
    ("s3/bucketPolicy:BucketPolicy", "policy"): (20480, "S3, bucket policies"),
    ("kms/key:Key", "policy"): (32768, "KMS quotas: key policy document"),
}
"""Characters, without those of white space."""


@dataclass(frozen=True)
class Declared:
    """A resource that a program declares, by its type without `aws:`, its name in Pulumi and its inputs."""

    typ: str
    name: str
    inputs: Mapping[str, Any]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every text in an input."""
    if isinstance(value, str):
        yield path, value
    items: Sequence[tuple[str, Any]] = ()
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = [("*", item) for item in value]
    for key, item in items:
        yield from leaves(item, f"{path}.{key}".lstrip("."))


def rule_of(typ: str, path: str) -> Text | None:
    """What an input may be, if the table says."""
    if (typ, path) in TEXTS:
        return TEXTS[typ, path]
    parent, _, _last = path.rpartition(".")
    return TEXTS.get((typ, f"{parent}.*"))


def problems(declared: Sequence[Declared]) -> Iterator[str]:
    """What AWS would refuse."""
    for resource in declared:
        yield from (f"{resource.typ} {resource.name}: {problem}" for problem in _problems(resource))
    for typ, (of, longest, source) in POLICY_LENGTHS.items():
        lengths: dict[str, int] = {}
        for resource in declared:
            if resource.typ == typ:
                owner = resource.inputs[of]
                lengths[owner] = lengths.get(owner, 0) + _length(resource.inputs["policy"])
        yield from (
            f"{owner}: its policies have {length} characters, of {longest} ({source})"
            for owner, length in lengths.items()
            if length > longest
        )


def _problems(resource: Declared) -> Iterator[str]:
    for path, value in leaves(resource.inputs):
        rule = rule_of(resource.typ, path)
        if rule is not None and (problem := rule.problem(value)):
            yield f"{path} {value[:80]!r} {problem}"
        if path in ("policy", "assumeRolePolicy") and "Statement" in value:
            longest, source = POLICIES.get((resource.typ, path), (10**6, ""))
            if (length := _length(value)) > longest:
                yield f"{path} has {length} characters, of {longest} ({source})"
            sids = [statement["Sid"] for statement in json.loads(value)["Statement"] if "Sid" in statement]
            yield from (f"Sid {sid!r} {problem}" for sid in sids if (problem := SID.problem(sid)))
            if len(set(sids)) < len(sids):
                yield f"two statements have one Sid: {sids}"
    if not {"name", "bucket"} & resource.inputs.keys() and resource.typ in AUTONAMED:
        called = f"{resource.name}-0a1b2c3"
        if problem := AUTONAMED[resource.typ].problem(called):
            yield f"{called!r}, as it will be called, {problem}"


def _length(policy: str) -> int:
    return len(re.sub(r"\s", "", policy))


def unknown(declared: Sequence[Declared]) -> set[Path]:
    """Names and descriptions of which the table says nothing."""
    telling = re.compile(r"(^|\.)(\w*[nN]ame|\w*[dD]escription|title|targetId)$")
    return {
        (resource.typ, path)
        for resource in declared
        for path, _ in leaves(resource.inputs)
        if telling.search(path) and rule_of(resource.typ, path) is None and (resource.typ, path) not in REFERENCES
    }
