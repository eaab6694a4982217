"""A call that the sandbox makes to itself without a connection: it is answered as one over HTTP."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.server.listener import Listener, all_handlers

A, R = "111122223333", "eu-west-1"
KEY = "a folder/ü+%2F?&.txt"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_ACCOUNT_ID", A)
        listener = Listener(tmp_path_factory.mktemp("account"), A, R, all_handlers())
        s3 = listener.account.client("s3")
        s3.create_bucket(Bucket="things", CreateBucketConfiguration={"LocationConstraint": R})
        s3.put_object(Bucket="things", Key=KEY, Body=b"\x00\xff" * 3, Metadata={"commit": "abc"})
        listener.account.client("ssm").put_parameter(Name="/a/b", Value="é\n", Type="String")
        listener.account.client("sqs").create_queue(QueueName="letters")
        yield listener.account
        listener.stop()
        moto_api_backend.reset()


def over_http(account: Account, service: str) -> Any:
    return boto3.client(
        service,
        region_name=R,
        endpoint_url=account.endpoint,
        aws_access_key_id=ROOT_CREDENTIALS.access_key,
        aws_secret_access_key=ROOT_CREDENTIALS.secret_key,
    )


def answer(client: Any, operation: str, params: Json) -> Json:
    """What a call ends with, without what differs from one call to the next."""
    try:
        answered: Json = getattr(client, operation)(**params)
    except ClientError as error:
        answered = dict(error.response)
    if "Body" in answered:
        answered["Body"] = answered["Body"].read()
    metadata = answered.pop("ResponseMetadata")
    headers = {name.lower(): value for name, value in metadata["HTTPHeaders"].items()}
    passing = {"date", "server", "connection", "x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"}
    if operation == "put_object":
        passing.add("last-modified")  # each of the two calls puts it
    return {
        **answered,
        "status": metadata["HTTPStatusCode"],
        "headers": {name: value for name, value in headers.items() if name not in passing},
    }


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("s3", "get_object", {"Bucket": "things", "Key": KEY}),
        ("s3", "get_object", {"Bucket": "things", "Key": KEY, "Range": "bytes=1-2"}),
        ("s3", "head_object", {"Bucket": "things", "Key": KEY}),
        ("s3", "head_object", {"Bucket": "things", "Key": "none"}),
        ("s3", "list_objects_v2", {"Bucket": "things", "Prefix": "a f", "Delimiter": "/", "EncodingType": "url"}),
        ("s3", "put_object", {"Bucket": "things", "Key": "empty", "Body": b""}),
        ("s3", "put_object", {"Bucket": "things", "Key": "put", "Body": b"x" * 70_000, "ChecksumAlgorithm": "SHA256"}),
        ("s3", "put_object", {"Bucket": "things", "Key": "put", "Body": b"x", "Metadata": {"a_b": "c", "d-e": "f"}}),
        ("s3", "get_bucket_policy", {"Bucket": "things"}),
        ("ssm", "get_parameter", {"Name": "/a/b"}),
        ("ssm", "get_parameter", {"Name": "/none"}),
        ("sts", "get_caller_identity", {}),
        ("iam", "list_users", {}),
        ("ec2", "describe_key_pairs", {}),
        ("sqs", "get_queue_url", {"QueueName": "letters"}),
        ("lambda", "list_functions", {"MaxItems": 5}),
        ("lambda", "get_function", {"FunctionName": "none"}),
        ("lambda", "get_function", {"FunctionName": f"arn:aws:lambda:{R}:{A}:function:none"}),
        ("codepipeline", "list_pipelines", {}),
    ],
)
def test_an_answer_is_the_one_of_http(
    account: Account, monkeypatch: pytest.MonkeyPatch, service: str, operation: str, params: Json
) -> None:
    expected = answer(over_http(account, service), operation, params)
    inside = account.client(service)
    if "a_b" not in str(params):
        monkeypatch.setattr(URLLib3Session, "send", None)
    assert answer(inside, operation, params) == expected


def test_metadata_keeps_its_names(account: Account) -> None:
    """A name with an underscore goes over HTTP: WSGI would make a dash of it."""
    s3 = account.client("s3")
    s3.put_object(Bucket="things", Key="named", Body=b"x", Metadata={"a_b": "c", "d-e": "f"})
    assert s3.head_object(Bucket="things", Key="named")["Metadata"] == {"a_b": "c", "d-e": "f"}
