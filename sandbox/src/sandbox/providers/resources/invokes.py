"""The data sources: questions about the account that create nothing (but see `get_zone`)."""

from __future__ import annotations

import json
import logging
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.providers.resources.base import Properties, dig, tag_dictionary
from sandbox.providers.resources.codec import text
from sandbox.providers.resources.ec2 import ec2_arn
from sandbox.providers.types import Aws

_log = logging.getLogger(__name__)
REGIONS = {"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-2": "US West (Oregon)",
           "eu-west-1": "Europe (Ireland)", "eu-central-1": "Europe (Frankfurt)"}  # fmt: skip
DNS_SUFFIXES = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
SUBNET_SWITCHES = {
    "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
    "enableDns64": "EnableDns64",
    "ipv6Native": "Ipv6Native",
    "mapCustomerOwnedIpOnLaunch": "MapCustomerOwnedIpOnLaunch",
    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
}


def get_caller_identity(aws: Aws, args: Properties) -> Properties:
    """Who the provider calls AWS as."""
    caller = aws.client("sts").get_caller_identity()
    return {
        "accountId": caller["Account"],
        "arn": caller["Arn"],
        "id": caller["Account"],
        "userId": caller["UserId"],
    }


def get_region(aws: Aws, args: Properties) -> Properties:
    """The provider's region, or the one asked for."""
    region = args.get("region") or args.get("name") or aws.region
    endpoint = f"ec2.{region}.{DNS_SUFFIXES[aws.partition]}"
    description = REGIONS.get(region, region)
    return {"description": description, "endpoint": endpoint, "id": region, "name": region, "region": region}


def get_partition(aws: Aws, args: Properties) -> Properties:
    """The partition with its DNS suffix."""
    suffix = DNS_SUFFIXES[aws.partition]
    backwards = ".".join(reversed(suffix.split(".")))
    return {
        "dnsSuffix": suffix,
        "id": aws.partition,
        "partition": aws.partition,
        "reverseDnsPrefix": backwards,
    }


def get_availability_zones(aws: Aws, args: Properties) -> Properties:
    """The region's zones, by `state`, `filters` and exclusions."""
    filters = _filters(args)
    if "state" in args:
        filters.append({"Name": "state", "Values": [args["state"]]})
    zones = aws.client("ec2").describe_availability_zones(Filters=filters)["AvailabilityZones"]
    chosen = sorted(
        (zone["ZoneName"], zone["ZoneId"])
        for zone in zones
        if zone["ZoneName"] not in args.get("excludeNames", []) and zone["ZoneId"] not in args.get("excludeZoneIds", [])
    )
    return {
        **args,
        "groupNames": [aws.region],
        "id": aws.region,
        "names": [name for name, _ in chosen],
        "region": aws.region,
        "zoneIds": [zone for _, zone in chosen],
    }


def get_vpc(aws: Aws, args: Properties) -> Properties:
    """The one VPC that fits; none or several are an error."""
    client = aws.client("ec2")
    extra = {"cidr": "cidrBlock", "dhcp-options-id": "dhcpOptionsId", "state": "state", "is-default": "default"}
    ids = {"VpcIds": [args["id"]]} if "id" in args else {}
    vpc = _only(client.describe_vpcs(Filters=_filters(args, extra), **ids)["Vpcs"], "EC2 VPC")
    id = vpc["VpcId"]
    main = [{"Name": "vpc-id", "Values": [id]}, {"Name": "association.main", "Values": ["true"]}]

    def switch(name: str) -> bool:
        attribute = client.describe_vpc_attribute(VpcId=id, Attribute=name)
        return bool(dig(attribute, f"{name[0].upper()}{name[1:]}.Value"))

    blocks = [
        {"associationId": a["AssociationId"], "cidrBlock": a["CidrBlock"], "state": a["CidrBlockState"]["State"]}
        for a in vpc.get("CidrBlockAssociationSet", [])
    ]
    return {
        "arn": ec2_arn(aws, f"vpc/{id}"),
        "cidrBlock": vpc["CidrBlock"],
        "cidrBlockAssociations": blocks,
        "default": vpc["IsDefault"],
        "dhcpOptionsId": vpc["DhcpOptionsId"],
        "enableDnsHostnames": switch("enableDnsHostnames"),
        "enableDnsSupport": switch("enableDnsSupport"),
        "enableNetworkAddressUsageMetrics": switch("enableNetworkAddressUsageMetrics"),
        "filters": args.get("filters"),
        "id": id,
        "instanceTenancy": vpc["InstanceTenancy"],
        "ipv6AssociationId": "",
        "ipv6CidrBlock": "",
        "ipv6CidrBlockAssociations": [],
        "mainRouteTableId": dig(client.describe_route_tables(Filters=main), "RouteTables.0.RouteTableId"),
        "ownerId": vpc.get("OwnerId", aws.account),
        "region": aws.region,
        "state": vpc["State"],
        "tags": tag_dictionary(vpc.get("Tags", [])),
    }


