"""What one storage account holds: its Azurite, what is kept of deleted and overwritten blobs, and erasure."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.notes import iso, moment
from tenantry.sandbox.planes.blob_azurite import Azurite, Gate
from tenantry.sandbox.planes.blob_erasing import overwrite_unreferenced
from tenantry.sandbox.planes.blob_index import BASE, SNAPSHOT, Index, Kept, KeptContainer
from tenantry.sandbox.planes.blob_wire import Answer, Wire

__all__ = ["HIDDEN", "Policy", "Store", "stamp_of"]

HIDDEN = "$kept"  # the container that only the front sees; no client's name begins with a dollar
_SAS_LIFE, _SAS_MARGIN = timedelta(hours=2), timedelta(hours=1)
# That erasing waits for requests to end, while new ones wait: when a date has come, and else.
_PATIENCE_SECONDS, _SHORT_PATIENCE_SECONDS = 15.0, 0.5
_QUIET, _LATEST = timedelta(seconds=3), timedelta(seconds=60)
_IDLE_SECONDS = 300.0  # after which Azurite ends, until somebody comes
_PERMISSIONS = "rwdxylacuptfi"  # all of them
_LOCKS = 64
_FOUND = 200
Now = Callable[[], datetime]


@dataclass(frozen=True)
class Policy:
    """What the account keeps of what is deleted; 0 days: nothing."""

    days: int = 0
    container_days: int = 0
    versions: bool = False
    permanent: bool = False  # deleted versions and snapshots may be deleted for good


class Store:
    """One account's blobs."""

    def __init__(self, folder: Path, account: str, *, host: str, now: Now) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder
        self.index = Index(folder / "kept.sqlite")
        self.gate = Gate()
        self._account, self._host, self._now = account, host, now
        self._azurite = Azurite(folder, account)
        self._lock = threading.RLock()
        self._locks = [threading.RLock() for _ in range(_LOCKS)]
        self._sas = ("", datetime.min.replace(tzinfo=UTC))
        self._used = time.monotonic()

    # --- requests ---

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Keep erasing out while something is worked on."""
        self.gate.enter()
        try:
            yield
        finally:
            self.touch()
            self.gate.leave()

    def touch(self) -> None:
        """Note that somebody was here."""
        self._used = time.monotonic()

    def wire(self, keys: Sequence[str], containers: Callable[[], Mapping[str, str]]) -> Wire:
        """Return the way to Azurite, which is started, with the containers that there should be."""
        with self._lock:
            if not self._azurite.running:
                self._azurite.start(keys)
                self._sas = self._new_sas(keys[0])
                for name, access in {HIDDEN: "", **containers()}.items():
                    self.make_container(name, access)
                self._tidy()
            elif self._sas[1] <= datetime.now(UTC):
                self._sas = self._new_sas(keys[0])
            return self._wire()

    def signed(self, path: str, query: str = "") -> str:
        """Return a path with the front's own signature."""
        return f"{path}?{query}&{self._sas[0]}" if query else f"{path}?{self._sas[0]}"

    def ask(
        self, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask Azurite something small, with the front's own signature."""
        return self._wire().send(method, self.signed(path, query), headers or {})

    @contextmanager
    def turn(self, container: str, name: str) -> Iterator[None]:
        """Let nobody else change a blob meanwhile."""
        with self._locks[hash((container, name)) % _LOCKS]:
            yield

    # --- keeping ---

    def make_container(self, name: str, access: str = "") -> None:
        """Make a container, unless it is there."""
        headers = {"x-ms-blob-public-access": access} if access else {}
        answer = self.ask("PUT", f"/{quote(name)}", "restype=container", headers)
        if not answer.good and answer.status != 409:  # noqa: PLR2004 - it is there
            raise ArmFault(500, "InternalError", f"The container {name} cannot be made: {answer.status}.")

    def exists(self, container: str, name: str, snapshot: str = "") -> Answer | None:
        """Return what a HEAD of a blob tells; None when it is not there."""
        query = f"snapshot={quote(snapshot)}" if snapshot else ""
        answer = self.ask("HEAD", blob_path(container, name), query)
        return answer if answer.status == _FOUND else None

    def draft(self, container: str, name: str, snapshot: str = "") -> Kept | None:
        """Copy a blob to where deleted ones lie, before it is changed; None when there is none.

        Azurite copies no bytes for it. It is ``commit`` that keeps the copy.
        """
        found = self.exists(container, name, snapshot)
        if found is None:
            return None
        place = f"{container}/{uuid.uuid4().hex}"
        source = blob_path(container, name) + (f"?snapshot={quote(snapshot)}" if snapshot else "")
        self._copy(source, HIDDEN, place)
        modified = found.get("last-modified")
        stamp = snapshot or self.index.version(container, name) or _stamp_from(modified)
        return Kept(place, container, "", name, BASE, stamp, "", "", modified)

    def commit(self, draft: Kept, *, what: str, days: int = 0) -> None:
        """Keep a copy for good (0 days), or as a deleted one."""
        deleted = until = ""
        if days:
            deleted, until = iso(self._now()), iso(self._now() + timedelta(days=days))
        stamp = draft.stamp
        if what == BASE:
            self.index.demote(draft.container, draft.name)
            stamp = ""
        self.index.add(
            Kept(**{**vars(draft), "what": what, "stamp": stamp, "deleted": deleted, "until": until})
        )

    def mark_deleted(self, kept: Kept, days: int) -> None:
        """Keep what could be read as a deleted one."""
        now = self._now()
        self.index.change(kept, deleted=iso(now), until=iso(now + timedelta(days=days)))

    def discard(self, kept: Kept) -> None:
        """Forget a copy; its bytes go with the next erasing, if no other blob has them."""
        self._drop(kept)
        self.soil()

    def _drop(self, kept: Kept) -> None:
        self.ask("DELETE", blob_path(HIDDEN, kept.place))
        self.index.remove(kept)

    def bring_back(self, kept: Kept) -> None:
        """Make a kept base blob the present one again."""
        self._copy(blob_path(HIDDEN, kept.place), kept.container, kept.name)
        self._drop(kept)  # the blob that came back has its bytes

    def _copy(self, source: str, container: str, name: str) -> None:
        place = {"x-ms-copy-source": f"http://{self._host}{source}"}
        whole = {**place, "x-ms-requires-sync": "true", "x-ms-copy-source-tag-option": "COPY"}
        answer = self.ask("PUT", blob_path(container, name), "", whole)
        if answer.get("x-ms-error-code") == "BlobArchived":  # Azurite copies such ones only in this way
            archived = {**place, "x-ms-access-tier": "Archive"}
            answer = self.ask("PUT", blob_path(container, name), "", archived)
        if not answer.good:
            code = answer.get("x-ms-error-code") or "InternalError"
            raise ArmFault(max(answer.status, 400), code, f"The blob {name} cannot be copied.")

    def _tidy(self) -> None:
        """Drop copies that nobody committed: whoever made them was killed."""
        for one in self.index.stray():
            self.index.remove(one)
        known = self.index.places()
        for place, _ in list(self.names(HIDDEN)):
            if place not in known:
                self.ask("DELETE", blob_path(HIDDEN, place))
                self.soil()

    # --- containers ---

    def names(self, container: str, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Yield the names of all blobs, and of their snapshots with their times."""
        from tenantry.sandbox.planes.blob_lists import entries

        marker = ""
        while True:
            query = f"restype=container&comp=list&include=snapshots&prefix={quote(prefix, safe='')}"
            if marker:
                query += f"&marker={quote(marker, safe='')}"
            found, marker = entries(self.ask("GET", f"/{quote(container)}", query).whole())
            for one in found:
                yield one.findtext("Name") or "", one.findtext("Snapshot") or ""
            if not marker:
                return

    def keep_container(self, container: str, *, days: int) -> KeptContainer:
        """Copy all that a container has, before it is deleted."""
        now = self._now()
        told = self.ask("GET", f"/{quote(container)}", "restype=container")
        metadata = {
            name.lower().removeprefix("x-ms-meta-"): value
            for name, value in told.headers
            if name.lower().startswith("x-ms-meta-")
        }
        version = stamp_of(now)
        for name, snapshot in list(self.names(container)):
            if draft := self.draft(container, name, snapshot):
                kept = {**vars(draft), "generation": version, "what": SNAPSHOT if snapshot else BASE}
                self.index.add(Kept(**kept))
        until = iso(now + timedelta(days=days))
        access = told.get("x-ms-blob-public-access")
        return KeptContainer(container, version, iso(now), until, json.dumps(metadata), access)

    def restore_container(self, kept: KeptContainer) -> None:
        """Bring a deleted container back with all that it had. ArmFault 409 when there is one of its name."""
        headers = {f"x-ms-meta-{name}": str(value) for name, value in json.loads(kept.metadata).items()}
        if kept.access:
            headers["x-ms-blob-public-access"] = kept.access
        made = self.ask("PUT", f"/{quote(kept.name)}", "restype=container", headers)
        if not made.good:
            raise ArmFault(409, "ContainerAlreadyExists", "The specified container already exists.")
        for one in self.index.of_container(kept.name, kept.version):
            if one.what == BASE and not one.deleted:
                self.bring_back(one)
        self.index.move(kept.name, kept.version, "")
        self.index.remove_container(kept)

    def forget_container(self, container: str, generation: str = "") -> None:
        """Forget what is kept of a container's blobs."""
        for one in self.index.of_container(container, generation):
            self.discard(one)

    # --- erasing ---

    def soil(self) -> None:
        """Note that bytes lie about which belong to nobody any more."""
        if not self.index.marked("soiled"):
            self.index.mark("soiled", iso(self._now()))
        self.index.mark("touched", iso(self._now()))

    def sweep(self, keys: Sequence[str], containers: Callable[[], Mapping[str, str]]) -> None:
        """Delete what was kept long enough, and erase the bytes of what was deleted."""
        now = iso(self._now())
        gone = [one for one in self.index.containers() if one.until <= now]
        due = self.index.due(now)
        if gone or due:
            with self.inside():
                self.wire(keys, containers)
                for one in due:
                    self.discard(one)
                for container in gone:
                    self.forget_container(container.name, container.version)
                    self.index.remove_container(container)
        if gone or due:
            self.erase_deleted()
        elif self._is_time():
            self.erase_deleted(_SHORT_PATIENCE_SECONDS)
        elif time.monotonic() - self._used > _IDLE_SECONDS:
            self._alone(self._azurite.stop, _SHORT_PATIENCE_SECONDS)

    def _is_time(self) -> bool:
        since, last = self.index.marked("soiled"), self.index.marked("touched")
        now = self._now()
        return bool(since) and (moment(last) + _QUIET <= now or moment(since) + _LATEST <= now)

    def erase_deleted(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        """Overwrite what belongs to no blob; Azurite ends for it. False when requests did not end."""
        return self._alone(self._erase, seconds)

    def _erase(self) -> None:
        self._azurite.stop()
        overwrite_unreferenced(self._azurite.data)
        self.index.mark("soiled", "")
        self.index.mark("touched", "")

    def _alone(self, work: Callable[[], object], seconds: float = _PATIENCE_SECONDS) -> bool:
        if not self.gate.shut(seconds):
            return False
        try:
            with self._lock:
                work()
        finally:
            self.gate.open()
        return True

    def pause(self) -> None:
        """End Azurite when no request is on its way; the next one starts it again."""
        self._alone(self._azurite.stop)

    def close(self) -> None:
        """End everything, and erase what is to be erased."""
        with self._lock:
            self._azurite.stop()
            if self.index.marked("soiled"):
                self._erase()
            self.index.close()

    def _wire(self) -> Wire:
        return Wire(self._azurite.port, self._host)

    def _new_sas(self, key: str) -> tuple[str, datetime]:
        from azure.storage.blob import ResourceTypes, generate_account_sas

        now = datetime.now(UTC)  # Azurite's clock is the machine's
        sas = generate_account_sas(
            self._account,
            key,
            ResourceTypes(service=True, container=True, object=True),
            _PERMISSIONS,
            now + _SAS_LIFE,
            start=now - timedelta(minutes=5),
        )
        return sas, now + _SAS_MARGIN


def blob_path(container: str, name: str) -> str:
    """Return the path of a blob as it goes over the wire."""
    return f"/{quote(container)}/{quote(name, safe='/~')}"


def stamp_of(when: datetime) -> str:
    """Write a time as versions and snapshots are named."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def _stamp_from(modified: str) -> str:
    return stamp_of(parsedate_to_datetime(modified)) if modified else ""
