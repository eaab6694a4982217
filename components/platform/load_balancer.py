"""The load balancer that a stack's services share, with its certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired, Self, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.model import Model

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


class Redirect(Model):
    """A host that redirects browsers to another host, with the requested path and query."""

    host: types.Host
    """The requested host, in one of the zones of `domain`."""
    to: types.Host
    """The host to redirect to, by HTTPS: a host of this stack, or any other."""
    priority: Annotated[int, Field(ge=1, le=50000)]
    """The priority of its listener rule, as for a route."""
    permanent: bool = True
    """If true the status is 301, which browsers may keep for ever, otherwise 302."""

    @model_validator(mode="after")
    def _leads_away(self) -> Self:
        if self.to == self.host:
            raise ValueError(f"{self.host} redirects to itself; name another host")
        return self


class AdoptedLoadBalancer(TypedDict):
    """A load balancer that exists."""

    https_listener_arn: pulumi.Input[str]
    arn_suffix: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    dns_name: pulumi.Input[str]
    zone_id: pulumi.Input[str]


class Certified(TypedDict):
    """A name with a certificate."""

    domain: str
    """The name of a created certificate, which also covers names one label below it."""
    zone_id: NotRequired[pulumi.Input[str]]
    """The Route 53 zone of the certificate's validation record; required unless certificate_arn is given."""
    validated_by: NotRequired[aws.Provider]
    """The provider that creates the validation record, if the default provider may not."""
    certificate_arn: NotRequired[pulumi.Input[str]]
    """An issued certificate to use; then none is created."""


class LoadBalancerArgs(Certified):
    """Inputs of `LoadBalancer`."""

    adopt: NotRequired[AdoptedLoadBalancer]
    """An existing load balancer to use; then none is created, and only the inputs for hosts and redirects apply."""

    load_balancer_name: pulumi.Input[str]
    """Its AWS name, at most 32 characters."""
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    """Subnets in at least two zones; public ones, unless the load balancer is internal."""
    internal: NotRequired[bool]
    """Whether it has private addresses only."""
    more_certificates: NotRequired[Sequence[Certified]]
    """Certificates of other names, which clients get that ask for those names (SNI)."""
    allowed_cidrs: NotRequired[Sequence[str]]
    """Networks that may connect; by default all, or for an internal load balancer those that it `reaches`."""
    test_ports: NotRequired[Sequence[int]]
    """Ports that serve new tasks before they get traffic, with HTTPS too."""
    protect: NotRequired[bool]
    """Deletion protection, Pulumi's and the load balancer's own."""
    reaches: NotRequired[Sequence[str]]
    """The address ranges of the tasks; their VPC's."""
    hosts: NotRequired[Mapping[str, Sequence[str]]]
    """The names that resolve to the load balancer, also to an adopted one. The value lists the `EcsService`
    components to which the name's record once belonged."""
    redirects: NotRequired[Sequence[Redirect]]
    """Hosts that redirect to others."""
    records_zone_id: NotRequired[pulumi.Input[str]]
    """The zone in which the alias records for the hosts are created; without it there are none."""
    host_zone_ids: NotRequired[Mapping[str, pulumi.Input[str]]]
    """For hosts of other zones, the zone of each."""
    host_providers: NotRequired[Mapping[str, aws.Provider]]
    """For hosts whose zone the default provider may not write, the provider of each record."""


