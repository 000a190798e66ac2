from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.config.reader import (
    MOST_BYTES,
    MOST_DEPTH,
    ListNode,
    MapNode,
    ScalarKind,
    ScalarNode,
    parse_document,
    read_document,
)
from tenantry.errors import Problem, SpecError

HERE = Path("/nowhere")
QUICK = settings(deadline=None, database=None, max_examples=200)


def refusal_of(data: bytes) -> SpecError | None:
    try:
        parse_document(data, shown="a.yaml", base=HERE)
    except SpecError as error:
        return error
    return None


def problem_of(data: bytes) -> Problem:
    with pytest.raises(SpecError) as caught:
        parse_document(data, shown="a.yaml", base=HERE)[1].raise_any()
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("data", "code", "where", "part"),
    [
        (b"", "empty-file", "a.yaml", "empty"),
        (b"# only a comment\n", "empty-file", "a.yaml", "empty"),
        (b"a: [1, 2\nb: 3\n", "broken-yaml", "a.yaml:2:2", "broken"),
        (b"a:\n\t- 1\n", "broken-yaml", "a.yaml:2:1", "cannot start any token"),
        (b'a: "never closed\n', "broken-yaml", "a.yaml:2:1", "quoted scalar"),
        (b"a: b: c\n", "broken-yaml", "a.yaml:1:5", "mapping values"),
        (b"a: 1\nb: \x07\n", "broken-yaml", "a.yaml:2:4", "U+0007"),
        (b"a: 1\nb: caf\xe9\n", "not-utf-8", "a.yaml:2:7", "byte 0xe9 at offset 11"),
        ("a: 1".encode("utf-16"), "not-utf-8", "a.yaml:1:1", "byte 0xff at offset 0"),
        (b"a: 1\nb: 2\na: 3\n", "duplicate-key", "a.yaml:3:1", "a stands here a second time"),
        (b"a: {b: 1, b: 2}\n", "duplicate-key", "a.yaml:1:11", "b stands"),
        (b"a: &x 1\n", "alias", "a.yaml:1:4", "an anchor (&)"),
        (b"a: *x\n", "alias", "a.yaml:1:4", "an alias (*)"),
        (b"a: !!python/object:os.system x\n", "unknown-tag", "a.yaml:1:4", "the tag (!)"),
        (b"a: !secret x\n", "unknown-tag", "a.yaml:1:4", "the tag (!)"),
        (b"a: 1\n---\nb: 2\n", "several-documents", "a.yaml:2:1", "one document"),
        (b"- 1\n- 2\n", "wrong-type", "a.yaml:1:1", "keys with values"),
        (b"just text\n", "wrong-type", "a.yaml:1:1", "keys with values"),
        (b"? [a, b]\n: 1\n", "wrong-type", "a.yaml:1:3", "plain word"),
        (b"a: " + b"[" * 30 + b"]" * 30, "too-deep", f"a.yaml:1:{4 + MOST_DEPTH}", "deeper than 20"),
        (b"a: " + b"[" * 100_000, "broken-yaml", "a.yaml:1:1003", "broken"),
        (b"a: [" + b"1," * 30_000 + b"]", "too-large", "a.yaml:1:39999", "20000 values"),
    ],
)
def test_a_malformed_file_is_refused_where_it_is_malformed(
    data: bytes, code: str, where: str, part: str
) -> None:
    problem = problem_of(data)
    assert (problem.code, problem.where) == (code, where)
    assert part in problem.message


@pytest.mark.parametrize("library", ["C", "Python"])
@pytest.mark.parametrize(
    "value",
    ["&hunter22", "*hunter22", "!hunter22", "!!hunter22", "!hunter!22 x", "!<hunter22>", "&hunter~22"],
)
def test_a_value_that_begins_as_a_mark_of_yaml_does_is_not_repeated(
    value: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    problem = problem_of(f"a: {value}\n".encode())
    assert problem.where.startswith("a.yaml:1:")
    assert "hunter" not in problem.message + problem.hint


def test_anchors_that_explode_are_refused_before_they_can() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert problem_of("\n".join(lines).encode()).code == "alias"


def test_a_tab_is_told() -> None:
    assert problem_of(b"a:\n\t- 1\n").hint == "indent with spaces, not tabs"


def test_what_was_never_closed_is_told_where_it_began() -> None:
    assert problem_of(b'a: 1\nb: "never\nclosed\n').hint == "what is not closed here began at 2:4"


def test_many_problems_are_counted_and_not_all_told() -> None:
    data = "".join(f"a{n}: &x 1\n" for n in range(200)).encode()
    with pytest.raises(SpecError) as caught:
        parse_document(data, shown="a.yaml", base=HERE)[1].raise_any()
    assert len(caught.value.problems) == 51
    assert caught.value.problems[-1].message == "150 more problems are not shown"


def test_a_file_of_10_mb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: 1\n" * 2_000_000)
    with pytest.raises(SpecError, match="larger than 1024 KiB") as caught:
        read_document(path, shown="big.yaml")
    assert caught.value.code == "too-large"


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "full.yaml"
    path.write_bytes(b"a: 1\n#" + b"x" * (MOST_BYTES - 6))
    assert len(read_document(path, shown="full.yaml")[0].entries) == 1


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SpecError, match="there is no file instances/x") as caught:
        read_document(HERE / "x.yaml", shown="instances/x.yaml")
    assert caught.value.code == "no-file"


