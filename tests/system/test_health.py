"""What is broken is False with its reason, what cannot be looked at is Unknown; neither is well.

Each condition is broken for real once, and once its observer is blinded. Things
that do not touch one another are done at a time, and every look must tell
exactly what was done: nothing less, and nothing of what was left alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tenantry.providers.host.proxy import root_certificate
from tests.support.by_hand import Hands, run
from tests.support.installation import Installation
from tests.support.people import Browser, secrets_of, wait_until

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a Unix user per instance"),
]

BLIND = ("Unknown", "CannotLook")
CONDITIONS = frozenset(
    {
        *("ProcessUp", "HttpOk", "DatabaseReachable", "ArchiveCurrent", "BackupRecent"),
        *("DiskSpace", "CertificateValid", "CredentialsValid", "NoDrift"),
    }
)


@pytest.fixture(scope="module")
def hands(benin: Installation) -> Hands:
    return Hands.on(benin, "benin")


def _answers(hands: Hands) -> None:
    wait_until(Browser.at(hands.installed.show(hands.name)).answers, seconds=90)


@contextlib.contextmanager
def _stopped(hands: Hands) -> Iterator[None]:
    """Have the workload stopped with the supervisor's own tool."""
    hands.svc("-d", "-wD", "-T", "60000")
    try:
        yield
    finally:
        hands.svc("-u")
        _answers(hands)


@contextlib.contextmanager
def _barred(hands: Hands) -> Iterator[None]:
    """Let the application's role in no more."""
    end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app_1'"
    hands.sql("alter role app_1 nologin", end)
    try:
        yield
    finally:
        hands.sql("alter role app_1 login")
        _answers(hands)


@contextlib.contextmanager
def _filled(hands: Hands) -> Iterator[None]:
    """Take the space of the instance's disk, up to a few MiB."""
    file = hands.home / "full"
    run("fallocate", "-l", str(int(shutil.disk_usage(hands.home).free * 0.97)), file)
    try:
        yield
    finally:
        file.unlink()


@contextlib.contextmanager
def _expiring(hands: Hands, *, days: int) -> Iterator[None]:
    """Store a secret that expires so many days from now."""
    day = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    store = ("credentials", "set", hands.name, "SMS_TOKEN")
    hands.installed.run(*store, "--expires", day, stdin="a-token\n").ok()
    try:
        yield
    finally:
        hands.installed.run(*store, stdin="a-token\n").ok()


@contextlib.contextmanager
def _dated(*paths: Path, hours: float) -> Iterator[None]:
    """Have files look as if they were written hours ago."""
    before = {path: path.stat() for path in paths}
    assert before
    for path, status in before.items():
        os.utime(path, (status.st_atime, status.st_mtime - hours * 3600))
    try:
        yield
    finally:
        for path, status in before.items():
            if path.exists():
                os.utime(path, (status.st_atime, status.st_mtime))


@contextlib.contextmanager
def _roots_own(hands: Hands, path: Path) -> Iterator[None]:
    """Take a folder away from the instance's user."""
    os.chown(path, 0, 0)
    try:
        yield
    finally:
        os.chown(path, hands.uid, hands.uid)


@contextlib.contextmanager
def _garbled(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(b"{ this is no state")
    try:
        yield
    finally:
        path.write_bytes(before)


def _snapshots(hands: Hands) -> list[Path]:
    return [
        path for path in (hands.layout.file_backups(hands.opaque) / "snapshots").rglob("*") if path.is_file()
    ]


def _archived(hands: Hands) -> list[Path]:
    wal = hands.layout.cluster(hands.opaque, 1) / "pg_wal"
    return [wal / path.stem for path in (wal / "archive_status").glob("*.done") if (wal / path.stem).exists()]


def test_an_instance_that_nobody_touched_is_well_in_every_respect(hands: Hands) -> None:
    assert {kind: status for kind, (status, _) in hands.conditions().items()} == dict.fromkeys(
        CONDITIONS, "True"
    )


def test_a_stopped_process_an_old_backup_and_an_expired_credential_are_told(hands: Hands) -> None:
    with _stopped(hands), _expiring(hands, days=-1), _dated(*_snapshots(hands), hours=100):
        assert hands.bad() == {
            "ProcessUp": ("False", "NotRunning"),
            "HttpOk": ("False", "BadStatus"),
            "BackupRecent": ("False", "BackupOld"),
            "CredentialsValid": ("False", "Expired"),
            "NoDrift": ("False", "Drifted"),
        }


def test_a_barred_role_and_a_full_disk_are_told(hands: Hands) -> None:
    with _barred(hands), _filled(hands):
        assert hands.bad() == {
            "DatabaseReachable": ("False", "NotReachable"),
            "HttpOk": ("False", "BadStatus"),
            "DiskSpace": ("False", "DiskFull"),
            "NoDrift": ("False", "Drifted"),
        }


def test_an_archive_that_fails_and_records_that_cannot_be_read_are_told(hands: Hands) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_roots_own(hands, hands.layout.database_backups(hands.opaque)))
        stack.enter_context(_expiring(hands, days=5))
        stack.enter_context(_dated(*_archived(hands), hours=2))
        stack.enter_context(_garbled(hands.stack))
        hands.sql("create table by_hand (n int)", "drop table by_hand", "select pg_switch_wal()")
        failed = "select last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver"
        wait_until(lambda: hands.sql(failed) == "t", seconds=60)
        assert hands.bad() == {
            "ArchiveCurrent": ("False", "ArchiveBehind"),
            "BackupRecent": BLIND,
            "CredentialsValid": ("False", "ExpiresSoon"),
            "NoDrift": BLIND,
        }


