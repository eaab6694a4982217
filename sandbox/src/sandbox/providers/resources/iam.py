"""Users, roles and their policies."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, changed, ignoring_gone
from sandbox.providers.resources.codec import reported
from sandbox.providers.types import Aws, Resource

VERSIONS = 5
"""Of a managed policy (IAM quotas)."""


class User(AwsResource):
    """A user; `forceDestroy` deletes its keys, password and devices with it, as the AWS provider does (user.go)."""

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "path"):
            aws.client("iam").update_user(UserName=id, NewPath=news["path"])

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        client = aws.client("iam")
        for group in client.list_groups_for_user(UserName=id)["Groups"]:
            client.remove_user_from_group(UserName=id, GroupName=group["GroupName"])
        if props.get("forceDestroy") is True:
            _delete_credentials(client, id)
        super().remove(aws, id, props)


def _delete_credentials(client: Any, user: str) -> None:
    """All that keeps a user from being deleted, in the provider's order; it asks for every kind, whether or not there
    is any.
    """
    for key in client.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        client.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    for key in client.list_ssh_public_keys(UserName=user)["SSHPublicKeys"]:
        client.delete_ssh_public_key(UserName=user, SSHPublicKeyId=key["SSHPublicKeyId"])
    for device in client.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]:
        if device.get("User", {}).get("UserName") == user:
            client.deactivate_mfa_device(UserName=user, SerialNumber=device["SerialNumber"])
            client.delete_virtual_mfa_device(SerialNumber=device["SerialNumber"])
    for device in client.list_mfa_devices(UserName=user)["MFADevices"]:
        client.deactivate_mfa_device(UserName=user, SerialNumber=device["SerialNumber"])
    with contextlib.suppress(client.exceptions.NoSuchEntityException):
        client.delete_login_profile(UserName=user)
    for certificate in client.list_signing_certificates(UserName=user)["Certificates"]:
        client.delete_signing_certificate(UserName=user, CertificateId=certificate["CertificateId"])
    for credential in client.list_service_specific_credentials(UserName=user)["ServiceSpecificCredentials"]:
        client.delete_service_specific_credential(
            UserName=user, ServiceSpecificCredentialId=credential["ServiceSpecificCredentialId"]
        )


class Role(AwsResource):
    """A role with its trust policy."""

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        client = aws.client("iam")
        if changed(olds, news, "assumeRolePolicy"):
            client.update_assume_role_policy(RoleName=id, PolicyDocument=document(news["assumeRolePolicy"]))
        if changed(olds, news, "description", "maxSessionDuration"):
            client.update_role(
                RoleName=id,
                Description=news.get("description", ""),
                MaxSessionDuration=int(news.get("maxSessionDuration", 3600)),
            )
        if olds.get("permissionsBoundary") != news.get("permissionsBoundary"):
            if news.get("permissionsBoundary"):
                client.put_role_permissions_boundary(RoleName=id, PermissionsBoundary=news["permissionsBoundary"])
            else:
                client.delete_role_permissions_boundary(RoleName=id)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        boundary = description.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return super().reported(aws, {**description, "PermissionsBoundary": boundary or ""}, props)

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        client = aws.client("iam")
        if props.get("forceDetachPolicies") is True:
            for policy in client.list_attached_role_policies(RoleName=id)["AttachedPolicies"]:
                client.detach_role_policy(RoleName=id, PolicyArn=policy["PolicyArn"])
            for name in client.list_role_policies(RoleName=id)["PolicyNames"]:
                client.delete_role_policy(RoleName=id, PolicyName=name)
        super().remove(aws, id, props)


@dataclass(frozen=True)
class InlinePolicy:
    """A policy inside a user or role (`owner`); id "owner:policy"."""

    owner: str

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Put the policy; as in AWS an older one of that name is overwritten."""
        self._call(aws, "put", inputs[self.owner], inputs["name"], PolicyDocument=document(inputs["policy"]))
        return f"{inputs[self.owner]}:{inputs['name']}", {}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The document AWS holds."""
        owner, name = id.split(":", 1)
        with ignoring_gone():
            document = self._call(aws, "get", owner, name)["PolicyDocument"]
            actual = document if isinstance(document, str) else json.dumps(document)
            return {"name": name, self.owner: owner, "policy": reported(actual, props.get("policy", ""), {})}
        return None

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Overwrite the document."""
        owner, name = id.split(":", 1)
        self._call(aws, "put", owner, name, PolicyDocument=document(news["policy"]))
        return {}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Take the policy away."""
        with ignoring_gone():
            self._call(aws, "delete", *id.split(":", 1))

    def _call(self, aws: Aws, verb: str, owner: str, name: str, **arguments: str) -> Any:
        owned = {f"{self.owner.capitalize()}Name": owner}
        return getattr(aws.client("iam"), f"{verb}_{self.owner}_policy")(**owned, PolicyName=name, **arguments)


class ManagedPolicy(AwsResource):
    """A policy of its own; a new document is a new version, and AWS keeps five."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        description = super().find(aws, id, props)
        if description is None:
            return None
        version = aws.client("iam").get_policy_version(PolicyArn=id, VersionId=description["DefaultVersionId"])
        actual = version["PolicyVersion"]["Document"]
        return {**description, "PolicyDocument": actual if isinstance(actual, str) else json.dumps(actual)}

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if not changed(olds, news, "policy"):
            return
        client = aws.client("iam")
        versions = client.list_policy_versions(PolicyArn=id)["Versions"]
        if len(versions) == VERSIONS:
            oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: v["CreateDate"])
            client.delete_policy_version(PolicyArn=id, VersionId=oldest["VersionId"])
        client.create_policy_version(PolicyArn=id, PolicyDocument=document(news["policy"]), SetAsDefault=True)

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        client = aws.client("iam")
        for version in client.list_policy_versions(PolicyArn=id)["Versions"]:
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=id, VersionId=version["VersionId"])
        super().remove(aws, id, props)


