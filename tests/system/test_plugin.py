"""Plain Pulumi at the stack of a deployed instance, with the commands of docs/how-to/plain-pulumi.md."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenantry.adapters import tools
from tests.support.by_hand import Hands, run
from tests.support.installation import COMMAND, Installation

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a Unix user per instance"),
]

_HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "plain-pulumi.md"
_MARK = "kept through all of it"


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A shell in which the how-to's preparation was done."""

    hands: Hands
    preparation: str

    def pulumi(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command after the preparation, with nothing of ours in the environment."""
        return subprocess.run(
            ["bash", "-euc", f"{self.preparation}\n{command}"],
            cwd="/",
            env={
                "PATH": f"{tools.find_engine().parent}:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": str(self.hands.installed.host.root),
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def rows(self) -> str:
        return self.hands.sql("select note from registrations.registration", database=self.hands.opaque)


@pytest.fixture(scope="module")
def plain(benin: Installation) -> Plain:
    """Benin with a row and a file of a client's, and the how-to's lines with this host's places put in."""
    hands = Hands.on(benin, "benin")
    row = f"('{'0' * 8}-0000-4000-8000-{'0' * 12}', 'A. Person', '0', 1, 'fr', '{_MARK}')"
    columns = "(id, name, phone, household_size, language, note)"
    hands.sql(f"insert into registrations.registration {columns} values {row}", database=hands.opaque)
    upload = hands.layout.folder(hands.opaque, "uploads") / "upload"
    upload.write_text(_MARK)
    after = _HOW_TO.read_text().partition("## Prepare")[2]
    block = re.findall(r"(?:^    .*\n)+", after, re.MULTILINE)[0]
    places = {
        "/srv/fleet": benin.folder,
        "/etc/tenantry/master.key": benin.folder / "master.key",
        "/var/lib/tenantry": hands.layout.root,
        "/run/tenantry": hands.layout.runtime,
        "/opt/tenantry/.venv/bin": COMMAND.parent,
        "tnexample234": hands.opaque,
    }
    preparation = "\n".join(line.strip() for line in block.splitlines())
    for written, here in places.items():
        assert written in preparation, f"{written} is not in {_HOW_TO.name}"
        preparation = preparation.replace(written, str(here))
    return Plain(hands=hands, preparation=preparation)


def test_the_stack_is_listed_with_its_resources_and_no_secret(plain: Plain) -> None:
    ran = plain.pulumi("pulumi stack --stack=$STACK")
    assert ran.returncode == 0, ran.stderr
    for name in ("Cluster", "Volume", "Process", "Site"):
        assert f"tenantry-host:index:{name}" in ran.stdout
    assert plain.hands.installed.secret("benin", "database.app.password") not in ran.stdout


def test_a_refresh_sees_what_was_changed_by_hand_and_a_deploy_still_puts_it_right(plain: Plain) -> None:
    uploads = plain.hands.layout.folder(plain.hands.opaque, "uploads")
    uploads.chmod(0o755)
    looked = plain.pulumi(
        "pulumi refresh --preview-only --expect-no-changes --stack=$STACK --non-interactive"
    )
    assert looked.returncode != 0, looked.stdout
    assert "folder-uploads" in looked.stdout
    refreshed = plain.pulumi("pulumi refresh --yes --stack=$STACK --non-interactive")
    assert refreshed.returncode == 0, refreshed.stdout + refreshed.stderr
    assert "1 updated" in refreshed.stdout
    plain.hands.deploy().ok()
    assert (uploads.stat().st_mode & 0o777, plain.hands.drift().code) == (0o700, 0)


def test_a_refresh_of_an_untouched_instance_changes_nothing(plain: Plain) -> None:
    ran = plain.pulumi("pulumi refresh --yes --expect-no-changes --stack=$STACK --non-interactive")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_another_passphrase_opens_nothing(plain: Plain) -> None:
    secret = "PULUMI_CONFIG_PASSPHRASE=wrong"
    ran = plain.pulumi(f"{secret} pulumi refresh --yes --stack=$STACK --non-interactive")
    assert ran.returncode != 0
    assert "incorrect passphrase" in ran.stdout + ran.stderr


def test_destroy_is_refused_and_loses_nothing(plain: Plain) -> None:
    ran = plain.pulumi("pulumi destroy --yes --stack=$STACK --non-interactive")
    assert ran.returncode != 0
    assert "tenantry erase run NAME --confirm NAME [77 holds-data]" in ran.stdout + ran.stderr
    uploads = plain.hands.layout.folder(plain.hands.opaque, "uploads")
    assert (plain.rows(), (uploads / "upload").read_text()) == (_MARK, _MARK)


def test_a_refused_destroy_does_not_open_the_ports_of_the_data(plain: Plain) -> None:
    plain.pulumi("pulumi destroy --yes --stack=$STACK --non-interactive")
    table = f"tenantry_{plain.hands.layout.host_id}"
    assert str(plain.hands.port) in run("nft", "list", "chain", "inet", table, plain.hands.opaque)


def test_a_deploy_brings_back_what_a_refused_destroy_took_away(plain: Plain) -> None:
    plain.pulumi("pulumi destroy --yes --stack=$STACK --non-interactive")
    plain.hands.deploy().ok()
    assert (plain.hands.drift().code, plain.hands.bad()) == (0, {})
    assert plain.rows() == _MARK
