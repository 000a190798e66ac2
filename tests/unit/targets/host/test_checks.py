from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tenantry.errors import RefusedError
from tenantry.model.spec import Client, InstanceSpec, TargetKind
from tenantry.targets.host import checks

_SPEC = InstanceSpec(
    name="benin",
    client=Client(name="Benin Red Cross", country="BJ", contact="it@benin.example.org"),
    target=TargetKind.HOST,
    profile="registrations",
    hostname="benin.example.org",
)
_STRICT = dataclasses.replace(_SPEC, encryption_required=True)


@pytest.fixture
def no_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "why_not_encrypted", lambda _: "the kernel has no loop devices")


@pytest.mark.usefixtures("no_encryption")
def test_a_host_that_cannot_encrypt_is_refused_where_the_spec_insists(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no loop devices"):
        checks.check_encryption(_STRICT, root=tmp_path / "absent", made="")


@pytest.mark.usefixtures("no_encryption")
def test_a_host_that_cannot_encrypt_will_do_where_the_spec_does_not_insist(tmp_path: Path) -> None:
    checks.check_encryption(_SPEC, root=tmp_path, made="")


def test_an_instance_that_was_made_without_encryption_is_not_called_encrypted(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="made without"):
        checks.check_encryption(_STRICT, root=tmp_path, made="none")


@pytest.mark.usefixtures("no_encryption")
def test_an_instance_that_is_encrypted_stays_good(tmp_path: Path) -> None:
    checks.check_encryption(_STRICT, root=tmp_path, made="loop")
