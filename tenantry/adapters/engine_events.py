"""The engine's event stream, read into changes, progress, outputs and errors."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenantry import errorline
from tenantry.adapters.engine_plan import as_lost
from tenantry.errors import TenantryError
from tenantry.model.status import Change, ChangeKind
from tenantry.ports import Event, OnEvent

__all__ = ["Collector", "HoldsData", "ReadError"]

HoldsData = Callable[[str], bool]  # of a type token
ReadError = Callable[[str], TenantryError | None]  # of what a provider that is not ours said

_KINDS = {
    "same": ChangeKind.SAME,
    "create": ChangeKind.CREATE,
    "update": ChangeKind.UPDATE,
    "delete": ChangeKind.DELETE,
    "replace": ChangeKind.REPLACE,
    "create-replacement": ChangeKind.REPLACE,
    "delete-replaced": ChangeKind.REPLACE,
}
_DOING = {
    "create": ("creating", "created"),
    "update": ("updating", "updated"),
    "delete": ("deleting", "deleted"),
    "create-replacement": ("replacing", "replaced"),
    "delete-replaced": ("deleting for replacement", "deleted for replacement"),
    "refresh": ("looking at", "looked at"),
    "same": ("", "unchanged"),
}
# How the engine refuses to delete or to replace what the program protects, and how it ends a plan then. The
# plan's own steps do not always tell: it stops before it tells a replacement that would take others with it.
_PROTECTED = re.compile(
    r"""(?P<replace>unable to replace )?resource "(?P<urn>[^"]+)".* (because it is|marked for) protect"""
)
_EVENTS_SECONDS = 1.0  # that they may be behind
_END_OF_PLAN = "preview failed"
# How a provider refuses a create of what exists, as azure-native words it.
_THERE = re.compile(r"cannot create already existing resource ['\"]?(/[^\s'\"]+)")
_STACK = "pulumi:pulumi:Stack"
_ENGINES_OWN = (_STACK, "pulumi:providers:")


@dataclass
class _Seen:
    """What one phase of a run, planning or applying, said."""

    changes: dict[str, Change] = field(default_factory=dict)
    drift: dict[str, Change] = field(default_factory=dict)
    refreshing: set[str] = field(default_factory=set)

    def gone(self) -> set[str]:
        """Return the urns of what held data and was seen to be gone."""
        found = self.drift.items()
        return {urn for urn, one in found if one.kind is ChangeKind.DELETE and one.holds_data}


