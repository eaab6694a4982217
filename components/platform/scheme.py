"""A change of a load balancer from internet-facing to internal or back, which is refused.

It stays what it was made as (ELB: no call changes the scheme), and another one beside it could not have the target
groups, each of which is one load balancer's (ELB, CreateRule: TargetGroupAssociationLimit).
"""

import boto3
import pulumi

from components.looks import looking_at


def check_scheme(session: boto3.Session, load_balancer_name: str, *, internal: bool) -> None:
    """See that a load balancer that is up is as internal as it is declared.

    Args:
        session: AWS, as the provider reaches it.
        load_balancer_name: its AWS name.
        internal: what is declared.

    Raises:
        pulumi.RunError: it is not; the message says what to do. Or AWS refuses to tell.
    """
    with looking_at("its load balancer before it changes it"):
        scheme = read_scheme(session, load_balancer_name)
    if scheme is not None and (scheme == "internal") != internal:
        raise pulumi.RunError(
            f"load_balancer.internal: the load balancer {load_balancer_name} is {scheme}, and none is made into the "
            "other kind; declare another stack with it, and take this one down when the services are there, or say "
            f"internal: {str(not internal).lower()} again"
        )


def read_scheme(session: boto3.Session, load_balancer_name: str) -> str | None:
    """`internet-facing` or `internal`; None where there is no such load balancer.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    elbv2 = session.client("elbv2")
    try:
        (found,) = elbv2.describe_load_balancers(Names=[load_balancer_name])["LoadBalancers"]
    except elbv2.exceptions.LoadBalancerNotFoundException:
        return None
    return str(found["Scheme"])
