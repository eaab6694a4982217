"""The keys of a stack file, as pydantic models; those of a service are in `config/service.py`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from components import types
from components.model import Model
from components.notifications.slack_messages import Level
from components.platform.load_balancer import Redirect
from config.service import Service

LONGEST_OF_A_CERTIFICATE = 64
"""Characters of a certificate's first name (ACM, RequestCertificate: DomainName)."""


class Network(Model):
    """A VPC that the stack creates, or an existing one."""

    cidr: types.VpcCidr = "10.0.0.0/16"
    """The address range of a created VPC, /16 to /24."""
    zones: Annotated[int, Field(ge=2, le=4)] = 2
    """The number of Availability Zones of a created VPC; a load balancer needs two."""
    nat: Literal["none", "single", "per_zone"] = "single"
    """NAT gateways of a created VPC. `none` runs the tasks in public subnets with public addresses, unless there are
    `endpoints`."""
    endpoints: bool = False
    """Whether a created VPC has endpoints for the AWS services that its tasks need: ECR, S3, CloudWatch Logs, and
    others by the keys of the stack's services. With `nat: none` the tasks are then in private subnets, and reach
    nothing else."""
    more_endpoints: types.UniqueList[types.EndpointService] = Field(default_factory=list)
    """Further AWS services that the apps call, by what follows `com.amazonaws.REGION.` in the endpoint's name, such
    as sqs or dynamodb."""
    vpc_id: types.VpcId | None = None
    """An existing VPC to adopt. Both lists of subnets are then required, and keys of a created VPC are not allowed."""
    public_subnet_ids: types.UniqueList[types.SubnetId] = Field(default_factory=list)
    """Subnets of the adopted VPC for the load balancer, in at least two zones; none if the load balancer exists too."""
    private_subnet_ids: types.UniqueList[types.SubnetId] = Field(default_factory=list)
    """Subnets of the adopted VPC for the tasks; they must reach ECR, S3, SSM and CloudWatch Logs."""

    @model_validator(mode="after")
    def _made_or_adopted(self) -> Self:
        if self.vpc_id is None:
            if self.public_subnet_ids or self.private_subnet_ids:
                raise ValueError("public_subnet_ids and private_subnet_ids need vpc_id")
            if self.more_endpoints and not self.endpoints:
                raise ValueError("more_endpoints need endpoints: true")
            return self
        made = sorted({"cidr", "zones", "nat", "endpoints", "more_endpoints"} & self.model_fields_set)
        if made:
            raise ValueError(f"{', '.join(made)}: not with vpc_id, because that VPC exists already; remove this")
        if not self.private_subnet_ids:
            raise ValueError("vpc_id needs one or more private_subnet_ids")
        return self


class Zone(Model):
    """A DNS zone for hosts, and its certificate."""

    zone: types.Host
    """The public Route 53 zone. Hosts of routes are the zone itself or one label below it."""
    certificate_arn: types.CertificateArn | None = None
    """An issued certificate to adopt; without it, the stack creates a certificate for the zone and *.zone."""
    records: bool = True
    """Whether the stack creates alias records for the hosts of routes and redirects. If false, somebody else manages
    the DNS, and the output `dns_records` says which records to create."""
    private: bool = False
    """Whether the records are in a private zone, which resolves only in the stack's VPC. The stack creates the zone
    for a created VPC; for an existing VPC it finds the zone by name."""
    validated_in: types.Host | None = None
    """The public zone in which the created certificate is validated, if that is not `zone` itself but a zone that
    contains it."""
    role: types.RoleArn | None = None
    """An IAM role with which the stack reads and writes the public zone, such as a role in the account that has the
    zone."""

    @model_validator(mode="after")
    def _fits_a_certificate(self) -> Self:
        if self.certificate_arn is None and len(self.zone) > LONGEST_OF_A_CERTIFICATE:
            raise ValueError(
                f"zone has {len(self.zone)} characters, and ACM creates certificates for {LONGEST_OF_A_CERTIFICATE} at "
                "most; name an existing one as certificate_arn"
            )
        return self

    @property
    def written(self) -> list[str]:
        """The public zones that something is written into: records of hosts, or of a certificate that is made."""
        hosts = [self.zone] if self.records and not self.private else []
        return hosts if self.certificate_arn else [*hosts, self.validated_in or self.zone]

    @model_validator(mode="after")
    def _writes_what_a_role_is_for(self) -> Self:
        if self.role is not None and not self.written:
            raise ValueError(
                "role: has nothing to write, because the certificate exists and no record is created in a public zone; "
                "remove it"
            )
        return self

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.private and not self.records:
            raise ValueError("private: needs records, and records: false creates none; remove one of the two")
        if self.validated_in is None:
            return self
        if self.certificate_arn is not None:
            raise ValueError(
                "validated_in: not with certificate_arn, because that certificate exists already; remove it"
            )
        if not self.zone.endswith(f".{self.validated_in}"):
            raise ValueError(f"validated_in: {self.validated_in} does not contain {self.zone}; name a zone that does")
        return self


