"""Corrections of moto's own classes where moto answers differently than AWS."""

from sandbox.moto_fixes import (
    bucket_notifications,
    deletions,
    event_invoke_configs,
    function_logging,
    in_use,
    listener_certificates,
    log_streams,
    namespaces,
    record_sets,
    scaling_tags,
    schedule_groups,
    security_group_rules,
    target_groups,
    task_definitions,
)


def apply() -> None:
    """Put it right in this process; doing it again changes nothing."""
    for module in (
        bucket_notifications,
        deletions,
        event_invoke_configs,
        function_logging,
        in_use,
        listener_certificates,
        log_streams,
        namespaces,
        record_sets,
        scaling_tags,
        schedule_groups,
        security_group_rules,
        target_groups,
        task_definitions,
    ):
        module.apply()
