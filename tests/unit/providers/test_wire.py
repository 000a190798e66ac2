"""Property maps, from the wire and to it."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict

from tenantry.providers.wire import UNKNOWN, from_wire, to_wire

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


def test_secrets_are_unwrapped_and_noted_also_deep_inside() -> None:
    inner = {_SIGNATURE: _SECRET, "value": "s"}
    read = from_wire(to_wire({"plain": "p", "deep": [{"a": inner}], "whole": "w"}, secret=["whole"]))
    assert read.values == {"plain": "p", "deep": [{"a": "s"}], "whole": "w"}
    assert read.secret == {"deep", "whole"}


def test_a_property_that_holds_an_unknown_value_is_left_out_and_noted() -> None:
    read = from_wire(to_wire({"known": 1, "deep": {"a": UNKNOWN}}, unknown=["whole"]))
    assert read.values == {"known": 1}
    assert read.unknown == {"deep", "whole"}
    assert read.keys == {"known", "deep", "whole"}


def test_whole_numbers_are_integers_and_nulls_are_left_out() -> None:
    read = from_wire(to_wire({"port": 5432, "share": 0.5, "list": [1, 2.5], "none": None, "yes": True}))
    assert read.values == {"port": 5432, "share": 0.5, "list": [1, 2.5], "yes": True}
    assert [type(read.values[key]) for key in ("port", "share", "yes")] == [int, float, bool]


def test_a_secret_is_marked_as_the_engine_marks_it() -> None:
    assert MessageToDict(to_wire({"a": "x"}, secret=["a"])) == {"a": {_SIGNATURE: _SECRET, "value": "x"}}
