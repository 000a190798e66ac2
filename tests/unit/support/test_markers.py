"""The search for planted texts finds them in each form."""

from __future__ import annotations

import base64
import gzip
import subprocess
from pathlib import Path

import pytest

from tests.support.markers import search

TEXT = "Marker-7d1f0c88"


def test_a_text_is_found_in_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / f"{TEXT}.pdf").touch()
    assert search([tmp_path], [TEXT]) == {(TEXT, tmp_path / f"{TEXT}.pdf")}


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.urlsafe_b64encode, gzip.compress])
def test_a_text_is_found_in_each_encoding_at_each_alignment(
    tmp_path: Path, encode: object, before: bytes
) -> None:
    assert callable(encode)
    (tmp_path / "file").write_bytes(b"\0noise" + encode(before + TEXT.encode() + b"rest") + b"noise")
    assert search([tmp_path], [TEXT])


def test_a_text_is_found_in_zstandard(tmp_path: Path) -> None:
    packed = subprocess.run(["zstd", "-cq"], input=TEXT.encode(), capture_output=True, check=True).stdout
    (tmp_path / "file").write_bytes(b"noise" + packed)
    assert search([tmp_path], [TEXT])


def test_a_text_is_found_behind_a_hole(tmp_path: Path) -> None:
    with (tmp_path / "image").open("wb") as file:
        file.seek(1 << 30)
        file.write(TEXT.encode())
    assert search([tmp_path], [TEXT])


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"noise" + gzip.compress(b"more") + base64.b64encode(b"and more"))
    assert search([tmp_path], [TEXT]) == set()