def test_folders_without_any_backup_are_told_though_the_database_has_one(hands: Hands) -> None:
    secret = secrets_of(hands.installed, hands.opaque)["backup.files.password"]
    repository = f"--repo={hands.layout.file_backups(hands.opaque)}"
    forget = ("forget", "--no-cache", *(path.name for path in _snapshots(hands)))
    run("restic", repository, *forget, uid=hands.uid, env={"RESTIC_PASSWORD": secret})
    try:
        seen = hands.bad()
    finally:
        hands.installed.run("backup", "create", hands.name).ok()
    assert seen["BackupRecent"] == ("False", "NoBackup")


def test_observers_that_see_nothing_say_so(hands: Hands) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(hands.away(hands.web / "supervise" / "status"))
        stack.enter_context(hands.away(root_certificate(hands.layout)))
        authority = hands.layout.secrets(hands.opaque) / "database.authority.certificate"
        stack.enter_context(hands.away(authority))
        stack.enter_context(hands.away(hands.stack))
        seen = hands.bad()
        drift = hands.drift()
    assert seen == dict.fromkeys(("ProcessUp", "HttpOk", "DatabaseReachable", "NoDrift"), BLIND)
    assert (drift.code, drift.problems[0]["code"]) == (69, "no-stack")


def test_a_vault_that_cannot_be_opened_leaves_nothing_known(hands: Hands) -> None:
    with hands.away(hands.installed.private / "vault" / "keys" / f"{hands.opaque}.age"):
        seen = hands.conditions()
    assert seen == dict.fromkeys(CONDITIONS, BLIND)


def test_a_certificate_that_has_expired_is_told(hands: Hands, tmp_path: Path) -> None:
    certificate, key = _expired(tmp_path, f"{hands.name}.example.org")
    tls = f"tls: {{mode: files, certificate_file: {certificate}, key_file: {key}}}\n"
    spec = hands.installed.folder / "instances" / f"{hands.name}.yaml"
    before = spec.read_text()
    spec.write_text(before + tls)
    try:
        hands.installed.run("host", "start").ok()  # unlike deploy it does not wait until all is well
        seen = hands.bad()
    finally:
        spec.write_text(before)
        hands.installed.run("host", "start").ok()
    assert seen == {"HttpOk": ("False", "CertificateRefused"), "CertificateValid": ("False", "Expired")}


def test_a_host_that_was_stopped_is_told_and_started_again_all_is_well(hands: Hands) -> None:
    hands.installed.run("host", "stop").ok()
    run("umount", hands.home)
    seen = hands.bad()
    assert seen.pop("NoDrift")[0] != "True"
    assert seen == {
        "ProcessUp": ("False", "NotRunning"),
        "HttpOk": ("False", "NoAnswer"),
        "DatabaseReachable": ("False", "NotReachable"),
        "ArchiveCurrent": BLIND,
        "DiskSpace": BLIND,
        "CertificateValid": BLIND,
    }
    hands.installed.run("host", "start").ok()
    _answers(hands)
    assert (hands.drift().code, hands.bad()) == (0, {})


def _expired(folder: Path, hostname: str) -> tuple[Path, Path]:
    """Write a certificate that was valid until yesterday, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname)])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday - timedelta(days=30))
        .not_valid_after(yesterday)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "site.crt", folder / "site.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
