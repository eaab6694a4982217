"""Posting a preview's report on the pull request or merge request that it is of."""

from typing import TextIO

import click

from delivery.pull_request import comment


@click.command("comment")
@click.argument("text", type=click.File("r", encoding="utf-8"), metavar="REPORT", default="-")
@click.option("--github", "host", flag_value="github", help="By GITHUB_TOKEN and the variables of a workflow.")
@click.option("--gitlab", "host", flag_value="gitlab", help="By GITLAB_TOKEN and the variables of a job.")
def command(text: TextIO, host: str | None) -> None:
    """Post REPORT on the pull request or merge request that this job is for, or edit the one that is there.

    REPORT is what `delivery preview-report` printed, - or nothing is standard input. There is one comment for each
    stack, which its hidden first line tells. The token needs "Pull requests: write" on GitHub, and on GitLab is a
    project access token with the scope api.

    Example: delivery comment report.md --github
    """
    if host is None:
        raise click.UsageError("say where: --github or --gitlab")
    edited = comment.post({"github": comment.github, "gitlab": comment.gitlab}[host](), text.read())
    click.echo("The comment is edited." if edited else "The comment is posted.")
