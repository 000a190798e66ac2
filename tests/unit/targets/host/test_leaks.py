"""Logs are searched for an instance's secrets and names; a line found once is known by its digest."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry.model.status import Asset
from tenantry.providers.host.layout import HostLayout
from tenantry.targets.host import leaks
from tenantry.targets.host.leaks import Sought, find, lines_of, needles

SECRET = "correct-horse-battery"
Find = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the host's logs, and a folder for temporary files beside it."""
    for name in ("log", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(leaks, "_LOGS", tmp_path / "log")
    monkeypatch.setattr(leaks, "_TEMPORARY", (tmp_path / "tmp",))
    return tmp_path / "log"


@pytest.fixture
def look(logs: Path, layout: HostLayout, private: Path) -> Find:
    """Search with what is given; by default for one secret and one name."""
    assert logs.is_dir()

    def search(**changes: object) -> list[tuple[str, str]]:
        secrets, names = needles({"a.password": SECRET}, ["Red Cross of Benin"])
        given = {"secrets": secrets, "names": names, **changes}
        return list(find(Sought(**given), layout=layout, private=private, opaque="tnabcdefghjk"))  # type: ignore[arg-type]

    return search


def test_a_line_with_a_secret_is_told_by_its_digest_alone(logs: Path, look: Find) -> None:
    (logs / "syslog").write_text(f"before\nwith {SECRET} inside\nafter\n")
    [(found, what)] = look()
    assert found.startswith(f"{logs}/syslog#")
    assert SECRET not in found + what


def test_a_line_with_the_name_of_the_client_is_told(logs: Path, look: Find) -> None:
    (logs / "deep").mkdir()
    (logs / "deep" / "mail.log").write_text("to Red Cross of Benin\n")
    assert [what for _, what in look()] == ["a line with the client's name, contact or host name"]


def test_a_packed_log_is_searched(logs: Path, look: Find) -> None:
    (logs / "syslog.2.gz").write_bytes(gzip.compress(SECRET.encode()))
    assert len(look()) == 1


def test_a_line_is_known_when_the_secret_is_not_any_more(logs: Path, look: Find) -> None:
    (logs / "syslog").write_text(f"with {SECRET}\n")
    known = lines_of(Asset(id=f"log:{found}", type="log") for found, _ in look())
    assert [found for found, _ in look(secrets=frozenset(), lines=known)] == [
        f"{logs}/syslog#{digest}" for digest in known[logs / "syslog"]
    ]


@pytest.mark.parametrize("content", [None, "other lines\n"])
def test_a_line_that_is_gone_is_not_found(logs: Path, look: Find, content: str | None) -> None:
    (logs / "syslog").write_text(f"with {SECRET}\n")
    known = lines_of(Asset(id=f"log:{found}", type="log") for found, _ in look())
    if content is None:
        (logs / "syslog").unlink()
    else:
        (logs / "syslog").write_text(content)
    assert look(secrets=frozenset(), lines=known) == []


def test_a_file_with_too_many_such_lines_must_go_as_a_whole(logs: Path, look: Find) -> None:
    (logs / "syslog").write_text("".join(f"{n} {SECRET}\n" for n in range(150)))
    found = [one for one, _ in look()]
    known = lines_of(Asset(id=f"log:{one}", type="log") for one in found)
    (logs / "syslog").write_text(f"149 {SECRET}\n")
    assert [one for one, _ in look(secrets=frozenset(), lines=known)] == [f"{logs}/syslog#more"]
    assert len(found) == 101


def test_a_log_that_has_not_changed_since_the_instance_was_made_is_not_read(logs: Path, look: Find) -> None:
    (logs / "syslog").write_text(SECRET)
    os.utime(logs / "syslog", (1000, 1000))
    assert look(since=2000.0) == []


def test_temporary_files_are_searched_for_secrets_alone(logs: Path, look: Find) -> None:
    (logs.parent / "tmp" / "notes").write_text("Red Cross of Benin\n")
    (logs.parent / "tmp" / "dump").write_text(SECRET)
    assert [found.split("#")[0] for found, _ in look()] == [f"{logs.parent}/tmp/dump"]


def test_the_workspace_is_searched_but_for_register_vault_and_state_of_the_instance(
    private: Path, look: Find
) -> None:
    for name in ("register.db-wal", "vault/x.age", "engine/state/tnabcdefghjk.json", "defect-1.txt"):
        path = private / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    assert [found.split("#")[0] for found, _ in look()] == [f"{private}/defect-1.txt"]


def test_each_line_of_a_key_is_looked_for_and_a_certificate_is_not() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n" + "B" * 40 + "\n-----END PRIVATE KEY-----\n"
    secrets, _ = needles({"server.key": key, "server.certificate": key, "short": "12345"}, [])
    assert secrets == {b"A" * 64, b"B" * 40}


def test_a_link_is_not_followed(logs: Path, look: Find, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(SECRET)
    (logs / "link").symlink_to(tmp_path / "elsewhere")
    assert look() == []
