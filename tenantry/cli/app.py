"""The command line: ``tenantry NOUN VERB``.

Nothing heavy is imported here: every command imports what it needs when it
runs, and a test holds it.
"""

from __future__ import annotations

import gc
import sys

import typer

from tenantry.cli.commands import (
    backup,
    blob,
    credentials,
    erase,
    host,
    instance,
    journal,
    operation,
    profile,
    region,
    sandbox,
    spec,
    tick,
    workspace,
)
from tenantry.cli.run import main_guard

__all__ = ["app", "main"]

# New objects after which garbage is looked for, instead of 700: what a command imports is
# kept, and looking through it again and again would cost a tenth of a short command.
_GARBAGE_AFTER = 20_000

app = typer.Typer(
    name="tenantry",
    help="Isolated instances of a web platform, one per client, from creation to proven erasure.",
    epilog="Exit codes: 0 done, 1 the answer is no, 2 usage, 65 bad input, 69 unavailable, "
    "70 our defect, 75 busy, 77 refused.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
)
workspace.register(app)
tick.register(app)
app.add_typer(spec.app, name="spec")
app.add_typer(profile.app, name="profile")
app.add_typer(region.app, name="region")
app.add_typer(instance.app, name="instance")
app.add_typer(credentials.app, name="credentials")
app.add_typer(backup.app, name="backup")
app.add_typer(blob.app, name="blob")
app.add_typer(erase.app, name="erase")
app.add_typer(operation.app, name="operation")
app.add_typer(journal.app, name="journal")
app.add_typer(host.app, name="host")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(_GARBAGE_AFTER)
    code = main_guard(app, sys.argv[1:])
    gc.freeze()  # the end of the process frees all; to look through it first took a deploy a second
    sys.exit(code)


if __name__ == "__main__":
    main()
