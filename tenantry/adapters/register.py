"""The register: the system of record, on SQLite or PostgreSQL.

store            the database: transactions, errors, schema
register_tables  its tables            migrations      how they came to be
allocation       uids and ports        register_rows   rows as values
lease            operations            journal         the chained log
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from tenantry.adapters import journal
from tenantry.adapters.allocation import give_ports, give_uid
from tenantry.adapters.holders import silence
from tenantry.adapters.lease import held
from tenantry.adapters.register_rows import conditions_to_json, instance_of, operation_of
from tenantry.adapters.register_tables import instances, leases, operations, ports
from tenantry.adapters.store import Store, open_store
from tenantry.errors import DefectError, FailedError
from tenantry.model.lifecycle import State, check_transition
from tenantry.model.spec import InstanceSpec
from tenantry.model.status import Condition
from tenantry.ports import Clock, Instance, JournalEntry, Lease, Operation

__all__ = ["SqlRegister", "open_register"]

_CHANGEABLE = frozenset(
    {
        "client",
        "conditions",
        "erased_at",
        "facts",
        "generation",
        "last_backup",
        "observed_at",
        "profile",
        "spec_digest",
        "state",
        "url",
        "version",
    }
)


def open_register(
    url: str,
    *,
    host: str,
    clock: Clock,
    uid_base: int = 210000,
    port_base: int = 20000,
    busy_seconds: float = 10.0,
    heartbeat_seconds: float = 5.0,
) -> SqlRegister:
    """Open the register, make it when it is new, and migrate it when it is old.

    Args:
        url: ``sqlite:////absolute/path`` in a folder of mode 0700, or
            ``postgresql://user@host/database``.
        host: the name of this host in the register.
        clock: dates everything that is recorded.
        uid_base: the smallest uid to give out.
        port_base: the smallest port to give out.
        busy_seconds: how long to wait for a lock of somebody else's.
        heartbeat_seconds: how often a running operation says that it lives.

    Raises:
        SpecError: the URL is not one.
        UnavailableError: it cannot be used (absent, read-only, damaged, newer than this version).
        RefusedError: other users may read its file.
        BusyError: it stayed locked.
    """
    store = open_store(url, busy_seconds=busy_seconds)
    return SqlRegister(
        store,
        host=host,
        clock=clock,
        uid_base=uid_base,
        port_base=port_base,
        heartbeat_seconds=heartbeat_seconds,
    )


class SqlRegister:
    """Implements ``tenantry.ports.Register``. Threads may share it.

    Where an instance is named, its own name or its opaque one will do.
    """

    def __init__(
        self,
        store: Store,
        *,
        host: str,
        clock: Clock,
        uid_base: int,
        port_base: int,
        heartbeat_seconds: float,
    ) -> None:
        """Take an open store; see ``open_register``."""
        self._store = store
        self._host = host
        self._clock = clock
        self._uid_base = uid_base
        self._port_base = port_base
        self._heartbeat_seconds = heartbeat_seconds

    def close(self) -> None:
        """Give the database's connections back."""
        self._store.close()

    def instances(self) -> Sequence[Instance]:
        """Return all instances that are not erased, by name."""
        wanted = select(instances).where(instances.c.erased_at.is_(None)).order_by(instances.c.name)
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
            numbers = _ports(connection)
        return [instance_of(row, numbers.get(row.opaque, {})) for row in rows]

    def erased(self) -> Sequence[Instance]:
        """Return all instances that were erased, the last one first."""
        wanted = select(instances).where(instances.c.erased_at.is_not(None))
        with self._store.reading() as connection:
            rows = connection.execute(wanted.order_by(instances.c.erased_at.desc())).all()
        return [instance_of(row, {}) for row in rows]

    def find(self, name: str) -> Instance | None:
        """Return the instance of that name, or None. An erased one only if no other has the name."""
        with self._store.reading() as connection:
            row = _find(connection, name)
            return None if row is None else _instance(connection, row)

    def add(
        self, *, spec: InstanceSpec, opaque: str, url: str, ports: Sequence[str], with_uid: bool
    ) -> Instance:
        """Record a new instance (provisioning), with a uid and ports of its own, once.

        A second call for a name that exists and is not erased returns what is there,
        with the uid, ports and opaque name that it has.
        """
        with self._store.writing("register") as connection:
            row = _find(connection, spec.name)
            if row is None or row.erased_at is not None:
                self._insert(connection, spec=spec, opaque=opaque, url=url)
                self._number(connection, opaque, labels=ports, with_uid=with_uid)
                self._tell(connection, opaque, kind="state", text=f"new: {State.PROVISIONING}")
                row = _found(connection, spec.name)
            return _instance(connection, row)

    def update(self, name: str, **changes: object) -> Instance:
        """Change fields of Instance; a change of state is checked and journaled.

        ``facts`` and ``conditions`` are replaced, not merged. Becoming erased sets
        ``erased_at``, to this machine's time where none is given, and frees the name; uid
        and ports stay taken.

        Raises:
            RefusedError: the state cannot be reached from the present one.
            FailedError: there is no such instance.
        """
        unknown = sorted(set(changes) - _CHANGEABLE)
        if unknown:
            raise DefectError(f"these fields of an instance never change: {', '.join(unknown)}")
        if "erased_at" in changes and changes.get("state") is not State.ERASED:
            raise DefectError("erased_at changes with the state alone")
        with self._store.writing("update") as connection:
            row = _found(connection, name)
            erased_at = changes.pop("erased_at", None)
            values = {**changes, **self._move(connection, row, changes.get("state"), erased_at=erased_at)}
            if "conditions" in values:
                values["conditions"] = conditions_to_json(_as_conditions(values["conditions"]))
            if "facts" in values:
                values["facts"] = dict(_as_facts(values["facts"]))
            if values:
                connection.execute(update(instances).where(instances.c.id == row.id).values(**values))
            return _instance(connection, _by_id(connection, row.id))

    def observe(self, name: str, conditions: Sequence[Condition], *, at: datetime) -> None:
        """Record the newest observation of an instance; an older one than is there is left out."""
        newer = or_(instances.c.observed_at.is_(None), instances.c.observed_at <= at)
        with self._store.writing("observe") as connection:
            row = _found(connection, name)
            change = update(instances).where(instances.c.id == row.id, newer)
            connection.execute(change.values(conditions=conditions_to_json(conditions), observed_at=at))

    def lease(
        self, instance: Instance, *, kind: str, person: str, reason: str
    ) -> AbstractContextManager[Lease]:
        """Start an operation, on entering the block. See ``tenantry.adapters.lease.held``.

        Raises:
            BusyError: another living operation holds the instance.
            UnavailableError: the instance lives on another host.
        """
        return held(
            self._store,
            instance,
            host=self._host,
            kind=kind,
            person=person,
            reason=reason,
            clock=self._clock,
            heartbeat_seconds=self._heartbeat_seconds,
        )

    def operations(self, instance: str | None = None) -> Sequence[Operation]:
        """Return operations, newest first.

        A run of a process found dead reads "died"; of another machine that fell silent, "unknown".
        """
        with self._store.reading() as connection:
            if instance is None:
                return self._operations(connection)
            return self._operations(connection, operations.c.opaque == _opaque(connection, instance))

    def operation(self, operation_id: str) -> Operation | None:
        """Return one operation."""
        with self._store.reading() as connection:
            found = self._operations(connection, operations.c.id == operation_id)
        return found[0] if found else None

    def request_cancel(self, operation_id: str) -> None:
        """Ask a running operation to stop at its next step.

        Raises:
            FailedError: there is no such operation, or it runs no more.
        """
        with self._store.writing("cancel") as connection:
            found = self._operations(connection, operations.c.id == operation_id)
            if not found:
                raise FailedError(
                    f"there is no operation {operation_id}",
                    hint="see: tenantry operation list",
                    code="no-operation",
                )
            if found[0].outcome not in {"", "unknown"}:
                raise FailedError(f"{operation_id} runs no more: {found[0].outcome}", code="operation-ended")
            asked = update(operations).where(operations.c.id == operation_id)
            connection.execute(asked.values(cancel_requested=True))

    def record(self, *, instance: str, kind: str, text: str, operation: str = "") -> JournalEntry:
        """Append one line to the journal outside an operation; durable on return.

        ``instance`` may be "" for a line about none; otherwise the line carries the opaque name.
        """
        with self._store.writing("record") as connection:
            opaque = _opaque(connection, instance) if instance else ""
            return self._tell(connection, opaque, kind=kind, text=text, operation=operation)

    def journal(self, instance: str | None = None) -> Sequence[JournalEntry]:
        """Return the journal, oldest first."""
        with self._store.reading() as connection:
            opaque = None if instance is None else _opaque(connection, instance)
            return journal.read(connection, instance=opaque)

    def verify_journal(self) -> Sequence[str]:
        """Return what is wrong with the chain; empty when it holds."""
        with self._store.reading() as connection:
            return journal.verify(connection)

    def erase_texts(self, instance: str) -> None:
        """Erase the texts of an instance's journal lines, in the database's files too.

        Run again after a kill it does what was left. The chain still holds.

        Raises:
            BusyError: others read the register for too long; the texts are deleted but
                may still stand in its write-ahead log.
        """
        with self._store.writing("erase texts") as connection:
            opaque = _opaque(connection, instance)
            journal.erase_texts(connection, instance=opaque, at=self._clock.now())
        self._store.scrub("journal_texts")

    def _insert(self, connection: Connection, *, spec: InstanceSpec, opaque: str, url: str) -> None:
        row = insert(instances).values(
            name=spec.name,
            opaque=opaque,
            client=spec.client.name,
            target=spec.target.value,
            host=self._host,
            state=State.PROVISIONING.value,
            profile=spec.profile,
            version=spec.version,
            url=url,
            generation=1,
            spec_digest="",
            facts={},
            conditions=[],
            created_at=self._clock.now(),
        )
        connection.execute(row)
        connection.execute(leases.insert().values(opaque=opaque, operation=None, token=0))

    def _number(self, connection: Connection, opaque: str, *, labels: Sequence[str], with_uid: bool) -> None:
        give_ports(connection, host=self._host, base=self._port_base, opaque=opaque, labels=labels)
        if with_uid:
            uid = give_uid(connection, host=self._host, base=self._uid_base, opaque=opaque)
            connection.execute(update(instances).where(instances.c.opaque == opaque).values(uid=uid))

    def _move(
        self, connection: Connection, row: Row[Any], wanted: object, *, erased_at: object
    ) -> dict[str, object]:
        """Check and journal a change of state; return the values that come with it."""
        if wanted is None:
            return {}
        old, new = State(row.state), State(str(wanted))
        check_transition(row.name, old, new)
        if old is new:
            return {"state": new.value}
        lease = select(leases.c.operation).where(leases.c.opaque == row.opaque)
        operation = connection.scalar(lease) or ""
        self._tell(connection, row.opaque, kind="state", text=f"{old} → {new}", operation=operation)
        erased = {"erased_at": erased_at or self._clock.now()} if new is State.ERASED else {}
        return {"state": new.value, **erased}

    def _operations(self, connection: Connection, *where: ColumnElement[bool]) -> list[Operation]:
        named = select(operations, instances.c.name.label("instance")).join(
            instances, instances.c.opaque == operations.c.opaque
        )
        newest = named.where(*where).order_by(operations.c.started_at.desc(), operations.c.id)
        now, after = self._clock.now(), silence(self._heartbeat_seconds)
        rows = connection.execute(newest)
        return [operation_of(row, host=self._host, now=now, after=after) for row in rows]

    def _tell(
        self, connection: Connection, opaque: str, *, kind: str, text: str, operation: str = ""
    ) -> JournalEntry:
        return journal.append(
            connection, at=self._clock.now(), operation=operation, instance=opaque, kind=kind, text=text
        )


