"""Rows, files, their names and secrets that were planted are found before an erasure, and not after it."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenantry.providers.host.postgres import ADMINISTRATOR
from tests.support.installation import Installation
from tests.support.markers import search

Found = set[tuple[str, Path]]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What was planted, and where it was found before and after the erasure."""

    at: Installation
    row: str
    content: str
    file_name: str
    values: tuple[str, ...]  # of secrets
    client: str
    home: Path
    image: Path
    before: Found
    after: Found

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.row, self.content, self.file_name, *self.values)


@pytest.fixture(scope="module")
def planted(shared: Installation) -> Planted:
    """Deploy, plant, back up, search, erase, search again."""
    name = f"markers-{secrets.token_hex(3)}"
    row, content, file_name = (f"Marker{secrets.token_hex(8)}" for _ in range(3))
    shared.deploy(name).ok()
    home, opaque = shared.home(name), shared.opaque(name)
    _insert(shared, name, row)
    _upload(home / "files" / "uploads" / f"{file_name}.pdf", content)
    shared.run("backup", "create", name, "--reason", "test").ok()  # its checkpoint writes the row out
    listed = shared.run("credentials", "list", name).ok().data["credentials"]
    wanted = [one["name"] for one in listed if "certificate" not in one["name"] and "key" not in one["name"]]
    values = tuple(shared.secret(name, one) for one in wanted)
    client = f"Red Cross of {name}"
    texts = [row, content, file_name, client, *values]
    before = search(_areas(shared), texts)
    shared.run("erase", "run", name, "--confirm", name, "--reason", "test").ok()
    return Planted(
        at=shared,
        row=row,
        content=content,
        file_name=file_name,
        values=values,
        client=client,
        home=home,
        image=shared.host.root / "host" / "volumes" / f"{opaque}.img",
        before=before,
        after=search(_areas(shared), texts),
    )


def test_before_the_erasure_rows_files_and_names_are_found_where_the_volume_is_open(planted: Planted) -> None:
    inside = {text for text, path in planted.before if path.is_relative_to(planted.home)}
    assert {planted.row, planted.content, planted.file_name} <= inside


def test_the_encrypted_image_and_the_backups_never_hold_them(planted: Planted) -> None:
    closed = {path for _, path in planted.before if not path.is_relative_to(planted.home)}
    backups = planted.at.host.root / "host" / "backups"
    assert planted.image not in closed
    assert not [path for path in closed if path.is_relative_to(backups)]


def test_no_secret_lies_on_a_disk_while_the_instance_lives(planted: Planted) -> None:
    on_disk = {
        path
        for text, path in planted.before
        if text in planted.values and not path.is_relative_to(planted.at.host.runtime)
    }
    assert [path for path in on_disk if not path.is_relative_to(planted.home)] == []


def test_after_the_erasure_no_row_file_name_or_secret_is_found(planted: Planted) -> None:
    assert {(text, path) for text, path in planted.after if text != planted.client} == set()


def test_after_the_erasure_the_client_is_named_by_its_spec_and_the_register_alone(planted: Planted) -> None:
    naming = {path.name for text, path in planted.after if text == planted.client}
    spec = f"{planted.client.rsplit(' ', 1)[1]}.yaml"
    assert naming <= {"register.db", "register.db-wal", spec}
    assert spec in naming  # the control: the search does find it


def _areas(installation: Installation) -> list[Path]:
    """Return the areas in use: host, runtime, workspace (both under the host's root), and the logs."""
    return [installation.host.root, installation.host.runtime, Path("/var/log"), Path("/var/tmp")]


def _insert(installation: Installation, name: str, marker: str) -> None:
    shown = installation.show(name)["database"]
    sql = (
        "insert into registrations.registration (id, name, phone, household_size, language) "
        f"values (gen_random_uuid(), '{marker}', '+229', 1, 'fr')"
    )
    server = ["-h", str(installation.runtime(name) / "pg"), "-p", str(shown["port"])]
    argv = ["psql", *server, "-U", ADMINISTRATOR, "-d", shown["name"], "-qc", sql]
    subprocess.run(argv, capture_output=True, check=True)


def _upload(path: Path, content: str) -> None:
    owner = path.parent.stat()
    path.write_text(content)
    path.chmod(0o600)
    subprocess.run(["chown", f"{owner.st_uid}:{owner.st_gid}", str(path)], check=True)
