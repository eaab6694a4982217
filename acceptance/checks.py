"""What the evidence says of the lines of docs/aws-assumptions.md that a program can check."""

from collections.abc import Iterator, Mapping

from acceptance.evidence import Answer, Check, Evidence, Execution, Finding, Look
from releases.pipeline_state import DEPLOY_STAGE

APPROVE_STAGE, MIGRATION = "Approve", "Migrate"
STATES = {"IN_PROGRESS", "COMPLETED", "FAILED"}
RUNS = {"InProgress", "Stopping"}
REFUSED = ("AccessDenied", "not authorized", "UnauthorizedOperation", "Forbidden", "insufficient permissions")


def held_if(held: bool, seen: str) -> Finding:
    """A finding that is sure."""
    return Finding("held" if held else "did not hold", seen)


def unseen(what: str) -> Finding:
    """A finding where the life did not come so far."""
    return Finding("could not be checked", what)


def delivered(evidence: Evidence) -> Finding:
    """The first delivery as a whole: it does not end well when a right is missing."""
    first = evidence.executions.get("v1")
    if first is None:
        return unseen("nothing was delivered")
    if first.status == "Succeeded":
        return held_if(True, "the first delivery succeeded")
    if any(word in first.words() for word in REFUSED):
        return held_if(False, first.words())
    return unseen(f"the first delivery is {first.status}: {first.words() or 'no reason'}")


def by_event(evidence: Evidence) -> Finding:
    """As `delivered`, and EventBridge began it."""
    found, first = delivered(evidence), evidence.executions.get("v1")
    kind = first.summary.get("trigger", {}).get("triggerType") if first else None
    if found.verdict == "held" and kind != "CloudWatchEvent":
        return unseen(f"the first delivery succeeded; it was begun by {kind}, not by EventBridge")
    return found


def built(evidence: Evidence) -> Finding:
    """The first build's tools."""
    builds = evidence.executions["v1"].stage("Build") if "v1" in evidence.executions else []
    if not builds:
        return unseen("nothing was built")
    return held_if(builds[-1]["status"] == "Succeeded", f"the first build is {builds[-1]['status']}")


def skipped(evidence: Evidence) -> Finding:
    """The same version a second time."""
    again = evidence.executions.get("again")
    if again is None or not again.summary:
        return unseen("no version was delivered twice")
    stages = list(dict.fromkeys(str(action["stageName"]) for action in again.actions))
    held = again.status == "Succeeded" and DEPLOY_STAGE not in stages
    return held_if(held, f"the second execution of a version is {again.status}, after {', '.join(stages) or 'nothing'}")


def nobody_asked(evidence: Evidence) -> Finding:
    """The approval of a version that was released already."""
    second, again = evidence.executions.get("v2"), evidence.executions.get("again")
    if second is None or again is None or not second.stage(APPROVE_STAGE) or not again.actions:
        return unseen("no version was delivered twice, or nobody was asked of the first")
    asked = bool(again.stage(APPROVE_STAGE))
    return held_if(
        not asked and again.status == "Succeeded", f"it is {again.status}, {'with' if asked else 'without'} a question"
    )


def resolved(evidence: Evidence) -> Finding:
    """`CustomData` of an approval that waited."""
    action = evidence.answers.get("approval that waits")
    if action is None:
        return unseen("no approval was seen to wait")
    text = action.get("input", {}).get("resolvedConfiguration", {}).get("CustomData", "")
    return held_if(bool(text) and "#{" not in text, f"while it waits: {text or 'nothing'}")


def tokens(evidence: Evidence) -> Finding:
    """The actions of `GetPipelineState` that have a token."""
    seen = [
        (stage["stageName"], action["latestExecution"]["status"])
        for look in evidence.looks
        for stage in look.state.get("stageStates", [])
        for action in stage.get("actionStates", [])
        if action.get("latestExecution", {}).get("token")
    ]
    if not seen:
        return unseen("no action with a token was seen")
    words = ", ".join(sorted({f"{stage} {status}" for stage, status in seen}))
    return held_if(set(seen) == {(APPROVE_STAGE, "InProgress")}, f"with a token: {words}")


def migrated(evidence: Evidence) -> Finding:
    """The first migration."""
    first = evidence.executions.get("v1")
    actions = [action for action in _deploys(first) if action["actionName"] == MIGRATION]
    if first is None or not actions:
        return unseen("nothing was migrated")
    if actions[-1]["status"] == "Succeeded":
        return held_if(True, "the first migration succeeded")
    return held_if(False, first.words()) if any(word in first.words() for word in REFUSED) else unseen(first.words())


