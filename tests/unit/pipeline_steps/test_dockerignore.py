"""Docker's rules of what is left out of a build's context; the tables are those of moby/patternmatcher's own tests."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pipeline_steps.build.dockerignore import Pattern, ignore_patterns, is_ignored

ONE: dict[tuple[str, str], bool] = {
    ("**", "file"): True,
    ("**/", "file"): True,
    ("**", "dir/file"): True,
    ("**/", "dir/file"): True,
    ("**/**", "dir/file"): True,
    ("dir/**", "dir/file"): True,
    ("dir/**", "dir/dir2/file"): True,
    ("**/dir", "dir"): True,
    ("**/dir", "dir/file"): True,
    ("**/dir2/*", "dir/dir2/file"): True,
    ("**/dir2/**", "dir/dir2/dir3/file"): True,
    ("**file", "file"): True,
    ("**file", "dir/file"): True,
    ("**file", "dir/myfile"): True,
    ("**/file", "dir/file"): True,
    ("**/file", "dir/myfile"): False,
    ("**file", "dir/dir/file"): True,
    ("**/file", "dir/dir/file"): True,
    ("**/file*", "dir/dir/file"): True,
    ("**/file*", "dir/dir/file.txt"): True,
    ("**file*", "dir/myfile"): False,
    ("**/file*txt", "dir/dir/file.txt"): True,
    ("**/file*.txt", "dir/dir/file.txt"): True,
    ("**/file*.txt*", "dir/dir/file.txt"): True,
    ("**/**/*.txt", "dir/dir/file.txt"): True,
    ("**/**/*.txt2", "dir/dir/file.txt"): False,
    ("**/*.txt", "file.txt"): True,
    ("**/**/*.txt", "file.txt"): True,
    ("a**/*.txt", "a/file.txt"): True,
    ("a**/*.txt", "a/dir/file.txt"): True,
    ("a**/*.txt", "a/dir/dir/file.txt"): True,
    ("a/*.txt", "a/dir/file.txt"): False,
    ("a/*.txt", "a/file.txt"): True,
    ("a/*.txt**", "a/file.txt"): True,
    ("a[b-d]e", "ae"): False,
    ("a[b-d]e", "ace"): True,
    ("a[b-d]e", "aae"): False,
    ("a[^b-d]e", "aze"): True,
    ("a-b^c", "a-b^c"): True,
    (".*", ".foo"): True,
    (".*", "foo"): False,
    ("abc.def", "abcdef"): False,
    ("abc.def", "abc.def"): True,
    ("abc.def", "abcZdef"): False,
    ("abc?def", "abcZdef"): True,
    ("abc?def", "abcdef"): False,
    ("a\\\\", "a\\"): True,
    ("a\\*b", "a*b"): True,
    ("a\\*b", "axb"): False,
    ("**/foo/bar", "foo/bar"): True,
    ("**/foo/bar", "dir/foo/bar"): True,
    ("**/foo/bar", "dir/dir2/foo/bar"): True,
    ("abc/**", "abc"): False,
    ("abc/**", "abc/def"): True,
    ("abc/**", "abc/def/ghi"): True,
    ("**/.foo", ".foo"): True,
    ("**/.foo", "bar.foo"): False,
    ("a(b)c/def", "a(b)c/def"): True,
    ("a(b)c/def", "a(b)c/xyz"): False,
    ("a.|)$(}+{bc", "a.|)$(}+{bc"): True,
    ("dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl"): True,
    ("dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl"): True,
    ("/docs", "docs/a"): True,
    ("./docs/../docs/", "docs/a"): True,
    ("docs", "my/docs"): False,
    ("*", "a/b"): True,
    ("日本*", "日本語"): True,
}  # fmt: skip

SEVERAL: list[tuple[list[str], str, bool]] = [
    (["docs", "!docs/README.md"], "docs/README.md", False),
    (["docs/", "!docs/README.md"], "docs/README.md", False),
    (["docs/*", "!docs/README.md"], "docs/README.md", False),
    (["!fileutils.go", "*.go"], "fileutils.go", True),
    (["*.go", "!fileutils.go"], "fileutils.go", False),
    (["**", "!util/docker/web"], "util/docker/web/foo", False),
    (["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", True),
    (["**", "!dist/*.whl"], "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", False),
    ([], "any/path", False),
]


@pytest.mark.parametrize(("pattern", "path"), ONE)
def test_a_pattern(pattern: str, path: str) -> None:
    assert is_ignored(PurePosixPath(path), [Pattern.parse(pattern)]) is ONE[pattern, path]


@pytest.mark.parametrize(("patterns", "path", "ignored"), SEVERAL)
def test_the_last_pattern_decides(patterns: list[str], path: str, ignored: bool) -> None:
    assert is_ignored(PurePosixPath(path), [Pattern.parse(each) for each in patterns]) is ignored


@pytest.mark.parametrize("line", ["[", "!", "a[b-"])
def test_what_is_no_pattern(line: str) -> None:
    with pytest.raises(ValueError, match=r"is not a pattern for \.dockerignore"):
        Pattern.parse(line)


@pytest.mark.parametrize(
    ("files", "dockerfile", "left_out"),
    [
        ({}, "Dockerfile", set()),
        ({".dockerignore": "\ufeff# a comment\n\n  a \r\n!b\n"}, "Dockerfile", {"a"}),
        ({".dockerignore": "a", "Dockerfile.dockerignore": "b"}, "Dockerfile", {"b"}),
        ({".dockerignore": "a", "other.dockerignore": "b"}, "Dockerfile", {"a"}),
    ],
)  # fmt: skip
def test_the_file_of_a_source(tmp_path: Path, files: dict[str, str], dockerfile: str, left_out: set[str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    patterns = ignore_patterns(tmp_path, tmp_path / dockerfile)
    assert {name for name in ("a", "b", "# a comment") if is_ignored(PurePosixPath(name), patterns)} == left_out
