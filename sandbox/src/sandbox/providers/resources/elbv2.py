"""Load balancers, their listeners and rules, and target groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, changed, dig, is_gone
from sandbox.providers.resources.codec import reported, text
from sandbox.providers.types import Aws, Resource

ELB_TAGS = Tagging("AddTags", "RemoveTags", "DescribeTags", "TagDescriptions.0.Tags", by="id")
ACTION_NAMES = {
    "authenticateCognito": "AuthenticateCognitoConfig",
    "authenticateOidc": "AuthenticateOidcConfig",
    "fixedResponse": "FixedResponseConfig",
    "forward": "ForwardConfig",
    "redirect": "RedirectConfig",
    "jwtValidation": "JwtValidationConfig",
    "arn": "TargetGroupArn",
    "stickiness": "TargetGroupStickinessConfig",
    "duration": "DurationSeconds",
}
CONDITIONS = {
    "hostHeader": ("host-header", "HostHeaderConfig"),
    "pathPattern": ("path-pattern", "PathPatternConfig"),
    "httpHeader": ("http-header", "HttpHeaderConfig"),
    "queryStrings": ("query-string", "QueryStringConfig"),
    "httpRequestMethod": ("http-request-method", "HttpRequestMethodConfig"),
    "sourceIp": ("source-ip", "SourceIpConfig"),
}
BALANCER_ATTRIBUTES = {
    "enableDeletionProtection": "deletion_protection.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "clientKeepAlive": "client_keep_alive.seconds",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableHttp2": "routing.http2.enabled",
    "enableWafFailOpen": "waf.fail_open.enabled",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "enableTlsVersionAndCipherSuiteHeaders": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "accessLogs.enabled": "access_logs.s3.enabled",
    "accessLogs.bucket": "access_logs.s3.bucket",
    "accessLogs.prefix": "access_logs.s3.prefix",
    "connectionLogs.enabled": "connection_logs.s3.enabled",
    "connectionLogs.bucket": "connection_logs.s3.bucket",
    "connectionLogs.prefix": "connection_logs.s3.prefix",
}
GROUP_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "loadBalancingAnomalyMitigation": "load_balancing.algorithm.anomaly_mitigation",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "stickiness.enabled": "stickiness.enabled",
    "stickiness.type": "stickiness.type",
    "stickiness.cookieDuration": "stickiness.lb_cookie.duration_seconds",
    "stickiness.cookieName": "stickiness.app_cookie.cookie_name",
}
HEALTH_CHECK = {
    "enabled": "HealthCheckEnabled",
    "healthyThreshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}
# What the provider sends for an absent health check, other than the API's own defaults (5 and 2).
HEALTH_DEFAULTS = {"healthyThreshold": 3, "unhealthyThreshold": 3, "interval": 30}


class ElbResource(AwsResource):
    """An ELBv2 object, known by its ARN."""

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        return {**super().computed_from(aws, id, description, inputs), "arn": id}


class LoadBalancer(ElbResource):
    """A load balancer with its attributes."""

    def refuse_existing(self, aws: Aws, inputs: Properties) -> None:
        balancers = aws.client("elbv2").describe_load_balancers()["LoadBalancers"]
        if any(balancer["LoadBalancerName"] == inputs["name"] for balancer in balancers):
            raise RuntimeError(f"ELBv2 Load Balancer ({inputs['name']}) already exists")

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        client = aws.client("elbv2")
        if pairs := _attributes(BALANCER_ATTRIBUTES, olds, news):
            client.modify_load_balancer_attributes(LoadBalancerArn=id, Attributes=pairs)
        if olds and changed(olds, news, "securityGroups"):
            client.set_security_groups(LoadBalancerArn=id, SecurityGroups=news["securityGroups"])
        if olds and changed(olds, news, "subnets"):
            client.set_subnets(LoadBalancerArn=id, Subnets=news["subnets"])
        if olds and changed(olds, news, "ipAddressType"):
            client.set_ip_address_type(LoadBalancerArn=id, IpAddressType=news["ipAddressType"])

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        internal = text(inputs.get("internal", False)) == "true"
        scheme = "internal" if internal else "internet-facing"
        return {**super().arguments(aws, operation, inputs, lenient=lenient), "Scheme": scheme}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        subnets = [zone["SubnetId"] for zone in description["AvailabilityZones"]]
        state = super().reported(aws, {**description, "Subnets": subnets}, props)
        answer = aws.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=description["LoadBalancerArn"])
        return {**state, **_reported_attributes(BALANCER_ATTRIBUTES, answer["Attributes"], props)}

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        suffix = id.split(":loadbalancer/", 1)[1]
        internal = description["Scheme"] == "internal"
        return {**super().computed_from(aws, id, description, inputs), "arnSuffix": suffix, "internal": internal}


class Listener(ElbResource):
    """A listener; its default rule holds `defaultActions`."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        certificate = inputs.get("certificateArn")
        sent = super().arguments(aws, operation, inputs, lenient=lenient)
        return {**sent, **({"Certificates": [{"CertificateArn": certificate}]} if certificate else {})}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        state = super().reported(aws, description, props)
        if "certificateArn" in props:
            state["certificateArn"] = dig(description, "Certificates.0.CertificateArn") or ""
        return state


