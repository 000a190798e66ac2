"""Writes new files for people: commented, and in the words that the reader knows."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["new_spec_text", "new_workspace_text", "quote"]


def quote(text: str) -> str:
    """Return text as a YAML value in double quotes, whatever is in it."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


_ON_A_HOST = """\
# limits:  # where they differ from the size's
#   memory_mib: 1024
#   cpu_percent: 100  # of one core
#   disk_gib: 2
#   connections: 30  # to the database

# tls:
#   mode: own-ca  # or acme, or files with certificate_file and key_file

# backups:
#   keep_full: 4
#   keep_snapshots: 14
#   max_age_hours: 26  # older than this, health says so
#   archive_timeout_seconds: 60  # the most that can be lost
"""
_ON_AZURE = """
# backups:
#   max_age_hours: 26  # older than this, health says so
"""
_ENCRYPTION = "# encryption_required: true  # refuse a host that cannot encrypt the data folder\n\n"


def new_spec_text(
    *,
    name: str,
    client: str,
    country: str,
    contact: str,
    profile: str,
    hostname: str = "",
    agreement: str = "",
    languages: str | Sequence[str] = ("en",),
    recipient_key: str = "",
    target: str = "host",
    region: str = "",
    size: str = "small",
) -> str:
    """Return the text of a new spec. Nothing is checked: parse_spec does that.

    ``languages`` may be one text, as people type it: "fr, pt-BR".
    """
    tags = languages.replace(",", " ").split() if isinstance(languages, str) else languages
    spoken = ", ".join(quote(tag) for tag in tags)
    placed = f"target: {target}" + (f"\nazure:\n  region: {quote(region)}" if region else "")
    named = quote(hostname) if hostname else f"{name}.example.org  # without it, the name that Azure gives"
    return f"""\
# One instance. Check it with: tenantry spec validate {name}
# All keys and their meaning: tenantry spec schema
tenantry: 1
name: {quote(name)}

client:
  name: {quote(client)}
  country: {quote(country)}  # ISO 3166-1 alpha-2
  contact: {quote(contact)}
{_optional("agreement", agreement, "DPA-2026-001", "reference of the data processing agreement")}
  languages: [{spoken}]  # BCP 47, the main one first
{_optional("recipient_key", recipient_key, "age1…", "exports for the client are encrypted to this key")}

{placed}
profile: {quote(profile)}
{"" if hostname else "# "}hostname: {named}

size: {size}  # small, medium or large
{_ON_AZURE if target == "azure" else _ON_A_HOST}
# logs:
#   retention_days: 90

# settings:  # values for the profile's variables of class client; secrets go to: tenantry credentials set
#   NAME: "value"

{"" if target == "azure" else _ENCRYPTION}# residency:  # where data may lie; what would leave it is refused
#   countries: [EU]  # ISO 3166-1 alpha-2, EU, EEA or EU-DATA-BOUNDARY
"""


def _optional(key: str, value: str, example: str, meaning: str) -> str:
    if value:
        return f"  {key}: {quote(value)}  # {meaning}"
    return f'  # {key}: "{example}"  # {meaning}'


def new_workspace_text(
    *,
    organisation: str,
    contact: str,
    host_name: str = "",
    root: str = "",
    runtime: str = "",
    master_key_file: str = "",
) -> str:
    """Return the text of a new tenantry.yaml. Nothing is checked: load_workspace does that."""
    return f"""\
# A workspace: the settings that all its instances share. Keys and their meaning: docs/reference/workspace.md
tenantry: 1

organisation:
  name: {quote(organisation)}
  contact: {quote(contact)}

{_host(host_name, root, runtime)}

{_AZURE}
# Where the register is; a PostgreSQL database lets several machines share it.
# register: "sqlite:///.tenantry/register.db"

# The key that unlocks every instance's secrets. Keep a copy elsewhere.
{_line("master_key_file", master_key_file, "/etc/tenantry/master.key")}

# Values of variables of class organisation, the same for every instance. No secrets.
# settings:
#   NAME: "value"

# Further folders with workload profiles, beside profiles/.
# profiles: ["../profiles"]
"""


_AZURE = """\
# Where instances with target: azure live, and as whom they are worked on.
# azure:
#   cloud: public  # or government, china; sandbox, an Azure on this machine, needs no more
#   subscription: "00000000-0000-0000-0000-000000000000"
#   directory: "00000000-0000-0000-0000-000000000000"
#   credential: cli  # whoever did az login; or workload-identity, certificate, secret, managed-identity
#   emails: ["alerts@example.org"]
#   webhook: "https://alerts.example.org/hook"
#   monthly_budget: 200  # in the subscription's currency; from it on Azure tells
"""


def _line(key: str, value: str, example: str, *, indent: str = "") -> str:
    return f"{indent}{key}: {quote(value)}" if value else f'# {indent}{key}: "{example}"'


def _host(name: str, root: str, runtime: str) -> str:
    head = "host:" if name or root or runtime else "# host:"
    lines = [
        head,
        _line("name", name, "host-1", indent="  ")
        + "  # this machine in the register; do not change it later",
        _line("root", root, "/var/lib/tenantry", indent="  "),
        _line("runtime", runtime, "/run/tenantry", indent="  ") + "  # on tmpfs: secrets and sockets",
        '#   country: "NL"  # where this machine stands; a residency asks for it',
        '#   bind: "127.0.0.1"  # address that the proxy listens on',
        "#   https_port: 443",
        "#   http_port: 80",
    ]
    return "\n".join(lines)
