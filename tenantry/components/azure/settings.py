"""From the variables of a profile to the settings of a site: secrets are references, never values."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry.components.azure.props import APP_PASSWORD, APP_ROLE, AzureProps
from tenantry.errors import SpecError
from tenantry.model.azure_names import secret_name
from tenantry.model.profile import Service, Variable, VariableClass

__all__ = ["CACHE_PORT", "DATABASE_PORT", "SiteSettings", "folder_path", "site_settings"]

CACHE_PORT, DATABASE_PORT = "10000", "5432"
_SECRET = frozenset({VariableClass.GENERATED, VariableClass.GENERATED_ONCE, VariableClass.SECRET})
# Derived values that hold a secret, whatever the profile says of them.
_SECRET_SOURCES = frozenset({"database.password", "database.url"})
# Only outputs of resources tell these; the components add them: the first through the vault.
_TOLD_IN_SECRET = frozenset({"blobs.connection_string", "monitoring.connection_string", "cache.password"})
_TOLD = frozenset({"cache.host", "email.identity", "portal.url"})


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """What a site is told."""

    plain: Mapping[str, str]
    secret: Mapping[str, str] = field(repr=False)  # variable → value; goes into the vault
    told: Mapping[str, str]  # variable → the source that a resource tells
    told_in_secret: Mapping[str, str]  # the same, of values for the vault

    def references(self, props: AzureProps) -> dict[str, str]:
        """Return the settings as App Service gets them."""
        vault = props.vault_uri(props.names.secrets_vault)
        found = {
            name: f"@Microsoft.KeyVault(SecretUri={vault}secrets/{secret_name(name)})"
            for name in (*self.secret, *self.told_in_secret)
        }
        return {**self.plain, **found}


def folder_path(name: str) -> str:
    """Return where a folder of the profile lies, as the workload sees it; /home outlives every start."""
    return f"/home/data/{name}"


def site_settings(props: AzureProps) -> SiteSettings:
    """Return a value for each variable that has one."""
    known = _derived(props)
    plain: dict[str, str] = {}
    secret: dict[str, str] = {}
    for variable in props.profile.variables:
        value = _value(variable, props, known)
        if value:
            hidden = variable.cls in _SECRET or variable.sensitive or variable.source in _SECRET_SOURCES
            (secret if hidden else plain)[variable.name] = value
    plain["SCM_DO_BUILD_DURING_DEPLOYMENT"] = "false"  # a package is ready to run
    plain["WEBSITE_RUN_FROM_PACKAGE"] = "0"
    return SiteSettings(
        plain=plain, secret=secret, told=_of(props, _TOLD), told_in_secret=_of(props, _TOLD_IN_SECRET)
    )


def _of(props: AzureProps, sources: frozenset[str]) -> dict[str, str]:
    return {one.name: one.source for one in props.profile.variables if one.source in sources}


def _value(variable: Variable, props: AzureProps, known: Mapping[str, str]) -> str:
    match variable.cls:
        case VariableClass.GENERATED | VariableClass.GENERATED_ONCE | VariableClass.SECRET:
            return props.secrets.get(variable.name, "")
        case VariableClass.DERIVED:
            return _source(variable, known)
        case _:
            return props.settings.get(variable.name, "")


def _source(variable: Variable, known: Mapping[str, str]) -> str:
    if variable.source in known:
        return known[variable.source]
    if variable.source in _TOLD | _TOLD_IN_SECRET:
        return ""
    raise SpecError(
        f"{variable.name} is derived from {variable.source}, which an instance on Azure does not have",
        hint="use another source in the workload profile",
        code="no-such-source",
    )


def _derived(props: AzureProps) -> dict[str, str]:
    found = {
        "instance.name": props.instance,
        "instance.url": props.url,
        "instance.hostname": props.public_host,
        "profile.version": props.version,
        "port": "",  # App Service gives it
        **{f"folder.{one.name}": folder_path(one.name) for one in props.profile.folders},
    }
    if props.needs(Service.CACHE):
        found |= {"cache.port": CACHE_PORT, "cache.prefix": f"{props.instance}:"}
    if props.needs(Service.BLOBS):
        found |= {"blobs.url": props.blobs_url, "blobs.container": next(iter(props.profile.containers), "")}
    if props.needs(Service.DATABASE):
        password, ca_file = props.secrets[APP_PASSWORD], props.database_ca_file
        quoted = urllib.parse.quote(password, safe="")
        where = f"{props.server_host}:{DATABASE_PORT}/{props.names.database}"
        found |= {
            "database.host": props.server_host,
            "database.port": DATABASE_PORT,
            "database.name": props.names.database,
            "database.user": APP_ROLE,
            "database.password": password,
            "database.ca_file": ca_file,
            "database.url": f"postgresql://{APP_ROLE}:{quoted}@{where}?sslmode=verify-full&sslrootcert={ca_file}",
        }
    return found