class LoadBalancer(pulumi.ComponentResource):
    """An Application Load Balancer, internet-facing or internal: HTTPS with a 404 for unknown hosts, HTTP that
    redirects.

    Produces: a load balancer, two listeners, a rule for each redirect, a security group with its rules; for each
    name a certificate with its validation record, unless one is adopted; and one alias record for each host. For an
    adopted load balancer only redirects and records.
    """

    https_listener_arn: pulumi.Output[str]
    """The listener to which services add their rules."""
    test_listener_arns: Mapping[int, pulumi.Output[str]]
    """By port, the listeners to which services add the rules for their new tasks."""
    arn_suffix: pulumi.Output[str]
    """The name of the load balancer in its metrics."""
    security_group_id: pulumi.Output[str]
    """The load balancer's security group, from which services accept traffic."""
    dns_name: pulumi.Output[str]
    """The name that alias records point to."""
    zone_id: pulumi.Output[str]
    """The zone of `dns_name`, AWS's own."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:LoadBalancer", name, _inputs(args), opts)
        if "adopt" in args:
            self._adopt(args["adopt"])
        else:
            self._make(name, args)
        for redirect in args.get("redirects", []):
            opts = pulumi.ResourceOptions(parent=self)
            _redirect(f"{name}-redirect-{redirect.host}", redirect, self.https_listener_arn, opts)
        zone_ids, providers = args.get("host_zone_ids", {}), args.get("host_providers", {})
        for host, once_of in args.get("hosts", {}).items():
            if (zone_id := zone_ids.get(host, args.get("records_zone_id"))) is not None:
                self._record(f"{name}-{host}", host, zone_id, once_of, providers.get(host))
        self.register_outputs({"dns_name": self.dns_name})

    def _adopt(self, adopted: AdoptedLoadBalancer) -> None:
        self.https_listener_arn = pulumi.Output.from_input(adopted["https_listener_arn"])
        self.test_listener_arns = {}
        self.arn_suffix = pulumi.Output.from_input(adopted["arn_suffix"])
        self.security_group_id = pulumi.Output.from_input(adopted["security_group_id"])
        self.dns_name = pulumi.Output.from_input(adopted["dns_name"])
        self.zone_id = pulumi.Output.from_input(adopted["zone_id"])

    def _make(self, name: str, args: LoadBalancerArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        protect = args.get("protect", False)
        group = aws.ec2.SecurityGroup(f"{name}-sg", description="The load balancer", vpc_id=args["vpc_id"], opts=child)
        test_ports = args.get("test_ports", [])
        internal = args.get("internal", False)
        anybody = args.get("reaches", []) if internal else ["0.0.0.0/0"]
        for port in (80, 443, *test_ports):
            for cidr in args.get("allowed_cidrs", anybody):
                aws.vpc.SecurityGroupIngressRule(
                    f"{name}-in-{port}-{cidr}",
                    security_group_id=group.id,
                    description=f"Port {port} from {cidr}",
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=None if ":" in cidr else cidr,
                    cidr_ipv6=cidr if ":" in cidr else None,
                    opts=child,
                )
        for cidr in args.get("reaches", []):
            # One for all services, and none for each: a security group takes 60 rules.
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-out-{cidr}",
                security_group_id=group.id,
                description=f"To the tasks in {cidr}",
                ip_protocol="tcp",
                from_port=1,
                to_port=65535,
                cidr_ipv4=cidr,
                opts=child,
            )
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            name=args["load_balancer_name"],
            load_balancer_type="application",
            internal=internal or None,
            security_groups=[group.id],
            subnets=args["subnet_ids"],
            drop_invalid_header_fields=True,
            enable_deletion_protection=protect,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        certificate_arn = self._certificate(name, args)
        https = _https_listener(f"{name}-https", 443, balancer.arn, certificate_arn, child)
        aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                {
                    "type": "redirect",
                    "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"},
                }
            ],
            opts=child,
        )
        self.https_listener_arn = https.arn
        self.test_listener_arns = {
            port: _https_listener(f"{name}-test-{port}", port, balancer.arn, certificate_arn, child).arn
            for port in test_ports
        }
        for certificate, arn in self._more_certificates(name, args).items():
            for port, listener_arn in {443: https.arn, **self.test_listener_arns}.items():
                aws.lb.ListenerCertificate(
                    f"{name}-{certificate}-{port}", listener_arn=listener_arn, certificate_arn=arn, opts=child
                )
        self.arn_suffix = balancer.arn_suffix
        self.security_group_id = group.id
        self.dns_name = balancer.dns_name
        self.zone_id = balancer.zone_id

    def _record(
        self, name: str, host: str, zone_id: pulumi.Input[str], once_of: Sequence[str], provider: aws.Provider | None
    ) -> None:
        """A record is nobody's but the host's, so that the host may change its service."""
        services = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::fargate-delivery:index:EcsService"
        aws.route53.Record(
            name,
            zone_id=zone_id,
            name=host,
            type="A",
            aliases=[{"name": self.dns_name, "zone_id": self.zone_id, "evaluate_target_health": True}],
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                aliases=[f"{services}$aws:route53/record:Record::{service}-{host}" for service in once_of],
            ),
        )

    def _more_certificates(self, name: str, args: LoadBalancerArgs) -> dict[str, pulumi.Input[str]]:
        """Those beside the first one, by the domain of one that is made and the id of one that exists, once each."""
        more: dict[str, pulumi.Input[str]] = {}
        for each in args.get("more_certificates", []):
            arn = self._certificate(f"{name}-{each['domain']}", each)
            if not isinstance(arn, str):
                more[each["domain"]] = arn
            elif arn != args.get("certificate_arn"):
                more[arn.rpartition("/")[2]] = arn
        return more

    def _certificate(self, name: str, args: Certified) -> pulumi.Input[str]:
        """One that exists, or one for the domain and one label below it. Both names have one validation record."""
        if "certificate_arn" in args:
            return args["certificate_arn"]
        if "zone_id" not in args:
            raise ValueError("LoadBalancer needs zone_id to validate the certificate it makes, or certificate_arn")
        child = pulumi.ResourceOptions(parent=self)
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=args["domain"],
            subject_alternative_names=[f"*.{args['domain']}"],
            validation_method="DNS",
            opts=child,
        )
        option = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-certificate-record",
            zone_id=args["zone_id"],
            name=option.resource_record_name.apply(lambda value: value or ""),
            type=option.resource_record_type.apply(lambda value: value or ""),
            records=[option.resource_record_value.apply(lambda value: value or "")],
            ttl=300,
            allow_overwrite=True,
            opts=pulumi.ResourceOptions(parent=self, provider=args.get("validated_by")),
        )
        validation = aws.acm.CertificateValidation(
            f"{name}-certificate-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=child,
        )
        return validation.certificate_arn


def _inputs(args: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine is told of them: no models and no providers."""
    plain = {key: value for key, value in args.items() if key not in ("redirects", "validated_by", "host_providers")}
    if "more_certificates" in args:
        plain["more_certificates"] = [_inputs(each) for each in args["more_certificates"]]
    return plain


