"""DNS records and certificates."""

from __future__ import annotations

import uuid
from typing import Any

from botocore.exceptions import ClientError

from sandbox.clock import Clock
from sandbox.providers.resources.base import AwsResource, Properties, Tagging, is_gone, tag_dictionary, wait_until
from sandbox.providers.resources.codec import UnsupportedInputError, reported, text
from sandbox.providers.types import Aws, Resource

VALIDATION_SECONDS = 75 * 60
ZONE_INPUTS = {"name", "comment", "vpcs", "tags", "tagsAll", "forceDestroy"}
RECORD_INPUTS = {"name", "type", "zoneId", "ttl", "records", "aliases", "allowOverwrite", "setIdentifier",
                 "healthCheckId", "weightedRoutingPolicies", "multivalueAnswerRoutingPolicy"}  # fmt: skip


class Zone:
    """A hosted zone, private where it names VPCs."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Create it, in its VPCs."""
        if unknown := set(inputs) - ZONE_INPUTS:
            raise UnsupportedInputError(f"{min(unknown)}: not supported for a zone in the sandbox")
        client, vpcs = aws.client("route53"), [_vpc(aws, each) for each in inputs.get("vpcs", [])]
        created = client.create_hosted_zone(
            Name=inputs["name"],
            CallerReference=str(uuid.uuid4()),
            HostedZoneConfig={"Comment": inputs.get("comment", "Managed by Pulumi"), "PrivateZone": bool(vpcs)},
            **({"VPC": vpcs[0]} if vpcs else {}),
        )
        id = str(created["HostedZone"]["Id"]).rpartition("/")[2]
        for vpc in vpcs[1:]:
            client.associate_vpc_with_hosted_zone(HostedZoneId=id, VPC=vpc)
        self._retag(aws, id, inputs.get("tags", {}), {})
        return id, self._computed(aws, id, inputs)

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The zone as Route 53 has it."""
        client = aws.client("route53")
        try:
            answer = client.get_hosted_zone(Id=id)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        listed = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=id)["ResourceTagSet"]["Tags"]
        vpcs = [{"vpcId": each["VPCId"], "vpcRegion": each["VPCRegion"]} for each in answer.get("VPCs", [])]
        state = {**self._computed(aws, id, props), "name": answer["HostedZone"]["Name"].rstrip(".")}
        if "comment" in props:
            state["comment"] = answer["HostedZone"]["Config"].get("Comment", "")
        if "vpcs" in props:
            state["vpcs"] = reported(vpcs, props["vpcs"], {})
        tags = tag_dictionary(listed)
        return {**state, **({"tags": tags} if tags or props.get("tags") else {}), "tagsAll": tags}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Its comment, its tags, and which VPCs it is in."""
        client = aws.client("route53")
        if olds.get("comment") != news.get("comment"):
            client.update_hosted_zone_comment(Id=id, Comment=news.get("comment", "Managed by Pulumi"))
        had, wanted = ([_vpc(aws, each) for each in inputs.get("vpcs", [])] for inputs in (olds, news))
        for vpc in [each for each in wanted if each not in had]:
            client.associate_vpc_with_hosted_zone(HostedZoneId=id, VPC=vpc)
        for vpc in [each for each in had if each not in wanted]:
            client.disassociate_vpc_from_hosted_zone(HostedZoneId=id, VPC=vpc)
        self._retag(aws, id, news.get("tags", {}), olds.get("tags", {}))
        return self._computed(aws, id, news)

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Delete it; one that has records of others is AWS's error."""
        try:
            aws.client("route53").delete_hosted_zone(Id=id)
        except ClientError as error:
            if not is_gone(error):
                raise

    def _retag(self, aws: Aws, id: str, tags: Properties, had: Properties) -> None:
        changes: Properties = {}
        if tags:
            changes["AddTags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        if stale := [key for key in had if key not in tags]:
            changes["RemoveTagKeys"] = stale
        if changes:
            aws.client("route53").change_tags_for_resource(ResourceType="hostedzone", ResourceId=id, **changes)

    def _computed(self, aws: Aws, id: str, inputs: Properties) -> Properties:
        arn = f"arn:{aws.partition}:route53:::hostedzone/{id}"
        return {"zoneId": id, "arn": arn, "tagsAll": inputs.get("tags", {})}


class Record:
    """A set of records of one name and type; id "zone_name_type", with the set's identifier last if any."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Create it; one that exists is AWS's error unless `allowOverwrite`."""
        if unknown := set(inputs) - RECORD_INPUTS:
            raise UnsupportedInputError(f"{min(unknown)}: not supported for a record in the sandbox")
        overwrite = text(inputs.get("allowOverwrite", False)) == "true"
        self._change(aws, "UPSERT" if overwrite else "CREATE", inputs)
        name = inputs["name"].lower().rstrip(".")
        parts = [_zone(inputs), name, inputs["type"], *filter(None, [inputs.get("setIdentifier")])]
        return "_".join(parts), {"fqdn": self._fqdn(aws, inputs)}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The set as the zone holds it."""
        try:
            record_set = self._find(aws, props)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        if record_set is None:
            return None
        state: Properties = {k: props[k] for k in ("name", "type", "zoneId") if k in props}
        values = [_unquoted(props, r["Value"]) for r in record_set.get("ResourceRecords", [])]
        state["fqdn"] = record_set["Name"].rstrip(".")
        if "ttl" in props:
            state["ttl"] = reported(record_set.get("TTL", 0), props["ttl"], {})
        if "records" in props:
            state["records"] = reported(values, props["records"], {})
        if "aliases" in props:
            alias = record_set.get("AliasTarget", {})
            alias = {**alias, "zoneId": alias.get("HostedZoneId"), "name": alias.get("DNSName", "").rstrip(".")}
            state["aliases"] = reported([alias], props["aliases"], {})
        return state

    def imported(self, aws: Aws, id: str) -> Properties | None:
        """The set of an id `ZONE_NAME_TYPE`; one with a set's identifier is not supported."""
        zone, _, rest = id.partition("_")
        name, _, kind = rest.rpartition("_")
        props = {"zoneId": zone, "name": name, "type": kind}
        record_set = self._find(aws, props)
        if record_set is None:
            return None
        found = {**props, "fqdn": record_set["Name"].rstrip(".")}
        if alias := record_set.get("AliasTarget"):
            to = {"zoneId": alias["HostedZoneId"], "name": alias["DNSName"].rstrip(".")}
            return {**found, "aliases": [{**to, "evaluateTargetHealth": alias["EvaluateTargetHealth"]}]}
        values = [_unquoted(props, each["Value"]) for each in record_set["ResourceRecords"]]
        return {**found, "ttl": int(record_set["TTL"]), "records": values}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Overwrite the set."""
        self._change(aws, "UPSERT", news)
        return {"fqdn": self._fqdn(aws, news)}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Delete the set that is there now."""
        try:
            record_set = self._find(aws, props)
            if record_set is not None:
                batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record_set}]}
                _apply(aws, props, batch)
        except ClientError as error:
            if not is_gone(error):
                raise

    def _change(self, aws: Aws, action: str, inputs: Properties) -> None:
        records: Properties = {"Name": self._fqdn(aws, inputs), "Type": inputs["type"]}
        if "ttl" in inputs:
            records["TTL"] = int(inputs["ttl"])
        if "records" in inputs:
            records["ResourceRecords"] = [{"Value": _quoted(inputs, r)} for r in inputs["records"]]
        for alias in inputs.get("aliases", []):
            records["AliasTarget"] = {
                "HostedZoneId": alias["zoneId"],
                "DNSName": alias["name"],
                "EvaluateTargetHealth": text(alias["evaluateTargetHealth"]) == "true",
            }
        for policy in inputs.get("weightedRoutingPolicies", []):
            records["Weight"] = int(policy["weight"])
        if text(inputs.get("multivalueAnswerRoutingPolicy", False)) == "true":
            records["MultiValueAnswer"] = True
        for name, key in (("setIdentifier", "SetIdentifier"), ("healthCheckId", "HealthCheckId")):
            records |= {key: inputs[name]} if name in inputs else {}
        batch = {"Comment": "Managed by Pulumi", "Changes": [{"Action": action, "ResourceRecordSet": records}]}
        _apply(aws, inputs, batch)

    def _find(self, aws: Aws, props: Properties) -> Any:
        fqdn = self._fqdn(aws, props)
        client = aws.client("route53")
        pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=_zone(props))
        return next(
            (
                records
                for page in pages
                for records in page["ResourceRecordSets"]
                if records["Name"].rstrip(".").replace("\\052", "*") == fqdn
                and records["Type"] == props["type"]
                and records.get("SetIdentifier") == props.get("setIdentifier")
            ),
            None,
        )

    def _fqdn(self, aws: Aws, props: Properties) -> str:
        """The whole name; a name given within its zone is completed."""
        zone = aws.client("route53").get_hosted_zone(Id=_zone(props))["HostedZone"]["Name"].rstrip(".")
        name = str(props["name"]).lower().rstrip(".")
        if name == zone or name.endswith(f".{zone}"):
            return name
        return f"{name}.{zone}" if name else str(zone)