class Domain(Zone):
    """The DNS zones and certificates of the services' hosts."""

    redirects: list[Redirect] = Field(default_factory=list)
    """Hosts that redirect to other hosts, such as the zone itself to its `www`."""
    more_zones: list[Zone] = Field(default_factory=list)
    """More zones for hosts. The load balancer chooses among their certificates by the requested host."""

    @property
    def zones(self) -> list[Zone]:
        """All of them, the first one first."""
        return [self, *self.more_zones]

    def zone_of(self, host: str) -> Zone | None:
        """The zone that a host is in, of two within each other the inner one; None where it is in none."""
        of_host = [each for each in self.zones if host == each.zone or host.endswith(f".{each.zone}")]
        return max(of_host, key=lambda each: len(each.zone), default=None)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [each.zone for each in self.zones]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"zone {twice[0]} appears twice; remove one")
        return self

    @model_validator(mode="after")
    def _each_by_one_role(self) -> Self:
        roles: dict[str, str | None] = {}
        for each in self.zones:
            for name in each.written:
                if roles.setdefault(name, each.role) != each.role:
                    raise ValueError(
                        f"zone {name} has two different roles, or one only in one place; write the same role in both"
                    )
        return self


class LoadBalancer(Model):
    """The load balancer in front of the services: one that the stack creates, or an existing one."""

    internal: bool = False
    """Whether the created load balancer has private addresses only, in the subnets of the tasks.
    `cluster.allowed_cidrs` says who may connect; without it, only the VPC may. This cannot change later."""
    listener_arn: types.ListenerArn | None = None
    """The HTTPS listener of an existing load balancer in the VPC that `network` adopts, with certificates for the
    hosts of the services. The services add their rules to it, and its security group must allow traffic to the
    tasks."""

    @model_validator(mode="after")
    def _made_or_adopted(self) -> Self:
        if self.internal and self.listener_arn is not None:
            raise ValueError("internal: not with listener_arn, because that load balancer exists already; remove it")
        return self


class Cluster(Model):
    """What the stack's services share."""

    name: types.ClusterName | None = None
    """An existing ECS cluster with the capacity providers FARGATE and, for Spot, FARGATE_SPOT. Without it the stack
    creates one. Services cannot move: another cluster is refused while there are services."""
    insights: Literal["disabled", "enabled", "enhanced"] = "disabled"
    """CloudWatch Container Insights, which is billed by metric. With `name`, the setting that the cluster has."""
    spot: bool = False
    """Tasks on FARGATE_SPOT: two minutes' warning before an interruption."""
    log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653] = 14
    """How many days CloudWatch keeps logs."""
    allowed_cidrs: types.UniqueList[types.Cidr] = Field(default=["0.0.0.0/0"], min_length=1)
    """Networks that may connect to the load balancer. For an internal load balancer the default is the VPC only."""
    rules_of_a_security_group: Annotated[int, Field(ge=60, le=1000)] = 60
    """The account's quota of inbound rules per security group, if it was raised."""


