"""The provider as a plugin that a plain engine starts by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenantry.adapters import tools
from tests.engine.conftest import PASSPHRASE, Workshop

_ROOT = Path(__file__).parents[2]
_PLUGIN = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(_ROOT)!r})
from tenantry.providers.base import Provider, by_token
from tenantry.providers.host.identity import PACKAGE, VERSION
from tenantry.providers.host.serve import serve_plugin
from tests.engine.toy import Data, File
serve_plugin(Provider(PACKAGE, version=VERSION, handlers=by_token(PACKAGE, [File(), Data()])))
"""


@pytest.fixture
def plain_pulumi(workshop: Workshop) -> list[str]:
    """A command that runs the engine with nothing attached and the plugin on its PATH."""
    folder = workshop.folder / "plugins"
    folder.mkdir()
    plugin = folder / "pulumi-resource-tenantry-host"
    plugin.write_text(_PLUGIN)
    plugin.chmod(0o755)
    settings = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "HOME": str(workshop.folder),
        "PULUMI_HOME": str(workshop.folder / "home"),
        "PULUMI_BACKEND_URL": (workshop.folder / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    return ["env", "-i", *(f"{key}={value}" for key, value in settings.items()), str(tools.find_engine())]


def _run(command: list[str], *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments, "--stack=s", "--non-interactive", "--color=never"],
        cwd=folder / "state",
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_plain_pulumi_lists_and_refreshes_but_does_not_destroy_data(
    workshop: Workshop, plain_pulumi: list[str]
) -> None:
    workshop.engine.up("s", workshop.program(), passphrase=PASSPHRASE)
    (workshop.folder / "second").unlink()
    listed = _run(plain_pulumi, "stack", folder=workshop.folder)
    assert "tenantry-host:index:Data" in listed.stdout, listed.stderr
    refreshed = _run(plain_pulumi, "refresh", "--yes", "--skip-preview", folder=workshop.folder)
    assert refreshed.returncode == 0, refreshed.stdout + refreshed.stderr
    assert "second" not in {found.name for found in workshop.engine.resources("s")}
    destroyed = _run(plain_pulumi, "destroy", "--yes", "--skip-preview", folder=workshop.folder)
    assert destroyed.returncode != 0
    assert "tenantry erase run NAME --confirm NAME [77 holds-data]" in destroyed.stdout + destroyed.stderr
    assert (workshop.folder / "data").exists()
