"""What services connect to: each other by their names, a database's security group; a load balancer that exists."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import SERVER, Apps, Stack, new_stack

pytestmark = pytest.mark.nightly

ROUTE = "        - {host: chuoi.local.example.com, priority: 20}\n"
BY_NAME = "      connects_to: [{service: hello}]\n"
CLIENT = SERVER.replace("import http.server, os", "import http.server, os, urllib.request").replace(
    "    def do_GET(self):\n",
    """\
    def do_GET(self):
        if self.path == "/hello":
            try:
                said = urllib.request.urlopen("http://hello:4000/healthz", timeout=10).read()
            except OSError as error:
                said = str(error).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said)
            return
""",
)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, in which chuoi connects to hello, by its name."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello", "chuoi"])
        stack.edit("Pulumi.local.yaml", "    chuoi:\n", f"    chuoi:\n{BY_NAME}")
        stack.up()
        yield stack


def heard(stack: Stack, wanted: str | None = None) -> str:
    """What chuoi hears of hello, as soon as it is what is wanted: a task that ends may still answer before."""
    (address,) = [each["address"] for each in stack.control("listeners") if int(each["port"]) == 443]
    request = urllib.request.Request(f"http://{address}/hello", headers={"Host": "chuoi.local.example.com"})
    for _ in range(100):
        with urllib.request.urlopen(request, timeout=20) as page:  # noqa: S310
            said: str = page.read().decode()
        if wanted is None or said == wanted:
            return said
        time.sleep(0.1)
    return said


def group_of(stack: Stack, service: str) -> str:
    """The security group of a service's tasks."""
    (found,) = stack.client("ecs").describe_services(cluster="local", services=[f"local-{service}"])["services"]
    (group,) = found["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]
    return str(group)


def ingress(stack: Stack, group: str) -> list[tuple[str, int, int]]:
    """Whom a security group lets in at which ports."""
    rules = stack.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return sorted(
        (rule["ReferencedGroupInfo"]["GroupId"], rule["FromPort"], rule["ToPort"])
        for rule in rules["SecurityGroupRules"]
        if not rule["IsEgress"]
    )


def namespaces(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.client("servicediscovery").list_namespaces()["Namespaces"]
    return found


def test_a_service_is_reached_by_its_name_from_its_first_release_on(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("a1")).code == 0
    assert local.ship("chuoi", apps.make("c1", server=CLIENT)).code == 0
    assert heard(local) == "a1"
    assert (group_of(local, "chuoi"), 1, 65535) in ingress(local, group_of(local, "hello"))
    assert local.changes() == {}


def test_its_name_leads_to_what_was_released_last(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("a2")).code == 0
    assert heard(local, "a2") == "a2"
    assert local.changes() == {}


def test_a_name_that_is_let_in_no_more_leads_nowhere(local: Stack) -> None:
    """Security groups count between tasks, too: what takes the rule away is somebody beside Pulumi."""
    ec2, server, client = local.client("ec2"), group_of(local, "hello"), group_of(local, "chuoi")
    port = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "UserIdGroupPairs": [{"GroupId": client}]}
    ec2.revoke_security_group_ingress(GroupId=server, IpPermissions=[port])
    assert "a2" not in heard(local)
    assert local.changes() == {"create": 1}
    local.ok("up")
    assert heard(local, "a2") == "a2"


def test_a_database_lets_the_tasks_in_and_a_name_goes(local: Stack) -> None:
    ec2 = local.client("ec2")
    vpc = ec2.describe_security_groups(GroupIds=[group_of(local, "chuoi")])["SecurityGroups"][0]["VpcId"]
    database = ec2.create_security_group(GroupName="database", Description="A database", VpcId=vpc)["GroupId"]
    local.edit("Pulumi.local.yaml", BY_NAME, f"      connects_to: [{{security_group: {database}, port: 5432}}]\n")
    said = local.ok("preview", "--json").json
    assert "**connects to" not in str(said)
    local.ok("up")
    assert ingress(local, database) == [(group_of(local, "chuoi"), 5432, 5432)]
    assert namespaces(local) == []
    assert "a2" not in heard(local)
    assert local.changes() == {}
    before = local.status("chuoi")["task_definition"]
    local.edit("Pulumi.local.yaml", f"      connects_to: [{{security_group: {database}, port: 5432}}]\n", BY_NAME)
    local.ok("up")
    assert ingress(local, database) == []
    assert heard(local, "a2") == "a2"
    assert local.status("chuoi")["task_definition"] == before
    assert local.changes() == {}


EXISTING = """\
config:
  aws:region: ap-northeast-1
  aws:allowedAccountIds: ["123456789012"]
  aws:defaultTags: {{tags: {{project: fargate-delivery, stack: other}}}}
  fargate-delivery:network: {{vpc_id: {vpc}, private_subnet_ids: [{subnet}]}}
  fargate-delivery:domain:
    zone: local.example.com
    redirects: [{{host: old.local.example.com, to: a.b.local.example.com, priority: 900}}]
  fargate-delivery:load_balancer: {{listener_arn: "{listener}"}}
  fargate-delivery:common: {{}}
  fargate-delivery:services:
    site:
      task: {{template: web.json, cpu: 256, memory: 512, port: 4000}}
      routes: [{{host: a.b.local.example.com, priority: 910}}]
"""


def test_a_stack_on_a_load_balancer_that_exists_makes_none(local: Stack) -> None:
    elbv2 = local.client("elbv2")
    (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    listener = next(each["ListenerArn"] for each in listeners if each["Port"] == 443)

    def priorities() -> set[str]:
        return {rule["Priority"] for rule in elbv2.describe_rules(ListenerArn=listener)["Rules"]}

    before, subnet = priorities(), balancer["AvailabilityZones"][0]["SubnetId"]
    file = EXISTING.format(vpc=balancer["VpcId"], subnet=subnet, listener=listener)
    (local.root / "Pulumi.other.yaml").write_text(file)
    other = Stack(local.root, "other")
    other.ok("up", "--in", "local")
    assert len(elbv2.describe_load_balancers()["LoadBalancers"]) == 1
    assert priorities() - before == {"900", "910"}
    assert other.changes() == {}
    assert local.changes() == {}
    other.ok("down")
    assert priorities() == before
    assert local.changes() == {}