class Commits(Model):
    """A host of the app repositories; the secret `commit_token` may set statuses and comment there."""

    host: Literal["github", "gitlab"]
    """github.com, or a GitLab."""
    api: types.HttpsAddress | None = None
    """The address of its REST API, such as https://gitlab.example.com/api/v4; the default is that of the host's own
    cloud."""


class Slack(Model):
    """The Slack channel of the incoming webhook in the secret `slack_webhook`."""

    level: Level = "all"
    """`failures`: what has failed, or waits for somebody. `releases`: also that a release has started and that it is
    released, two messages for each. `all`: also what happens in between."""


def _whole(given: Any) -> Any:
    """`true` is short for a channel that is told all, `false` for none."""
    if isinstance(given, bool):
        return {} if given else None
    if isinstance(given, (dict, Slack)) or given is None:
        return given
    raise ValueError("must be true, false, or keys: level")


class Notifications(Model):
    """Who is notified of what the pipelines and services do."""

    slack: Annotated[Slack | None, BeforeValidator(_whole, json_schema_input_type=bool | Slack | None)] = None
    """Whether a Slack channel gets messages (true or false), or which ones."""
    page: types.TopicArn | None = None
    """An SNS topic that is notified when a service's alarm goes on and off, when a run of a job has failed or is
    lost, and when a message could not be delivered. Its policy must allow `cloudwatch.amazonaws.com` to publish."""
    commits: Commits | None = None
    """The host of the commits that uploads name; these commits get the status of their release. Without it no commit
    gets one."""

    @model_validator(mode="before")
    @classmethod
    def _webhook_only(cls, given: Any) -> Any:
        if isinstance(given, dict) and "amazon_q" in given:
            raise ValueError(
                "amazon_q is not supported: Slack is told by an incoming webhook, the secret slack_webhook; write "
                "slack: true instead"
            )
        return given


class Review(Model):
    """A pull request's own short-lived stack, `pr-<number>`, on the network and the load balancer of another stack.
    In hosts and values of its services, `${number}` is the pull request's number."""

    of: types.StackName
    """The stack whose network and load balancer the review stack uses."""
    days: Annotated[int, Field(ge=1, le=30)]
    """Days after its last update until `delivery review sweep` destroys it."""


class Stack(Model):
    """Everything under the `fargate-delivery:` keys but the secrets, once `config/layers.py` has merged it."""

    review: Review | None = None
    network: Network = Network()
    domain: Domain
    load_balancer: LoadBalancer = LoadBalancer()
    cluster: Cluster = Cluster()
    protect: bool = False
    """Deletion protection for what cannot be created again: data, keys, images, the load balancer."""
    permissions_boundary: types.PolicyArn | None = None
    """A managed policy of the account. No role that the stack creates may do what this policy does not allow,
    whatever the role's own policy says (IAM, Permissions boundaries). The account's file may require it of the
    roles that deploy."""
    notifications: Notifications = Notifications()
    services: dict[types.ServiceName, Service]
    without_services: bool = False
    """Confirms that empty `services` are intended: `up` then deletes all services of the stack."""

    @property
    def public_zones(self) -> dict[str, str | None]:
        """Those that something is written into, and the role by which it is."""
        made = self.load_balancer.listener_arn is None
        return {
            name: zone.role
            for zone in self.domain.zones
            for name in zone.written
            if made or (name == zone.zone and zone.records and not zone.private)
        }

    def approves(self, service: Service) -> bool:
        """Whether a service's releases wait for somebody's approval."""
        return self.protect if service.approve is None else service.approve


class Common(Model):
    """What every stack has, in `Pulumi.yaml`. A stack file with this key gets nothing from there."""

    defaults: Service
    """Keys of every service of every stack."""
    services: dict[types.ServiceName, Service]
    """The services of every stack; a stack file's own `services` say what differs."""


class StackFile(Stack):
    """A stack file as it is written, for its JSON Schema. It may give only some keys of a service; the defaults and
    the shared services of `Pulumi.yaml` give the rest."""

    common: Common
    defaults: Service
    """Keys that every service of the stack has unless the service sets them itself."""
    services: dict[types.ServiceName, Service | Literal[False]]  # type: ignore[assignment]
    """The services by name. `false` leaves out a service of `common`."""
