"""``make demo``: the stories, one after the other.

They drive the installed command line, psql and curl, print each command before
it runs, and import nothing of tenantry. ``KEEP=1`` leaves everything in place; the
last lines of a story then say how to go on by hand. ``REGION=southafricanorth``
chooses the region of the instance that is rehearsed on Azure.
"""

from __future__ import annotations

import os

from tools.demo import azure, host

host.tell()
azure.tell(os.environ.get("REGION") or "westeurope")
