"""What the look for drift may do: read what a deploy role manages, and change nothing.

Functions without resources. A refresh reads each resource as the provider does, so the statements are the deploy
role's, with what only reads of them. Of a parameter the provider reads the value too: this role opens the stack's own,
and runs the deployed branch's code, where a preview runs a pull request's.
"""

import re
from collections.abc import Sequence

from bootstrap.deploy_policy import deploy_statements
from components.iam.policies import Statement, allow
from components.platform import steps_code
from components.scope import Scope
from releases.names import TEMPLATES

READS = re.compile(r"[\w-]+:(BatchGet|Describe|Get|List)|kms:Decrypt$")
"""Decrypt is granted through Parameter Store only, on the stack's own parameters."""
NOT_A_REFRESH_S = frozenset({"Connections", "UploadersKeys", "FindDevices"})
"""Statements of what is looked at when something is made or deleted."""
NOT_A_STATE_S = frozenset(
    {
        "logs:GetLogEvents",  # what tasks say
        "s3:Get*",  # which is of objects too, where a pattern of buckets is
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:GetObjectVersion",
    }
)
"""What the deploy role reads besides, and no resource's state needs."""
BUCKET_SETTINGS = (
    "s3:GetBucket* GetAccelerateConfiguration GetEncryptionConfiguration GetLifecycleConfiguration "
    "GetReplicationConfiguration"
)
"""What the provider reads of a bucket; none of them is of an object."""


def drift_statements(scope: Scope) -> Sequence[Statement]:
    """The statements, which fit into one policy of a role's own."""
    bucket = f"arn:{scope.partition}:s3:::delivery-store-bucket-*"
    found = [
        _reading(statement)
        for part in deploy_statements(scope).values()
        for statement in part
        if statement["Sid"] not in NOT_A_REFRESH_S
    ]
    return [
        *(statement for statement in found if statement["Action"]),
        allow("ReadStore", BUCKET_SETTINGS, [bucket]),
        allow(
            "ReadObjects",
            "s3:GetObject GetObjectTagging",
            [f"{bucket}/{folder}/*" for folder in (TEMPLATES, steps_code.FOLDER)],
        ),
    ]


def _reading(statement: Statement) -> Statement:
    """A statement without what writes."""
    reads = [each for each in statement["Action"] if READS.match(each) and each not in NOT_A_STATE_S]
    return {**statement, "Action": reads}
