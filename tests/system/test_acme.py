"""Certificates over ACME, from a real authority: asked for, proved, served, watched, forgotten."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.authority import Authority, network
from tests.support.installation import Installation
from tests.support.people import wait_until
from tests.support.session import HostFolders

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a network of its own has the ports")

_NAMES = ("benin.example.org", "burundi.example.org")
_ACME = "tls:\n  mode: acme\n"


@pytest.fixture(scope="module")
def place(module_host_folders: HostFolders) -> Iterator[tuple[Installation, Authority]]:
    """A workspace on a host of its own network, and an authority that is up."""
    host = module_host_folders
    with network(host.root, _NAMES) as own:
        authority = Authority(host.root / "authority", own)
        installed = Installation(folder=host.root / "workspace", host=host, enter=own.enter)
        try:
            authority.start()
            installed.set_up()
            _use(installed, authority)
            yield installed, authority
        finally:
            installed.tear_down()
            authority.stop()


def _use(installed: Installation, authority: Authority) -> None:
    """Say in tenantry.yaml which authority it is, and serve at the ports that it asks at."""
    path = installed.folder / "tenantry.yaml"
    text = path.read_text().replace(f"https_port: {installed.https_port}", "https_port: 443")
    text = text.replace(f"http_port: {installed.https_port - 1}", "http_port: 80")
    acme = f"  acme_directory: {authority.directory}\n  acme_email: it@example.org\n"
    path.write_text(text.replace("host:\n", f"host:\n{acme}  acme_ca_file: {authority.root}\n", 1))


@pytest.fixture(scope="module")
def benin(place: tuple[Installation, Authority]) -> Installation:
    """The workspace with one instance: benin."""
    installed, _ = place
    installed.write_spec("benin", extra=_ACME)
    installed.deploy("benin").ok()
    return installed


def _conditions(installed: Installation, name: str) -> dict[str, dict[str, Any]]:
    return {one["type"]: one for one in installed.show(name)["conditions"]}


def _served(installed: Installation, authority: Authority, name: str) -> str:
    """Return what curl, which trusts the authority alone, says of the certificate."""
    ran = subprocess.run(
        [*installed.enter, "curl", "-sSv", "--cacert", str(authority.root), f"https://{name}/health"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return ran.stderr


def test_an_instance_gets_its_certificate_from_the_authority(
    benin: Installation, place: tuple[Installation, Authority]
) -> None:
    said = _served(benin, place[1], "benin.example.org")
    assert "issuer: CN=Caddy Local Authority" in said
    assert "SSL certificate verify ok" in said


def test_its_health_verifies_the_certificate_and_tells_its_expiry(benin: Installation) -> None:
    seen = _conditions(benin, "benin")
    assert (seen["HttpOk"]["status"], seen["CertificateValid"]["status"]) == ("True", "True")
    assert "benin.example.org" in seen["CertificateValid"]["message"]


def test_an_authority_that_is_away_is_told_and_the_certificate_comes_when_it_is_back(
    benin: Installation, place: tuple[Installation, Authority]
) -> None:
    _, authority = place
    benin.write_spec("burundi", extra=_ACME)
    authority.stop()
    try:
        answer = benin.run("instance", "deploy", "burundi")
    finally:
        authority.start()
    assert answer.code == 1, answer.err
    (row,) = answer.data["instances"]
    (http,) = [one for one in row["conditions"] if one["type"] == "HttpOk"]
    assert (http["status"], http["reason"]) == ("False", "NoCertificate")
    assert "has no certificate for burundi.example.org" in http["message"]
    benin.run("instance", "deploy", "burundi").ok()


def test_an_erased_instance_leaves_neither_certificate_nor_key_nor_name(benin: Installation) -> None:
    benin.run("erase", "run", "burundi", "--confirm", "burundi").ok()
    wait_until(lambda: not _with_name(benin.host.root / "host", "burundi.example.org"))


def _with_name(top: Path, name: str) -> list[str]:
    found = [str(path) for path in top.rglob(f"*{name}*")]
    text = subprocess.run(
        ["grep", "-rlsI", name, str(top)], capture_output=True, text=True, timeout=60, check=False
    )
    return [*found, *text.stdout.splitlines()]
