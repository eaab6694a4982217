"""What AWS deletes together with a resource, and moto keeps: tags, a NAT gateway's address, a project named by its ARN.

A resource that is made again under the same name has the tags that it is given, no earlier ones.
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html: "Deleting a NAT gateway disassociates
its Elastic IP address, but does not release the address from your account." Terraform's and Pulumi's providers delete
a build project by its ARN.
"""

from __future__ import annotations

from moto.cloudwatch.models import CloudWatchBackend
from moto.codebuild.models import CodeBuildBackend
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.logs.models import LogsBackend

_delete_alarms = CloudWatchBackend.delete_alarms
_delete_project = CodeBuildBackend.delete_project
_delete_log_group = LogsBackend.delete_log_group
_delete_nat_gateway = NatGatewayBackend.delete_nat_gateway


def apply() -> None:
    """Have moto delete that too."""
    CloudWatchBackend.delete_alarms = _alarms  # type: ignore[method-assign]
    CodeBuildBackend.delete_project = _project  # type: ignore[method-assign]
    LogsBackend.delete_log_group = _log_group  # type: ignore[method-assign]
    NatGatewayBackend.delete_nat_gateway = _nat_gateway  # type: ignore[method-assign]


def _alarms(self: CloudWatchBackend, alarm_names: list[str]) -> None:
    arns = [self.alarms[name].alarm_arn for name in alarm_names if name in self.alarms]
    _delete_alarms(self, alarm_names)
    for arn in arns:
        self.tagger.delete_all_tags_for_resource(arn)


def _log_group(self: LogsBackend, log_group_name: str) -> None:
    group = self.groups.get(log_group_name)
    _delete_log_group(self, log_group_name)
    if group is not None:
        self.tagger.delete_all_tags_for_resource(group.arn)


def _nat_gateway(self: NatGatewayBackend, nat_gateway_id: str) -> NatGateway:
    gateway = _delete_nat_gateway(self, nat_gateway_id)
    associations = {address.get("associationId") for address in gateway.nat_gateway_addresses} - {None}
    for address in self.addresses:  # type: ignore[attr-defined]
        if address.association_id in associations:
            self.disassociate_address(association_id=address.association_id)  # type: ignore[attr-defined]
    self.enis.pop(gateway._eni.id, None)  # type: ignore[attr-defined]
    return gateway


def _project(self: CodeBuildBackend, project_name: str) -> None:
    _delete_project(self, project_name.rpartition("project/")[2])