def alarms_read(evidence: Evidence) -> Finding:
    """The first release of a service that has alarms."""
    look = next(evidence.of("v1"), None)
    alarms = look.service.get("deploymentConfiguration", {}).get("alarms", {}) if look else {}
    if not alarms.get("enable") or not alarms.get("alarmNames"):
        return unseen("the service has no alarms")
    found = delivered(evidence)
    return Finding(found.verdict, f"{len(alarms['alarmNames'])} alarms; {found.seen}")


def queued(evidence: Evidence) -> Finding:
    """What was started by hand during a release."""
    again, second = evidence.executions.get("again"), evidence.executions.get("v2")
    if again is None or second is None or not again.actions or not second.stage("Package"):
        return unseen("nothing was started during a release")
    if again.status in ("Superseded", "Cancelled"):
        return held_if(False, f"it is {again.status}")
    mine, before = again.stage("Package"), second.stage("Package")
    waited = bool(mine) and mine[0]["startTime"] >= before[-1]["lastUpdateTime"]
    return held_if(waited, f"it is {again.status}; its Package began {'after' if waited else 'before'} the other's end")


def newest_first(evidence: Evidence) -> Finding:
    """The order of `ListPipelineExecutions`, and what it says of an upload."""
    if not evidence.listed:
        return unseen("the executions were not listed")
    times = [each["startTime"] for each in evidence.listed]
    versions = {e["pipelineExecutionId"]: e.get("sourceRevisions", []) for e in evidence.listed}
    uploads = [e for e in evidence.executions.values() if e.version and e.id in versions]
    told = all(e.version in [r.get("revisionId") for r in versions[e.id]] for e in uploads)
    ordered = times == sorted(times, reverse=True)
    words = "newest first" if ordered else "in another order"
    return held_if(
        ordered and told, f"{len(times)} executions, {words}; versions {'as' if told else 'not as'} uploaded"
    )


def empty_service(evidence: Evidence) -> Finding:
    """A scalable target above the desired count."""
    look, targets = next(evidence.of("up"), None), evidence.answers.get("scalable targets")
    if look is None or not targets:
        return unseen("no scalable target was seen")
    least, desired = targets[0]["MinCapacity"], look.service["desiredCount"]
    return held_if(desired == 0 < least, f"minimum {least}, desired {desired} after the first `up`")


def no_tasks(evidence: Evidence) -> Finding:
    """The deployment of the first `up`."""
    look = next(evidence.of("up"), None)
    if look is None or look.service["desiredCount"]:
        return unseen("no deployment of 0 tasks was seen")
    state = look.primary.get("rolloutState")
    return held_if(state == "COMPLETED", f"it is {state}")


def rollout_states(evidence: Evidence) -> Finding:
    """`rolloutState` of everything that was listed."""
    seen = {str(d.get("rolloutState")) for look in evidence.looks for d in look.service["deployments"]}
    if not seen:
        return unseen("no deployment was seen")
    return held_if(seen <= STATES and "COMPLETED" in seen, f"seen: {', '.join(sorted(seen))}")


def _replaced(evidence: Evidence) -> Iterator[tuple[Look, list[Answer]]]:
    """The moments of a rolling release that have the old deployment's tasks, and that deployment as far as listed."""
    for look in evidence.of("v2"):
        others = [each for each in look.service["deployments"] if each["status"] != "PRIMARY"]
        counted = sum(each["runningCount"] for each in look.service["deployments"])
        if others or look.service["runningCount"] > counted:
            yield look, others


def listed_while_it_runs(evidence: Evidence) -> Finding:
    """A replaced deployment that has tasks."""
    moments = list(_replaced(evidence))
    if not moments:
        return unseen("no moment with both deployments was seen")
    missing = [look for look, others in moments if not others]
    return held_if(not missing, f"of {len(moments)} looks with old tasks, {len(moments) - len(missing)} list them")


def beside_in_progress(evidence: Evidence) -> Finding:
    """What ECS would go back to, while a deployment is IN_PROGRESS."""
    looks = [look for look in evidence.of("v2") if look.primary.get("rolloutState") == "IN_PROGRESS"]
    if not looks:
        return unseen("no look fell into a deployment")
    beside = [look for look in looks if len(look.service["deployments"]) > 1]
    return held_if(bool(beside), f"listed in {len(beside)} of {len(looks)} looks")


