"""What ``sandbox faults`` takes. Names are looked up by the sandbox: tests/sandbox/test_faults.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.cli.fault_requests import fault_request
from tenantry.errors import UsageError
from tests.unit.cli.conftest import AZURE, Run

# What is asked for, then the code and a part of message or hint.
WRONG = {
    "throtle 3": ("unknown-fault", "did you mean throttle?"),
    "nonsense": ("unknown-fault", "known: "),
    "throttle": ("fault-values", "needs count"),
    "throttle 1 2": ("fault-values", "needs count"),
    "throttle 0": ("fault-values", "from 1 to"),
    "throttle -1": ("fault-values", "from 1 to"),
    "throttle 1.5": ("fault-values", "no whole number"),
    "throttle \u0663": ("fault-values", "no whole number"),
    "throttle " + "9" * 5000: ("fault-values", "…"),
    "error 499 1": ("fault-values", "from 500 to 599"),
    "error 600 1": ("fault-values", "from 500 to 599"),
    "error 503 many": ("fault-values", "many is no whole number"),
    "slow never": ("fault-values", "90s"),
    "slow 2d": ("fault-values", "longer than 1 days"),
    "slow -5s": ("fault-values", "90s"),
    "time yesterday": ("fault-values", "+7d"),
    "time -1d": ("fault-values", "+7d"),
    "time +99999d": ("fault-values", "longer than 36500 days"),
    "time +1e9d": ("fault-values", "+7d"),
    "disk psql-kenya": ("fault-values", "needs server and percent"),
    "disk psql-kenya 101": ("fault-values", "from 0 to 100"),
    "disk psql-kenya -1": ("fault-values", "from 0 to 100"),
    "disk psql-kenya half": ("fault-values", "from 0 to 100"),
    "limits 0": ("fault-values", "0.5"),
    "limits 0.000": ("fault-values", "0.5"),
    "limits -1": ("fault-values", "0.5"),
    "limits 1e3": ("fault-values", "0.5"),
    "quota -1": ("fault-values", "from 0 to"),
    "accounts": ("fault-values", "needs number"),
    "accounts -1": ("fault-values", "from 0 to"),
    "code Sku.NotAvailable servers": ("fault-values", "letters and digits"),
    "code SkuNotAvailable": ("fault-values", "needs code and type"),
    "expire now": ("fault-values", "needs nothing more"),
    "list all": ("fault-values", "needs nothing more"),
    "a\x1b[2Jb": ("unknown-fault", "\\u001b"),
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20].encode("unicode_escape").decode())
def test_what_makes_no_sense_is_refused_with_a_hint(text: str) -> None:
    code, part = WRONG[text]
    kind, *values = text.split(" ")
    with pytest.raises(UsageError) as caught:
        fault_request(kind, values, match="")
    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert part in caught.value.message + caught.value.hint
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "time +7d",
        "expire",
        "quota 5",
        "accounts 5",
        "limits 0.5",
        "disk psql-kenya 95",
        "disabled 0",
        "list",
        "clear",
    ],
    ids=lambda text: text.partition(" ")[0],
)
def test_what_is_about_no_requests_takes_none_to_match(text: str) -> None:
    kind, *values = text.split(" ")
    with pytest.raises(UsageError, match=f"{kind} takes no --match") as caught:
        fault_request(kind, values, match="PUT")
    assert (caught.value.code, "throttle" in caught.value.hint) == ("fault-values", True)


@pytest.mark.parametrize("percent", ["0", "95", "100"])
def test_a_disk_is_empty_half_or_full(percent: str) -> None:
    path, asked = fault_request("disk", ["psql-kenya", percent], match="")
    assert (path, asked["type_"], asked["value"]) == ("/faults/add", "psql-kenya", percent)


@pytest.mark.parametrize(
    ("kind", "more", "part"),
    [
        ("throttle", {"times": "2"}, "takes no --times"),
        ("throttle", {"message": "no"}, "takes no --message"),
        ("code", {"times": "0"}, "from 1 to"),
        ("fail", {"message": "two\nlines"}, "one line"),
        ("fail", {"message": "x" * 501}, "at most 500"),
    ],
)
def test_how_often_and_with_which_words_is_checked(kind: str, more: dict[str, str], part: str) -> None:
    values = ["3"] if kind == "throttle" else ["Conflict", "vaults"]
    with pytest.raises(UsageError, match=part):
        fault_request(kind, values, match="", **more)


def test_a_refusal_may_last_and_have_words_of_its_own() -> None:
    _, asked = fault_request("code", ["Conflict", "vaults"], match="", times="3", message="is in use")
    assert (asked["count"], asked["message"]) == (3, "is in use")
    assert fault_request("code", ["Conflict", "vaults"], match="")[1]["count"] == 1


def test_times_are_told_in_seconds() -> None:
    assert fault_request("time", ["+1.5h"], match="") == ("/time", {"seconds": 5400.0})


def test_a_fault_without_a_sandbox_says_how_to_start_one(ready: Run, workspace: Path) -> None:
    file = workspace / "tenantry.yaml"
    file.write_text(file.read_text().replace(AZURE, "azure: {cloud: sandbox}\n"))
    code, answer = ready("sandbox", "faults", "throttle", "3")
    assert (code, answer["problems"][0]["hint"]) == (69, "start it: tenantry sandbox start")
