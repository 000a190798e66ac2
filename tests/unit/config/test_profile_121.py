"""The profile of the 121 Platform against the table of its variables, both ways.

The table is read as it was written for people, shorthand and all, so that the
profile is compared with the source and not with a second copy of itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenantry.config import profile as module
from tenantry.config.profile import is_required, read_profile
from tenantry.model.profile import Service, ValueForm, Variable, VariableClass

TABLE = Path(__file__).parents[2] / "data" / "workload-121-variables.md"
PROFILE = read_profile(Path(module.__file__).parents[1] / "profiles" / "121-platform.yaml")
VARIABLES = {variable.name: variable for variable in PROFILE.variables}

C, O, D, F = (  # noqa: E741 - the letters of the table
    VariableClass.CLIENT,
    VariableClass.ORGANISATION,
    VariableClass.DERIVED,
    VariableClass.FIXED,
)
G, ONCE, S = VariableClass.GENERATED, VariableClass.GENERATED_ONCE, VariableClass.SECRET

CLASSES = {
    "D/O, icon C": {D, O},
    "D": {D},
    "O": {O},
    "S G": {G, D},  # the database's password is generated for its role, and derived from that
    "S D": {D},
    "S G, 42+ chars": {G},
    "G once, **never rotate**": {ONCE},
    "seeds/tests; leave empty": {F},
    "C/O": {C, O},
    "O, D": {O, D},
    "D, sensitive": {D},
    "per-client flags": {C},
    "C": {C},
}
SHORTHAND = {
    "GENERIC_/HIGH_THROTTLING_LIMIT/_TTL": [
        f"{level}_THROTTLING_{what}" for level in ("GENERIC", "HIGH") for what in ("LIMIT", "TTL")
    ],
    "PASSWORD_TESTING": ["USERCONFIG_121_SERVICE_PASSWORD_TESTING"],
}
TWO_PREFIXES = "USERCONFIG_121_SERVICE_EMAIL_/PASSWORD_"
FSPS = (
    "AIRTEL",
    "COMMERCIAL_BANK_ETHIOPIA",
    "COOPERATIVE_BANK_OF_OROMIA",
    "MTN",
    "NEDBANK",
    "ONAFRIQ",
    "SAFARICOM",
)


@dataclass(frozen=True)
class Row:
    name: str
    classes: frozenset[VariableClass]
    cell: str
    starred: bool


def rows() -> Iterator[Row]:
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3 and cells[2].rstrip("|").strip() in CLASSES:
            cell = cells[2].rstrip("|").strip()
            for name, secret, starred in names(cells[1]):
                classes = {S} if secret else {C} if name == "ENV_ICON" else CLASSES[cell]
                if name == "NEDBANK_CERTIFICATE_PASSWORD":
                    classes = {F}  # the table says: forbidden in production
                yield Row(name, frozenset(classes), cell, starred)
    for fsp in FSPS:  # "each with _MODE"
        yield Row(f"{fsp}_MODE", frozenset({C}), "C", starred=False)


def names(cell: str) -> Iterator[tuple[str, bool, bool]]:
    """Yield (name, is secret, is starred) for each variable of a cell."""
    text = re.sub(r"(\w+_)\(([^():]*)(?::[^)]*)?\)", _spread, cell)
    text = text.replace("(CERTIFICATE_PASSWORD forbidden in production)", ", CERTIFICATE_PASSWORD")
    text = re.sub(r"\([^)]*\)", "", text)
    prefixes, stem = [""], ""
    for match in re.finditer(r"`([^`]+)`(\*?)( \*\*S\*\*)?|\*\*([A-Z0-9_]+)\*\*|\b([A-Z][A-Z0-9_]+)\b", text):
        ticked, star, marked, bold, bare = match.groups()
        if ticked == TWO_PREFIXES:
            prefixes = ["USERCONFIG_121_SERVICE_EMAIL_", "USERCONFIG_121_SERVICE_PASSWORD_"]
        elif ticked and ticked.endswith("_"):
            prefixes = [stem + ticked if ticked.startswith("_") else ticked]
        elif ticked:
            for name in SHORTHAND.get(ticked, [stem + ticked if ticked.startswith("_") else ticked]):
                stem = stem if ticked.startswith("_") else name.split("_")[0]
                yield name, bool(marked), bool(star)
        else:
            for prefix in prefixes:
                yield prefix + (bold or bare), bool(bold), False


def _spread(match: re.Match[str]) -> str:
    parts = [part.strip() for part in match[2].split(",")]
    return ", ".join(
        f"**{match[1]}{part.strip('*')}**" if part.startswith("**") else match[1] + part for part in parts
    )


ROWS = {row.name: row for row in rows()}


def test_the_table_is_read_whole() -> None:
    assert len(ROWS) > 130
    assert {"REDIS_PREFIX", "TWILIO_AUTHTOKEN", "ONAFRIQ_SFTP_PASSPHRASE", "CRON_MTN_RECONCILIATION"} <= set(
        ROWS
    )


def test_every_variable_of_the_table_is_in_the_profile() -> None:
    assert set(ROWS) - set(VARIABLES) == set()


def test_every_variable_of_the_profile_is_in_the_table() -> None:
    assert set(VARIABLES) - set(ROWS) == set()


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(VARIABLES)))
def test_a_variable_has_the_class_of_the_table(name: str) -> None:
    assert VARIABLES[name].cls in ROWS[name].classes


def in_cell(cell: str) -> list[Variable]:
    return [VARIABLES[name] for name, row in ROWS.items() if row.cell == cell and name in VARIABLES]


def test_what_the_table_calls_secret_and_derived_is_sensitive() -> None:
    assert all(variable.sensitive for cell in ("S D", "D, sensitive") for variable in in_cell(cell))
    assert all(v.sensitive or v.cls is G for v in in_cell("S G"))


def test_generated_secrets_have_42_characters_or_more() -> None:
    assert all(variable.length >= 42 for variable in in_cell("S G, 42+ chars"))


def test_the_name_space_of_ids_is_a_uuid_that_never_changes() -> None:
    variable = VARIABLES["UUID_NAMESPACE"]
    assert (variable.cls, variable.form, variable.required) == (ONCE, ValueForm.UUID, True)


def test_accounts_of_seeds_stay_empty() -> None:
    assert all(variable.value == "" for variable in in_cell("seeds/tests; leave empty"))


def test_a_start_fails_without_what_the_table_stars() -> None:
    starred = [VARIABLES[name] for name, row in ROWS.items() if row.starred]
    assert len(starred) > 15
    assert [variable.name for variable in starred if not is_required(variable, {})] == []


def test_a_disabled_provider_asks_for_nothing_and_an_external_one_for_its_secrets() -> None:
    secrets = [variable for variable in PROFILE.variables if variable.cls is S]
    assert not any(is_required(variable, {}) for variable in secrets)
    external = {f"{fsp}_MODE": "EXTERNAL" for fsp in (*FSPS, "TWILIO", "INTERSOLVE")}
    assert all(is_required(variable, external) for variable in secrets)


def test_it_needs_services_that_not_every_target_has() -> None:
    assert PROFILE.services == {
        Service.DATABASE,
        Service.CACHE,
        Service.BLOBS,
        Service.PORTAL,
        Service.EMAIL,
    }


def test_no_secret_stands_in_the_command_of_the_bootstrap() -> None:
    assert PROFILE.bootstrap is not None
    assert "process.env.RESET_SECRET" in PROFILE.bootstrap.command[-1]
