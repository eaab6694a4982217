"""Of what the execution role may do, what decrypts with each key of somebody else's is a policy of its own."""

import json
from collections.abc import Callable
from typing import Any

from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

from components.iam import policies
from components.service.execution_role import foreign_keys

ROLE_POLICY, SERVICE = "aws:iam/rolePolicy:RolePolicy", "aws:ecs/service:Service"
Deploy = Callable[..., Recorder]
KEYS = {name: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}" for name in ("k1", "k2")}
REPLICAS = [f"arn:aws:kms:{region}:{ACCOUNT}:key/mrk-1" for region in ("eu-west-1", "us-east-1")]
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
    found = {
        name: [(each["Sid"], each["Resource"]) for each in json.loads(inputs["policy"])["Statement"]]
        for name in recorder.named(ROLE_POLICY)
        if name.startswith("chuoi-execution-") and (inputs := recorder.inputs(ROLE_POLICY, name))
    }
    of_key = {key: f"chuoi-execution-key-{REGION}-{ACCOUNT}-key-{key}-policy" for key in KEYS}
    own = "chuoi-execution-key-own-policy"
    assert found.keys() == {"chuoi-execution-policy", own, *of_key.values()}
    assert found[of_key["k1"]] == [("DecryptExternal1Parameters", [KEYS["k1"]])]
    assert found[of_key["k2"]] == [
        ("DecryptExternal2Parameters", [KEYS["k2"]]),
        ("DecryptManagedSecrets1", [KEYS["k2"]]),
    ]
    assert [sid for sid, _ in found[own]] == ["DecryptParameters"], "with the service's own key"
    assert not [sid for sid, _ in found["chuoi-execution-policy"] if "Decrypt" in sid]
    first = {urn.rpartition("::")[2] for urn in recorder.named(SERVICE)["chuoi-service"].dependencies}
    assert found.keys() <= first
    before = {urn.rpartition("::")[2] for urn in recorder.named(ROLE_POLICY)["chuoi-execution-policy"].dependencies}
    assert found.keys() - {"chuoi-execution-policy"} <= before, "a statement that moves is there all the time"


def test_a_key_of_two_regions_is_two_keys() -> None:
    statements = [policies.allow(f"D{n}", "kms:Decrypt", [arn]) for n, arn in enumerate(REPLICAS)]
    assert foreign_keys(statements) == REPLICAS
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["task"]["kms_keys"] = REPLICAS
    services["chuoi"]["task"]["environment_files"] = ["arn:aws:s3:::team/shared.env"]
    named = of_stack("dev", services=services).named(ROLE_POLICY)
    assert len([name for name in named if name.startswith("chuoi-execution-key-") and "mrk" in name]) == 2
