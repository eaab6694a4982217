"""What Pulumi's self-managed backend needs: an S3 bucket with a stack's state, and a KMS key for its secrets.

Functions without resources. Where the objects are: pulumi, `pkg/backend/diy`.
"""

import pulumi

from components.iam.policies import Statement, allow, document

STATE = (".json*", ".pulumi-tags")
"""How a stack's objects end in the backend's folder `stacks`: its checkpoint, and its tags, which operations read."""


def read_state(bucket_arn: str, project: str, stack: str) -> list[Statement]:
    """What a preview needs of the self-managed backend: Pulumi reads the stack, and takes no lock for a preview."""
    return [
        _find_state(bucket_arn),
        allow("ReadState", "s3:GetObject", [f"{bucket_arn}/.pulumi/meta.yaml", *_state(bucket_arn, project, stack)]),
    ]


def write_state(bucket_arn: str, project: str, stack: str) -> list[Statement]:
    """What `up` and `destroy` need of the self-managed backend: the stack's own state, history, backups, locks."""
    folders = [f"{bucket_arn}/.pulumi/{folder}" for folder in ("history", "backups", "locks/organization")]
    return [
        _find_state(bucket_arn),
        allow("ReadMeta", "s3:GetObject", [f"{bucket_arn}/.pulumi/meta.yaml"]),
        allow(
            "WriteState",
            "s3:GetObject PutObject DeleteObject",
            [*_state(bucket_arn, project, stack), *(f"{folder}/{project}/{stack}/*" for folder in folders)],
        ),
    ]


def reference_state(bucket_arn: str, project: str, stack: str) -> list[Statement]:
    """What a StackReference in another stack needs: the whole checkpoint, of which the outputs are a part."""
    return [allow("UseState", "s3:GetObject", [f"{bucket_arn}/.pulumi/stacks/{project}/{stack}.json*"])]


def _state(bucket_arn: str, project: str, stack: str) -> list[str]:
    return [f"{bucket_arn}/.pulumi/stacks/{project}/{stack}{end}" for end in STATE]


def _find_state(bucket_arn: str) -> Statement:
    return allow("FindState", "s3:ListBucket", [bucket_arn])


def decrypt_state(key_arn: pulumi.Input[str]) -> list[Statement]:
    """Opens the secrets of a state and its stack file, with the stack's own key only."""
    return [allow("OpenState", "kms:Decrypt", [key_arn])]


def encrypt_state(key_arn: pulumi.Input[str]) -> list[Statement]:
    """Opens and seals them."""
    return [allow("SealState", "kms:Decrypt Encrypt", [key_arn])]


def key_policy(account_root: str, users: str) -> dict[str, object]:
    """The key's own policy: the account's administrators keep it, and who deploys or previews only uses it.

    Args:
        account_root: the account's root, whose IAM policies then count.
        users: a pattern of the roles of all stacks.
    """
    return document(
        [
            {"Sid": "ByIam", "Effect": "Allow", "Principal": {"AWS": account_root}, "Action": "kms:*", "Resource": "*"},
            {
                "Sid": "UsersDoNotKeepIt",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "NotAction": ["kms:Decrypt", "kms:Encrypt", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": {"ArnLike": {"aws:PrincipalArn": users}},
            },
        ]
    )
