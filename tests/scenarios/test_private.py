"""A stack that the internet does not reach, and that does not reach it: an internal load balancer, endpoints; hosts in
several zones, and in private ones.
"""

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import Apps, Stack, new_stack

pytestmark = pytest.mark.nightly

PRIVATE = "  fargate-delivery:network: {nat: none, endpoints: true}\n"
INTERNAL = "  fargate-delivery:load_balancer: {internal: true}\n"
NETWORK = "  fargate-delivery:network: {nat: none}\n"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` with an internal load balancer and without NAT, and nothing released."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello"])
        stack.edit("Pulumi.local.yaml", NETWORK, f"{PRIVATE}{INTERNAL}")
        stack.up()
        yield stack


def heard(stack: Stack, host: str, path: str = "/healthz") -> str:
    """What the load balancer answers for a host."""
    (address,) = [each["address"] for each in stack.control("listeners") if int(each["port"]) == 443]
    request = urllib.request.Request(f"http://{address}{path}", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=20) as page:  # noqa: S310
        return str(page.read().decode())


def balancer(stack: Stack) -> dict[str, Any]:
    (found,) = stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return dict(found)


def subnets(stack: Stack) -> set[str]:
    """Those of the tasks."""
    (service,) = stack.client("ecs").describe_services(cluster="local", services=["local-hello"])["services"]
    return set(service["networkConfiguration"]["awsvpcConfiguration"]["subnets"])


def test_it_stands_where_the_tasks_are_and_lets_their_vpc_in(local: Stack) -> None:
    made = balancer(local)
    assert made["Scheme"] == "internal"
    assert {zone["SubnetId"] for zone in made["AvailabilityZones"]} == subnets(local)
    public = local.client("ec2").describe_subnets(Filters=[{"Name": "tag:SubnetType", "Values": ["Public"]}])["Subnets"]
    assert not {subnet["SubnetId"] for subnet in public} & subnets(local)
    (group,) = local.client("ec2").describe_security_groups(GroupIds=made["SecurityGroups"])["SecurityGroups"]
    let_in = {(each["CidrIp"], rule["FromPort"]) for rule in group["IpPermissions"] for each in rule["IpRanges"]}
    assert let_in == {("10.0.0.0/16", 80), ("10.0.0.0/16", 443)}


def test_a_release_answers_through_it(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("a1")).code == 0
    assert heard(local, "hello.local.example.com") == "a1"
    assert local.changes() == {}


def test_it_stays_as_internal_as_it_was_made_and_nothing_is_broken_by_trying(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", INTERNAL, "")
    for command in ("preview", "up"):
        done = local.run(command)
        assert done.code != 0
        assert "load_balancer.internal: the load balancer local is internal, and none is made" in done.out + done.err
    assert heard(local, "hello.local.example.com") == "a1"
    local.edit("Pulumi.local.yaml", PRIVATE, f"{PRIVATE}{INTERNAL}")
    assert local.changes() == {}


def endpoints(stack: Stack) -> dict[str, dict[str, Any]]:
    """Service → its endpoint."""
    found = stack.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    return {each["ServiceName"].split(".", 3)[3]: each for each in found if each["State"] != "deleted"}


def test_there_is_no_way_to_the_internet_but_endpoints(local: Stack) -> None:
    ec2 = local.client("ec2")
    assert [each for each in ec2.describe_nat_gateways()["NatGateways"] if each["State"] != "deleted"] == []
    tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": sorted(subnets(local))}])
    routes = [route.get("DestinationCidrBlock") for table in tables["RouteTables"] for route in table["Routes"]]
    assert "0.0.0.0/0" not in routes
    assert endpoints(local).keys() == {"ecr.api", "ecr.dkr", "logs", "s3", "ssm"}
    for service, endpoint in endpoints(local).items():
        if service != "s3":
            assert set(endpoint["SubnetIds"]) == subnets(local)
            assert endpoint["PrivateDnsEnabled"] is True
        assert "aws:PrincipalAccount" in endpoint["PolicyDocument"]


def test_without_an_endpoint_no_task_starts_and_the_release_says_why(local: Stack, apps: Apps) -> None:
    """Somebody beside Pulumi takes it away: what ran goes on, and `up` makes it again."""
    endpoint = endpoints(local)["ssm"]["VpcEndpointId"]
    local.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert local.ship("hello", apps.make("a2")).code != 0
    assert "unable to retrieve secrets from ssm" in str(local.failure("hello"))
    assert heard(local, "hello.local.example.com") == "a1"
    local.settled("hello")
    local.ok("up")
    assert local.ship("hello", apps.make("a3")).code == 0
    assert heard(local, "hello.local.example.com") == "a3"
    assert local.changes() == {}


def test_a_key_of_a_service_brings_the_endpoint_that_it_needs(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", "    hello:\n", "    hello:\n      exec: true\n")
    shown = local.ok("preview", "--json").json
    created = [step["newState"] for step in shown["steps"] if step["op"] == "create"]
    assert [state["inputs"]["serviceName"] for state in created if "vpcEndpoint" in state["type"]] == [
        "com.amazonaws.ap-northeast-1.ssmmessages"
    ]
    local.ok("up")
    assert "ssmmessages" in endpoints(local)
    local.edit("Pulumi.local.yaml", "      exec: true\n", "")
    local.ok("up")
    assert "ssmmessages" not in endpoints(local)
    assert local.changes() == {}


DOMAIN = "  fargate-delivery:domain: {zone: local.example.com}\n"
ZONES = DOMAIN.replace(
    "{zone: local.example.com}",
    "{zone: local.example.com, more_zones: [{zone: example.org}, {zone: example.net, records: false}]}",
)
ROUTE = "      routes: [{host: hello.local.example.com, priority: 10}]\n"
ROUTES = ROUTE.replace(
    "}]", "}, {host: example.org, priority: 11}, {host: shop.example.net, paths: [/shop*], priority: 12}]"
)


def certificates(stack: Stack) -> set[str]:
    """The names for which the HTTPS listener shows a certificate."""
    elbv2, acm = stack.client("elbv2"), stack.client("acm")
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer(stack)["LoadBalancerArn"])["Listeners"]
    (https,) = [each["ListenerArn"] for each in listeners if each["Port"] == 443]
    shown = elbv2.describe_listener_certificates(ListenerArn=https)["Certificates"]
    arns = {each["CertificateArn"] for each in shown}
    return {acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainName"] for arn in arns}


def aliases(stack: Stack, zone: str) -> set[str]:
    """The hosts that lead to a load balancer by a record in a zone."""
    route53 = stack.client("route53")
    (id,) = [each["Id"] for each in route53.list_hosted_zones()["HostedZones"] if each["Name"] == f"{zone}."]
    records = route53.list_resource_record_sets(HostedZoneId=id)["ResourceRecordSets"]
    return {record["Name"].rstrip(".") for record in records if "AliasTarget" in record}


def test_hosts_of_other_zones_have_certificates_and_records_or_it_is_said_which(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", DOMAIN, ZONES)
    local.edit("Pulumi.local.yaml", ROUTE, ROUTES)
    local.ok("up")
    assert certificates(local) == {"local.example.com", "example.org", "example.net"}
    assert aliases(local, "local.example.com") == {"hello.local.example.com"}
    assert aliases(local, "example.org") == {"example.org"}
    assert aliases(local, "example.net") == set()
    assert local.outputs()["dns_records"] == {"shop.example.net": balancer(local)["DNSName"]}
    assert heard(local, "example.org") == "a3"
    assert local.changes() == {}
    local.edit("Pulumi.local.yaml", ZONES, DOMAIN)
    local.edit("Pulumi.local.yaml", ROUTES, ROUTE)
    local.ok("up")
    assert certificates(local) == {"local.example.com"}
    assert aliases(local, "example.org") == set()
    assert "dns_records" not in local.outputs()
    assert local.changes() == {}


def test_a_private_zone_has_the_records_and_goes_with_them(local: Stack) -> None:
    inner = DOMAIN.replace("local.example.com}", "local.example.com, private: true, validated_in: example.com}")
    local.edit("Pulumi.local.yaml", DOMAIN, inner)
    local.ok("up")
    route53 = local.client("route53")
    zones = {
        (zone["Name"], zone["Config"]["PrivateZone"]): zone["Id"] for zone in route53.list_hosted_zones()["HostedZones"]
    }
    private = zones["local.example.com.", True]
    records = route53.list_resource_record_sets(HostedZoneId=private)["ResourceRecordSets"]
    assert [record["Name"] for record in records if "AliasTarget" in record] == ["hello.local.example.com."]
    assert [vpc["VPCId"] for vpc in route53.get_hosted_zone(Id=private)["VPCs"]] == [balancer(local)["VpcId"]]
    public = route53.list_resource_record_sets(HostedZoneId=zones["local.example.com.", False])["ResourceRecordSets"]
    assert not [record for record in public if "AliasTarget" in record]
    assert local.changes() == {}
    local.edit("Pulumi.local.yaml", inner, DOMAIN)
    local.ok("up")
    assert not [zone for zone in route53.list_hosted_zones()["HostedZones"] if zone["Config"]["PrivateZone"]]
    assert aliases(local, "local.example.com") == {"hello.local.example.com"}
    assert local.changes() == {}
