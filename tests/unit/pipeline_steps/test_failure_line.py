"""The line of a log that names the cause of a failure, and what of it is not told."""

import pytest

from pipeline_steps.failure_line import MOST_CHARACTERS, failure_line, masked

ELIXIR = [
    "12:00:00.000 [info] == Running 20261101 App.Repo.Migrations.AddEmail.change/0 forward",
    "** (Postgrex.Error) ERROR 42703 (undefined_column) column users.email does not exist",
    "    (ecto_sql 3.11.1) lib/ecto/adapters/sql.ex:1054: Ecto.Adapters.SQL.raise_sql_call_error/1",
    "    (elixir 1.16.0) lib/enum.ex:1700: Enum.map/2",
]
RAILS = [
    "rails aborted!",
    "StandardError: An error has occurred, this and all later migrations canceled:",
    "",
    'PG::UndefinedColumn: ERROR:  column "email" does not exist',
    "LINE 1: CREATE INDEX ...",
    "/srv/app/db/migrate/20261101_add_email.rb:3:in `change'",
    "Tasks: TOP => db:migrate",
    "(See full trace by running task with --trace)",
]
PYTHON = [
    "Traceback (most recent call last):",
    '  File "/app/migrate.py", line 3, in <module>',
    "    main()",
    "psycopg2.errors.UndefinedColumn: column users.email does not exist",
    "sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedColumn) column users.email does not exist",
    "[SQL: SELECT users.email FROM users]",
    "(Background on this error at: https://sqlalche.me/e/20/f405)",
]
NODE = [
    "Error: Cannot find module 'pg'",
    "    at Module._resolve (node:internal/modules:1075:15)",
    "{",
    "  code: 'MODULE_NOT_FOUND'",
    "}",
    "",
    "Node.js v20.1.0",
]
LOGS = {
    "nothing": ([], ""),
    "empty lines": (["", "\n"], ""),
    "a shell": (["begun", "sh: 1: bin/migrate: not found"], "sh: 1: bin/migrate: not found"),
    "the last line": (["step 1", "step 2", "column users.email is missing"], "column users.email is missing"),
    "no known words": (["step 1", "giving up"], "giving up"),
    "nothing but a trace": (["  at a", "  at b"], "at b"),
    "several lines of one event": (["a\nsh: no such file\n"], "sh: no such file"),
    "colours": (["\x1b[31mERROR:\x1b[0m no\ttable\r"], "ERROR: no table"),
    "Elixir": (ELIXIR, ELIXIR[1]),
    "Rails": (RAILS, 'PG::UndefinedColumn: ERROR: column "email" does not exist'),
    "Python": (PYTHON, PYTHON[4]),
    "Node": (NODE, NODE[0]),
}


@pytest.mark.parametrize("case", LOGS)
def test_the_line_that_names_the_cause(case: str) -> None:
    log, line = LOGS[case]
    assert failure_line(log) == line


HARMLESS = [
    "bin/migrate: line 3: 20261101120000_add_email_to_users: no such file",
    "could not open /srv/app/priv/repo/migrations/20261101120000_add_email.exs",
    'FATAL: password authentication failed for user "app"',
    'ERROR: duplicate key value violates unique constraint "users_email_index"',
    "fe_sendauth: no password supplied",
    "could not connect to https://db.example.com:5432/app",
    "Error: 1045 (28000): Access denied for user 'app' in 3f2b1c9a-0000-4000-8000-000000000000",
]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_is_told(line: str) -> None:
    assert masked(line) == line


SECRETS = {
    "cannot reach postgres://app:s3cret@db:5432/app": "cannot reach postgres://***@db:5432/app",
    "redis://:p@ss/w0rd@cache refused": "redis://***@cache refused",
    "KeyError: DATABASE_PASSWORD=hunter2 is weak": "KeyError: DATABASE_PASSWORD=*** is weak",
    'error: {"api_key": "a b", "x": 1}': 'error: {"api_key": ***, "x": 1}',
    "secret_key_base => 'abc', retry": "secret_key_base => ***, retry",
    "401 for Authorization: Bearer abc.def": "401 for Authorization: ***",
    "host=db password=hunter2 dbname=app": "host=db password=*** dbname=app",
    "DETAIL: Key (name, born)=(Ann, 1980) already exists.": "DETAIL: Key (name, born)=(***) already exists.",
    "Duplicate entry 'Ann' for key 'users.name'": "Duplicate entry '***' for key 'users.name'",
    "no user ann.b+c@mail.example.com": "no user ***",
    "bad key AKIAIOSFODNN7EXAMPLE": "bad key ***",
    "bad hash 0123456789abcdef0123456789abcdef": "bad hash ***",
    "cannot decode aB3dE5gH7jK9mN1pQ3sT5vW7==": "cannot decode ***",
    "cannot decode eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkw.x": "cannot decode ***.***.x",
}


@pytest.mark.parametrize("line", SECRETS)
def test_what_may_be_a_secret_is_not_told(line: str) -> None:
    assert masked(line) == SECRETS[line]


def test_a_long_line_is_cut() -> None:
    assert masked("a " * MOST_CHARACTERS) == ("a " * MOST_CHARACTERS)[: MOST_CHARACTERS - 1] + "…"