def _redirect(
    name: str, redirect: Redirect, listener_arn: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> aws.lb.ListenerRule:
    """Path and query are kept where a redirect says nothing of them (ELB, RedirectActionConfig)."""
    status = "HTTP_301" if redirect.permanent else "HTTP_302"
    to: aws.lb.ListenerRuleActionRedirectArgsDict = {
        "host": redirect.to, "protocol": "HTTPS", "port": "443", "status_code": status
    }  # fmt: skip
    return aws.lb.ListenerRule(
        name,
        listener_arn=listener_arn,
        priority=redirect.priority,
        conditions=[{"host_header": {"values": [redirect.host]}}],
        actions=[{"type": "redirect", "redirect": to}],
        opts=opts,
    )


def _https_listener(
    name: str,
    port: int,
    balancer_arn: pulumi.Input[str],
    certificate_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> aws.lb.Listener:
    """A listener that knows no host until services add their rules."""
    return aws.lb.Listener(
        name,
        load_balancer_arn=balancer_arn,
        port=port,
        protocol="HTTPS",
        ssl_policy=TLS_POLICY,
        certificate_arn=certificate_arn,
        default_actions=[
            {
                "type": "fixed-response",
                "fixed_response": {
                    "content_type": "text/plain",
                    "message_body": "No service answers here.",
                    "status_code": "404",
                },
            }
        ],
        opts=opts,
    )
