"""What an upgrade from version 0.1.0 may change: its steps were CodeBuild projects, these are Lambda."""

import re

STEP = r"[\w-]+-(release|template|migrate)"
PARTS = "(-logs|-role|-policy)?"
GONE = re.compile(rf"({STEP}|commits-report){PARTS}|commits-ended-report")
NEW = re.compile(
    rf"([\w-]+-steps|commits-report){PARTS}|commits-report-permission|delivery-store-steps|commits-ended-report"
    r"|slack-(not_(packaged|deployed)|uploaded|edited|vulnerable)(-target)?|[\w-]+-execution-key-own-policy"
)
CHANGED = {
    "aws:codepipeline/pipeline:Pipeline": {"stages", "variables"},
    "aws:codebuild/project:Project": {"source", "environment"},
    "aws:iam/rolePolicy:RolePolicy": {"policy"},
    "aws:cloudwatch/eventTarget:EventTarget": {"arn", "roleArn", "inputTransformer"},
    "aws:cloudwatch/eventRule:EventRule": {"eventPattern"},
    "aws:cloudwatch/logGroup:LogGroup": {"name"},
    "aws:iam/role:Role": {"assumeRolePolicy"},
    "aws:lb/targetGroup:TargetGroup": {"stickiness"},
    "aws:sqs/queuePolicy:QueuePolicy": {"policy"},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"rules"},
    "fargate-delivery:index:DeliveryStore": {"report_prefixes"},
}
"""What of a resource may differ, by its type."""
CHANGED_NAMES = re.compile(
    r"[\w-]+-(pipeline|package)(-policy)?|[\w-]+-execution-policy|commits-(events-policy|ended-report|failed-comment)"
    r"|[a-z]+-([a-z]{5}|blue|green)|commits-report-(logs|role|policy)|delivery-store(-lifecycle)?|slack-(undelivered-policy|failed|rolled_back|impaired|out_of_memory|(started|approval|hook_(waits|failed))(-target)?)"
)
