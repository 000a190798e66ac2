"""The process of a site, with real node."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.sandbox.parts.programs import MissingProgram, find_postgres, find_runtime
from tenantry.sandbox.parts.runner import Launch, SiteRunner
from tests.support.session import HostFolders

_PROGRAM = """
const http = require("node:http"), fs = require("node:fs");
http.createServer((request, response) => {
  if (request.url === "/die") process.exit(3);
  if (request.url === "/write") fs.writeFileSync("/home/data/kept", "kept");
  response.end(JSON.stringify({ uid: process.getuid(), env: process.env, cwd: process.cwd(),
    kept: fs.existsSync("/home/data/kept") }));
}).listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
"""


@pytest.fixture
def runner(host_folders: HostFolders) -> Iterator[SiteRunner]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = SiteRunner(host_folders.root / "site", uid=host_folders.uid_base)
    one.prepare()
    (one.root / "server.js").write_text(_PROGRAM)
    one.own(one.home)
    yield one
    one.erase()
    assert not one.folder.exists()


def _launch() -> Launch:
    return Launch(command="node server.js", environment={"MARK": "x"}, runtime=find_runtime("NODE|24-lts"))


def _ask(runner: SiteRunner, path: str = "/") -> dict[str, Any]:
    assert runner.wait_until_it_listens(20), runner.log.read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{runner.port}{path}", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_site_runs_as_its_own_user_with_its_folder_at_home(runner: SiteRunner) -> None:
    runner.start(_launch())
    told = _ask(runner, "/write")
    assert told["uid"] == runner._uid
    assert told["cwd"] == "/home/site/wwwroot"
    assert told["env"]["MARK"] == "x"
    assert "TENANTRY_TEST_SESSION" not in told["env"]
    assert (runner.home / "data" / "kept").read_text() == "kept"
    assert not Path("/home/data/kept").exists()


def test_a_process_that_ends_is_started_again_and_a_stopped_one_is_not(runner: SiteRunner) -> None:
    runner.start(_launch())
    _ask(runner)
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{runner.port}/die", timeout=10)
    end = time.monotonic() + 20
    while runner.starts < 2 and time.monotonic() < end:
        time.sleep(0.05)
    _ask(runner)
    assert "ended with 3" in runner.log.read_text()
    runner.stop()
    assert not runner.running
    assert not runner.wait_until_it_listens(1)


def test_what_an_earlier_server_left_running_is_ended(runner: SiteRunner) -> None:
    runner.start(_launch())
    _ask(runner)
    process = runner._process
    assert process is not None
    again = SiteRunner(runner.folder, uid=runner._uid)  # as a new process of the sandbox
    again.stop()
    assert process.wait(10) is not None
    runner.stop()


def test_programs_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingProgram, match="PostgreSQL 15"):
        find_postgres(tmp_path)
    with pytest.raises(MissingProgram, match="NODE and PYTHON"):
        find_runtime("DOTNETCORE|8.0")
