"""How an instance on a host is: one small observer per condition.

An observer returns (holds, reason, message). One that cannot look raises, and
its condition is Unknown with the reason ``CannotLook``: unknown is an answer,
and it is not a good one.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

from tenantry.adapters.certificates import expiry_of
from tenantry.components.host.backups import backed_up_folders
from tenantry.components.host.props import InstanceProps
from tenantry.errors import FailedError, TenantryError, UnavailableError
from tenantry.model.credentials import EXPIRES
from tenantry.model.lifecycle import State
from tenantry.model.profile import Profile, Service
from tenantry.model.spec import TlsMode
from tenantry.model.status import BackupRecord, Condition, Truth
from tenantry.ports import Request
from tenantry.providers.host import mounts

__all__ = ["Observers", "blind", "look"]

_EXPIRY_WARNING = timedelta(days=14)
_NO_CERTIFICATE = "TLSV1_ALERT_INTERNAL_ERROR"  # what Caddy ends a handshake with that it has none for
_FULLEST = 0.9  # of the instance's disk
_LAGS = 3  # archive time-outs after which the archive is behind
_LEAST_LAG_SECONDS = 60.0

_ORDER = (
    *("ProcessUp", "HttpOk", "DatabaseReachable", "ArchiveCurrent", "BackupRecent"),
    *("DiskSpace", "CertificateValid", "CredentialsValid", "NoDrift"),
)

Answer = tuple[bool, str, str]


@dataclass(frozen=True, kw_only=True)
class Observers:
    """What the observers look through; every entry may raise when it cannot look."""

    process: Callable[[str], tuple[bool, int | None]]  # by service id: up, pid
    database: Callable[[], None]  # a query as the application
    archive_lag_seconds: Callable[[], float]
    backups: Callable[[], Sequence[BackupRecord]]
    authority: Callable[[], Path]  # of the proxy's own certificates
    secrets: Callable[[], Mapping[str, str]]
    drifted: Callable[[], Sequence[str]]  # names of resources that were changed by hand


def look(request: Request, props: InstanceProps, observers: Observers) -> Sequence[Condition]:
    """Look at everything at once; return the conditions in a fixed order."""
    checks: dict[str, Callable[[], Answer]] = {
        "ProcessUp": partial(_process_up, request, props, observers),
        "HttpOk": partial(_http_ok, request, props, observers),
        "DatabaseReachable": partial(_database_reachable, observers),
        "ArchiveCurrent": partial(_archive_current, props, observers),
        "BackupRecent": partial(_backup_recent, props, observers),
        "DiskSpace": partial(_disk_space, props),
        "CertificateValid": partial(_certificate_valid, request, props, observers),
        "CredentialsValid": partial(_credentials_valid, observers),
        "NoDrift": partial(_no_drift, observers),
    }
    left_out = _left_out(props.profile)
    checks = {name: check for name, check in checks.items() if name not in left_out}
    with ThreadPoolExecutor(len(checks)) as pool:
        return list(pool.map(_condition, checks, checks.values()))


def blind(profile: Profile, error: TenantryError) -> Sequence[Condition]:
    """Return the conditions of an instance that cannot be looked at at all: each is Unknown."""

    def fail() -> Answer:
        raise error

    names = [name for name in _ORDER if name not in _left_out(profile)]
    return [_condition(name, fail) for name in names]


def _left_out(profile: Profile) -> frozenset[str]:
    if Service.DATABASE in profile.services:
        return frozenset()
    return frozenset({"DatabaseReachable", "ArchiveCurrent"})


def _condition(name: str, check: Callable[[], Answer]) -> Condition:
    try:
        holds, reason, message = check()
        status = Truth.TRUE if holds else Truth.FALSE
    except TenantryError as error:
        status, reason, message = Truth.UNKNOWN, "CannotLook", error.message
    except Exception as error:  # noqa: BLE001 - an observer that breaks must not hide the others
        status, reason, message = Truth.UNKNOWN, "CannotLook", f"{type(error).__name__} while looking"
    return Condition(type=name, status=status, reason=reason, message=message, at=datetime.now(UTC))


def _process_up(request: Request, props: InstanceProps, observers: Observers) -> Answer:
    names = [process.name for process in props.profile.processes]
    seen = {name: observers.process(f"{props.opaque}-{name}") for name in names}
    up = [name for name, (is_up, _) in seen.items() if is_up]
    if request.instance.state is State.SUSPENDED:
        if up:
            return False, "NotSuspended", f"suspended, but running: {', '.join(up)}"
        return True, "Suspended", "stopped, as asked for"
    down = [name for name in names if name not in up]
    if down:
        return False, "NotRunning", f"not running: {', '.join(down)}"
    return True, "Running", ", ".join(f"{name} (pid {pid})" for name, (_, pid) in seen.items())


def _http_ok(request: Request, props: InstanceProps, observers: Observers) -> Answer:
    if request.instance.state is State.SUSPENDED:
        return True, "Suspended", "not asked: the workload is suspended"
    health = props.profile.health
    context = _trust(props, observers)
    try:
        with _Connection(props, context, timeout=health.timeout_seconds) as connection:
            connection.request("GET", health.path, headers={"Host": props.spec.hostname})
            answer = connection.getresponse()
            answer.read(1024)
    except ssl.SSLCertVerificationError as error:
        return False, "CertificateRefused", f"HTTPS at {props.spec.hostname}: {error.verify_message}"
    except (OSError, http.client.HTTPException) as error:
        reason = "NoCertificate" if _lacks_certificate(error) else "NoAnswer"
        return False, reason, _unanswered(props, error)
    if answer.status != health.expected_status:
        return False, "BadStatus", f"{health.path} answers {answer.status}, not {health.expected_status}"
    return True, "Answers", f"{health.path} answers {answer.status}"


def _lacks_certificate(error: Exception) -> bool:
    return isinstance(error, ssl.SSLError) and error.reason == _NO_CERTIFICATE


def _unanswered(props: InstanceProps, error: Exception) -> str:
    """Say what is known of an HTTPS connection that came to nothing."""
    name = props.spec.hostname
    if not _lacks_certificate(error):
        return f"HTTPS at {name}: {type(error).__name__}"
    if props.spec.tls.mode is not TlsMode.ACME:
        return f"the proxy has no certificate for {name} yet"
    return (
        f"the proxy has no certificate for {name}: the ACME authority cannot be reached, or does not reach "
        "this machine by that name on ports 80 and 443; the next deploy asks it again"
    )


def _database_reachable(observers: Observers) -> Answer:
    try:
        observers.database()
    except (UnavailableError, FailedError) as error:
        if error.code == "certificate-unreadable":
            raise
        return False, "NotReachable", error.message
    return True, "Reachable", "the application's role can query it"


def _archive_current(props: InstanceProps, observers: Observers) -> Answer:
    lag = observers.archive_lag_seconds()
    most = max(_LEAST_LAG_SECONDS, _LAGS * props.spec.backups.archive_timeout_seconds)
    if lag > most:
        return False, "ArchiveBehind", f"the last {lag:.0f} s would be lost now; at most {most:.0f} s may"
    return True, "Current", f"at most the last {max(lag, 0):.0f} s would be lost now"


def _backup_recent(props: InstanceProps, observers: Observers) -> Answer:
    found = observers.backups()
    if not found:
        return False, "NoBackup", "there is no backup"
    newest = {one.kind == "files": one for one in sorted(found, key=lambda one: one.finished)}
    for of_files, needed, what in (
        (False, Service.DATABASE in props.profile.services, "the database"),
        (True, bool(backed_up_folders(props)), "the folders"),
    ):
        if needed and of_files not in newest:
            return False, "NoBackup", f"there is no backup of {what}"
    oldest = min(newest.values(), key=lambda one: one.finished)
    hours = (datetime.now(UTC) - oldest.finished).total_seconds() / 3600
    if hours > props.spec.backups.max_age_hours:
        return False, "BackupOld", f"the last {oldest.kind} backup is {hours:.0f} h old"
    return True, "Recent", f"the last backup is {hours:.1f} h old"


def _disk_space(props: InstanceProps) -> Answer:
    home = props.layout.home(props.opaque)
    if props.layout.volume(props.opaque).exists() and not mounts.is_mounted(home):
        raise UnavailableError(f"the volume of {home} is not mounted", code="not-mounted")
    usage = shutil.disk_usage(home)
    share = usage.used / usage.total
    if share > _FULLEST:
        return False, "DiskFull", f"{share:.0%} of the disk is used"
    return True, "Enough", f"{share:.0%} of {usage.total / 2**30:.1f} GiB is used"


def _certificate_valid(request: Request, props: InstanceProps, observers: Observers) -> Answer:
    ends = {"database": expiry_of(observers.secrets()["database.server.certificate"])}
    if any(process.listens for process in props.profile.processes):
        ends[props.spec.hostname] = _served_expiry(request, props)
    name, end = min(ends.items(), key=lambda one: one[1])
    if end < datetime.now(UTC):
        return False, "Expired", f"the certificate of {name} expired on {end:%Y-%m-%d}"
    # A short-lived certificate is renewed by the proxy; warn by the share that is left, too.
    if end - datetime.now(UTC) < _EXPIRY_WARNING and props.spec.tls.mode is TlsMode.FILES:
        return False, "ExpiresSoon", f"the certificate of {name} expires on {end:%Y-%m-%d}"
    return True, "Valid", f"the first to expire, of {name}, does on {end:%Y-%m-%d %H:%M} UTC"


def _credentials_valid(observers: Observers) -> Answer:
    today = datetime.now(UTC).date()
    ends = {
        name.removeprefix(EXPIRES): date.fromisoformat(day)
        for name, day in observers.secrets().items()
        if name.startswith(EXPIRES)
    }
    late = sorted(name for name, day in ends.items() if day - today <= _EXPIRY_WARNING)
    if late:
        first = min(ends[name] for name in late)
        reason = "Expired" if first < today else "ExpiresSoon"
        return False, reason, f"expiring: {', '.join(late)}, the first on {first}"
    return True, "Valid", "no credential expires within 14 days"


def _no_drift(observers: Observers) -> Answer:
    changed = observers.drifted()
    if changed:
        return False, "Drifted", "changed by hand: " + ", ".join(changed)
    return True, "InSync", "as the last deploy made it"


def _served_expiry(request: Request, props: InstanceProps) -> datetime:
    """Return the expiry of what the proxy serves. Not verified here: HttpOk does that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _Connection(props, context, timeout=5) as connection:
            certificate = connection.sock.getpeercert(binary_form=True)
    except OSError as error:
        raise UnavailableError(f"no certificate is served at {request.instance.url}") from error
    return expiry_of(ssl.DER_cert_to_PEM_cert(certificate or b""))


def _trust(props: InstanceProps, observers: Observers) -> ssl.SSLContext:
    """Return the context that a browser of the client would have."""
    match props.spec.tls.mode:
        case TlsMode.OWN_CA:
            return ssl.create_default_context(cafile=str(observers.authority()))
        case TlsMode.ACME:
            context = ssl.create_default_context()
            if props.settings.acme_ca_file is not None:
                context.load_verify_locations(str(props.settings.acme_ca_file))
            return context
        case TlsMode.FILES:
            context = ssl.create_default_context()
            context.load_verify_locations(str(props.spec.tls.certificate_file))
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            return context


class _Connection(http.client.HTTPSConnection):
    """HTTPS to the proxy of this host, whatever address the name has elsewhere."""

    def __init__(self, props: InstanceProps, context: ssl.SSLContext, *, timeout: float) -> None:
        super().__init__(props.spec.hostname, props.settings.https_port, context=context, timeout=timeout)
        self._address = (props.settings.bind, props.settings.https_port)
        self._tls = context

    def connect(self) -> None:
        plain = socket.create_connection(self._address, timeout=self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
