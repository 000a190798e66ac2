"""What is imported beside the start of the engine must not meet what the engine's side imports."""

import subprocess
import sys

_LOAD = """
import sys, threading
from tenantry.stacks.instance import azure_program

class Seen:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            print(name.partition(".")[0])

sys.meta_path.insert(0, Seen())
azure_program(None)
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
"""


def test_nothing_that_others_import_too_is_imported_beside() -> None:
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, check=True)
    beside = set(done.stdout.split())
    assert "pulumi_azure_native" in beside
    assert beside & {"pulumi", "grpc", "google"} == set()
