"""The commands of the documents, on an account: a first release as its page says, then all that looks, and what changes.

`tests/unit/repository/test_documented_commands.py` asks of each command in a document that it is typed here, in a page's
session or by another scenario.
"""

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from sandbox.stacks import StackFolder
from tests.scenarios.conftest import REPOSITORY, SPEED
from tests.scenarios.test_adopt import language
from tests.soak.beside import Running
from tests.support.account import Account, clone
from tests.support.console import Step, of_make, steps
from tests.support.documented import commands, looks

pytestmark = pytest.mark.nightly
PAGE = REPOSITORY / "docs/first-release-on-an-account.md"
YES, NAME = (("…", f"{question}: {answer}", "…") for question, answer in (
    ("Go on? Only yes is yes", "yes"), ("Type the stack's name, dev, to go on", "dev"),
))  # fmt: skip
KEY = "awskms://alias/fargate-delivery-dev?region=ap-northeast-1"
HERE = {
    "SERVICE": "chuoi", "[SERVICE]": "chuoi", "billing": "chuoi", "site": "chuoi", "hello": "chuoi", "A": "1", "B": "2",
    "11": "1", "12": "2", "PREVIEW": "preview.json",
}  # fmt: skip
"""What a document names → what these stacks have."""
ENDLESS = {"--watch", "--follow"}
DEV = """\
config:
  aws:region: ap-northeast-1
  aws:allowedAccountIds: ["123456789012"]
  aws:defaultTags: {tags: {project: fargate-delivery, stack: dev}}
  fargate-delivery:common: {}
  fargate-delivery:network: {nat: none}
  fargate-delivery:domain: {zone: dev.example.com}
  fargate-delivery:notifications: {slack: true, commits: {host: github}}
  fargate-delivery:services:
    chuoi:
      task: {template: web.json, cpu: 256, memory: 512, port: 4000}
      health_check: {path: /healthz}
      routes: [{host: chuoi.dev.example.com, priority: 20}]
      jobs:
        clean: {command: [echo, cleaned]}
        import: {command: [echo, imported]}
      parameters:
        SECRET_KEY_BASE: {secret: true, for: [runtime]}
        GREETING: {external: /dev/chuoi/GREETING, for: [runtime]}
    shop:
      task: {template: web.json, cpu: 256, memory: 512, port: 4000}
      health_check: {path: /healthz}
      routes: [{host: shop.dev.example.com, priority: 30}]
      deploy: {strategy: codedeploy, wait: 60}
    mailer:
      task: {template: worker.json, cpu: 256, memory: 512}
      source: {type: ecr, tag: production}
"""
PRD = """\
config:
  aws:region: ap-northeast-1
  aws:allowedAccountIds: ["123456789012"]
  aws:defaultTags: {tags: {project: fargate-delivery, stack: prd}}
  fargate-delivery:common: {}
  fargate-delivery:network: {nat: single}
  fargate-delivery:domain: {zone: example.com}
  fargate-delivery:cluster: {log_retention_days: 90}
  fargate-delivery:protect: true
  fargate-delivery:services:
    chuoi:
      task: {template: web.json, cpu: 256, memory: 512, port: 4000}
      health_check: {path: /healthz}
      routes: [{host: chuoi.example.com, priority: 10}]
      source: {type: promote, promote_from: {stack: dev}}
      deploy: {strategy: canary, percent: 20, interval: 1, bake: 0, test_port: 8443, pause: 300}
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A clone and an account in which nothing is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_SPEED", SPEED)
        root = clone(tmp_path_factory.mktemp("repository"))
        server = StackFolder("dev", root).ensure_server(lambda _: None)
        try:
            yield Account(root, server)
        finally:
            os.kill(server.pid, signal.SIGTERM)


def declare(account: Account, stack: str, text: str) -> None:
    """Write a stack file, which keeps how its secrets are encrypted."""
    file = account.root / f"Pulumi.{stack}.yaml"
    before = yaml.safe_load(file.read_text())
    kept = {name: before[name] for name in ("secretsprovider", "encryptedkey")}
    file.write_text(yaml.safe_dump({**yaml.safe_load(text), **kept}, sort_keys=False))


def until(account: Account, command: str, words: str, *, there: bool = True) -> str:
    """Type a command again and again until it prints these words, or no longer."""
    for _ in range(200):
        printed = account.type(command)
        if (words in printed) is there:
            return printed
        time.sleep(0.2)
    raise AssertionError(f"{command}\n{printed}")


def over(account: Account, service: str = "chuoi", stack: str = "dev") -> None:
    """Wait until nothing is on its way to a service."""
    status = f"delivery status {service} --stack {stack}"
    until(account, f"{status} | grep -E '^(goes on|in flight)' || echo nothing", "nothing")


def test_a_first_release_is_as_its_page_says(account: Account) -> None:
    for step in steps(PAGE.read_text("utf-8")):
        if isinstance(step, Step):
            account.type(step.command, step.printed)
        else:
            step.write(account.root)


def test_more_services_and_a_stack_of_production(account: Account) -> None:
    """What the commands below are about."""
    declare(account, "dev", DEV)
    account.type(
        "echo a | pulumi config set --stack dev --secret --path 'fargate-delivery:secrets.chuoi.SECRET_KEY_BASE'"
    )
    account.type(
        "pulumi config set --stack dev --secret fargate-delivery:slack_webhook https://hooks.slack.com/services/T0/B0/a"
    )
    account.type("pulumi config set --stack dev --secret fargate-delivery:commit_token a")
    account.type("aws ssm put-parameter --name /dev/chuoi/GREETING --type SecureString --value hello")
    account.type("delivery up --stack dev", NAME)
    account.type(
        f"rm Pulumi.prd.yaml && pulumi stack init organization/fargate-delivery/prd --secrets-provider '{KEY}'"
    )
    declare(account, "prd", PRD)
    account.type("make up STACK=prd", YES)
    account.type("pulumi stack select dev")
    account.type("sandbox ship chuoi --source examples/hello --yes --stack dev")


def promoted(account: Account, command: str, answer: str) -> list[int]:
    """Ask for a promotion, approve it and answer the pause of its deployment; how the first two end."""
    waits = "delivery status chuoi --stack prd"
    asked = Running(lambda: account.run(command))
    until(account, waits, "delivery approve")
    approved = Running(lambda: account.run("delivery approve chuoi --stack prd --yes"))
    until(account, waits, "in flight        pipeline execution")
    until(account, waits, "it waits for `delivery continue")
    account.type(answer)
    codes = [each.result().returncode for each in (asked, approved)]
    over(account, stack="prd")
    return codes


def test_an_image_is_promoted_to_production_where_somebody_approves_and_continues_it(account: Account) -> None:
    promote = "delivery promote chuoi --from dev --to prd --yes"
    assert promoted(account, promote, "delivery continue chuoi --stack prd --yes") == [0, 0]
    account.type("delivery history chuoi --stack prd", ("release-1  …  live",))


def test_a_promotion_that_is_rejected_or_aborted_changes_nothing(account: Account) -> None:
    account.type("echo 2 > examples/hello/VERSION && git commit --quiet --all --message second")
    account.type("git archive --format zip --output source.zip HEAD:examples/hello")
    account.type(r"""
        bucket=$(pulumi stack output chuoi --stack dev | grep -o 's3:[^"]*') &&
        aws s3 cp source.zip "$bucket" --metadata commit=$(git rev-parse HEAD),repository=shop/chuoi
    """)
    until(account, "delivery history chuoi --stack dev", "release-2")
    over(account)
    live = account.type("delivery live chuoi --stack prd")
    account.type("delivery promote chuoi --from dev --to prd --yes --no-wait")
    until(account, "delivery status chuoi --stack prd", "delivery reject")
    account.type("delivery reject chuoi --stack prd --reason 'not before the holidays' --yes")
    over(account, stack="prd")
    promote = "delivery promote chuoi --from dev --to prd --digest $(delivery live chuoi --stack dev) --yes"
    assert promoted(account, promote, "delivery abort chuoi --stack prd --yes") == [1, 1]
    assert account.type("delivery live chuoi --stack prd") == live
    assert promoted(account, promote, "delivery continue chuoi --stack prd --yes") == [0, 0]
    assert account.type("delivery live chuoi --stack prd") == account.type("delivery live chuoi --stack dev")


def test_releases_wait_while_they_are_frozen(account: Account) -> None:
    account.type("delivery freeze --reason 'a sale' --stack prd")
    assert "a sale" in account.type("delivery status chuoi --stack prd")
    account.type("delivery unfreeze --stack prd --yes")
    account.type("delivery freeze chuoi --stack prd --reason 'a sale'")
    account.type("delivery unfreeze chuoi --stack prd --yes")
    assert "a sale" not in account.type("delivery status chuoi --stack prd")


def test_what_looks_is_typed_as_it_is_written(account: Account) -> None:
    """All at once, since nothing changes; what never ends is interrupted."""
    account.type("pulumi preview --stack dev --json --refresh=false > preview.json 2> preview.log")
    account.type("pulumi stack export --stack prd --file export.json")
    account.type(
        "pulumi preview --stack dev --json | delivery preview-report - --stack dev", ("…", "## `dev`: nothing changes")
    )
    account.type("python -m bench.release_time < export.json", ("pipeline…", "prd-chuoi …"))
    for stack in ("local", "pr"):  # whose secrets nobody has set
        (account.root / f"Pulumi.{stack}.yaml").rename(account.root / f"of-{stack}")
    written = {shlex.join(HERE.get(word, word) for word in shlex.split(each)) for each in commands() if looks(each)}
    assert len(written) > 25
    with ThreadPoolExecutor(2) as hands:
        failed = [error for error in hands.map(lambda each: refusal(account, each), sorted(written)) if error]
    assert failed == []
    (account.root / "of-pr").rename(account.root / "Pulumi.pr.yaml")


def refusal(account: Account, command: str) -> str | None:
    """How a command fails, if it does."""
    ends = not ENDLESS & set(shlex.split(command))
    try:
        account.type(
            f"BROWSER=true {command}" if ends else f"timeout --signal=INT 6 {command}; test $? -eq 124 -o $? -eq 130"
        )
    except AssertionError as error:
        return str(error)
    return None


def test_releases_go_back_and_forth(account: Account) -> None:
    for command in (
        "delivery rollback chuoi --stack dev",
        "delivery rollback chuoi --stack dev --to 2",
        "delivery redeploy chuoi --stack dev",
        "delivery rebuild chuoi --stack dev",
        "delivery deploy chuoi --image release-1 --stack dev",
        "delivery deploy chuoi --image release-2 --without-pipeline --stack dev",
    ):
        account.type(f"{command} --yes")
        over(account)
    account.type("delivery repair chuoi --stack dev --yes", ("Nothing to repair: …",))
    account.type("delivery prune --stack dev --yes")
    account.type("delivery run chuoi import --stack dev --yes", ("…", "imported"))
    account.type("delivery run chuoi clean --stack dev --yes", ("…", "cleaned"))
    account.type("echo another | delivery parameters set /dev/chuoi/GREETING --stack dev", ("… has version 2.", "…"))


def test_an_upload_that_started_nothing_is_started_and_pushed_images_are_released(account: Account) -> None:
    account.type(r"""
        bucket=$(pulumi stack output chuoi --stack dev | grep -o 'delivery-store-[^/]*') &&
        version=$(aws s3api head-object --bucket $bucket --key sources/chuoi/source.zip --query VersionId --output text) &&
        aws codepipeline start-pipeline-execution --name dev-chuoi \
          --source-revisions "actionName=Source,revisionType=S3_OBJECT_VERSION_ID,revisionValue=$version"
    """)
    account.type("sandbox push mailer --image examples/hello --yes --stack dev")
    account.type("aws codepipeline start-pipeline-execution --name dev-mailer")
    account.type("aws iam create-access-key --user-name dev-chuoi-uploader")
    over(account)


def test_a_deployment_by_codedeploy_is_looked_at_and_stopped(account: Account) -> None:
    account.type("sandbox ship shop --source examples/hello --yes --stack dev")
    account.type("echo 3 > examples/hello/VERSION")
    shipped = Running(lambda: account.run("sandbox ship shop --source examples/hello --yes --stack dev"))
    newest = until(
        account,
        "aws deploy list-deployments --application-name dev-shop --deployment-group-name dev-shop "
        "--include-only-statuses Created Queued InProgress Ready --query 'deployments[0]' --output text",
        "d-",
    ).strip()
    account.type(rf"""
        aws deploy get-deployment-target --deployment-id {newest} --target-id dev:dev-shop-codedeploy \
          --query 'deploymentTarget.ecsTarget.[lifecycleEvents[].[lifecycleEventName,status],taskSetsInfo[].[taskSetLabel,trafficWeight]]'
        aws deploy stop-deployment --deployment-id {newest} --auto-rollback-enabled
    """)
    assert shipped.result().returncode == 1
    over(account, "shop")


def test_alarms_messages_and_secrets(account: Account) -> None:
    account.type(
        "aws cloudwatch set-alarm-state --alarm-name dev-chuoi-latency --state-value ALARM --state-reason test"
    )
    account.type("aws cloudwatch set-alarm-state --alarm-name dev-chuoi-latency --state-value OK --state-reason test")
    past = account.type(
        "aws cloudwatch describe-alarm-history --alarm-name dev-chuoi-latency --history-item-type StateUpdate"
    )
    assert "Alarm updated from ALARM to OK" in past
    sqs = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'  # of which this version of `aws` takes no variable
    queue = '"$(aws sqs get-queue-url --queue-name dev-slack-undelivered --output text)"'
    account.type("sandbox slack --failure-mode gone --stack dev")
    account.type("delivery redeploy chuoi --stack dev --yes")
    account.type("sandbox slack --failure-mode ok --stack dev")
    told = account.type(
        f"{sqs}\naws sqs receive-message --queue-url {queue} --message-attribute-names All --max-number-of-messages 10"
    )
    assert "ERROR_MESSAGE" in told
    account.type(f"{sqs}\naws sqs purge-queue --queue-url {queue}")
    account.type(
        """aws secretsmanager create-secret --name docker-hub --secret-string '{"username": "a", "accessToken": "b"}'"""
    )
    account.type("aws s3 mb s3://internal-pages")
    account.type("aws s3 cp prd.html s3://internal-pages/ --content-type 'text/html; charset=utf-8'")


def test_what_the_sandbox_adds(account: Account) -> None:
    account.type("sandbox commits --stack dev", ("…", "…success", "…"))
    account.type("sandbox load chuoi --assets --seconds 1 --stack dev")
    account.type("timeout --preserve-status --signal=INT 3 sandbox load chuoi --assets --stack dev")
    account.type('eval "$(sandbox env --as chuoi-uploader --stack dev)" && aws sts get-caller-identity')
    account.type('eval "$(sandbox env --stack dev)" && delivery status --stack dev')
    account.type(
        "timeout --signal=INT 6 sandbox serve --account 123456789012 --region eu-west-1 --folder aws; test $? -eq 124 -o $? -eq 0"
    )


def test_a_pull_request_has_a_stack_of_its_own(account: Account) -> None:
    account.type(f"pulumi stack init pr --secrets-provider '{KEY.replace('dev?', 'dev-review?')}'")
    account.type(
        "echo a | pulumi config set --stack pr --secret --path 'fargate-delivery:secrets.chuoi.SECRET_KEY_BASE'"
    )
    account.type("pulumi stack rm pr --yes --preserve-config")
    account.type("delivery review up 12")
    account.type("delivery status chuoi --stack pr-12")
    account.type("delivery review sweep")
    account.type("delivery review down 12")


def test_accounts_are_brought_up_to_date_and_secrets_encrypted_by_another_key(account: Account) -> None:
    account.type("pulumi preview --stack prd --policy-pack policy")
    account.type("PULUMI_CONFIG_PASSPHRASE=a pulumi stack change-secrets-provider --stack prd passphrase")
    account.type(f"PULUMI_CONFIG_PASSPHRASE=a pulumi stack change-secrets-provider --stack prd '{KEY}'")
    account.type("delivery up --wait --stack prd", YES)
    account.type("delivery bootstrap --stack dev", ("…", "Nothing would change.", "…"))


def test_a_promotion_by_a_tag_and_a_repository_of_ones_own(account: Account) -> None:
    account.type("git init --quiet --bare origin && git remote add origin origin")
    account.type("git tag promote/chuoi/1 && git push origin promote/chuoi/1")
    account.type(f"git clone --quiet {REPOSITORY} template && mkdir yours")
    with language():
        host = f"PULUMI_DEBUG_LANGUAGES={os.environ['PULUMI_DEBUG_LANGUAGES']}"
        account.type(
            f"export {host} && cd yours && pulumi new $PWD/../template --name fargate-delivery --generate-only --yes"
        )
    account.type("cd yours && git init")
    account.type("cd yours && git add --all && git commit --message 'The program as it comes'")
    account.type("cd yours && git remote add upstream ../template && git fetch upstream")
    account.type("cd yours && git merge --allow-unrelated-histories --strategy-option ours upstream/main")
    account.type("cd yours && git diff --name-only upstream/main", ("Pulumi.yaml",))
    account.type("cd yours && delivery validate --without-secrets")


def test_a_service_is_let_go_and_nothing_of_it_is_deleted(account: Account) -> None:
    """As docs/how-to/leave.md says."""
    of_chuoi = re.compile(r"::(chuoi|load-balancer-chuoi\.dev\.example\.com)$")
    resources = json.loads(account.type("pulumi stack export --stack dev"))["deployment"]["resources"]
    for urn in [each["urn"] for each in resources if of_chuoi.search(each["urn"])]:
        account.type(f"pulumi state delete --target-dependents '{urn}' --stack dev --yes")
    file = account.root / "Pulumi.dev.yaml"
    config = yaml.safe_load(file.read_text())
    del config["config"]["fargate-delivery:services"]["chuoi"], config["config"]["fargate-delivery:secrets"]["chuoi"]
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    planned = json.loads(account.type("pulumi preview --stack dev --json --refresh=false 2>/dev/null"))["steps"]
    gone = {
        (each["op"], each["urn"].split("::")[-1]) for each in planned if each["op"] not in ("same", "read", "update")
    }
    assert gone == {
        *(("create", f"overview-{name}") for name in ("dashboard", "errors-1", "lines-by-service-1", "one-task-1")),
        *(("delete", f"slack-job_{what}") for what in ("failed", "failed-target", "skipped", "skipped-target")),
    }


def test_production_is_taken_down(account: Account) -> None:
    """As docs/how-to/leave.md says."""
    file = account.root / "Pulumi.prd.yaml"
    written = yaml.safe_load(file.read_text())
    written["config"]["fargate-delivery:protect"] = False
    file.write_text(yaml.safe_dump(written, sort_keys=False))
    assert "protected-in-production" in account.run(of_make("make up STACK=prd")).stderr
    account.type("pulumi up --stack prd --yes")
    account.type("pulumi destroy --stack prd --yes")