class Certificate(AwsResource):
    """A certificate; its id is its ARN."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        description = super().find(aws, id, props)
        if description is None:
            return None
        alternative_names = [
            name for name in description.get("SubjectAlternativeNames", []) if name != description["DomainName"]
        ]
        validations = description.get("DomainValidationOptions", [])
        methods = (option.get("ValidationMethod") for option in validations)
        return {**description, "SubjectAlternativeNames": alternative_names, "ValidationMethod": next(methods, None)}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        alternative_names = [n for n in props.get("subjectAlternativeNames", []) if n != description["DomainName"]]
        state = super().reported(aws, description, {k: v for k, v in props.items() if k != "subjectAlternativeNames"})
        if "subjectAlternativeNames" in props:
            same = sorted(alternative_names) == sorted(description["SubjectAlternativeNames"])
            names = props["subjectAlternativeNames"] if same else description["SubjectAlternativeNames"]
            state["subjectAlternativeNames"] = names
        return state

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        options = [
            {
                "domainName": option["DomainName"],
                "resourceRecordName": option["ResourceRecord"]["Name"],
                "resourceRecordType": option["ResourceRecord"]["Type"],
                "resourceRecordValue": option["ResourceRecord"]["Value"],
            }
            for option in description.get("DomainValidationOptions", [])
            if "ResourceRecord" in option
        ]
        return {
            **super().computed_from(aws, id, description, inputs),
            "domainValidationOptions": options,
            "subjectAlternativeNames": inputs.get("subjectAlternativeNames") or [description["DomainName"]],
        }


class CertificateValidation:
    """The wait for a certificate to be issued."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Wait; a certificate whose DNS records are not all named, or that is not issued in time, is an error."""
        arn = inputs["certificateArn"]
        certificate = self._certificate(aws, arn)
        if "validationRecordFqdns" in inputs:
            fqdns = {fqdn.rstrip(".") for fqdn in inputs["validationRecordFqdns"]}
            for option in certificate.get("DomainValidationOptions", []):
                record = option.get("ResourceRecord", {}).get("Name", "")
                if record.rstrip(".") not in fqdns:
                    raise RuntimeError(f"missing {option['DomainName']} DNS validation record: {record}")
        limit = Clock().scale(VALIDATION_SECONDS)
        problem = (
            f"waiting for ACM Certificate ({arn}) to be issued: timeout while waiting for state to become "
            "'ISSUED' (last state: 'PENDING_VALIDATION', timeout: 1h15m0s)"
        )
        wait_until(problem, lambda: self._certificate(aws, arn)["Status"] == "ISSUED", limit)
        issued = self._certificate(aws, arn)
        return str(issued.get("IssuedAt") or issued["CreatedAt"]), {"certificateArn": arn}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The properties as they are, None when the certificate is gone or no longer issued."""
        try:
            status = self._certificate(aws, props["certificateArn"])["Status"]
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return dict(props) if status == "ISSUED" else None

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Nothing of it changes in place."""
        return {}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """There is nothing to delete."""

    def _certificate(self, aws: Aws, arn: str) -> Any:
        return aws.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]