def test_a_named_pipe_does_not_hold_us(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(SpecError, match="is not a file"):
        read_document(tmp_path / "pipe.yaml", shown="pipe.yaml")


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is not a file"):
        read_document(tmp_path, shown="folder")


def test_a_path_with_a_nul_byte_is_refused() -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_document(Path("a\0b"), shown="a")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("text", ScalarKind.TEXT),
        ("1.2.3", ScalarKind.TEXT),
        ('"no"', ScalarKind.TEXT),
        ("!!str 12", ScalarKind.TEXT),
        ("12", ScalarKind.INTEGER),
        ("!!int 12", ScalarKind.INTEGER),
        ("-3", ScalarKind.INTEGER),
        ("1.5", ScalarKind.DECIMAL),
        ("true", ScalarKind.BOOLEAN),
        ("~", ScalarKind.NULL),
        ("", ScalarKind.NULL),
        ("no", ScalarKind.AMBIGUOUS),
        ("Off", ScalarKind.AMBIGUOUS),
        ("0x10", ScalarKind.AMBIGUOUS),
        ("010", ScalarKind.AMBIGUOUS),
        ("0o10", ScalarKind.AMBIGUOUS),
        ("12:30", ScalarKind.AMBIGUOUS),
        ("1_000", ScalarKind.AMBIGUOUS),
        ("1e3", ScalarKind.AMBIGUOUS),
        (".inf", ScalarKind.AMBIGUOUS),
        ("2026-01-02", ScalarKind.AMBIGUOUS),
        ("9" * 5000, ScalarKind.AMBIGUOUS),
    ],
)
def test_a_plain_word_has_one_meaning_or_none(word: str, kind: ScalarKind) -> None:
    root, _ = parse_document(f"a: {word}\n".encode(), shown="", base=HERE)
    value = root.entries[0].value
    assert isinstance(value, ScalarNode)
    assert value.kind is kind


def test_positions_count_characters_and_not_bytes() -> None:
    root, _ = parse_document("é: ü\nb: {c: d}\n".encode(), shown="", base=HERE)
    inner = root.entries[1].value
    assert isinstance(inner, MapNode)
    assert (inner.entries[0].value.mark.line, inner.entries[0].value.mark.column) == (2, 8)
    assert root.entries[0].value.mark.column == 4


def test_a_byte_order_mark_is_no_content() -> None:
    root, _ = parse_document(b"\xef\xbb\xbfa: [1]\n", shown="", base=HERE)
    assert isinstance(root.entries[0].value, ListNode)
    assert root.entries[0].mark.column == 1


@QUICK
@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_spec_error(data: bytes) -> None:
    error = refusal_of(data)
    assert error is None or error.problems


@QUICK
@given(st.text(alphabet=" \n\t-:?*&!|>%@`{}[],#'\"~<ab0.\\xu\ufeff", max_size=60))
def test_no_punctuation_raises_anything_but_a_spec_error(text: str) -> None:
    error = refusal_of(text.encode())
    assert error is None or error.problems


@QUICK
@given(st.text(alphabet="0123456789+-._:eExoyYnNtTfF~=<", min_size=1, max_size=8))
def test_what_is_text_here_is_text_to_a_yaml_1_1_reader(word: str) -> None:
    try:
        root, _ = parse_document(f"a: {word}\n".encode(), shown="", base=HERE)
    except SpecError:
        return
    value = root.entries[0].value
    if isinstance(value, ScalarNode) and value.kind is ScalarKind.TEXT:
        assert yaml.safe_load(f"a: {word}\n") == {"a": value.text}
