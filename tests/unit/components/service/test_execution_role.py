"""Of what the execution role may do, what decrypts with each key of somebody else's is a policy of its own."""

import json
from collections.abc import Callable
from typing import Any

from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

ROLE_POLICY, SERVICE = "aws:iam/rolePolicy:RolePolicy", "aws:ecs/service:Service"
Deploy = Callable[..., Recorder]
KEYS = {name: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}" for name in ("k1", "k2")}
KEPT: dict[str, Any] = {
    "OWN": {"secret": True, "for": ["runtime"]},
    "FIRST": {"external": {"name": "/o/first", "key": KEYS["k1"]}, "for": ["runtime"]},
    "SECOND": {"external": {"name": "/o/second", "key": KEYS["k2"]}, "for": ["runtime"]},
    "THIRD": {
        "secrets_manager": {"arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf", "key": KEYS["k2"]},
        "for": ["runtime"],
    },
}


def test_each_key_has_a_policy_that_pulumi_takes_away_last() -> None:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["parameters"] = {"HEX_API_KEY": {"secret": True, "for": ["build"]}} | KEPT
    recorder = of_stack(
        "dev", services=services, secrets={"chuoi": {"HEX_API_KEY": "a", "OWN": "b"}, "mailer": {"SMTP_PASSWORD": "c"}}
    )
    policies = {
        name: [(each["Sid"], each["Resource"]) for each in json.loads(inputs["policy"])["Statement"]]
        for name in recorder.named(ROLE_POLICY)
        if name.startswith("chuoi-execution-") and (inputs := recorder.inputs(ROLE_POLICY, name))
    }
    assert policies.keys() == {
        "chuoi-execution-policy",
        "chuoi-execution-key-k1-policy",
        "chuoi-execution-key-k2-policy",
    }
    assert policies["chuoi-execution-key-k1-policy"] == [("DecryptExternal1Parameters", [KEYS["k1"]])]
    assert policies["chuoi-execution-key-k2-policy"] == [
        ("DecryptExternal2Parameters", [KEYS["k2"]]),
        ("DecryptManagedSecrets1", [KEYS["k2"]]),
    ]
    decrypts = [sid for sid, _ in policies["chuoi-execution-policy"] if "Decrypt" in sid]
    assert decrypts == ["DecryptParameters"], "with the service's own key"
    first = {urn.rpartition("::")[2] for urn in recorder.named(SERVICE)["chuoi-service"].dependencies}
    assert policies.keys() <= first