class ListenerCertificate:
    """A certificate beside a listener's own, chosen by the host that a client asks for; id "listener_certificate"."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Add it to the listener's."""
        aws.client("elbv2").add_listener_certificates(**self._named(inputs))
        return f"{inputs['listenerArn']}_{inputs['certificateArn']}", {}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The properties as they are, None when the listener has it no more."""
        try:
            answer = aws.client("elbv2").describe_listener_certificates(ListenerArn=props["listenerArn"])
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        added = {each["CertificateArn"] for each in answer["Certificates"] if not each.get("IsDefault")}
        return dict(props) if props["certificateArn"] in added else None

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Nothing of it changes in place."""
        return {}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Take it away; a listener that is gone has none."""
        try:
            aws.client("elbv2").remove_listener_certificates(**self._named(props))
        except ClientError as error:
            if not is_gone(error):
                raise

    def _named(self, props: Properties) -> Properties:
        return {
            "ListenerArn": props["listenerArn"],
            "Certificates": [{"CertificateArn": props["certificateArn"]}],
        }


class ListenerRule(ElbResource):
    """A rule of a listener: conditions and what happens to requests that meet them."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Create it; without a priority it comes last."""
        if "priority" not in inputs:
            rules = aws.client("elbv2").describe_rules(ListenerArn=inputs["listenerArn"])["Rules"]
            priorities = [int(rule["Priority"]) for rule in rules if rule["Priority"] != "default"]
            inputs = {**inputs, "priority": max(priorities, default=0) + 1}
        id, outputs = super().create(aws, inputs)
        return id, {**outputs, "priority": inputs["priority"]}

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        conditions = [_condition(name, value) for c in inputs["conditions"] for name, value in c.items()]
        return {**super().arguments(aws, operation, inputs, lenient=lenient), "Conditions": conditions}

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if olds and changed(olds, news, "priority"):
            priorities = [{"RuleArn": id, "Priority": int(news["priority"])}]
            aws.client("elbv2").set_rule_priorities(RulePriorities=priorities)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        state = super().reported(aws, description, props)
        if "conditions" in props:
            actual = [_declared_condition(condition) for condition in description["Conditions"]]
            state["conditions"] = reported(actual, props["conditions"], {})
        return state


class TargetGroup(ElbResource):
    """A target group with its health check and attributes."""

    def refuse_existing(self, aws: Aws, inputs: Properties) -> None:
        groups = aws.client("elbv2").describe_target_groups()["TargetGroups"]
        if any(group["TargetGroupName"] == inputs["name"] for group in groups):
            raise RuntimeError(f"ELBv2 Target Group ({inputs['name']}) already exists")

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        check = {**HEALTH_DEFAULTS, **inputs.get("healthCheck", {})}
        flat = {HEALTH_CHECK[name]: value for name, value in check.items() if name in HEALTH_CHECK}
        if "matcher" in check:
            code = "GrpcCode" if inputs.get("protocolVersion") == "GRPC" else "HttpCode"
            flat["Matcher"] = {code: check["matcher"]}
        return super().arguments(aws, operation, {**inputs, **flat}, lenient=lenient)

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if pairs := _attributes(GROUP_ATTRIBUTES, olds, news):
            aws.client("elbv2").modify_target_group_attributes(TargetGroupArn=id, Attributes=pairs)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        state = super().reported(aws, description, props)
        if "healthCheck" in props:
            matcher = description.get("Matcher", {})
            actual = {name: description[key] for name, key in HEALTH_CHECK.items() if key in description}
            actual["matcher"] = matcher.get("HttpCode") or matcher.get("GrpcCode") or ""
            state["healthCheck"] = reported(actual, props["healthCheck"], {})
        answer = aws.client("elbv2").describe_target_group_attributes(TargetGroupArn=description["TargetGroupArn"])
        return {**state, **_reported_attributes(GROUP_ATTRIBUTES, answer["Attributes"], props)}

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        return {**super().computed_from(aws, id, description, inputs), "arnSuffix": id.rsplit(":", 1)[1]}


