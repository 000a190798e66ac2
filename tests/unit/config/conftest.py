"""Workspaces on disk, with one spec and one profile, that tests spoil."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tenantry.config.spec import load_spec
from tenantry.config.workspace import load_workspace
from tenantry.errors import Problem, SpecError
from tenantry.model.spec import Workspace

WORKSPACE = """\
tenantry: 1
organisation: {name: Example Aid, contact: ops@example.org}
settings: {SENDER: Example}
"""

PROFILE = """\
tenantry_profile: 1
name: forms
version: "1.0"
runtime: {name: none}
services: [database, folders]
database: {schemas: [forms]}
processes:
  - {name: web, command: [./web], listens: true}
folders:
  - {name: uploads, kind: uploads}
variables:
  - {name: DATABASE_URL, class: derived, source: database.url}
  - {name: SENDER, class: organisation}
  - {name: SMS_MODE, class: client, value: "OFF"}
  - {name: SMS_NUMBER, class: client, when: "SMS_MODE=ON"}
  - {name: SMS_TOKEN, class: secret, when: "SMS_MODE=ON"}
  - {name: API_TOKEN, class: secret}
  - {name: BIRTH_DATE, class: client, required: false, sensitive: true}
  - {name: SESSION_KEY, class: generated, length: 64}
"""

SPEC = """\
tenantry: 1
name: benin
client:
  name: Croix-Rouge du Bénin
  country: BJ
  contact: data@example.org
target: host
profile: forms
hostname: benin.example.org
"""

Spoil = Callable[[str], Sequence[Problem]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sound workspace, profile and spec."""
    (tmp_path / "instances").mkdir()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "tenantry.yaml").write_text(WORKSPACE, encoding="utf-8")
    (tmp_path / "profiles" / "forms.yaml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "instances" / "benin.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


@pytest.fixture
def workspace(folder: Path) -> Workspace:
    """That folder, loaded."""
    return load_workspace(folder)


@pytest.fixture
def problems_of(folder: Path, workspace: Workspace) -> Spoil:
    """Write a text in the place of the spec and return what is wrong with it."""

    def spoil(text: str) -> Sequence[Problem]:
        path = folder / "instances" / "benin.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SpecError) as caught:
            load_spec(path, workspace=workspace)
        assert caught.value.exit_code == 65
        return caught.value.problems

    return spoil
