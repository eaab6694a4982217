"""Posting a preview's report on the pull request or merge request that it is of."""

from typing import TextIO

import click

from delivery.pull_request import comment


@click.command("comment")
@click.argument("text", type=click.File("r", encoding="utf-8"), metavar="REPORT", default="-")
@click.option("--github", "host", flag_value="github", help="Use GITHUB_TOKEN and the variables of a workflow.")
@click.option("--gitlab", "host", flag_value="gitlab", help="Use GITLAB_TOKEN and the variables of a job.")
def command(text: TextIO, host: str | None) -> None:
    """Post REPORT as a comment on this job's pull request or merge request, or edit the comment that exists.

    REPORT is a file with the output of `delivery preview-report`; without it, or with -, standard input. Each stack has
    one comment, which its hidden first line identifies. On GitHub the token needs "Pull requests: write"; on GitLab it
    is a project access token with the scope api.

    Example: delivery comment report.md --github
    """
    if host is None:
        raise click.UsageError("name the host: --github or --gitlab")
    edited = comment.post({"github": comment.github, "gitlab": comment.gitlab}[host](), text.read())
    click.echo("The comment is edited." if edited else "The comment is posted.")
