"""What every deploy strategy is: the keys of a stack file's `deploy`, and all that follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.iam import delivery_policies, policies
from components.model import Model
from components.pipeline import stages
from components.platform.platform import Platform
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Controller
from releases.service_state import ProviderShare, ServiceState


@dataclass(frozen=True)
class Template:
    """The whole task definition, as a template in S3 that a release fills in.

    Attributes:
        task_definition: with IMAGE_PLACEHOLDER for the image.
        app_spec: how it is deployed.
        hooks: what guards a change of it.
    """

    task_definition: pulumi.Output[str]
    app_spec: pulumi.Output[str]
    hooks: pulumi.ResourceHookBinding | None


@dataclass(frozen=True)
class Deployable:
    """A service, as who deploys it needs it.

    Attributes:
        platform: what the stack's services share.
        service: the service's name.
        name: the ECS service's name.
        arn: the ECS service's ARN.
        role_arns: the roles that go with a new revision: execution and task, and the one that ECS shifts traffic with.
        target_groups: those of its routes, in their order.
        rules: the listener rules that forward to them.
        alarm_names: the alarms that end a deployment.
        template: what is deployed where that is a template; None where the image alone is.
    """

    platform: Platform
    service: str
    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    role_arns: Sequence[pulumi.Output[str]]
    target_groups: Sequence[aws.lb.TargetGroup]
    rules: Sequence[aws.lb.ListenerRule]
    alarm_names: Sequence[pulumi.Output[str]]
    template: Template | None

    @property
    def cluster_arn(self) -> pulumi.Output[str]:
        """The ECS cluster's ARN."""
        return pulumi.Output.concat(self._arn("cluster/"), self.platform.cluster.name)

    @property
    def tasks_arn(self) -> pulumi.Output[str]:
        """Every task of the cluster: a task's ARN ends in an id that AWS makes up."""
        return pulumi.Output.concat(self._arn("task/"), self.platform.cluster.name, "/*")

    @property
    def revisions_arn(self) -> str:
        """Every revision of the task definition's family."""
        return self._arn(f"task-definition/{self.platform.scope.name(self.service)}:*")

    @property
    def deployments_arn(self) -> pulumi.Output[str]:
        """Every service deployment: its ARN ends in an id that ECS makes up."""
        cluster_and_service = (self.platform.cluster.name, "/", self.name)
        return pulumi.Output.concat(self._arn("service-deployment/"), *cluster_and_service, "/*")

    def _arn(self, resource: str) -> str:
        return self.platform.scope.arn("ecs", resource)


class Deployer:
    """What deploys a service's images, as its pipeline sees it: ECS itself."""

    def __init__(self, service: Deployable, strategy: Strategy) -> None:
        self.service, self.strategy = service, strategy

    def actions(self, steps: pulumi.Input[str]) -> list[stages.Action]:
        """The pipeline's actions; the last one deploys.

        Args:
            steps: the Lambda function of the pipeline's own steps.
        """
        update: dict[str, pulumi.Input[str]] = {
            "ClusterName": self.service.platform.cluster.name,
            "ServiceName": self.service.name,
            "FileName": stages.IMAGE_DEFINITIONS,
            "DeploymentTimeout": str(self.strategy.timeout),
        }
        packaged: stages.Flow = {"input_artifacts": [stages.PACKAGE]}
        return [stages.aws_action("Deploy", "Deploy", "ECS", update, packaged)]

    def permissions(self) -> list[policies.Statement]:
        """What the pipeline's role may do for these actions."""
        service = self.service
        return delivery_policies.deploy_service(
            service.arn, service.revisions_arn, service.role_arns, service.cluster_arn, service.tasks_arn
        )

    def step_permissions(self) -> list[policies.Statement]:
        """What the function of the pipeline's steps may do for these actions, beside what Release does."""
        return []


