"""The properties of the blob service over HTTPS: retention is Resource Manager's, the rest Azurite's."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from typing import Any

from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.planes.blob_passing import Passing
from tenantry.sandbox.planes.blob_wire import Answer, blob_error

__all__ = ["answer_properties"]

_POLICY, _ARM = "DeleteRetentionPolicy", "deleteRetentionPolicy"
_LARGEST = 64 * 1024
_DAYS = range(1, 366)


def answer_properties(request: Passing) -> Answer:
    """Answer for what the service, or the account, is told to be."""
    target = request.target
    if target.query.get("restype", "").lower() == "account":
        told = request.on()
        if told.good:
            told.put("x-ms-sku-name", str((request.account.body.get("sku") or {}).get("name")))
            told.put("x-ms-account-kind", str(request.account.body.get("kind")))
        return told
    if target.method == "PUT":
        return _set(request)
    told = request.on()
    if told.good and target.method == "GET":
        root = ET.fromstring(told.whole())  # noqa: S314 - our own process wrote it
        _write(root, _policy(request))
        told.content = bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
    return told


def _set(request: Passing) -> Answer:
    content = bytearray()
    for piece in request.body:
        content += piece
        if len(content) > _LARGEST:
            raise blob_error(413, "RequestBodyTooLarge", "The request body is too large.")
    told = dataclasses.replace(request, body=iter((bytes(content),))).on()
    if told.good:
        _keep(request, bytes(content))
    return told


def _keep(request: Passing, content: bytes) -> None:
    """Take a retention that was set here over to Resource Manager."""
    found = ET.fromstring(content).find(_POLICY)  # noqa: S314 - Azurite took it, entities and all
    service = request.cloud.find(f"{request.account.id}/blobServices/default")
    if found is None or service is None:
        return
    enabled = (found.findtext("Enabled") or "").lower() == "true"
    policy: dict[str, Any] = {**(service.properties.get(_ARM) or {}), "enabled": enabled}
    policy.pop("days", None)
    if enabled:
        days = int(found.findtext("Days") or 0)
        if days not in _DAYS:
            raise ArmFault(400, "InvalidXmlNodeValue", "Days must be between 1 and 365.")
        policy["days"] = days
    service.properties[_ARM] = policy
    request.cloud.save(service)


def _policy(request: Passing) -> dict[str, Any]:
    service = request.cloud.find(f"{request.account.id}/blobServices/default")
    return dict((service.properties if service else {}).get(_ARM) or {})


def _write(root: ET.Element, policy: dict[str, Any]) -> None:
    for one in root.findall(_POLICY):
        root.remove(one)
    element = ET.SubElement(root, _POLICY)
    ET.SubElement(element, "Enabled").text = str(bool(policy.get("enabled"))).lower()
    if policy.get("enabled"):
        ET.SubElement(element, "Days").text = str(policy.get("days"))