def get_vpc_endpoint_service(aws: Aws, args: Properties) -> Properties:
    """The one service that fits, by its short name or its whole one; of two kinds of endpoints by `serviceType`."""
    name = args.get("serviceName") or f"com.amazonaws.{aws.region}.{args['service']}"
    services = aws.client("ec2").describe_vpc_endpoint_services()["ServiceDetails"]
    of_name = [each for each in services if each["ServiceName"] == name]
    kinds = [args["serviceType"]] if "serviceType" in args else ["Interface", "Gateway", "GatewayLoadBalancer"]
    found = _only(
        [each for each in of_name if dig(each, "ServiceType.0.ServiceType") in kinds], "EC2 VPC Endpoint Service"
    )
    return {
        **args,
        "acceptanceRequired": found["AcceptanceRequired"],
        "arn": ec2_arn(aws, f"vpc-endpoint-service/{found['ServiceId']}"),
        "availabilityZones": found["AvailabilityZones"],
        "baseEndpointDnsNames": found["BaseEndpointDnsNames"],
        "id": str(zlib.crc32(name.encode())),
        "managesVpcEndpoints": found["ManagesVpcEndpoints"],
        "owner": found["Owner"],
        "privateDnsName": found.get("PrivateDnsName", ""),
        "region": aws.region,
        "serviceId": found["ServiceId"],
        "serviceName": name,
        "serviceType": dig(found, "ServiceType.0.ServiceType"),
        "tags": tag_dictionary(found.get("Tags", [])),
        "vpcEndpointPolicySupported": found["VpcEndpointPolicySupported"],
    }


def get_subnets(aws: Aws, args: Properties) -> Properties:
    """The ids of all subnets that fit."""
    subnets = aws.client("ec2").describe_subnets(Filters=_filters(args))["Subnets"]
    return {
        "filters": args.get("filters"),
        "id": aws.region,
        "ids": [subnet["SubnetId"] for subnet in subnets],
        "region": aws.region,
        "tags": args.get("tags"),
    }


def get_subnet(aws: Aws, args: Properties) -> Properties:
    """The one subnet that fits; none or several are an error."""
    extra = {
        "availabilityZone": "availabilityZone",
        "availabilityZoneId": "availabilityZoneId",
        "cidrBlock": "cidrBlock",
        "defaultForAz": "defaultForAz",
        "state": "state",
        "vpc-id": "vpcId",
    }
    ids = {"SubnetIds": [args["id"]]} if "id" in args else {}
    subnets = aws.client("ec2").describe_subnets(Filters=_filters(args, extra), **ids)["Subnets"]
    subnet = _only(subnets, "EC2 Subnet")
    return {
        "arn": ec2_arn(aws, f"subnet/{subnet['SubnetId']}"),
        "availabilityZone": subnet["AvailabilityZone"],
        "availabilityZoneId": subnet.get("AvailabilityZoneId", ""),
        "availableIpAddressCount": subnet["AvailableIpAddressCount"],
        "cidrBlock": subnet["CidrBlock"],
        "customerOwnedIpv4Pool": subnet.get("CustomerOwnedIpv4Pool", ""),
        "defaultForAz": subnet["DefaultForAz"],
        "enableLniAtDeviceIndex": 0,
        "enableResourceNameDnsARecordOnLaunch": False,
        "enableResourceNameDnsAaaaRecordOnLaunch": False,
        "filters": args.get("filters"),
        "id": subnet["SubnetId"],
        "ipv6CidrBlock": "",
        "ipv6CidrBlockAssociationId": "",
        "outpostArn": "",
        "ownerId": subnet.get("OwnerId", aws.account),
        "privateDnsHostnameTypeOnLaunch": "ip-name",
        "region": aws.region,
        "state": subnet["State"],
        "tags": tag_dictionary(subnet.get("Tags", [])),
        "vpcId": subnet["VpcId"],
        **{name: bool(subnet.get(key)) for name, key in SUBNET_SWITCHES.items()},
    }


