"""Which commands are found in a document, and which of them are one."""

import pytest

from tests.support.documented import form, is_name, looks, of_page

PAGE = """\
Say `delivery status SERVICE --stack dev`, then `.venv/bin/sandbox stop`, not `status` or `delivery VERB`; a span may be
`aws ecr create-pull-through-cache-rule
--ecr-repository-prefix docker-hub` of two lines.

| `git tag a && git push origin a` | `eval "$(sandbox env --stack dev)"` |
|---|---|

```
version=$(aws s3api head-object --bucket B) # a remark
aws codepipeline start-pipeline-execution --name dev-chuoi \\
  --source-revisions "revisionValue=$version"
delivery status --stack dev --watch      all services
  Example: delivery prune --stack dev --yes
{"aws": "no command"}
```

```console
$ make up
```

   ```
   pulumi login 's3://bucket?region=REGION' > log
   ```

    make check
"""


def test_the_commands_of_a_page() -> None:
    assert sorted(of_page(PAGE)) == [
        "aws codepipeline start-pipeline-execution --name dev-chuoi --source-revisions 'revisionValue=$version'",
        "aws ecr create-pull-through-cache-rule --ecr-repository-prefix docker-hub",
        "aws s3api head-object --bucket B",
        "delivery prune --stack dev --yes",
        "delivery status --stack dev --watch",
        "delivery status SERVICE --stack dev",
        "git push origin a",
        "git tag a",
        "make check",
        "pulumi login 's3://bucket?region=REGION'",
        "sandbox env --stack dev",
        "sandbox stop",
    ]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("delivery rollback SERVICE --stack prd", "delivery rollback …"),
        ("delivery rollback chuoi --to 12 --stack dev --yes", "delivery rollback … --to"),
        ("sandbox rollback hello --wait", "delivery rollback … --wait"),
        ("sandbox up --stack live --in local", "sandbox up --in"),
        ("delivery review up 12", "delivery review up …"),
        ("delivery parameters diff dev prd", "delivery parameters diff … …"),
        ("delivery exec chuoi --stack dev -- bin/console", "delivery exec … …"),
        ("aws ecs describe-services --cluster a --query 'services[0]'", "aws ecs describe-services --cluster"),
        ("aws s3 cp a s3://b/ --metadata c=d", "aws s3 cp … … --metadata"),
        ("pulumi stack init dev --secrets-provider a", "pulumi stack init … --secrets-provider"),
        ("pulumi up", "pulumi up"),
        ("git tag a", "git tag …"),
        ("make up STACK=dev", "make STACK up"),
        ("make soak MINUTES=30 SEED=1", "make soak"),
        ("python -m acceptance --stack dev", "python -m acceptance"),
    ],
)
def test_the_form_of_a_command(command: str, expected: str) -> None:
    assert form(command) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("delivery rollback", True),
        ("delivery rollback --to", True),
        ("delivery rollback chuoi", False),
        ("delivery status", False),
        ("delivery freeze", True),
        ("delivery freeze --reason a", False),
        ("delivery review", True),
        ("pulumi import", True),
        ("pulumi stack export --stack dev", True),
        ("aws ecs describe-services", True),
        ("aws ecs describe-services --cluster a", False),
        ("make check", False),
    ],
)
def test_a_verb_that_is_only_named(command: str, expected: bool) -> None:
    assert is_name(command) is expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("delivery status chuoi --stack dev", True),
        ("delivery parameters list --stack dev", True),
        ("delivery parameters set NAME --stack dev", False),
        ("delivery history", False),
        ("delivery rollback chuoi", False),
        ("sandbox status hello", False),
    ],
)
def test_what_is_run_as_it_is_written(command: str, expected: bool) -> None:
    assert looks(command) is expected