def _attributes(keys: Mapping[str, str], olds: Properties, news: Properties) -> list[dict[str, str]]:
    """The attributes to set, as key/value pairs."""
    pairs = []
    for name, key in keys.items():
        value = dig(news, name)
        if value is not None and value != dig(olds, name):
            pairs.append({"Key": key, "Value": text(value)})
    return pairs


def _reported_attributes(keys: Mapping[str, str], pairs: list[dict[str, str]], props: Properties) -> Properties:
    """The declared attributes as reported; one the server does not report is left out."""
    values = {pair["Key"]: pair["Value"] for pair in pairs}
    state: Properties = {}
    for name, key in keys.items():
        top, _, inner = name.partition(".")
        declared = dig(props, name)
        if declared is None or key not in values:
            continue
        value = reported(values[key], declared, {})
        if inner:
            state[top] = {**props[top], **(state.get(top) or {}), inner: value}
        else:
            state[top] = value
    return state


def _condition(name: str, value: Any) -> Properties:
    """A condition as the API has it: its field and the configuration of that field."""
    kind, config = CONDITIONS[name]
    if name == "queryStrings":
        items = value if isinstance(value, list) else [value]
        return {"Field": kind, config: {"Values": [{k.capitalize(): v for k, v in i.items()} for i in items]}}
    return {"Field": kind, config: {k[0].upper() + k[1:]: v for k, v in value.items()}}


def _declared_condition(condition: Mapping[str, Any]) -> Properties:
    """An API condition in the property's shape."""
    name, config = next((n, c) for n, (kind, c) in CONDITIONS.items() if kind == condition["Field"])
    inner = condition.get(config) or {"Values": condition.get("Values", [])}
    if name == "queryStrings":
        return {name: [{k.lower(): v for k, v in item.items()} for item in inner["Values"]]}
    return {name: {k[0].lower() + k[1:]: v for k, v in inner.items()}}


RESOURCES: dict[str, Resource] = {
    "aws:lb/loadBalancer:LoadBalancer": LoadBalancer(
        service="elbv2",
        create_call="CreateLoadBalancer",
        read_call="DescribeLoadBalancers",
        delete_call="DeleteLoadBalancer",
        key="LoadBalancerArn",
        id="LoadBalancers.0.LoadBalancerArn",
        element="LoadBalancers.0",
        names={"name": "Name", "loadBalancerType": "Type"},
        apart=frozenset({"internal", *(name.partition(".")[0] for name in BALANCER_ATTRIBUTES)}),
        defaults={"loadBalancerType": "application"},
        outputs={
            "dnsName": "DNSName",
            "zoneId": "CanonicalHostedZoneId",
            "vpcId": "VpcId",
            "name": "LoadBalancerName",
            "ipAddressType": "IpAddressType",
            "securityGroups": "SecurityGroups",
        },
        tagging=ELB_TAGS,
    ),
    "aws:lb/listener:Listener": Listener(
        service="elbv2",
        create_call="CreateListener",
        read_call="DescribeListeners",
        update_call="ModifyListener",
        delete_call="DeleteListener",
        key="ListenerArn",
        id="Listeners.0.ListenerArn",
        element="Listeners.0",
        names=ACTION_NAMES,
        apart=frozenset({"certificateArn"}),
        outputs={"port": "Port", "protocol": "Protocol", "sslPolicy": "SslPolicy"},
        tagging=ELB_TAGS,
    ),
    "aws:lb/listenerCertificate:ListenerCertificate": ListenerCertificate(),
    "aws:lb/listenerRule:ListenerRule": ListenerRule(
        service="elbv2",
        create_call="CreateRule",
        read_call="DescribeRules",
        update_call="ModifyRule",
        delete_call="DeleteRule",
        key="RuleArn",
        id="Rules.0.RuleArn",
        element="Rules.0",
        names=ACTION_NAMES,
        apart=frozenset({"conditions"}),
        tagging=ELB_TAGS,
    ),
    "aws:lb/targetGroup:TargetGroup": TargetGroup(
        service="elbv2",
        create_call="CreateTargetGroup",
        read_call="DescribeTargetGroups",
        update_call="ModifyTargetGroup",
        delete_call="DeleteTargetGroup",
        key="TargetGroupArn",
        id="TargetGroups.0.TargetGroupArn",
        element="TargetGroups.0",
        names={"name": "Name"},
        apart=frozenset({"healthCheck", *(name.partition(".")[0] for name in GROUP_ATTRIBUTES)}),
        defaults={"targetType": "instance"},
        outputs={
            "name": "TargetGroupName",
            "port": "Port",
            "protocol": "Protocol",
            "vpcId": "VpcId",
            "loadBalancerArns": "LoadBalancerArns",
        },
        tagging=ELB_TAGS,
    ),
}