def get_zone(aws: Aws, args: Properties) -> Properties:
    """The hosted zone of a name or id.

    The sandbox's account is empty and a public zone is bought outside of any program: one that is missing
    is made up, with a warning.
    """
    client = aws.client("route53")
    if "zoneId" in args:
        id = str(args["zoneId"]).removeprefix("/hostedzone/")
    else:
        name = str(args["name"]).rstrip(".") + "."
        wanted = text(args.get("privateZone", False)) == "true"
        zones = (zone for page in client.get_paginator("list_hosted_zones").paginate() for zone in page["HostedZones"])
        of_kind = [z for z in zones if z["Name"] == name and z["Config"].get("PrivateZone", False) == wanted]
        if wanted:
            hosted_zone = _only([z for z in of_kind if _is_in(client, z, args.get("vpcId"))], "Route 53 Hosted Zone")
        else:
            hosted_zone = next(iter(of_kind), None)
        if hosted_zone is None:
            _log.warning("made up hosted zone %s", name.rstrip("."))
            hosted_zone = aws.root("route53").create_hosted_zone(Name=name, CallerReference=str(uuid.uuid4()))[
                "HostedZone"
            ]
        id = hosted_zone["Id"].rsplit("/", 1)[1]
    answer = client.get_hosted_zone(Id=id)
    zone = answer["HostedZone"]
    private = zone["Config"].get("PrivateZone", False)
    servers = _name_servers(client, zone) if private else dig(answer, "DelegationSet.NameServers") or []
    tags = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=id)["ResourceTagSet"]["Tags"]
    return {
        "arn": f"arn:{aws.partition}:route53:::hostedzone/{id}",
        "callerReference": zone["CallerReference"],
        "comment": zone["Config"].get("Comment", ""),
        "enableAcceleratedRecovery": False,
        "id": id,
        "linkedServiceDescription": "",
        "linkedServicePrincipal": "",
        "name": zone["Name"].rstrip("."),
        "nameServers": servers,
        "primaryNameServer": servers[0] if servers else "",
        "privateZone": private,
        "resourceRecordSetCount": zone.get("ResourceRecordSetCount", 2),
        "tags": tag_dictionary(tags),
        "vpcId": args.get("vpcId", ""),
        "zoneId": id,
    }


def _name_servers(client: Any, zone: Mapping[str, Any]) -> list[str]:
    """Those of a private zone, by its NS record (`findNameServersByZone` of terraform-provider-aws)."""
    found = client.list_resource_record_sets(
        HostedZoneId=zone["Id"], StartRecordName=zone["Name"], StartRecordType="NS"
    )["ResourceRecordSets"]
    of_zone = [each for each in found if (each["Name"], each["Type"]) == (zone["Name"], "NS")]
    return sorted(record["Value"] for each in of_zone for record in each["ResourceRecords"])


def get_load_balancer(aws: Aws, args: Properties) -> Properties:
    """The load balancer of an ARN or name; none is an error."""
    which = {"LoadBalancerArns": [args["arn"]]} if "arn" in args else {"Names": [args["name"]]}
    found = _only(aws.client("elbv2").describe_load_balancers(**which)["LoadBalancers"], "ELBv2 Load Balancer")
    arn = found["LoadBalancerArn"]
    return {
        "arn": arn,
        "arnSuffix": arn.partition(":loadbalancer/")[2],
        "dnsName": found["DNSName"],
        "id": arn,
        "internal": found.get("Scheme") == "internal",
        "ipAddressType": found.get("IpAddressType", "ipv4"),
        "loadBalancerType": found["Type"],
        "name": found["LoadBalancerName"],
        "region": aws.region,
        "securityGroups": found.get("SecurityGroups", []),
        "subnets": [zone["SubnetId"] for zone in found["AvailabilityZones"]],
        "tags": {},
        "vpcId": found["VpcId"],
        "zoneId": found["CanonicalHostedZoneId"],
    }


