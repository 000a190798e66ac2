"""The vault of a host as a SecretStore, and as files that age opens."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry.adapters.vault import FileVault, create_master_key, read_master_key, vault_files
from tenantry.errors import FailedError, TenantryError, UnavailableError

_CHECKOUT = Path(__file__).parents[3]
_SECRET = "s3cret-Värde-7c1f"
_OPAQUE = "tnabcdefghjk"


@pytest.fixture
def master(tmp_path: Path) -> Path:
    """A master key."""
    path = tmp_path / "etc" / "master.key"
    create_master_key(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the vaults, not made yet."""
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path, master: Path) -> FileVault:
    """An empty vault."""
    return FileVault(folder, opaque=_OPAQUE, master_key_file=master)


@pytest.fixture
def filled(vault: FileVault) -> FileVault:
    """A vault with two secrets."""
    vault.put({"database.password": _SECRET, "backup.passphrase": "x" * 40})
    return vault


def _code(act: Callable[[], object]) -> str:
    with pytest.raises(TenantryError) as caught:
        act()
    return caught.value.code


def test_a_new_vault_is_empty(vault: FileVault) -> None:
    assert vault.names() == []


def test_looking_into_a_new_vault_makes_nothing(vault: FileVault, folder: Path) -> None:
    vault.names()
    assert not folder.exists()


def test_a_secret_that_was_put_is_got(filled: FileVault) -> None:
    assert filled.get("database.password") == _SECRET


def test_names_are_sorted(filled: FileVault) -> None:
    assert filled.names() == ["backup.passphrase", "database.password"]


def test_a_secret_outlives_the_process(filled: FileVault, folder: Path, master: Path) -> None:
    again = FileVault(folder, opaque=_OPAQUE, master_key_file=master)
    assert again.get("database.password") == _SECRET


def test_putting_keeps_the_other_secrets(filled: FileVault) -> None:
    filled.put({"sms.token": "t"})
    assert filled.get("database.password") == _SECRET


def test_putting_replaces_a_secret_of_that_name(filled: FileVault) -> None:
    filled.put({"database.password": "new"})
    assert filled.get("database.password") == "new"


def test_a_name_that_is_not_there_is_an_error(filled: FileVault) -> None:
    with pytest.raises(FailedError, match=r"sms\.token"):
        filled.get("sms.token")


def test_ensure_makes_what_is_missing(vault: FileVault) -> None:
    assert vault.ensure({"a": lambda: "1", "b": lambda: "2"}) == {"a": "1", "b": "2"}


def test_ensure_keeps_what_is_there(filled: FileVault) -> None:
    assert filled.ensure({"database.password": lambda: "new"}) == {"database.password": _SECRET}


