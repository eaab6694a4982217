"""A Lambda function in an account, and what it has told."""

import io
import json
import zipfile
from typing import Any

from sandbox.account.account import Account

A, R = "111122223333", "eu-west-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}
CODE = """
import boto3, json, os, sys

def handler(event, context):
    said = json.dumps([event, boto3.client("sts").get_caller_identity()["Arn"], context.aws_request_id])
    boto3.client("ssm").put_parameter(Name=os.environ["TOLD"], Type="String", Value=said, Overwrite=True)
    print("said it with", context.get_remaining_time_in_millis() > 0)
    if event.get("raises"):
        raise ValueError(event["raises"])
"""


def make_function(
    account: Account, runtime: str = "python3.12", logs: bool = True, code: str = CODE, **variables: str
) -> None:
    iam = account.client("iam")
    role = iam.create_role(RoleName="smoke", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    allowed = [{"Effect": "Allow", "Action": ["ssm:PutParameter"], "Resource": f"arn:aws:ssm:{R}:{A}:parameter/told"}]
    if logs:
        allowed += [
            {"Effect": "Allow", "Action": ["logs:*"], "Resource": f"arn:aws:logs:{R}:{A}:log-group:/aws/lambda/smoke*"}
        ]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_role_policy(RoleName="smoke", PolicyName="own", PolicyDocument=document)
    files = io.BytesIO()
    with zipfile.ZipFile(files, "w") as archive:
        archive.writestr("hook.py", code)
    account.client("lambda").create_function(
        FunctionName="smoke", Runtime=runtime, Role=role, Handler="hook.handler", Code={"ZipFile": files.getvalue()},
        Timeout=60, Environment={"Variables": variables},
    )  # fmt: skip


def told(account: Account) -> Any:
    """What the function has put, and how often."""
    found = account.client("ssm").get_parameters(Names=["told"])["Parameters"]
    return found and (json.loads(found[0]["Value"]), found[0]["Version"])