def get_policy_document(aws: Aws, args: Properties) -> Properties:
    """A policy's JSON from its statements, over the source documents and under the overriding ones."""
    statements = [_statement(statement) for statement in args.get("statements", [])]
    sources = [*filter(None, [args.get("sourceJson")]), *args.get("sourcePolicyDocuments", [])]
    overrides = [*filter(None, [args.get("overrideJson")]), *args.get("overridePolicyDocuments", [])]
    merged: list[Properties] = [s for source in sources for s in _statements_of(source)]
    merged = _merge(merged, statements)
    for override in overrides:
        merged = _merge(merged, _statements_of(override))
    document: Properties = {"Version": args.get("version", "2012-10-17")}
    if "policyId" in args:
        document["Id"] = args["policyId"]
    document["Statement"] = merged
    minified = json.dumps(document, separators=(",", ":"))
    return {
        **args,
        "id": str(zlib.crc32(json.dumps(document, indent=2).encode())),
        "json": json.dumps(document, indent=2),
        "minifiedJson": minified,
    }


def _statement(statement: Properties) -> Properties:
    """A statement of the data source as one of a policy; one-element lists become their element."""
    result: Properties = {"Sid": statement["sid"]} if statement.get("sid") else {}
    result["Effect"] = statement.get("effect", "Allow")
    for name, key in (("actions", "Action"), ("notActions", "NotAction"),
                      ("resources", "Resource"), ("notResources", "NotResource")):  # fmt: skip
        if statement.get(name):
            result[key] = _one_or_many(statement[name])
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if statement.get(name):
            result[key] = _principals(statement[name])
    for condition in statement.get("conditions", []):
        tests = result.setdefault("Condition", {}).setdefault(condition["test"], {})
        had = tests.get(condition["variable"], [])
        had = had if isinstance(had, list) else [had]
        tests[condition["variable"]] = _one_or_many([*had, *condition["values"]])
    return result


def _principals(principals: Iterable[Properties]) -> Any:
    result: dict[str, list[str]] = {}
    for principal in principals:
        if principal["type"] == "*" and principal["identifiers"] == ["*"]:
            return "*"
        result.setdefault(principal["type"], []).extend(principal["identifiers"])
    return {type: _one_or_many(sorted(ids, reverse=True)) for type, ids in result.items()}


def _one_or_many(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else sorted(values, reverse=True)


def _statements_of(document: str) -> list[Properties]:
    statements = json.loads(document).get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _merge(base: list[Properties], over: list[Properties]) -> list[Properties]:
    """`over` after `base`; a statement takes the place of one with the same Sid."""
    replaced = {s["Sid"]: s for s in over if s.get("Sid")}
    merged = [replaced.pop(s.get("Sid", ""), s) for s in base]
    return [*merged, *(s for s in over if not s.get("Sid") or s["Sid"] in replaced)]


def _filters(args: Properties, extra: Mapping[str, str] | None = None) -> list[Properties]:
    """EC2 filters of a data source's `filters`, `tags` and the arguments named in `extra`."""
    filters = [{"Name": f["name"], "Values": list(f["values"])} for f in args.get("filters") or []]
    filters += [{"Name": f"tag:{k}", "Values": [v]} for k, v in (args.get("tags") or {}).items()]
    return filters + [{"Name": name, "Values": [text(args[arg])]} for name, arg in (extra or {}).items() if arg in args]


def _is_in(client: Any, zone: Any, vpc: str | None) -> bool:
    """Whether a private zone is in a VPC."""
    return vpc is None or vpc in {each["VPCId"] for each in client.get_hosted_zone(Id=zone["Id"]).get("VPCs", [])}


def _only(matches: list[Any], kind: str) -> Any:
    """The single match, else the provider's error."""
    if not matches:
        raise LookupError(f"no matching {kind} found")
    if len(matches) > 1:
        raise LookupError(f"multiple {kind}s matched; use additional constraints to reduce matches to a single {kind}")
    return matches[0]


INVOKES: dict[str, Callable[[Aws, Properties], Properties]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": get_caller_identity,
    "aws:index/getRegion:getRegion": get_region,
    "aws:index/getPartition:getPartition": get_partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": get_availability_zones,
    "aws:ec2/getVpc:getVpc": get_vpc,
    "aws:ec2/getVpcEndpointService:getVpcEndpointService": get_vpc_endpoint_service,
    "aws:ec2/getSubnets:getSubnets": get_subnets,
    "aws:ec2/getSubnet:getSubnet": get_subnet,
    "aws:route53/getZone:getZone": get_zone,
    "aws:lb/getLoadBalancer:getLoadBalancer": get_load_balancer,
    "aws:iam/getPolicyDocument:getPolicyDocument": get_policy_document,
}
