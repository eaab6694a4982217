"""Service Quotas: how many vCPUs of Fargate a new account has, and nothing of other services.

Source: AWS General Reference, "Amazon ECS endpoints and quotas", AWS Fargate: 6 of each until AWS raises them.
"""

from __future__ import annotations

from typing import Any

from sandbox.account.account import Account, Principal

Json = dict[str, Any]
FARGATE = {
    "L-3032A538": "Fargate On-Demand vCPU resource count",
    "L-36FBB829": "Fargate Spot vCPU resource count",
}
"""Code → name."""
VCPUS = 6.0


def list_service_quotas(account: Account, principal: Principal, params: Json) -> Json:
    """The quotas of a service; those of AWS's defaults are the account's own."""
    service = params["ServiceCode"]
    if service != "fargate":
        raise NotImplementedError(f"the quotas of {service}")
    quotas = [
        {
            "ServiceCode": service,
            "ServiceName": "AWS Fargate",
            "QuotaArn": f"arn:aws:servicequotas:{account.region}:{account.id}:{service}/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": VCPUS,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
        for code, name in FARGATE.items()
    ]
    return {"Quotas": quotas}


HANDLERS = {
    ("service-quotas", "ListServiceQuotas"): list_service_quotas,
    ("service-quotas", "ListAWSDefaultServiceQuotas"): list_service_quotas,
}
