"""``python -m tenantry`` is the command line."""

from tenantry.cli.app import main

main()