def action_and_deployment(evidence: Evidence) -> Finding:
    """When CodePipeline's action ended, as against ECS. Either is right."""
    words = []
    for name in ("v1", "v2", "broken"):
        for action in evidence.executions[name].stage(DEPLOY_STAGE) if name in evidence.executions else []:
            if action["input"]["actionTypeId"]["provider"] == "ECS":
                took = (action["lastUpdateTime"] - action["startTime"]).total_seconds()
                words.append(f"{name}: the action {action['status']} after {took:.0f} s")
    return held_if(True, "; ".join(words)) if words else unseen("ECS's action never ran")


def failed_action(evidence: Evidence) -> Finding:
    """The action of a deployment that ECS rolled back."""
    broken = evidence.executions.get("broken")
    actions = [a for a in _deploys(broken) if a["status"] not in RUNS]
    if broken is None or not actions:
        return unseen("no deployment failed")
    return held_if(actions[-1]["status"] == "Failed", f"the action is {actions[-1]['status']}; {broken.words()}")


def _deploys(execution: Execution | None) -> list[Answer]:
    return execution.stage(DEPLOY_STAGE) if execution else []


def failure_listed(evidence: Evidence) -> Finding:
    """How a failed deployment is listed."""
    looks = list(evidence.of("broken"))
    begun = {d["id"] for look in looks for d in look.service["deployments"]} - _before(evidence, "broken")
    if not begun:
        return unseen("no deployment failed")
    failed = [d for look in looks for d in look.service["deployments"] if d.get("rolloutState") == "FAILED"]
    if failed:
        return held_if(True, f"FAILED: {failed[-1].get('rolloutStateReason', 'no reason')}")
    replaced = len(begun) > 1
    return held_if(replaced, "not listed; another primary is in its place" if replaced else "neither was seen")


def rolled_back(evidence: Evidence) -> Finding:
    """The deployment by which ECS rolls back."""
    before, after = [*evidence.of("edit")], [*evidence.of("broken")]
    if not before or len(after) < 2:
        return unseen("no deployment failed")
    was, now = before[-1].primary, after[-1].primary
    new, same = was["id"] != now["id"], was["taskDefinition"] == now["taskDefinition"]
    words = f"{'another' if new else 'the same'} deployment of {now['taskDefinition'].rpartition('/')[2]}"
    previous = evidence.digests.get("v2")
    if not same and previous:
        words += f", which ran {was['taskDefinition'].rpartition('/')[2]}"
    return held_if(new and same, words)


def _before(evidence: Evidence, step: str) -> set[str]:
    ids: set[str] = set()
    for look in evidence.looks:
        if look.step == step:
            break
        ids |= {each["id"] for each in look.service["deployments"]}
    return ids


def new_one_first(evidence: Evidence) -> Finding:
    """The first answer after `UpdateService`."""
    made, listed = (evidence.answers.get(k) for k in ("deployment of UpdateService", "deployments right after it"))
    if not made or not listed:
        return unseen("no such answer was seen")
    return held_if(listed[0]["id"] == made, f"the new one is {'' if listed[0]['id'] == made else 'not '}listed first")


def tag_resolved(evidence: Evidence) -> Finding:
    """The image of the tasks after an edit, whose template names a tag."""
    tasks, digest = evidence.tasks.get("edit"), evidence.digests.get("v2")
    if not tasks or not digest:
        return unseen("no task was seen after an edit")
    ran = {str(container.get("imageDigest")) for task in tasks for container in task["containers"]}
    return held_if(ran == {digest}, f"released {_brief(digest)}, the edit runs {', '.join(map(_brief, sorted(ran)))}")


def pushed_digest(evidence: Evidence) -> Finding:
    """The digest that ECS gives of a released image."""
    pairs = [(s, evidence.digests[s], evidence.tasks.get(s, [])) for s in ("v1", "v2") if s in evidence.digests]
    ran = [
        (step, digest, c.get("imageDigest")) for step, digest, tasks in pairs for t in tasks for c in t["containers"]
    ]
    if not ran:
        return unseen("no task of a release was seen")
    others = [f"{step}: pushed {_brief(digest)}, runs {_brief(str(has))}" for step, digest, has in ran if digest != has]
    return held_if(not others, "; ".join(others) or f"the same for {len(ran)} tasks")


