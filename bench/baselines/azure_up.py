"""One call of the engine with the program of an instance on Azure, as a program of its own.

What anybody's program with Pulumi's automation API does: start, import what the
resources are made of, serve the program (and here the provider's stand-in, where
the engine starts its plugin otherwise), and call the engine once. Standard input
has what it needs, pickled: see ``bench/azure.py``.
"""

import pickle
import subprocess
import sys

from bench.baseline import engine_environment, script
from tenantry.adapters.engine_program import ProgramHost, serve_program
from tenantry.cli.wiring import Wiring
from tenantry.stacks.instance import azure_program
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.clouds import access

if __name__ == "__main__":
    workspace, props, name, state, parallel = pickle.load(sys.stdin.buffer)  # noqa: S301 - the bench wrote it
    wiring = Wiring(workspace)
    azure = wiring.workspace.azure
    assert azure is not None
    clients = Clients(access(azure, private=wiring.workspace.private))
    with (
        wiring.native(clients) as providers,
        serve_program(ProgramHost(azure_program(props), take=lambda _: None)) as client,
    ):
        provider = ",".join(f"{package}:{port}" for package, port in providers.items())
        environment = engine_environment(provider, stack=name, state=state, client=client)
        subprocess.run(["sh", script("up")], env={**environment, "PARALLEL": parallel}, check=True)