class Collector:
    """Gathers the events of one run. Used from the stream's thread and the caller's."""

    def __init__(
        self,
        *,
        holds_data: HoldsData,
        on_event: OnEvent,
        report_planning: bool,
        read_error: ReadError = lambda _: None,
    ) -> None:
        """Make a collector.

        Args:
            holds_data: says of a type token whether its resources hold client data.
            on_event: told of each step.
            report_planning: tell the steps of a plan too; for a preview.
            read_error: reads the errors of providers that are not ours.
        """
        self._read_error = read_error
        self._holds_data = holds_data
        self._on_event = on_event
        self._report_planning = report_planning
        self._lock = threading.Lock()
        self._planned = _Seen()
        self._applied = _Seen()
        self._errors: list[tuple[str, str]] = []
        self._creating: dict[str, Mapping[str, Any]] = {}  # what each create was begun with, by urn
        self.outputs: dict[str, Any] = {}

    @property
    def planned(self) -> tuple[Change, ...]:
        """The changes that a plan would make, in its order; to make anew what held data is told as LOST."""
        with self._lock:
            gone = self._planned.gone()
            return tuple(
                as_lost(change) if urn in gone else change for urn, change in self._planned.changes.items()
            )

    @property
    def lost(self) -> tuple[Change, ...]:
        """What a plan would make anew although it held data."""
        with self._lock:
            gone = self._planned.gone()
            return tuple(as_lost(one) for urn, one in self._planned.changes.items() if urn in gone)

    def wait_for_plan_of_gone(self) -> None:
        """Wait until the events have told what is planned for everything that held data and is gone.

        They come by another way than the program's end. What is not declared any more has no plan.
        """
        deadline = time.monotonic() + _EVENTS_SECONDS
        while time.monotonic() < deadline:
            with self._lock:
                if self._planned.gone() <= self._planned.changes.keys():
                    return
            time.sleep(_EVENTS_SECONDS / 50)

    @property
    def applied(self) -> tuple[Change, ...]:
        """The changes that were made."""
        with self._lock:
            return tuple(self._applied.changes.values())

    @property
    def drift(self) -> tuple[Change, ...]:
        """What a refresh found to differ from the state."""
        with self._lock:
            return tuple({**self._planned.drift, **self._applied.drift}.values())

    def take(self, line: str) -> None:
        """Take one event as JSON."""
        event: dict[str, Any] = json.loads(line)
        if step := event.get("resourcePreEvent"):
            self._begin(step["metadata"], self._seen(step))
        elif step := event.get("resOutputsEvent"):
            self._end(step["metadata"], self._seen(step), planning=bool(step.get("planning")))
        elif (diagnostic := event.get("diagnosticEvent")) and diagnostic["severity"] == "error":
            with self._lock:
                self._errors.append((diagnostic.get("urn", ""), diagnostic["message"]))

    @property
    def already_there(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """The ids of what could not be created because it exists, with the resources that were asked for.

        Secrets in these are struck out.
        """
        with self._lock:
            found = [(urn, _THERE.search(text)) for urn, text in self._errors if urn in self._creating]
            return [(one[1], self._creating[urn]) for urn, one in found if one is not None]

    def error(self) -> TenantryError | None:
        """Return the first error of ours that a resource met, naming the resource; None if there is none."""
        with self._lock:
            told = list(self._errors)
        found: dict[str, TenantryError] = {}
        for urn, text in told:
            decoded = errorline.decode(text) or self._read_error(text)
            if decoded is not None:
                found.setdefault(urn, decoded)
        if not found:
            return None
        urn, first = next(iter(found.items()))
        prefix = f"{_label(_type(urn), _name(urn))}: " if urn else ""
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return type(first)(f"{prefix}{first.message}{more}", hint=first.hint, code=first.code)

    @property
    def refused(self) -> tuple[Change, ...]:
        """What a plan would delete or replace that is protected; nothing where other errors were met too."""
        with self._lock:
            texts = [" ".join(text.split()) for _, text in self._errors]
            planned = dict(self._planned.changes)
        told = [_PROTECTED.search(text) for text in texts if text != _END_OF_PLAN]
        found = {}
        for one in told:
            if one is None:
                return ()
            kind, urn = ChangeKind.REPLACE if one["replace"] else ChangeKind.DELETE, one["urn"]
            known = planned.get(urn)
            if known is None or known.kind is not kind:
                known = Change(kind=kind, type=_type(urn), name=_name(urn), holds_data=True)
            found[urn] = known
        return tuple(found.values())

    def error_text(self) -> str:
        """Return what the engine itself complained of, as one line; "" if of nothing."""
        with self._lock:
            return "; ".join(" ".join(text.split()) for _, text in self._errors)[:2000]

    def _seen(self, step: Mapping[str, Any]) -> _Seen:
        return self._planned if step.get("planning") else self._applied

    def _begin(self, step: Mapping[str, Any], seen: _Seen) -> None:
        if step["type"].startswith(_ENGINES_OWN):
            return
        operation = step["op"]
        with self._lock:
            if operation == "create" and seen is self._applied:
                self._creating[step["urn"]] = _without_secrets(step.get("new") or {})
            if operation == "refresh":
                seen.refreshing.add(step["urn"])
                return
            if seen is self._planned:
                self._note(seen.changes, step)
        if seen is self._applied or self._report_planning:
            self._tell(step, done=False)

    def _end(self, step: Mapping[str, Any], seen: _Seen, *, planning: bool) -> None:
        if step["type"] == _STACK and not planning:
            outputs = (step.get("new") or {}).get("outputs") or {}
            self.outputs = {key: _told_value(value) for key, value in outputs.items()}
        if step["type"].startswith(_ENGINES_OWN):
            return
        with self._lock:
            if step["urn"] in seen.refreshing:
                seen.refreshing.discard(step["urn"])
                self._note_drift(seen.drift, step)
                return
            if seen is self._applied:
                self._note(seen.changes, step)
        if seen is self._applied:
            self._tell(step, done=True)

    def _note_drift(self, drift: dict[str, Change], step: Mapping[str, Any]) -> None:
        """Note what a look found; only a refresh on its own says in "op" what that was."""
        if step.get("new") is None:
            self._note(drift, {**step, "op": "delete"})
        elif step.get("detailedDiff"):
            self._note(drift, {**step, "op": "update"})

    def _note(self, changes: dict[str, Change], step: Mapping[str, Any]) -> None:
        kind = _KINDS.get(step["op"])
        if kind is None:
            return
        urn = step["urn"]
        old = changes.get(urn)
        if old is not None and old.kind is ChangeKind.REPLACE:
            kind = ChangeKind.REPLACE
        paths = step.get("detailedDiff") or step.get("diffs") or step.get("keys") or ()
        names = _property_names(paths) or (old.properties if old else ())
        changes[urn] = Change(
            kind=kind,
            type=step["type"],
            name=_name(urn),
            properties=names if kind in {ChangeKind.UPDATE, ChangeKind.REPLACE} else (),
            holds_data=self._holds_data(step["type"]),
        )

    def _tell(self, step: Mapping[str, Any], *, done: bool) -> None:
        texts = _DOING.get(step["op"])
        if texts is None or not texts[done]:
            return
        label = _label(step["type"], _name(step["urn"]))
        self._on_event(Event(text=texts[done], resource=label, done=done, same=step["op"] == "same"))


def _without_secrets(value: Any) -> Any:
    """Return a value of the stream; what stands for a secret in it is a word of ours, at any depth."""
    if isinstance(value, dict):
        return (
            _told_value(value)
            if "ciphertext" in value
            else {k: _without_secrets(v) for k, v in value.items()}
        )
    return [_without_secrets(one) for one in value] if isinstance(value, list) else value


def _told_value(value: Any) -> Any:
    return "[secret]" if isinstance(value, dict) and "ciphertext" in value else value


def _property_names(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the properties that paths such as "a.b[0]" lead through."""
    return tuple(sorted({path.split(".")[0].split("[")[0] for path in paths}))


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else ""  # noqa: PLR2004


def _label(token: str, name: str) -> str:
    return f"{token.rpartition(':')[2]} {name}".strip()