class OpenIdConnectProvider(AwsResource):
    """An OIDC provider; its audiences and thumbprints change in place."""

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        return {**super().computed_from(aws, id, description, inputs), "arn": id}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        """AWS leaves the scheme out of the URL."""
        state = super().reported(aws, description, props)
        return {**state, "url": props["url"]} if props["url"] == f"https://{description['Url']}" else state

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        client = aws.client("iam")
        had, audiences = set(olds.get("clientIdLists", [])), set(news.get("clientIdLists", []))
        for audience in sorted(audiences - had):
            client.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=id, ClientID=audience)
        for audience in sorted(had - audiences):
            client.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=id, ClientID=audience)
        if changed(olds, news, "thumbprintLists"):
            client.update_open_id_connect_provider_thumbprint(
                OpenIDConnectProviderArn=id, ThumbprintList=news["thumbprintLists"]
            )


class RolePolicyAttachment:
    """A managed policy attached to a role."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Attach the policy."""
        aws.client("iam").attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
        return f"{inputs['role']}/{inputs['policyArn']}", {}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """Whether it is attached still."""
        role, arn = id.split("/", 1)
        with ignoring_gone():
            attached = aws.client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
            if any(policy["PolicyArn"] == arn for policy in attached):
                return {"role": role, "policyArn": arn}
        return None

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Nothing of it changes in place."""
        return {}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Detach the policy."""
        role, arn = id.split("/", 1)
        with ignoring_gone():
            aws.client("iam").detach_role_policy(RoleName=role, PolicyArn=arn)


def document(policy: Any) -> str:
    """A policy that was given as text or as an object, as text."""
    return policy if isinstance(policy, str) else json.dumps(policy)


RESOURCES: dict[str, Resource] = {
    "aws:iam/user:User": User(
        service="iam",
        create_call="CreateUser",
        read_call="GetUser",
        delete_call="DeleteUser",
        key="UserName",
        id="User.UserName",
        element="User",
        names={"name": "UserName"},
        defaults={"path": "/"},
        outputs={"arn": "Arn", "uniqueId": "UserId", "path": "Path"},
        tagging=Tagging("TagUser", "UntagUser", "ListUserTags", "Tags", by="id"),
    ),
    "aws:iam/userPolicy:UserPolicy": InlinePolicy("user"),
    "aws:iam/role:Role": Role(
        service="iam",
        create_call="CreateRole",
        read_call="GetRole",
        delete_call="DeleteRole",
        key="RoleName",
        id="Role.RoleName",
        element="Role",
        names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        apart=frozenset({"forceDetachPolicies"}),
        defaults={"path": "/", "maxSessionDuration": 3600},
        outputs={"arn": "Arn", "uniqueId": "RoleId", "path": "Path"},
        tagging=Tagging("TagRole", "UntagRole", "ListRoleTags", "Tags", by="id"),
    ),
    "aws:iam/rolePolicy:RolePolicy": InlinePolicy("role"),
    "aws:iam/policy:Policy": ManagedPolicy(
        service="iam",
        create_call="CreatePolicy",
        read_call="GetPolicy",
        delete_call="DeletePolicy",
        key="PolicyArn",
        id="Policy.Arn",
        element="Policy",
        names={"name": "PolicyName", "policy": "PolicyDocument"},
        outputs={"arn": "Arn", "policyId": "PolicyId"},
        tagging=Tagging("TagPolicy", "UntagPolicy", "ListPolicyTags", "Tags"),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": RolePolicyAttachment(),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": OpenIdConnectProvider(
        service="iam",
        create_call="CreateOpenIDConnectProvider",
        read_call="GetOpenIDConnectProvider",
        delete_call="DeleteOpenIDConnectProvider",
        key="OpenIDConnectProviderArn",
        id="OpenIDConnectProviderArn",
        element="",
        names={"clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"},
        tagging=Tagging(
            "TagOpenIDConnectProvider", "UntagOpenIDConnectProvider", "ListOpenIDConnectProviderTags", "Tags", by="id"
        ),
    ),
}
