"""Stand-ins for pulumi-aws and pulumi-awsx that the real engine attaches to (PULUMI_DEBUG_PROVIDERS)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.providers.types import Aws, SignIn


class Ports(NamedTuple):
    """Where the providers listen, on 127.0.0.1."""

    aws: int
    awsx: int


def serve(
    client: Callable[[str], Any], root: Callable[[str], Any], sign_in: SignIn, account: str, region: str
) -> Ports:
    """Serve both providers in this process until it ends.

    Args:
        client: service → boto3 client of whom the provider signs in as.
        root: the same of the account's root.
        sign_in: the same of who has some credentials.
        account: 12 digits.
        region: the only one there is.
    """
    from sandbox.providers.awsx import AwsxProvider
    from sandbox.providers.resources import INVOKES, RESOURCES
    from sandbox.providers.server import AwsProvider

    aws = Aws(account=account, region=region, partition="aws", client=client, root=root, sign_in=sign_in)
    return Ports(_listen(AwsProvider(aws, RESOURCES, INVOKES)), _listen(AwsxProvider()))


_servers: list[grpc.Server] = []


def _listen(servicer: provider_pb2_grpc.ResourceProviderServicer) -> int:
    server = grpc.server(ThreadPoolExecutor(max_workers=32))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _servers.append(server)
    return port