def _brief(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def stage_in_progress(evidence: Evidence) -> Finding:
    """The stage that an execution is in."""
    states = [
        {stage.get("latestExecution", {}).get("status") for action in stage.get("actionStates", []) if _runs(action)}
        for look in evidence.looks
        for stage in look.state.get("stageStates", [])
    ]
    seen = {str(status) for found in states for status in found}
    if not seen:
        return unseen("no look fell into an action")
    return held_if(seen <= RUNS, f"while an action runs, its stage is {', '.join(sorted(seen))}")


def _runs(action: Answer) -> bool:
    return bool(action.get("latestExecution", {}).get("status") == "InProgress")


def started_by(evidence: Evidence) -> Finding:
    """`ListTasks`, and what `DescribeTasks` says of who started a task."""
    answer, tasks, looks = (
        evidence.answers.get("startedBy with a service"),
        evidence.tasks.get("probe"),
        list(evidence.of("probe")),
    )
    if answer is None or not tasks or not looks:
        return unseen("no task was seen")
    said = "refused" if isinstance(answer, str) else "taken"
    mine = {str(task.get("startedBy")) for task in tasks} == {looks[-1].primary["id"]}
    words = "is the deployment's id" if mine else "is not the deployment's id"
    return held_if(said == "refused" and mine, f"another filter is {said} ({_code(answer)}); `startedBy` {words}")


def _code(answer: object) -> str:
    return answer if isinstance(answer, str) else "an answer"


def whole_family(evidence: Evidence) -> Finding:
    """`familyPrefix`."""
    half, whole = evidence.answers.get("half a family"), evidence.answers.get("the family")
    if half is None or not whole:
        return unseen("not asked")
    return held_if(not half, f"{len(whole)} by the family's name, {len(half)} by the beginning of it")


def missing_parameter(evidence: Evidence) -> Finding:
    """`GetParameters`."""
    answer = evidence.answers.get("a parameter that there is not")
    if answer is None:
        return unseen("not asked")
    held = isinstance(answer, dict) and not answer["Parameters"] and bool(answer.get("InvalidParameters"))
    return held_if(held, "it is in InvalidParameters" if held else f"answered {_code(answer)}")


def tag_moved(evidence: Evidence) -> Finding:
    """`PutImage` with what `BatchGetImage` gave."""
    live, put = evidence.answers.get("live image"), evidence.answers.get("put-image")
    if live is None or put is None:
        return unseen("not asked")
    held = isinstance(put, dict) and put["imageDigest"] == live
    return held_if(held, "the same digest" if held else f"answered {put}")


CHECKS: Mapping[str, Check] = {
    "A stage whose entry condition has the result `SKIP`": skipped,
    "A scalable target whose minimum is above": empty_service,
    "The ECS action ends as failed when": failed_action,
    "`list-action-executions` gives an approval's `CustomData`": resolved,
    "Only a manual approval that waits has a `token`": tokens,
    "A stage that holds only an approval takes": nobody_asked,
    "A manual approval's `CustomData` may hold a variable": resolved,
    "`ListTasks` takes no resource but a container instance": migrated,
    "ECS reads the alarms by its service-linked role": alarms_read,
    "`aws:SourceAccount` is sent when ECS, CodeBuild": by_event,
    "CodePipeline and CodeBuild need of the artifacts' bucket": delivered,
    "The S3 source action needs `s3:GetBucketVersioning`": delivered,
    "A grant on a log group's streams": delivered,
    "`RegisterTaskDefinition` and `DescribeTaskDefinition` are decided on `*`": delivered,
    "`imageDigest` of a task's container": pushed_digest,
    "`put-image` with the digest and manifest": tag_moved,
    "An execution started by hand while others run": queued,
    "`ListTaskDefinitions` takes a whole family": whole_family,
    "`ListPipelineExecutions` gives the newest execution first": newest_first,
    "CodeBuild's Amazon Linux images have Docker's BuildKit client": built,
    "`DescribeServices` gives each deployment a `rolloutState`": rollout_states,
    "A service is quiet when its primary deployment": listed_while_it_runs,
    "What ECS would go back to is listed": beside_in_progress,
    "CodePipeline's ECS action may end before": action_and_deployment,
    "A deployment of 0 tasks becomes `COMPLETED`": no_tasks,
    "A deployment that failed is listed as `FAILED`": failure_listed,
    "ECS rolls back with a new deployment": rolled_back,
    "Right after `UpdateService`": new_one_first,
    "A deployment resolves a tag to a digest once": tag_resolved,
    "`ListTasks` takes `startedBy` as its only filter": started_by,
    "In `QUEUED` mode one execution is in a stage": stage_in_progress,
    "`GetParameters` leaves out a name": missing_parameter,
}
"""How an assumption begins in docs/aws-assumptions.md, to what checks it."""
