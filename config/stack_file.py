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
    """A VPC of the stack's own, or one that exists."""

    cidr: types.VpcCidr = "10.0.0.0/16"
    """The address range of a VPC that is made, /16 to /24."""
    zones: Annotated[int, Field(ge=2, le=4)] = 2
    """Availability Zones of a VPC that is made; a load balancer needs two."""
    nat: Literal["none", "single", "per_zone"] = "single"
    """NAT gateways of a VPC that is made. `none` runs the tasks in public subnets with public addresses, unless there
    are `endpoints`."""
    endpoints: bool = False
    """Endpoints in a VPC that is made, of those services of AWS that its tasks need: ECR, S3, CloudWatch Logs, and
    what else the stack's services have keys for. With `nat: none` the tasks are in private subnets then, and reach
    nothing else."""
    more_endpoints: types.UniqueList[types.EndpointService] = Field(default_factory=list)
    """Services of AWS that the apps call besides, by what follows `com.amazonaws.REGION.` in the endpoint's name, such
    as sqs or dynamodb."""
    vpc_id: types.VpcId | None = None
    """An existing VPC to adopt; then both lists of subnets are needed, and no key of a VPC that is made is allowed."""
    public_subnet_ids: types.UniqueList[types.SubnetId] = Field(default_factory=list)
    """Subnets of the adopted VPC for the load balancer, in two zones at least; none where that exists too."""
    private_subnet_ids: types.UniqueList[types.SubnetId] = Field(default_factory=list)
    """Subnets of the adopted VPC for the tasks; they must reach ECR, S3, SSM and CloudWatch Logs."""

    @model_validator(mode="after")
    def _made_or_adopted(self) -> Self:
        if self.vpc_id is None:
            if self.public_subnet_ids or self.private_subnet_ids:
                raise ValueError("public_subnet_ids and private_subnet_ids go with vpc_id")
            if self.more_endpoints and not self.endpoints:
                raise ValueError("more_endpoints go with endpoints: true")
            return self
        made = sorted({"cidr", "zones", "nat", "endpoints", "more_endpoints"} & self.model_fields_set)
        if made:
            raise ValueError(f"{', '.join(made)}: not with vpc_id, the VPC exists")
        if not self.private_subnet_ids:
            raise ValueError("vpc_id needs one or more private_subnet_ids")
        return self


class Zone(Model):
    """A DNS zone that hosts are in, and their certificate."""

    zone: types.Host
    """The public Route 53 zone. Routes' hosts are the zone itself or one label below it."""
    certificate_arn: types.CertificateArn | None = None
    """An issued certificate to adopt; without one, a certificate for the zone and *.zone is made."""
    records: bool = True
    """Whether alias records for the routes' hosts, and the redirects', are made. False: DNS is somebody else's, and the
    output `dns_records` says which are to be made."""
    private: bool = False
    """Whether the records are in a private zone, which answers in the stack's VPC alone: made for a VPC that is made,
    and found by its name in one that exists."""
    validated_in: types.Host | None = None
    """The public zone in which the certificate that is made is validated, where that is not `zone` itself but one that
    `zone` is in."""
    role: types.RoleArn | None = None
    """An IAM role by which the public zone is read and written, such as one of the account that has the zone."""

    @model_validator(mode="after")
    def _fits_a_certificate(self) -> Self:
        if self.certificate_arn is None and len(self.zone) > LONGEST_OF_A_CERTIFICATE:
            raise ValueError(
                f"zone has {len(self.zone)} characters, and a certificate is made for {LONGEST_OF_A_CERTIFICATE} at "
                "most; adopt one by certificate_arn"
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
                "role: writes nothing, because the certificate exists, and no record is made in a public zone"
            )
        return self

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.private and not self.records:
            raise ValueError("private: says where the records are made, and records is false; take one of them away")
        if self.validated_in is None:
            return self
        if self.certificate_arn is not None:
            raise ValueError("validated_in: is for a certificate that is made, and certificate_arn exists")
        if not self.zone.endswith(f".{self.validated_in}"):
            raise ValueError(f"validated_in: {self.zone} is not in {self.validated_in}")
        return self


class Domain(Zone):
    """Where the services answer, by DNS zone and certificate."""

    redirects: list[Redirect] = Field(default_factory=list)
    """Hosts that lead to others, such as the zone itself to `www` of it."""
    more_zones: list[Zone] = Field(default_factory=list)
    """Others that hosts may be in. The load balancer chooses among their certificates by the host that is asked for."""

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
            raise ValueError(f"zone {twice[0]} is there twice")
        return self

    @model_validator(mode="after")
    def _each_by_one_role(self) -> Self:
        roles: dict[str, str | None] = {}
        for each in self.zones:
            for name in each.written:
                if roles.setdefault(name, each.role) != each.role:
                    raise ValueError(f"zone {name} is written by two roles, or with and without one; name one role")
        return self


