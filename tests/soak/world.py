"""A stack that two writers work on.

Each step of `World` acts, waits until nothing is in flight, and checks. What it expects comes from what was asked,
never from what the program answers.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from delivery.commands import redeploy, repair, rollback
from delivery.executions import shift
from delivery.executions import start as starting
from delivery.executions.find import of_version
from delivery.uploads.build_settings import plain_variables
from delivery.uploads.packing import packed
from releases.errors import DeliveryError
from releases.names import aws_name, uploader
from releases.pipeline import Pipeline
from sandbox.engine import Engine, EngineError
from sandbox.reports import Outcome
from sandbox.stacks import StackFolder
from tests.scenarios.conftest import Apps
from tests.soak.beside import PAUSE, SECONDS_TO_SETTLE
from tests.soak.declared import STACK, TEMPLATES, Declared
from tests.soak.expected import Expected, Variant, Violation, must
from tests.soak.observer import Observer, Template

WORKING = "import time\nprint('VERSION', flush=True)\nwhile True: time.sleep(1)\n"
SERVICE = "aws:ecs/service:Service"
SPEED = "200"
"""How much faster the sandbox's clock runs."""


class World:
    """A copy of the repository with stack `dev` up, and the expectation.

    Args:
        root: the copy's folder.
    """

    def __init__(self, root: Path) -> None:
        self.said: list[str] = []
        folder = StackFolder(STACK, root)
        self.engine = Engine(folder, folder.ensure_server(self.said.append), self.said.append)
        self.see = Observer(self.engine)
        self.declared = Declared(root)
        self.services: dict[str, Expected] = {}
        self._deploys: dict[str, Any] = {}
        """How the services were declared to be deployed in the last `up` that succeeded."""
        self._apps, self._shipped = Apps(root / "apps"), 0
        self._interrupted = False
        """Whether an `up` since the last one that succeeded has failed or was killed."""
        self.up()

    # Pulumi's side

    def up(self, targets: Iterable[str] = ()) -> None:
        """Deploy all, or only these services; an `up` that is refused names the repair, and succeeds after it."""
        self.settle()
        urns = [urn for urn in self.see.urns(SERVICE) if any(f"::{target}-service" in urn for target in targets)]
        try:
            self.run_up(urns)
        except EngineError as error:
            self.failed_up()
            torn = [name for name in self.services if self.see.disagrees(name)]
            failed = [name for name in self.services if f"redeploy {name} --stack {STACK}`" in str(error)]
            if not (torn and "repair" in str(error)) and not failed:
                raise Violation(f"up failed: {error}") from None
            for name in torn:
                self.repair(name)
            for name in failed:
                self.redeploy(name)
            self.run_up(urns)
        self.settle()

    def run_up(self, urns: list[str]) -> Outcome:
        """An `up` with nothing in flight: what it may write, and what is expected after it."""
        declared, before, templates = self.declared.variants(), self.see.writes(), self.see.templates()
        deploys, idle = self.declared.deploys(), self._quiet()
        torn = any(self.see.disagrees(name) for name in self.services)
        kept = [
            name
            for name, known in self.services.items()
            if self._has_what_is(declared.get(name), known, name) and deploys.get(name) == self._deploys.get(name)
        ]
        outcome = self.engine.run("up", targets=urns)
        self._edits_by_pipeline(templates)
        after = self.see.writes()
        deployed = {name for name, ids in after["deployments"].items() if ids != before["deployments"].get(name)}
        must(not deployed & set(kept), f"an up deployed {deployed & set(kept)}, which ran what is declared")
        for name in deployed & set(self.services):
            must(not self.see.disagrees(name), f"an up deployed {name}, and its images disagree")
        if urns:
            self._interrupted = self._interrupted or not idle
            for name, expected in self.services.items():
                expected.attempted.add(declared.get(name, expected.applied))
            return outcome
        if idle and not torn:
            must(after == before, f"an up without edits registered or deployed: {outcome.steps}")
            must(not outcome.changes(), f"an up without edits changed {outcome.changes()}")
        added = declared.keys() - self.services.keys()
        self.succeeded(declared)
        self.see.no_orphans()
        for name in added:
            self._first_execution(name)
        return outcome

    def _first_execution(self, service: str) -> None:
        """CodePipeline runs a pipeline once when it is made: that releases what was uploaded before, if anything."""
        for execution in self.see.executions(service):
            status, digest = self.see.follow(service, execution)
            if status == "Succeeded" and digest:
                self.released(service, digest)

    def _edits_by_pipeline(self, before: dict[str, Template]) -> None:
        """A template that CodeDeploy deploys next starts its pipeline when it changes, and never without."""
        for name, (template, executions) in before.items():
            now, ran = self.see.templates()[name]
            started = [execution for execution in ran if execution not in executions]
            expected = [1] if now != template else [0, 1] if self._interrupted else [0]
            must(len(started) in expected, f"{name}: {template} → {now} started {started}")
            for execution in started:
                status, digest = self.see.follow(name, execution)
                live = self.services[name].images
                must(status == "Succeeded" or live == {None}, f"an edit: {self.see.why(name, execution)}")
                must((digest or None) in live, f"an edit of {name} deployed {digest}, and not one of {live}")
                if digest:
                    self.released(name, digest)

    def _has_what_is(self, declared: Variant | None, known: Expected, name: str) -> bool:
        """Whether the service runs the revision that was released, and just that is declared."""
        state = self.see.read_states().get(name)
        released = state.release if state else None
        return (
            state is not None
            and released is not None
            and released.task_definition == state.task_definition
            and known.released_with == declared
            and not known.candidates
        )

    def succeeded(self, declared: dict[str, Variant]) -> None:
        """An `up` of all that is declared was green."""
        self._interrupted = False
        self._deploys = self.declared.deploys()
        known = self.services
        self.services = {name: known.get(name, Expected(variant)) for name, variant in declared.items()}
        for name, variant in declared.items():
            self.services[name].applied = variant
            self.services[name].attempted.clear()

    def up_answered(self, goes_on: bool) -> None:
        """An `up` whose deployment may pause, and the answer to it."""
        self.settle()
        self.engine.run("up")
        for name in self.services:
            state = self.see.read_states().get(name)
            if state is not None and state.shifting is not None and state.shifting.pause:
                (shift.go_on if goes_on else shift.go_back)(self.see.aws("ecs"), state)
        self.succeeded(self.declared.variants())
        self.settle()

    def failed_up(self) -> None:
        """An `up` was refused, failed or killed: what is declared may run or not."""
        self._interrupted = True
        declared = self.declared.variants()
        for name, expected in self.services.items():
            if name in declared:
                expected.attempted.add(declared[name])

    def refresh(self) -> None:
        """Read everything anew into the state, and clear the creations that were cut off."""
        self.settle()
        before = self.see.writes()
        self.engine.run("refresh", clear_pending_creates=True)
        must(not self.see.pending(), f"pending operations after a refresh: {self.see.pending()}")
        must(self.see.writes() == before, "a refresh changed something")

    # The pipeline's side

    def ship(self, service: str, **faults: Any) -> None:
        """Upload an app, broken or not, and wait for what comes of it."""
        self.settle()
        execution = self.start(service, **faults)
        status, digest = self.see.follow(service, execution)
        if (status == "Succeeded") != (not faults):
            raise Violation(f"{service} with {faults or 'a good app'}: {self.see.why(service, execution)}")
        if not faults:
            self.released(service, digest)
        self.settle()

    def start(self, service: str, **faults: Any) -> str:
        """Upload an app; the execution."""
        self._shipped += 1
        if TEMPLATES[service] == "worker.json":
            faults.setdefault("server", WORKING)
        source = self._apps.make(f"app-{self._shipped}", **faults)
        account: Any = self.see.account
        name = aws_name(STACK, service)
        pipeline = Pipeline(account, name)
        bucket, _, key = str(pipeline.upload_to()).removeprefix("s3://").partition("/")
        s3 = account.client_of("s3", account.credentials(uploader(name)))
        before = self.see.executions(service)
        with packed(source, plain_variables(account, name)) as archive:
            ours = of_version(s3.put_object(Bucket=bucket, Key=key, Body=archive)["VersionId"])
        for _ in range(100):
            for each in reversed([*pipeline.executions()]):
                execution = str(each["pipelineExecutionId"])
                if execution not in before and ours(each, pipeline.execution(execution)):
                    return execution
            time.sleep(0.3)
        raise Violation(f"the upload of {service} has started nothing")

    def released(self, service: str, digest: str | None) -> None:
        """A pipeline was green: its image is what the service has from now on."""
        must(digest is not None, "a release without an image")
        expected, state = self.services[service], self.see.state(service)
        expected.released = digest
        expected.released_with = self.see.runs(state)
        expected.candidates.clear()

    def redeploy(self, service: str) -> None:
        """Try an edit again whose deployment was cut off; it is not what runs."""
        known, built = self.services[service], self.see.built()
        must(known.released_with != self.declared.variants()[service], f"{service} runs what is declared")
        look = partial(redeploy.plan, self.see.session, STACK, service)
        starting.start(self.see.session, look, lambda _: None, yes=True, wait=True)
        must(self.see.built() == built, "a redeployment has built")
        self.released(service, known.released)
        self.settle()

    def rollback(self, service: str, to: int | None = None) -> bool:
        """Go back to an earlier image, by default the one before this; False when there is none."""
        self.settle()
        if to is None and self.see.disagrees(service):
            self.repair(service)
        try:
            chosen = rollback.plan(self.see.session, STACK, service, to)
        except DeliveryError as error:
            if "nothing to go back to" in str(error) or "there is no other one" in str(error):
                return False
            raise
        built = self.see.built()
        starting.deploy(self.see.session, STACK, service, chosen.target.image_digest, lambda _: None, wait=True)
        must(self.see.built() == built, "a rollback has built")
        self.released(service, chosen.target.image_digest)
        self.settle()
        return True

    def repair(self, service: str) -> None:
        """Make running, live and record agree, as an operator does."""
        found = repair.examine(self.see.session, STACK, service)
        repair.repair(self.see.session, STACK, found, self.said.append)
        expected, state = self.services[service], self.see.state(service)
        seen = self.see.images(state)
        must(
            seen.agree and seen.live in expected.images,
            f"after a repair of {service}: {seen}, and not {expected.images}",
        )
        expected.released = seen.live
        if state.release and state.release.task_definition == state.task_definition:
            expected.released_with = self.see.runs(state)
        expected.candidates.clear()

    # Rest

    def settle(self) -> None:
        """Wait until nothing is in flight, and check."""
        end = time.monotonic() + SECONDS_TO_SETTLE
        while busy := self.see.busy():
            must(time.monotonic() < end, f"never comes to rest: {busy}")
            time.sleep(PAUSE)
        for name in self.services:
            self._check(name)
            self._released_by_itself(name)

    def rest(self) -> None:
        """Repair what is torn, deploy what is declared, and see that nothing is left to do."""
        self.settle()
        for name in self.services:
            if self.see.disagrees(name):
                self.repair(name)
        quiet = self._quiet()
        self.up()
        if not quiet:
            self.up()

    def _quiet(self) -> bool:
        """Whether an `up` has nothing to do."""
        applied = {name: known.applied for name, known in self.services.items()}
        declared = self.declared.variants(), self.declared.deploys()
        return not self._interrupted and declared == (applied, self._deploys)

    def _check(self, service: str) -> None:
        """The invariants of one service at rest."""
        expected, state = self.services[service], self.see.read_states().get(service)
        if state is None:
            return  # removed
        seen = self.see.images(state)
        for place, digest in (("runs", seen.running), ("has live", seen.live), ("recorded", seen.released)):
            if place != "runs" or state.desired:
                must(digest in expected.images, f"{service} {place} {digest}, and not one of {expected.images}")
        if not expected.candidates:
            must(seen.agree, f"{service}: {seen}")
            must((state.desired > 0) == (state.record != "none"), f"{service}: {state}")
        if state.alternates and not state.controller.deploys_template:
            must((faults := self.see.misplaced(state)) == "", f"{service}, {state.strategy}: {faults}")
        runs = self.see.runs(state)
        # CodeDeploy deploys a template with the first release: until then nothing runs, and no edit is deployed.
        if state.desired or not state.controller.deploys_template:
            must(runs in expected.variants, f"{service} runs {runs}, and not one of {expected.variants}")
        if state.controller.deploys_template:
            serving = [{group for group, share in rule.items() if share} for rule in self.see.weights()]
            must(
                {state.target_groups[0]} in serving, f"{service}'s traffic is on {serving}, and its tasks are elsewhere"
            )

    def _released_by_itself(self, service: str) -> None:
        """What CodeDeploy deploys is released by the pipeline when it is edited, whoever waits for it."""
        expected, state = self.services[service], self.see.read_states().get(service)
        released = state.release if state and state.controller.deploys_template else None
        if state and released and released.task_definition == state.task_definition:
            expected.released_with = self.see.runs(state)


Take = Callable[[World], bool]
"""A step; whether it came to what it is for."""