def _vpc(aws: Aws, vpc: Properties) -> Properties:
    return {"VPCId": vpc["vpcId"], "VPCRegion": vpc.get("vpcRegion", aws.region)}


def _apply(aws: Aws, props: Properties, batch: Properties) -> None:
    """Change records and wait until Route 53 has them everywhere, as the provider does (its route53/record.go)."""
    client = aws.client("route53")
    change = client.change_resource_record_sets(HostedZoneId=_zone(props), ChangeBatch=batch)["ChangeInfo"]["Id"]
    wait_until(
        f"{change} is still pending", lambda: client.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC", 1800
    )


def _zone(props: Properties) -> str:
    return str(props["zoneId"]).removeprefix("/hostedzone/")


def _quoted(props: Properties, value: str) -> str:
    """A text record's value with the quotes the API wants."""
    return f'"{value}"' if props["type"] in ("TXT", "SPF") and not value.startswith('"') else value


def _unquoted(props: Properties, value: str) -> str:
    return value.strip('"') if props["type"] in ("TXT", "SPF") else value


RESOURCES: dict[str, Resource] = {
    "aws:route53/record:Record": Record(),
    "aws:route53/zone:Zone": Zone(),
    "aws:acm/certificate:Certificate": Certificate(
        service="acm",
        create_call="RequestCertificate",
        read_call="DescribeCertificate",
        delete_call="DeleteCertificate",
        key="CertificateArn",
        id="CertificateArn",
        element="Certificate",
        names={"validationOptions": "DomainValidationOptions"},
        apart=frozenset({"earlyRenewalDuration"}),
        outputs={"arn": "CertificateArn", "status": "Status", "type": "Type", "keyAlgorithm": "KeyAlgorithm"},
        tagging=Tagging("AddTagsToCertificate", "RemoveTagsFromCertificate", "ListTagsForCertificate", "Tags", by="id"),
    ),
    "aws:acm/certificateValidation:CertificateValidation": CertificateValidation(),
}
