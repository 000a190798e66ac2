"""How far a host name is, as Azure tells it, and how a deploy brings it further."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenantry.components.azure.props import AzureProps, Binding
from tenantry.errors import FailedError
from tenantry.model.status import Change, ChangeKind
from tenantry.ports import Event
from tenantry.targets.azure import host_name
from tests.azure.recording import example_props

_HOST, _OWN, _ID = "kenya.example.org", "app-kenya-san-abc234.azurewebsites.net", "AB12"


class _Azure:
    """A site, what it sees of the DNS, and the certificate; it binds and certifies when it is told."""

    def __init__(self) -> None:
        self.there = True
        self.states: list[dict[str, Any]] = [{"name": _OWN, "sslState": "Disabled"}]
        self.analysis: dict[str, Any] = {"customDomainVerificationTest": "Failed", "cNameRecords": []}
        self.thumbprint = ""
        self.asked: list[str] = []

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        last = path.rpartition("/")[2]
        self.asked.append(last)
        if "/certificates/" in path:
            return {"properties": {"thumbprint": self.thumbprint}} if self.thumbprint else None
        if last == "analyzeCustomHostname":
            assert query == {"hostName": _HOST}
            return {"properties": self.analysis}
        told = {"defaultHostName": _OWN, "customDomainVerificationId": _ID, "hostNameSslStates": self.states}
        return {"properties": told} if self.there else None

    def bind(self, ssl: str = "Disabled") -> None:
        self.states = [self.states[0], {"name": _HOST, "sslState": ssl}]

    def records(self, **more: Any) -> None:
        self.analysis = {"customDomainVerificationTest": "Passed", "cNameRecords": [f"{_OWN}."], **more}

    def declare(self, props: AzureProps) -> None:
        """What the engine does with a stage."""
        self.bind("SniEnabled" if props.binding is Binding.SECURED else "Disabled")
        self.thumbprint = "F00D"


class _Lease:
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def check(self) -> None:
        pass

    def intent(self, text: str) -> None:
        self.noted.append(text)

    evidence = intent


@pytest.fixture
def azure() -> _Azure:
    return _Azure()


@pytest.fixture
def props(tmp_path: Path) -> AzureProps:
    return example_props(tmp_path, hostname=_HOST)


def look(azure: _Azure, props: AzureProps) -> host_name.Seen:
    return host_name.look(azure, props)  # type: ignore[arg-type]


def settle(
    azure: _Azure, props: AzureProps, seen: host_name.Seen = host_name.ABSENT, declare: Any = None
) -> tuple[AzureProps, host_name.Seen, list[str]]:
    told, lease = list[Event](), _Lease()
    found = host_name.settle(
        azure,  # type: ignore[arg-type]
        props,
        seen,
        declare or azure.declare,
        lease=lease,  # type: ignore[arg-type]
        on_event=told.append,
    )
    return *found, [one.text for one in told]


def test_the_records_that_the_owner_makes_are_told_from_the_site_itself(
    azure: _Azure, props: AzureProps
) -> None:
    seen = look(azure, props)
    assert (seen.binding, seen.ready) == (Binding.NONE, False)
    assert seen.wanted == f"CNAME {_HOST} → {_OWN}, TXT asuid.{_HOST} → {_ID}"


def test_without_a_site_or_without_a_name_there_is_nothing_to_see(azure: _Azure, props: AzureProps) -> None:
    assert look(azure, replace(props, hostname="")) == host_name.ABSENT
    azure.there = False
    assert look(azure, props) == host_name.ABSENT


def test_a_name_may_be_bound_when_azure_sees_it_lead_to_the_site(azure: _Azure, props: AzureProps) -> None:
    azure.records()
    assert look(azure, props).ready


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({"cNameRecords": ["elsewhere.example.org"]}, ""),  # a TXT alone: the name is still elsewhere
        ({"customDomainVerificationTest": "Failed"}, ""),
        ({"hasConflictOnScaleUnit": True, "conflictingAppResourceId": "/x/sites/other"}, "/x/sites/other"),
        ({"hasConflictAcrossSubscription": True}, "an app in another subscription"),
    ],
)
def test_a_name_that_leads_elsewhere_or_is_another_apps_may_not(
    azure: _Azure, props: AzureProps, more: dict[str, Any], taken: str
) -> None:
    azure.records(**more)
    seen = look(azure, props)
    assert (seen.ready, seen.taken_by) == (False, taken)


def test_how_far_a_bound_name_is_comes_from_the_site_and_the_certificate(
    azure: _Azure, props: AzureProps
) -> None:
    azure.bind()
    assert look(azure, props).binding is Binding.BOUND
    azure.thumbprint = "F00D"
    assert look(azure, props).binding is Binding.CERTIFIED
    azure.bind("SniEnabled")
    azure.asked = []
    assert look(azure, props).binding is Binding.SECURED
    assert len(azure.asked) == 1, "the ordinary deploy asks once"


def test_a_name_with_its_records_is_served_at_the_end_of_one_deploy(azure: _Azure, props: AzureProps) -> None:
    azure.records()
    settled, seen, told = settle(azure, props)
    assert (settled.binding, seen.binding, settled.url) == (
        Binding.SECURED,
        Binding.SECURED,
        f"https://{_HOST}",
    )
    assert told == [f"host name {_HOST}: {stage}" for stage in (Binding.CERTIFIED, Binding.SECURED)]
    assert host_name.facts(settled, seen)[host_name.SERVED] == _HOST
    assert [one["type"] for one in json.loads(host_name.facts(settled, seen)[host_name.RECORDS])] == [
        "CNAME",
        "TXT",
    ]


def test_a_name_without_records_is_left_alone_and_the_site_keeps_its_own(
    azure: _Azure, props: AzureProps
) -> None:
    settled, seen, told = settle(azure, props)
    assert (settled.public_host, told) == (props.site_host, [])
    assert host_name.facts(settled, seen)[host_name.SERVED] == ""


def test_a_served_name_stays_when_its_records_are_gone(azure: _Azure, props: AzureProps) -> None:
    azure.bind("SniEnabled")
    assert host_name.next_stage(look(azure, props)) is Binding.SECURED


def test_a_certificate_that_is_not_issued_is_told_and_fails_nothing(azure: _Azure, props: AzureProps) -> None:
    azure.records()

    def refused(wanted: AzureProps) -> None:
        azure.bind()
        raise FailedError("Certificate creation failed unexpectedly", code="bad-request")

    settled, seen, told = settle(azure, props, declare=refused)
    assert (settled.public_host, seen.binding) == (props.site_host, Binding.BOUND)
    assert told[-1] == "the host name is not served: Certificate creation failed unexpectedly"


def test_an_engine_that_was_interrupted_ends_the_deploy(azure: _Azure, props: AzureProps) -> None:
    azure.records()

    def interrupted(wanted: AzureProps) -> None:
        raise FailedError("the run was interrupted", code="interrupted")

    with pytest.raises(FailedError, match="interrupted"):
        settle(azure, props, declare=interrupted)


def test_a_stage_that_changes_nothing_is_not_tried_for_ever(azure: _Azure, props: AzureProps) -> None:
    azure.records()
    _, seen, told = settle(azure, props, declare=lambda _: None)
    assert (seen.binding, len(told)) == (Binding.NONE, 1)


@pytest.mark.parametrize(
    ("type_", "properties", "renewal"),
    [
        ("azure-native:web:WebAppHostNameBinding", ("thumbprint",), True),
        ("azure-native:web:WebAppHostNameBinding", ("sslState", "thumbprint"), False),
        ("azure-native:web:WebApp", ("thumbprint",), False),
    ],
)
def test_only_another_thumbprint_of_the_binding_is_a_renewal(
    type_: str, properties: tuple[str, ...], *, renewal: bool
) -> None:
    change = Change(kind=ChangeKind.UPDATE, type=type_, name="x", properties=properties)
    assert host_name.is_renewal(change) is renewal


class _LockedSite:
    """A site with bindings under a lock of the instance's; what was done to it, in order."""

    def __init__(self, props: AzureProps, *names: str) -> None:
        group = f"/subscriptions/{props.subscription_id}/resourceGroups/{props.names.resource_group}"
        site = f"{group}/providers/Microsoft.Web/sites/{props.names.site}"
        self.bound = [f"{site}/hostNameBindings/{one}" for one in names]
        self.lock = f"{site}/providers/Microsoft.Authorization/locks/tenantry-holds-data"
        self.locked = True
        self.effects: list[str] = []

    def list(self, path: str, version: str, **query: str) -> list[dict[str, Any]]:
        found = {"id": self.lock, "name": "tenantry-holds-data", "properties": {"level": "CanNotDelete"}}
        return [found] if self.locked else []

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return {"id": path} if path in self.bound else None

    def put(self, path: str, version: str, body: Any) -> None:
        assert (path, body) == (self.lock, {"properties": {"level": "CanNotDelete"}})
        self.effects.append("lock")
        self.locked = True

    def delete(self, path: str, version: str, **query: str) -> bool:
        if path == self.lock:
            self.effects.append("lift")
            self.locked = False
            return True
        if self.locked:
            raise FailedError("(ScopeLocked) it is locked", code="scope-locked")
        self.effects.append(path.rpartition("/")[2])
        self.bound.remove(path)
        return True


def _unbound(props: AzureProps, *names: str) -> tuple[_LockedSite, list[str]]:
    site, lease = _LockedSite(props, *names), _Lease()
    host_name.unbind(
        site,  # type: ignore[arg-type]
        props,
        list(site.bound),
        lease=lease,  # type: ignore[arg-type]
        on_event=lambda _: None,
    )
    return site, lease.noted


def test_a_name_that_is_asked_for_no_more_is_unbound_under_the_sites_lock_which_is_put_back(
    props: AzureProps,
) -> None:
    site, noted = _unbound(props, "old.example.org", _HOST)
    assert site.effects == ["lift", "old.example.org", "lock"]
    assert [one.rpartition("/")[2] for one in site.bound] == [_HOST]
    assert len([one for one in noted if "lock" in one]) == 2, "it is journaled: lifted, and back"


def test_a_name_that_is_still_asked_for_keeps_its_binding_and_its_site_the_lock(props: AzureProps) -> None:
    assert _unbound(props, _HOST)[0].effects == []