def _find(connection: Connection, name: str) -> Row[Any] | None:
    """Return the row of an instance by its opaque name or its name, living ones first."""
    wanted = select(instances).where(or_(instances.c.opaque == name, instances.c.name == name))
    first = wanted.order_by(
        (instances.c.opaque == name).desc(), instances.c.erased_at.is_not(None), instances.c.id.desc()
    )
    return connection.execute(first.limit(1)).one_or_none()


def _found(connection: Connection, name: str) -> Row[Any]:
    row = _find(connection, name)
    if row is None:
        raise FailedError(
            f"the register has no instance {name}", hint="see: tenantry instance list", code="no-instance"
        )
    return row


def _by_id(connection: Connection, row_id: int) -> Row[Any]:
    return connection.execute(select(instances).where(instances.c.id == row_id)).one()


def _opaque(connection: Connection, name: str) -> str:
    return str(_found(connection, name).opaque)


def _instance(connection: Connection, row: Row[Any]) -> Instance:
    return instance_of(row, _ports(connection, ports.c.opaque == row.opaque).get(row.opaque, {}))


def _ports(connection: Connection, *where: ColumnElement[bool]) -> dict[str, dict[str, int]]:
    numbers: dict[str, dict[str, int]] = {}
    for row in connection.execute(select(ports).where(*where)):
        numbers.setdefault(row.opaque, {})[row.label] = row.port
    return numbers


def _as_conditions(value: object) -> Sequence[Condition]:
    if not isinstance(value, Sequence):
        raise DefectError("conditions are a sequence of Condition")
    return value


def _as_facts(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise DefectError("facts are a mapping of text to text")
    return value