class LoadBalancer(Model):
    """What the services are reached by: a load balancer that the stack makes, or one that exists."""

    internal: bool = False
    """Whether the one that is made has private addresses only, in the subnets of the tasks. Who may connect is
    `cluster.allowed_cidrs`, or the VPC alone where that says nothing. It stays what it was made as."""
    listener_arn: types.ListenerArn | None = None
    """The HTTPS listener of one that exists in the VPC that `network` adopts, with certificates for the hosts of the
    services. They add their rules to it, and its security group must let it out to the tasks."""

    @model_validator(mode="after")
    def _made_or_adopted(self) -> Self:
        if self.internal and self.listener_arn is not None:
            raise ValueError("internal: not with listener_arn, the load balancer exists")
        return self


class Cluster(Model):
    """What the stack's services share."""

    name: types.ClusterName | None = None
    """An ECS cluster that exists, with the capacity providers FARGATE and, for Spot, FARGATE_SPOT. Without it the stack
    makes one. The services stay where they are: another cluster is refused while there are any."""
    insights: Literal["disabled", "enabled", "enhanced"] = "disabled"
    """CloudWatch Container Insights; costs by the metric. With `name`, what the cluster has."""
    spot: bool = False
    """Tasks on FARGATE_SPOT: two minutes' warning before an interruption."""
    log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653] = 14
    """Days that CloudWatch keeps logs."""
    allowed_cidrs: types.UniqueList[types.Cidr] = Field(default=["0.0.0.0/0"], min_length=1)
    """Who may open connections to the load balancer. To an internal one the VPC alone, unless this names networks."""
    rules_of_a_security_group: Annotated[int, Field(ge=60, le=1000)] = 60
    """The account's quota of inbound rules per security group; what it was raised to, if it was."""


class Commits(Model):
    """A host of the app repositories; the secret `commit_token` may set statuses and comment there."""

    host: Literal["github", "gitlab"]
    """github.com, or a GitLab."""
    api: types.HttpsAddress | None = None
    """The address of its REST API, such as https://gitlab.example.com/api/v4; of the host's own cloud without it."""


class Slack(Model):
    """A Slack channel: that of the incoming webhook in the secret `slack_webhook`."""

    level: Level = "all"
    """`failures`: what has gone wrong, or waits for somebody. `releases`: also that a release has started and is out,
    two messages for each. `all`: also what happens between."""


def _whole(given: Any) -> Any:
    """`true` is short for a channel that is told all, `false` for none."""
    if isinstance(given, bool):
        return {} if given else None
    if isinstance(given, (dict, Slack)) or given is None:
        return given
    raise ValueError("must be true, false, or keys: level")


class Notifications(Model):
    """Who is told of what the pipelines and services do."""

    slack: Annotated[Slack | None, BeforeValidator(_whole, json_schema_input_type=bool | Slack | None)] = None
    """Whether a Slack channel is told, true or false, or how much of it."""
    page: types.TopicArn | None = None
    """An SNS topic that is told when a service's alarm goes on and off, when a run of a job has failed or is lost, and
    when a message could not be delivered. Its policy must let `cloudwatch.amazonaws.com` publish."""
    commits: Commits | None = None
    """Where the commits are that uploads name, which are told how their release goes; none are without it."""

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

    `${number}` in its services' hosts and values is the pull request's.
    """

    of: types.StackName
    """The stack whose network and load balancer it uses."""
    days: Annotated[int, Field(ge=1, le=30)]
    """Since its last update, until `delivery review sweep` takes it down."""


class Stack(Model):
    """Everything under the `fargate-delivery:` keys but the secrets, once `config/layers.py` has merged it."""

    review: Review | None = None
    network: Network = Network()
    domain: Domain
    load_balancer: LoadBalancer = LoadBalancer()
    cluster: Cluster = Cluster()
    protect: bool = False
    """Deletion protection of what cannot be made again: data, keys, images, the load balancer."""
    permissions_boundary: types.PolicyArn | None = None
    """A managed policy of the account: no role that the stack makes may do what that does not allow, whatever the
    role's own policy says (IAM, Permissions boundaries). The account's file may demand it of whoever deploys."""
    notifications: Notifications = Notifications()
    services: dict[types.ServiceName, Service]
    without_services: bool = False
    """Says of empty `services` that they are meant: all that the stack had are deleted."""

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
    """What every stack has, in `Pulumi.yaml`; a stack file that has this key itself has nothing from there."""

    defaults: Service
    """Of every service of every stack."""
    services: dict[types.ServiceName, Service]
    """Of every stack; its own `services` say what differs."""


class StackFile(Stack):
    """A stack file as it is written, for its JSON Schema: of a service it may say a part, and the rest comes from what
    holds for all services or all stacks.
    """

    common: Common
    defaults: Service
    """Keys of a service that each of the stack's has, unless it says otherwise itself."""
    services: dict[types.ServiceName, Service | Literal[False]]  # type: ignore[assignment]
    """By name. `false` leaves out one that `common` has."""
