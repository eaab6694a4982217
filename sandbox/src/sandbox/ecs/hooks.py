"""Lifecycle hooks of service deployments: functions that ECS calls, and pauses that somebody ends.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html and pause-lifecycle-hooks.html
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from sandbox.account.errors import AwsError

if TYPE_CHECKING:
    from sandbox.account.account import Account

Json = dict[str, Any]
Status = Literal["AWAITING_ACTION", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT"]
DEFAULT_MINUTES, DEFAULT_DELAY = 1440, 30
SESSION = "ECS-Lambda-Execution"


class HookFailed(Exception):
    """A hook's answer could not be had; the message is ECS's."""


@dataclass
class HookRun:
    """One execution of a hook at a stage.

    Attributes:
        declared: an entry of `lifecycleHooks`.
        payload: what its function is called with.
        expires: when it times out, a monotonic time; `expires_at` is the same for readers.
        decision: what ContinueServiceDeployment has said.
        answer: what the function has answered, or why it has not; None while it runs.
        call_at: when its function is to be called again, a monotonic time.
        reason: why it failed, in ECS's words.
    """

    declared: Json
    stage: str
    payload: Json
    expires: float
    expires_at: datetime
    id: str
    status: Status
    decision: Literal["CONTINUE", "ROLLBACK"] | None = None
    answer: Json | HookFailed | None = None
    call_at: float | None = 0.0
    reason: str = ""
    hook_details: Any = field(default=None)

    @property
    def kind(self) -> str:
        return str(self.declared.get("targetType") or "AWS_LAMBDA")

    @property
    def timeout_action(self) -> str:
        return str((self.declared.get("timeoutConfiguration") or {}).get("action") or "ROLLBACK")

    @property
    def active(self) -> bool:
        return self.status in ("AWAITING_ACTION", "IN_PROGRESS")

    @property
    def rolls_back(self) -> bool:
        return self.status == "FAILED" or (self.status == "TIMED_OUT" and self.timeout_action == "ROLLBACK")

    def look(self, now: float, scale: Callable[[float], float], call: Call) -> bool:
        """Go on as far as that is possible now; whether its status has changed."""
        before = self.status
        if not self.active:
            return False
        if self.kind == "PAUSE":
            self._decide()
        else:
            self._ask(now, scale, call)
        if self.active and now >= self.expires:
            words = "pause hook timed out." if self.kind == "PAUSE" else "lifecycle hook(s) failed. It timed out."
            self.status, self.reason = "TIMED_OUT", f"{self.stage} {words}"
        return self.status != before

    def _decide(self) -> None:
        if self.decision == "CONTINUE":
            self.status = "SUCCEEDED"
        elif self.decision == "ROLLBACK":
            self._fail("ContinueServiceDeployment was called with the action ROLLBACK.")

    def _ask(self, now: float, scale: Callable[[float], float], call: Call) -> None:
        answer, self.answer = self.answer, None
        if isinstance(answer, HookFailed):
            self._fail(str(answer))
        elif answer is not None:
            self.hook_details = answer.get("hookDetails", self.hook_details)
            status = answer["hookStatus"]
            if status == "SUCCEEDED":
                self.status = "SUCCEEDED"
            elif status == "FAILED":
                self._fail(f"Lifecycle hook target {self.declared['hookTargetArn']} returned FAILED status.")
            else:
                self.call_at = now + scale(float(answer.get("callBackDelay") or DEFAULT_DELAY))
        if self.active and self.call_at is not None and now >= self.call_at:
            self.call_at = None
            call(self)

    def _fail(self, reason: str) -> None:
        self.status, self.reason = "FAILED", f"{self.stage} lifecycle hook(s) failed. {reason}"

    def event(self) -> Json:
        """What its function is called with; the details it returned last are those it gets next."""
        return {**self.payload, **({} if self.hook_details is None else {"hookDetails": self.hook_details})}


Call = Callable[[HookRun], None]
"""Calls a hook's function in the background; `answer` is set when it has answered."""


def hook_run(declared: Json, stage: str, payload: Json, now: float, scale: Callable[[float], float]) -> HookRun:
    """An execution that begins now."""
    minutes = (declared.get("timeoutConfiguration") or {}).get("timeoutInMinutes") or DEFAULT_MINUTES
    seconds, pauses = scale(60.0 * minutes), declared.get("targetType") == "PAUSE"
    return HookRun(
        declared,
        stage,
        {"executionId": str(uuid.uuid4()), "lifecycleStage": stage, **payload},
        now + seconds,
        datetime.now(UTC) + timedelta(seconds=seconds),
        f"ecs-{'pause' if pauses else 'lambda'}-{secrets.token_urlsafe(32)}",
        "AWAITING_ACTION" if pauses else "IN_PROGRESS",
        hook_details=declared.get("hookDetails"),
    )


def caller(account: Account, changed: Callable[[], None]) -> Call:
    """Calls functions as the role that each hook names; `changed` is called after each answer."""

    def call(run: HookRun) -> None:
        def ask() -> None:
            try:
                run.answer = answer_of(account, run)
            except HookFailed as error:
                run.answer = error
            changed()

        account.spawn(f"hook {run.id}", ask)

    return call


def answer_of(account: Account, run: HookRun) -> Json:
    """What a hook's function answers; raises HookFailed in ECS's words."""
    role, target = run.declared["roleArn"], run.declared["hookTargetArn"]
    try:
        client = account.client("lambda", account.assume(role, "ecs.amazonaws.com", SESSION))
    except AwsError as error:
        raise HookFailed(f"ECS was unable to assume role {role}") from error
    try:
        answer = client.invoke(FunctionName=target, Payload=json.dumps(run.event()).encode())
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise HookFailed(f"ECS was unable to invoke hook target {target} due to {message}") from error
    try:
        returned = json.loads(answer["Payload"].read() or b"null")
    except ValueError:
        returned = None
    status = returned.get("hookStatus") if isinstance(returned, dict) else None
    if status not in ("SUCCEEDED", "FAILED", "IN_PROGRESS"):
        raise HookFailed(f"ECS was unable to parse the response from {target} due to HookStatus must not be null")
    return dict(returned)
