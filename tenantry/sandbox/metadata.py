"""The metadata of the cloud: where its services are, for clients that are given one URL."""

from __future__ import annotations

from typing import Any

from tenantry.sandbox.settings import Identity

__all__ = ["metadata"]


def metadata(identity: Identity, version: str) -> Any:
    """Return what ``/metadata/endpoints`` answers: an object of one cloud, or of old a list of clouds."""
    if version.startswith("2015"):
        return {
            "galleryEndpoint": "",
            "graphEndpoint": identity.graph,
            "portalEndpoint": "",
            "authentication": {"loginEndpoint": identity.login, "audiences": [identity.arm]},
        }
    cloud = _cloud(identity)
    return [cloud] if version.startswith(("2018", "2019", "2020")) else cloud


def _cloud(identity: Identity) -> dict[str, Any]:
    port = "" if identity.port == 443 else f":{identity.port}"  # noqa: PLR2004 - HTTPS
    end = identity.suffix + port
    return {
        "name": "TenantrySandbox",
        "portal": "",
        "authentication": {
            "loginEndpoint": identity.login,
            "audiences": [identity.arm, identity.arm + "/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": identity.arm,
        "media": "",
        "graph": identity.graph,
        "graphAudience": identity.graph,
        "microsoftGraphResourceId": identity.graph + "/",
        "activeDirectory": identity.login,
        "activeDirectoryDataLake": "",
        "batch": "",
        "sqlManagement": identity.arm,
        "gallery": "",
        "vmImageAliasDoc": "",
        "logAnalyticsResourceId": f"https://api.loganalytics.{end}",
        "appInsightsResourceId": f"https://api.applicationinsights.{end}",
        "ossrDbmsResourceId": f"https://ossrdbms-aad.{end}",
        "suffixes": {
            "storage": f"core.{end}",
            "keyVaultDns": f"vault.{end}",
            "postgresqlServerEndpoint": f"postgres.database.{identity.suffix}",
            "sqlServerHostname": f"database.{identity.suffix}",
            "mysqlServerEndpoint": f"mysql.database.{identity.suffix}",
            "mariadbServerEndpoint": f"mariadb.database.{identity.suffix}",
            "azureDataLakeStoreFileSystem": f"azuredatalakestore.{identity.suffix}",
            "acrLoginServer": f"azurecr.{identity.suffix}",
            "storageSyncEndpointSuffix": f"afs.{identity.suffix}",
            "mhsmDns": f"managedhsm.{end}",
            "attestationEndpoint": f"attest.{end}",
            "synapseAnalytics": f"dev.azuresynapse.{end}",
        },
    }
