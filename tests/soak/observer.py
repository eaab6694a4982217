"""What is there in the account, read as root and without the program's own eyes where those are under test."""

import json
import time
from functools import partial
from typing import Any

import boto3

from releases.consistency import diagnose, observe
from releases.errors import DeliveryError
from releases.pipeline import RUNNING, Pipeline
from releases.service_state import Images, ServiceState, images, read_states
from sandbox.clients.session import Session
from sandbox.engine import Engine
from tests.soak.beside import PAUSE, SECONDS_TO_SETTLE, Call, Held
from tests.soak.declared import EDITED, EXTRA, PARAMETERS, SHOP, STACK, WEB, WORKER
from tests.soak.expected import Variant, must

NOT_IN_THE_STATE = "/runtime/"
"""Parameter values stay while a revision needs them; their retention has tests of its own."""
UNDER_WAY = ("Created", "Queued", "InProgress", "Baking", "Ready")
"""A deployment of CodeDeploy's that is not over."""

Template = tuple[str, list[str]]


class Observer:
    """The account of a sandbox.

    Args:
        engine: of the stack.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine, self.account = engine, Session(engine.server)
        root = self.account.credentials(None)
        self.session = boto3.Session(root["access_key"], root["secret_key"], region_name=engine.server.region)
        self.session.client = partial(self.session.client, endpoint_url=engine.server.endpoint)

    def aws(self, service: str) -> Any:
        """A client as the account's root."""
        return self.account.client(service)

    def hold(self, call: Call) -> Held:
        """Let the next such call stand still."""
        answer = self.control("hold", operation=call.operation, by=call.by, mentions=call.mentions, after=call.after)
        return Held(self.control, answer["hold"])

    def control(self, path: str, **body: Any) -> Any:
        """The sandbox's own interface."""
        return self.account.control(path, json.dumps(body).encode() if body else None)

    # Services

    def read_states(self) -> dict[str, ServiceState]:
        """All services, those that are removed included."""
        return read_states(self.session, STACK, [WEB, WORKER, SHOP, EXTRA])

    def state(self, service: str) -> ServiceState:
        """One that is there."""
        return self.read_states()[service]

    def images(self, state: ServiceState) -> Images:
        """What runs, is live and is recorded."""
        return images(self.session, STACK, state)

    def runs(self, state: ServiceState) -> Variant:
        """The template and the parameter that a service's revision has."""
        definition = self.aws("ecs").describe_task_definition(taskDefinition=state.task_definition)["taskDefinition"]
        container = definition["containerDefinitions"][0]
        template = next((v["value"] for v in container.get("environment", []) if v["name"] == EDITED), "")
        secrets = {secret["name"]: secret["valueFrom"] for secret in container["secrets"]}
        name = secrets[PARAMETERS[state.service]].partition(":parameter")[2]
        value = self.aws("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        return Variant(template, value)

    def disagrees(self, service: str) -> bool:
        """Whether an operator would have to repair."""
        state = self.read_states().get(service)
        return state is not None and diagnose(observe(self.session, STACK, state)).summary != ""

    def busy(self) -> str | None:
        """What is in flight, when every event that was published has started what it starts."""
        self.control("undelivered")
        if deploying := self.aws("codedeploy").list_deployments(includeOnlyStatuses=list(UNDER_WAY))["deployments"]:
            return f"CodeDeploy's {deploying}"
        for name, state in self.read_states().items():
            running = self.pipeline(name).running()
            if state.in_flight or running:
                return f"{name}: {state.in_flight or running}"
        return None

    def templates(self) -> dict[str, Template]:
        """Of what CodeDeploy deploys: the template that is written, and the pipeline's executions so far."""
        self.control("undelivered")
        return {
            name: (state.template.fingerprint, self.executions(name))
            for name, state in self.read_states().items()
            if state.template
        }

    def weights(self) -> list[dict[str, int]]:
        """The target groups that each rule of the load balancer forwards to, with their shares."""
        forwards = [rule["Actions"][-1].get("ForwardConfig", {}).get("TargetGroups", []) for rule in self._rules()]
        return [{group["TargetGroupArn"]: group.get("Weight", 1) for group in groups} for groups in forwards]

    def misplaced(self, state: ServiceState) -> str:
        """What is wrong with the traffic of a service that ECS has two target groups of, at rest; "" when nothing is.

        All of it goes to the group that its tasks are in, and the other one is empty.
        """
        elb = self.aws("elbv2")
        described = self.aws("ecs").describe_services(cluster=STACK, services=[state.name])["services"][0]
        (balancer,) = described["loadBalancers"]
        pair = {balancer["targetGroupArn"], balancer["advancedConfiguration"]["alternateTargetGroupArn"]}
        tasks = {
            arn: len(elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]) for arn in sorted(pair)
        }
        if sorted(tasks.values()) != [0, described["runningCount"]]:
            return f"its target groups have {tasks}, and {described['runningCount']} tasks run"
        shares = [weights for weights in self.weights() if weights.keys() & pair]
        lost = [weights for weights in shares for arn, share in weights.items() if share and not tasks[arn]]
        return f"traffic goes to nobody: {lost}" if lost and described["runningCount"] else ""

    # Pipelines

    def pipeline(self, service: str) -> Pipeline:
        """A service's pipeline."""
        return Pipeline(self.session, f"{STACK}-{service}")

    def executions(self, service: str) -> list[str]:
        """All of a pipeline's executions."""
        pages = (
            self.aws("codepipeline")
            .get_paginator("list_pipeline_executions")
            .paginate(pipelineName=f"{STACK}-{service}")
        )
        return [e["pipelineExecutionId"] for page in pages for e in page["pipelineExecutionSummaries"]]

    def follow(self, service: str, execution: str) -> tuple[str, str | None]:
        """Wait for an execution: its status, and the digest that it has packaged."""
        end = time.monotonic() + SECONDS_TO_SETTLE
        while self.runs_still(service, execution):
            must(time.monotonic() < end, f"execution {execution} of {service} does not end")
            time.sleep(PAUSE)
        return self._status(service, execution), self.packaged(service, execution)

    def runs_still(self, service: str, execution: str) -> bool:
        """Whether an execution is not over."""
        return self._status(service, execution) in RUNNING

    def _status(self, service: str, execution: str) -> str:
        answer = self.aws("codepipeline").get_pipeline_execution(
            pipelineName=f"{STACK}-{service}", pipelineExecutionId=execution
        )
        return str(answer["pipelineExecution"]["status"])

    def packaged(self, service: str, execution: str) -> str | None:
        """The digest that an execution's Package stage gave."""
        actions = self.pipeline(service).actions(execution)
        outputs = (action.get("output", {}).get("outputVariables", {}) for action in actions)
        return next((output["IMAGE_DIGEST"] for output in outputs if "IMAGE_DIGEST" in output), None)

    def why(self, service: str, execution: str) -> str:
        """How an execution has ended, in the operator's words."""
        try:
            self.pipeline(service).follow(execution, lambda _: None)
        except DeliveryError as error:
            return str(error)
        return "it has succeeded"

    def digests(self, service: str) -> list[str]:
        """All images of a service, in the order of their digests."""
        found = self.aws("ecr").describe_images(repositoryName=f"{STACK}-{service}")["imageDetails"]
        return sorted(image["imageDigest"] for image in found)

    def built(self) -> int:
        """How many images there are."""
        repositories = self.aws("ecr").describe_repositories()["repositories"]
        ecr = self.aws("ecr")
        return sum(len(ecr.describe_images(repositoryName=r["repositoryName"])["imageDetails"]) for r in repositories)

    # All there is

    def writes(self) -> dict[str, Any]:
        """Every revision, every deployment and every image that there is."""
        revisions = self.aws("ecs").list_task_definitions()["taskDefinitionArns"]
        deployed = {name: [d.id for d in state.deployments] for name, state in self.read_states().items()}
        return {"revisions": revisions, "deployments": deployed, "images": self.built()}

    def urns(self, typ: str) -> list[str]:
        """The state's resources of one type."""
        return [r["urn"] for r in self.engine.export()["deployment"].get("resources", []) if r["type"] == typ]

    def pending(self) -> list[str]:
        """What was cut off between its making and its record, or before it was made."""
        return [op["resource"]["urn"] for op in self.engine.export()["deployment"].get("pending_operations", [])]

    def no_orphans(self) -> None:
        """AWS has what the state has; but old revisions, and values that a revision names.

        A task definition whose creation was cut off stays pending until a refresh clears it, and does no harm.
        """
        state = self.engine.export()["deployment"]
        ids = {str(resource["id"]) for resource in state["resources"] if "id" in resource}
        cut_off = self.pending()
        must(all("TaskDefinition" in urn for urn in cut_off), f"pending operations: {cut_off}")
        must(not [r for r in state["resources"] if r.get("delete")], "resources wait to be deleted")
        known = ids | {id.rpartition(separator)[2] for id in ids for separator in "/:"}
        orphans = [name for name in self._names() if name not in known]
        must(not orphans, f"in AWS, but not in the state: {orphans}")

    def _names(self) -> list[str]:
        """Of what AWS holds of the kinds that services come with."""
        ecs, iam, elb, ssm = (self.aws(name) for name in ("ecs", "iam", "elbv2", "ssm"))
        (cluster,) = ecs.list_clusters()["clusterArns"]
        groups = self.aws("ec2").describe_security_groups()["SecurityGroups"]
        targets = self.aws("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")[
            "ScalableTargets"
        ]
        parameters = [
            p["Name"] for page in ssm.get_paginator("describe_parameters").paginate() for p in page["Parameters"]
        ]
        return [
            *ecs.list_services(cluster=cluster)["serviceArns"],
            *(role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith(STACK)),
            *(user["UserName"] for user in iam.list_users()["Users"]),
            *(group["TargetGroupArn"] for group in elb.describe_target_groups()["TargetGroups"]),
            *(rule["RuleArn"] for rule in self._rules()),
            *self.aws("codedeploy").list_applications()["applications"],
            *self._alarms(),
            *(group["GroupId"] for group in groups if group["GroupName"] != "default"),
            *(target["ResourceId"] for target in targets),
            *(group["logGroupName"] for group in self.aws("logs").describe_log_groups()["logGroups"]),
            *(r["repositoryName"] for r in self.aws("ecr").describe_repositories()["repositories"]),
            *(pipeline["name"] for pipeline in self.aws("codepipeline").list_pipelines()["pipelines"]),
            *self.aws("codebuild").list_projects()["projects"],
            *(rule["Name"] for rule in self.aws("events").list_rules()["Rules"]),
            *(name for name in parameters if NOT_IN_THE_STATE not in name),
        ]

    def _alarms(self) -> list[str]:
        """The services' own; scaling makes others by itself."""
        types = ["MetricAlarm", "CompositeAlarm"]
        found = self.aws("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK}-", AlarmTypes=types)
        return [alarm["AlarmName"] for kind in types for alarm in found[f"{kind}s"]]

    def _rules(self) -> list[dict[str, Any]]:
        """The load balancer's listener rules, without the default ones."""
        elb = self.aws("elbv2")
        balancers = [balancer["LoadBalancerArn"] for balancer in elb.describe_load_balancers()["LoadBalancers"]]
        listeners = [
            one["ListenerArn"] for arn in balancers for one in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        ]
        rules = [rule for arn in listeners for rule in elb.describe_rules(ListenerArn=arn)["Rules"]]
        return [rule for rule in rules if not rule["IsDefault"]]
