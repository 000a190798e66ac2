"""The work behind ``init`` and ``instance new``: files that people then edit."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from tenantry.cli.wiring import Wiring
from tenantry.errors import SpecError, UsageError
from tenantry.result import Result

__all__ = ["init_workspace", "new_spec"]

_QUESTIONS = {  # the option, what is asked, and the key of the spec
    "client": ("The client's full name", "client.name"),
    "country": ("The client's country (ISO code, e.g. BJ)", "client.country"),
    "contact": ("An e-mail address at the client that is read", "client.contact"),
    "agreement": ("Reference of the agreement", "client.agreement"),
    "hostname": ("Host name of the instance", "hostname"),
    "profile": ("Workload profile", "profile"),
}
_OPTIONAL = frozenset({"agreement"})


def init_workspace(folder: Path | None, *, organisation: str, contact: str) -> Result:
    """Make what is missing of a workspace. What is wrong is never written."""
    from tenantry.config.template import new_workspace_text
    from tenantry.config.workspace import parse_workspace

    path = (folder or Path.cwd()).absolute()
    file = path / "tenantry.yaml"
    if not file.exists():
        text = new_workspace_text(
            organisation=organisation or "My organisation", contact=contact or "it@example.org"
        )
        parse_workspace(text.encode(), folder=path)
        path.mkdir(parents=True, exist_ok=True)
        _write(file, text)
    wiring = Wiring(path)
    workspace = wiring.workspace
    workspace.specs.mkdir(exist_ok=True)
    workspace.private.mkdir(mode=0o700, exist_ok=True)
    workspace.private.chmod(0o700)
    made = not workspace.master_key_file.exists()
    key = wiring.master_key(make=True)
    _ = wiring.register  # made at its newest schema
    return Result(
        command="init",
        data={
            "workspace": path,
            "master_key_file": key,
            "master_key_made": made,
            "advice": [
                "Keep a copy of the master key elsewhere, off this machine (a password manager, a safe):",
                "without it no secret and no backup of any instance can be read; with it, all can.",
                "It must not lie in an ordinary backup of this machine beside the vault.",
                f"next: tenantry instance new NAME --workspace {path}",
            ],
        },
    )


def new_spec(name: str, *, given: Mapping[str, str], workspace: Path | None) -> Result:
    """Write a commented spec; ask for what is missing on a terminal. What is wrong is never written."""
    from tenantry.config.formats import check_instance_name
    from tenantry.config.spec import parse_spec
    from tenantry.config.template import new_spec_text

    check_instance_name(name)
    wiring = Wiring(workspace)
    path = wiring.workspace.specs / f"{name}.yaml"
    if path.exists():
        raise SpecError(f"{path} is there already", hint="edit it, or remove it first", code="exists")
    answers = _answers(given)
    text = new_spec_text(name=name, **answers)
    parse_spec(text.encode(), path=path, workspace=wiring.workspace, complete=False)
    path.parent.mkdir(exist_ok=True)
    _write(path, text)
    return Result(
        command="instance new",
        data={"name": name, "file": path, "next": f"tenantry spec validate {name}"},
    )


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.yaml.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _answers(given: Mapping[str, str]) -> dict[str, str]:
    answers = dict(given)
    optional = _OPTIONAL | ({"hostname"} if given["target"] == "azure" else set())
    missing = [key for key in _QUESTIONS if not given.get(key) and key not in optional]
    if missing and not sys.stdin.isatty():
        flags = ", ".join(f"--{key}" for key in missing)
        raise UsageError(f"missing: {flags}", hint="give them as options; on a terminal they are asked for")
    for key in missing:
        answers[key] = _asked(key)
    return answers


def _asked(key: str) -> str:
    """Ask until the answer may stand in a spec."""
    from tenantry.config.spec import field_problem

    while True:
        answer: str = typer.prompt(_QUESTIONS[key][0], err=True)
        problem = field_problem(_QUESTIONS[key][1], answer)
        if problem is None:
            return answer
        sys.stderr.write(f"{problem.message}\n" + (f"  → {problem.hint}\n" if problem.hint else ""))
