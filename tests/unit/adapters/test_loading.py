"""What threads that look at instances import must not be left to them where it imports in circles."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tenantry.adapters.certificates import make_server_certificate

_CODE = """
import sys
import time
from contextlib import closing
from pathlib import Path
from tenantry.adapters.loading import load_for_looks

load_for_looks({"azure", "host"})
before = set(sys.modules)
time.sleep = lambda _: None  # between tries

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_credential import make_credential
from tenantry.adapters.certificates import expiry_of
from tenantry.errors import UnavailableError
from tenantry.model.spec import CredentialKind
from tenantry.providers.host.postgres import query_over_tls

folder, away = Path(sys.argv[1]), "https://127.0.0.1:1"
id_ = "12345678-0000-4000-8000-000000000000"
credential = make_credential(
    CredentialKind.SECRET, authority=away, directory_id=id_, client_id=id_, discovery=False,
    client_secret_file=folder / "secret", ca_file=folder / "ca.pem",
)
arm = Arm(away, credential=credential, scope="x/.default", ca_file=folder / "ca.pem", retries=0)
expiry_of((folder / "ca.pem").read_text())
for ask in (
    lambda: arm.get("/subscriptions/s", "2022-12-01"),
    lambda: query_over_tls(
        "select 1", host="127.0.0.1", port=1, database="d", user="u", password="p", ca_file=folder / "ca.pem"
    ),
):
    try:
        ask()
    except UnavailableError:
        pass
arm.close()
print(*sorted(set(sys.modules) - before))
"""


def test_what_looks_import_is_there_before(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(make_server_certificate(authority="test", names=["a.test"]).authority)
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_text("hush")
    argv = [sys.executable, "-c", _CODE, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    circles = ("azure", "msal", "requests", "urllib3", "pg8000", "pulumi", "grpc", "google")
    found = {name for name in done.stdout.split() if name.partition(".")[0] in circles}
    assert found == set()