class Strategy(Model):
    """How a new image replaces the old one.

    A strategy is a module of this package, found by itself: a subclass with another `strategy`, which overrides what
    differs from ECS's own rolling deployments.
    """

    controller: ClassVar[Controller] = CONTROLLERS["ECS"]
    """Who deploys the ECS service. Where a template is deployed, there is an AppSpec beside it."""
    shifts: ClassVar[bool] = False
    """Whether a route has two target groups, between which the traffic shifts."""
    changed_by_deployments: ClassVar[Sequence[str]] = ()
    """Arguments of the ECS service that a deployment changes, so that Pulumi leaves them."""

    rules: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """What holds between its keys, as JSON Schema, for whoever writes a stack file in an editor."""
    rules_of_service: ClassVar[Mapping[str, Any]] = {}
    """The same of the service's other keys."""

    strategy: str
    timeout: Annotated[int, Field(ge=5, le=60)] = 15
    """Minutes after which an uncompleted deployment by ECS counts as failed, both in the pipeline, which releases
    nothing else meanwhile, and in `up`. Set it above the time of the slowest good deployment, including the bake
    time of its alarms; CodePipeline's ECS action allows at most 60. With `blue_green`, `canary` and `linear` the
    minutes of the shift, of `bake` and of `pause` are added. With `codedeploy` it limits only the start of the
    tasks in the first release and in a change of strategy; CodeDeploy itself gives up any other deployment after
    an hour."""
    replace: bool = False
    """Whether a change of `strategy` may replace the ECS service; AWS cannot change a service's controller."""

    @model_validator(mode="before")
    @classmethod
    def _alarms_are_the_service_s(cls, data: Any) -> Any:
        if isinstance(data, dict) and "alarms" in data:
            raise ValueError(
                "alarms: is a key of the service now, not of deploy, and all alarms are on; remove it here, and write "
                "what should differ there, as alarms: {server_errors: 5, latency: 2, unhealthy_hosts: false}"
            )
        return data

    @model_validator(mode="before")
    @classmethod
    def _keys_of_another(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        others = {name_of(other): other.model_fields.keys() for other in kinds_of(Strategy)}
        known = set().union(*others.values())
        keys = sorted(data.keys() & (known - cls.model_fields.keys()))
        with_all = [name for name in sorted(others) if others[name] >= set(keys)]
        if keys and with_all:
            raise ValueError(f"{', '.join(keys)}: only with strategy {either(with_all)}")
        if keys:
            of_each = {key: either([name for name in sorted(others) if key in others[name]]) for key in keys}
            raise ValueError("; ".join(f"{key}: only with strategy {names}" for key, names in of_each.items()))
        return data

    def problems(self, *, routes: int, sessions: bool) -> Iterator[str]:
        """What of a service does not go with this strategy.

        Args:
            routes: how many it has.
            sessions: whether ECS Exec opens sessions in its tasks.
        """
        yield from ()

    @property
    def test_ports(self) -> Sequence[int]:
        """Where the load balancer shows new tasks before the traffic shifts."""
        return ()

    @property
    def hook_arns(self) -> Sequence[str]:
        """The Lambda functions that ECS calls."""
        return ()

    @property
    def up_minutes(self) -> int:
        """For how long `up` follows a deployment."""
        return self.timeout

    @property
    def follow_minutes(self) -> int | None:
        """For how long `up` follows one that goes on by itself; None to its end, or until it pauses."""
        return None

    @property
    def release_minutes(self) -> int:
        """For how long the pipeline waits for a deployment."""
        return self.timeout

    def service_arguments(
        self, alarms: aws.ecs.ServiceAlarmsArgsDict | None, shift_role_arn: pulumi.Input[str] | None
    ) -> dict[str, Any]:
        """Arguments of `aws.ecs.Service`: how ECS deploys.

        Args:
            alarms: what ECS is to watch; None for a service without routes.
            shift_role_arn: the role that ECS shifts traffic and calls hooks with; None where it never did.
        """
        raise NotImplementedError

    def waits(self, stack: str, state: ServiceState | None, fingerprint: str) -> str | None:
        """Why the program's template does not run for good yet, and what to do; None when it does."""
        raise NotImplementedError

    def app_spec(
        self,
        container: str,
        port: int,
        capacity: Sequence[ProviderShare],
        subnet_ids: Sequence[str],
        security_group_id: str,
        assign_public_ip: bool,
    ) -> dict[str, Any]:
        """The AppSpec of a strategy that deploys a template.

        Args:
            container: the container that the load balancer reaches.
            port: where it listens.
            capacity: where its tasks run.
            subnet_ids: where the tasks run.
            security_group_id: of the tasks.
            assign_public_ip: whether they have public addresses.
        """
        raise NotImplementedError

    def deployer(self, name: str, service: Deployable, opts: pulumi.ResourceOptions | None = None) -> Deployer:
        """What deploys the service, with whatever has to be made for it beside ECS.

        Args:
            name: what the names of its resources begin with.
            service: the service.
            opts: of the components that are made.
        """
        return Deployer(service, self)


def kinds_of(strategy: type[Strategy]) -> list[type[Strategy]]:
    """Those that have been defined and have a name, and those that are made of them."""
    found = [kind for each in strategy.__subclasses__() for kind in (each, *kinds_of(each))]
    return [kind for kind in found if kind.model_fields["strategy"].annotation is not str]


def either(names: Sequence[str]) -> str:
    """Names as a choice: `a`, `a or b`, `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def name_of(strategy: type[Strategy]) -> str:
    """What a stack file calls a strategy."""
    (name,) = strategy.model_fields["strategy"].annotation.__args__  # type: ignore[union-attr]
    return str(name)