def test_ensure_stores_nothing_when_a_maker_fails(filled: FileVault) -> None:
    before = filled.names()
    with pytest.raises(ZeroDivisionError):
        filled.ensure({"a": lambda: "1", "b": lambda: str(1 // 0)})
    assert filled.names() == before


def test_removed_secrets_are_gone(filled: FileVault) -> None:
    filled.remove(["database.password", "never-there"])
    assert filled.names() == ["backup.passphrase"]


def test_each_instance_has_secrets_of_its_own(filled: FileVault, folder: Path, master: Path) -> None:
    other = FileVault(folder, opaque="tnother", master_key_file=master)
    other.put({"database.password": "other"})
    assert filled.get("database.password") == _SECRET


def test_no_file_holds_a_secret_in_plain(filled: FileVault, folder: Path) -> None:
    assert [path for path in _files(folder) if _SECRET.encode() in path.read_bytes()] == []


def test_files_and_folders_are_private(filled: FileVault, folder: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in _files(folder)}
    folders = {path.stat().st_mode & 0o777 for path in (folder, folder / "keys")}
    assert (modes, folders) == ({0o600}, {0o700})


def test_the_real_age_opens_a_vault_with_the_master_key(
    filled: FileVault, folder: Path, master: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_bytes(_age(master, folder / "keys" / f"{_OPAQUE}.age"))
    document = json.loads(_age(key, folder / f"{_OPAQUE}.age"))
    assert document["secrets"]["database.password"] == _SECRET


def test_the_real_age_does_not_open_a_vault_without_its_key(
    filled: FileVault, folder: Path, master: Path
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        _age(master, folder / f"{_OPAQUE}.age")


def test_a_master_key_of_age_keygen_will_do(folder: Path, tmp_path: Path) -> None:
    master = tmp_path / "master.key"
    subprocess.run([_program("age-keygen"), "-o", master], check=True, capture_output=True)
    vault = FileVault(folder, opaque=_OPAQUE, master_key_file=master)
    vault.put({"a": "1"})
    assert vault.get("a") == "1"


def test_the_files_of_an_instance_are_listed(filled: FileVault, folder: Path, master: Path) -> None:
    FileVault(folder, opaque="tnother", master_key_file=master).put({"a": "1"})
    assert vault_files(folder, opaque=_OPAQUE) == sorted(
        [folder / f"{_OPAQUE}.age", folder / "keys" / f"{_OPAQUE}.age"]
    )


def test_an_unfinished_file_is_listed(filled: FileVault, folder: Path) -> None:
    stray = folder / "keys" / f"{_OPAQUE}.age.new.tmp"
    stray.touch()
    assert stray in vault_files(folder, opaque=_OPAQUE)


def test_without_a_folder_there_are_no_files(folder: Path) -> None:
    assert vault_files(folder, opaque=_OPAQUE) == []


def test_a_destroyed_vault_leaves_no_file(filled: FileVault, folder: Path) -> None:
    filled.destroy()
    assert vault_files(folder, opaque=_OPAQUE) == []


def test_destroying_needs_no_master_key(filled: FileVault, folder: Path, master: Path) -> None:
    master.unlink()
    filled.destroy()
    assert vault_files(folder, opaque=_OPAQUE) == []


def test_destroying_twice_is_like_destroying_once(filled: FileVault) -> None:
    filled.destroy()
    filled.destroy()
    assert filled.names() == []


def test_destroying_takes_what_a_kill_left_of_a_key(filled: FileVault, folder: Path) -> None:
    for name in (".age.tmp", ".age.new", ".age.new.tmp"):
        (folder / "keys" / f"{_OPAQUE}{name}").touch()
    filled.destroy()
    assert vault_files(folder, opaque=_OPAQUE) == []


def test_other_vaults_outlive_the_destruction(filled: FileVault, folder: Path, master: Path) -> None:
    other = FileVault(folder, opaque="tnother", master_key_file=master)
    other.put({"a": "1"})
    filled.destroy()
    assert other.get("a") == "1"


def test_a_master_key_that_is_not_there_is_told(filled: FileVault, master: Path) -> None:
    master.unlink()
    assert _code(lambda: filled.get("database.password")) == "master-key-absent"


def test_another_master_key_is_told_by_the_vault_that_it_does_not_open(
    filled: FileVault, master: Path
) -> None:
    master.unlink()
    create_master_key(master)
    with pytest.raises(UnavailableError, match=f"does not open the vault of {_OPAQUE}") as caught:
        filled.get("database.password")
    assert caught.value.code == "master-key-wrong"


def test_another_master_key_changes_nothing(filled: FileVault, folder: Path, master: Path) -> None:
    before = {path: path.read_bytes() for path in vault_files(folder, opaque=_OPAQUE)}
    master.unlink()
    create_master_key(master)
    with contextlib.suppress(UnavailableError):
        filled.put({"database.password": "new"})
    assert {path: path.read_bytes() for path in vault_files(folder, opaque=_OPAQUE)} == before


@pytest.mark.parametrize("lost", [f"{_OPAQUE}.age", f"keys/{_OPAQUE}.age"])
def test_lost_secrets_are_told_and_not_made_anew(filled: FileVault, folder: Path, lost: str) -> None:
    (folder / lost).unlink()
    assert _code(lambda: filled.ensure({"database.password": lambda: "new"})) == "vault-lost"


@pytest.mark.parametrize("damaged", [f"{_OPAQUE}.age", f"keys/{_OPAQUE}.age"])
@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_damaged_vault_is_told(
    filled: FileVault, folder: Path, damaged: str, content: bytes | None
) -> None:
    path = folder / damaged
    path.write_bytes(path.read_bytes()[:-5] + b"-----" if content is None else content)
    assert _code(lambda: filled.get("database.password")) == "vault-lost"


def test_a_vault_of_a_newer_version_is_told(filled: FileVault, folder: Path, master: Path) -> None:
    import pyrage

    identity = filled._identity()
    content = pyrage.encrypt(b'{"tenantry": 2}', [identity.to_public()])
    (folder / f"{_OPAQUE}.age").write_bytes(content)
    assert _code(filled.names) == "vault-newer"


def test_a_folder_that_cannot_be_made_is_told(folder: Path, vault: FileVault) -> None:
    folder.write_text("in the way")
    assert _code(lambda: vault.put({"a": "1"})) == "vault-io"


def test_neither_the_vault_nor_its_errors_show_a_secret(filled: FileVault, folder: Path) -> None:
    (folder / f"{_OPAQUE}.age").write_bytes(b"junk")
    with pytest.raises(UnavailableError) as caught:
        filled.put({"a": _SECRET})
    assert _SECRET not in f"{filled!r} {caught.value!r} {caught.value.hint}"


def test_threads_that_write_at_once_lose_nothing(folder: Path, master: Path) -> None:
    def write(number: int) -> None:
        vault = FileVault(folder, opaque=_OPAQUE, master_key_file=master)
        vault.ensure({f"own-{number}": lambda: str(number), "common": lambda: str(number)})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    vault = FileVault(folder, opaque=_OPAQUE, master_key_file=master)
    assert vault.names() == ["common", *(f"own-{number}" for number in range(8))]


_CYCLE = """
import sys
from pathlib import Path
from tenantry.adapters.vault import FileVault
folder, master, verb = sys.argv[1:]
vault = FileVault(Path(folder), opaque="tnabcdefghjk", master_key_file=Path(master))
if verb == "destroy":
    vault.destroy()
else:
    vault.ensure({"a": lambda: "1"})
    vault.put({"b": "2"})
"""


@pytest.mark.parametrize("number", range(1, 6))
def test_writing_that_is_killed_anywhere_is_finished_by_doing_it_again(
    folder: Path, master: Path, number: int
) -> None:
    assert _run(folder, master, "write", kill_at=number) == -9
    assert _run(folder, master, "write", kill_at=0) == 0
    vault = FileVault(folder, opaque=_OPAQUE, master_key_file=master)
    assert [vault.get("a"), vault.get("b"), len(_files(folder))] == ["1", "2", 3]


@pytest.mark.parametrize("number", range(1, 5))
def test_a_destruction_that_is_killed_anywhere_is_finished_by_doing_it_again(
    filled: FileVault, folder: Path, master: Path, number: int
) -> None:
    assert _run(folder, master, "destroy", kill_at=number) == -9
    filled.destroy()
    assert vault_files(folder, opaque=_OPAQUE) == []


def test_the_master_key_is_private(master: Path) -> None:
    assert master.stat().st_mode & 0o777 == 0o600


def test_a_master_key_is_never_overwritten(master: Path) -> None:
    before = master.read_bytes()
    assert (_code(lambda: create_master_key(master)), master.read_bytes()) == ("master-key-exists", before)


def test_making_a_master_key_leaves_nothing_beside_it(master: Path) -> None:
    assert list(master.parent.iterdir()) == [master]


def test_the_public_half_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    assert create_master_key(path) == str(read_master_key(path).to_public())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_master_key_that_others_may_reach_is_refused(master: Path, mode: int) -> None:
    master.chmod(mode)
    with pytest.raises(TenantryError, match="other users") as caught:
        read_master_key(master)
    assert (caught.value.code, caught.value.hint) == ("master-key-open", f"run: chmod 600 {master}")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_master_key_of_another_user_is_refused(master: Path) -> None:
    os.chown(master, 65534, 65534)
    assert _code(lambda: read_master_key(master)) == "master-key-open"


@pytest.mark.parametrize("content", ["", "AGE-SECRET-KEY-1ABC\n", "hunter2\n", "\x00\xff"])
def test_a_file_that_holds_no_master_key_is_told_without_its_content(master: Path, content: str) -> None:
    master.write_text(content, encoding="latin-1")
    with pytest.raises(TenantryError) as caught:
        read_master_key(master)
    assert (caught.value.code, "hunter2" in repr(caught.value)) == ("master-key-malformed", False)


def test_a_folder_as_master_key_is_told(tmp_path: Path) -> None:
    assert _code(lambda: read_master_key(tmp_path)) == "master-key-unreadable"


def test_the_key_of_a_vault_is_not_in_its_representation(filled: FileVault) -> None:
    assert re.fullmatch(rf"FileVault\({_OPAQUE}\)", repr(filled))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not installed"
    return path


def _age(key: Path, file: Path) -> bytes:
    argv = [_program("age"), "-d", "-i", str(key), str(file)]
    return subprocess.run(argv, check=True, capture_output=True).stdout


def _run(folder: Path, master: Path, verb: str, *, kill_at: int) -> int:
    argv = [sys.executable, "-c", _CYCLE, str(folder), str(master), verb]
    env = {**os.environ, "TENANTRY_FAULT_KILL": str(kill_at)}
    return subprocess.run(argv, check=False, cwd=_CHECKOUT, env=env).returncode
