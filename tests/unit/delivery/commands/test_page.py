"""The command that writes a stack's page."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from page_facts import Page, service, stack
from stack_export import exported

from delivery.__main__ import main
from delivery.commands import page
from delivery.page.facts import StackFacts

Asked = list[tuple[str, str, int]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    """What is collected: profile, stack and deliveries; in a folder of its own."""
    found: Asked = []

    def collect(session: object, name: str, deliveries: int, address: object = None) -> StackFacts:
        found.append((str(getattr(session, "profile_name", None)), name, deliveries))
        return stack(service(), stack=name)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page, "collect", collect)
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-1\n[profile prd]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["page", *arguments])


def test_the_page_is_a_file_of_the_stack(asked: Asked) -> None:
    done = run("--stack", "dev")
    assert (done.exit_code, done.output) == (0, f"wrote dev.html, {Path('dev.html').stat().st_size // 1024} KiB\n")
    assert Page(Path("dev.html").read_text(encoding="utf-8")).problems == []
    assert [each[1:] for each in asked] == [("dev", 10)]


def test_another_file_another_stack_and_fewer_deliveries(asked: Asked) -> None:
    done = run("--stack", "dev", "--output", "a page.html", "--compare", "prd", "--deliveries", "3")
    assert done.exit_code == 0
    assert "What differs between dev and prd" in Path("a page.html").read_text(encoding="utf-8")
    assert [each[1:] for each in asked] == [("prd", 1), ("dev", 3)]
    assert asked[0][0] == asked[1][0]


def test_standard_output(asked: Asked) -> None:
    done = run("--stack", "dev", "--output", "-")
    assert done.output.startswith("<!DOCTYPE html>")
    assert done.output.endswith("</html>\n")
    assert [each.name for each in Path.cwd().iterdir()] == ["config"]


def test_the_profile_of_the_other_stack(asked: Asked) -> None:
    assert run("--stack", "dev", "--compare", "prd", "--compare-profile", "prd").exit_code == 0
    assert asked[0][:2] == ("prd", "prd")
    assert asked[1][1] == "dev"


def test_the_export_of_a_stack(asked: Asked) -> None:
    Path("export.json").write_text(exported())
    assert run("--stack", "dev", "--export", "export.json").exit_code == 0
    assert "Who may reach what" in Path("dev.html").read_text(encoding="utf-8")


def test_the_export_of_another_stack_is_refused(asked: Asked) -> None:
    Path("export.json").write_text(exported())
    done = run("--stack", "prd", "--export", "export.json")
    assert (done.exit_code, asked) == (1, [])
    assert "error: the export is of stack dev; write that of prd with `pulumi stack export`" in done.output


def test_a_profile_is_of_a_stack(asked: Asked) -> None:
    done = run("--stack", "dev", "--compare-profile", "prd")
    assert (done.exit_code, asked) == (2, [])
    assert "--compare-profile needs --compare" in done.output


def test_its_help_says_that_lines_of_logs_are_in_it() -> None:
    assert "the last line of its log" in " ".join(run("--help").output.split())
