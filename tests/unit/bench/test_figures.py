"""The arithmetic of the bench. Nothing is timed here."""

from __future__ import annotations

import json

import pytest

from bench.figures import Figure, as_json, table, within_limits
from bench.timing import in_turn, seconds_of

RATIO = Figure(name="deploy", ours=(9.0, 6.0, 7.0), baseline=(5.0, 4.0, 50.0), limit=1.4)
QUANTITY = Figure(name="list", ours=(0.5, 0.3), limit=0.3)
UNLIMITED = Figure(name="memory", ours=(20.0,), unit="MiB")


def test_a_figure_with_a_baseline_is_the_ratio_of_the_medians() -> None:
    assert RATIO.value == pytest.approx(7 / 5)


def test_a_figure_without_a_baseline_is_the_median() -> None:
    assert QUANTITY.value == pytest.approx(0.4)


def test_the_limit_itself_is_permitted() -> None:
    assert RATIO.is_within


def test_over_the_limit_is_not_within() -> None:
    assert not QUANTITY.is_within


def test_without_a_limit_everything_is_within() -> None:
    assert UNLIMITED.is_within


def test_one_figure_over_its_limit_fails_the_run() -> None:
    assert within_limits([RATIO, UNLIMITED])
    assert not within_limits([RATIO, QUANTITY, UNLIMITED])


def test_a_figure_that_has_to_reach_something_is_within_when_it_does() -> None:
    share = Figure(name="rows", ours=(3.0,), baseline=(3.0,), unit="types", least=1.0)
    assert share.is_within
    short = Figure(name="rows", ours=(2.0,), baseline=(3.0,), unit="types", least=1.0)
    assert not short.is_within
    line = table([short]).splitlines()[1].split()
    assert line == ["rows", "0.67", "x", ">=", "1", "x", "2.00", "types", "3.00", "types", "1", "UNDER"]


def test_a_figure_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="deploy: nothing was measured"):
        Figure(name="deploy", ours=())


def test_the_table_tells_value_limit_and_what_is_over() -> None:
    lines = [line.split() for line in table([RATIO, QUANTITY, UNLIMITED]).splitlines()]
    assert lines[1] == ["deploy", "1.40", "x", "1.4", "x", "7.00", "s", "5.00", "s", "3"]
    assert lines[2] == ["list", "0.40", "s", "0.3", "s", "0.40", "s", "2", "OVER"]
    assert lines[3] == ["memory", "20.00", "MiB", "20.00", "MiB", "1"]


def test_the_json_has_every_sample() -> None:
    told = json.loads(json.dumps(as_json([RATIO, QUANTITY], machine={"cores": 2})))
    assert told["machine"] == {"cores": 2}
    assert told["within_limits"] is False
    assert told["figures"][0]["ours"] == [9.0, 6.0, 7.0]
    assert (told["figures"][0]["unit"], told["figures"][1]["unit"]) == ("ratio", "s")


def test_ours_and_the_baseline_take_turns() -> None:
    calls: list[str] = []
    ours, baseline = in_turn(lambda: calls.append("ours"), lambda: calls.append("baseline"), rounds=2)
    assert calls == ["baseline", "ours", "baseline", "ours"]
    assert (len(ours), len(baseline)) == (2, 2)


def test_a_program_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="ended with 3: it said no"):
        seconds_of(["sh", "-c", "echo it said no; exit 3"])
