"""Host names of sites in the sandbox, through azure-mgmt-web: records, bindings, certificates."""

from __future__ import annotations

import socket
import ssl
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.web import WebSiteManagementClient

from tests.azure import arm_types
from tests.support.people import wait_until
from tests.support.sandbox import Sandbox

_REGION, _VERSION = "westeurope", "2025-05-01"


class _Ground:
    """A plan in a group of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.group = f"rg-{uuid.uuid4().hex[:8]}"
        self.group_id = sandbox.make_group(self.group, _REGION)
        self.client = sandbox.client(WebSiteManagementClient)
        body = {"location": _REGION, "sku": {"name": "B1"}, "properties": {"reserved": True}}
        self.plan = self.client.app_service_plans.begin_create_or_update(self.group, "plan", body).result()

    def site(self) -> Any:
        name = f"app-{uuid.uuid4().hex[:10]}"
        body = {"location": _REGION, "properties": {"serverFarmId": self.plan.id}}
        return self.client.web_apps.begin_create_or_update(self.group, name, body).result()

    def host(self, *, leads_to: Any = None) -> str:
        """A new name, whose DNS leads to a site."""
        name = f"{uuid.uuid4().hex[:10]}.example.org"
        if leads_to is not None:
            self.sandbox.dns("add", name, "CNAME", leads_to.properties.default_host_name)
        return name

    def bind(self, site: Any, host: str, **more: str) -> Any:
        body = {"properties": {"siteName": site.name, **more}}
        return self.client.web_apps.create_or_update_host_name_binding(self.group, site.name, host, body)

    def analyze(self, site: Any, host: str) -> Any:
        told = self.client.web_apps.analyze_custom_hostname(self.group, site.name, host_name=host)
        return told.properties

    def certify(self, host: str) -> dict[str, Any]:
        """Have a certificate made, as tenantry's own client does: it follows the operation."""
        path = f"{self.group_id}/providers/Microsoft.Web/certificates/cert-{host}"
        managed = {"serverFarmId": self.plan.id, "canonicalName": host}
        return self.sandbox.arm().put(path, _VERSION, {"location": _REGION, "properties": managed})

    def secured(self) -> tuple[Any, str]:
        """A site with a name that is served with its certificate."""
        site = self.site()
        host = self.host(leads_to=site)
        self.bind(site, host)
        thumbprint = self.certify(host)["properties"]["thumbprint"]
        self.bind(site, host, sslState="SniEnabled", thumbprint=thumbprint)
        return site, host

    def get(self, host: str) -> str:
        context = ssl.create_default_context(cafile=self.sandbox.told["ca_file"])
        with urllib.request.urlopen(f"https://{host}/", timeout=20, context=context) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def ground(sandbox: Sandbox) -> Iterator[_Ground]:
    found = _Ground(sandbox)
    yield found
    found.client.close()


def refusal(error: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str]:
    return error.value.status_code, error.value.message


def test_a_name_whose_dns_says_nothing_is_not_bound(ground: _Ground) -> None:
    site, host = ground.site(), ground.host()
    with pytest.raises(HttpResponseError) as refused:
        ground.bind(site, host)
    wanted = site.properties.custom_domain_verification_id
    status, message = refusal(refused)
    assert (status, f"A TXT record pointing from asuid.{host} to {wanted} was not found." in message) == (
        400,
        True,
    )
    seen = ground.analyze(site, host)
    assert (seen.custom_domain_verification_test, seen.c_name_records) == ("Failed", [])


def test_the_record_of_the_owner_alone_lets_a_name_be_bound_before_it_leads_here(ground: _Ground) -> None:
    site, host = ground.site(), ground.host()
    wanted = site.properties.custom_domain_verification_id
    ground.sandbox.dns("add", f"asuid.{host}", "TXT", wanted)
    seen = ground.analyze(site, host)
    assert (seen.custom_domain_verification_test, seen.txt_records) == ("Passed", [wanted])
    assert ground.bind(site, host).properties.ssl_state == "Disabled"
    with pytest.raises(Exception, match="Certificate creation failed unexpectedly"):
        ground.certify(host)
    with pytest.raises(ResourceNotFoundError):
        ground.client.certificates.get(ground.group, f"cert-{host}")


def test_a_name_that_another_site_has_is_refused_and_told(ground: _Ground) -> None:
    first, second = ground.site(), ground.site()
    host = ground.host(leads_to=first)
    ground.bind(first, host)
    assert ground.analyze(first, host).is_hostname_already_verified is True
    seen = ground.analyze(second, host)
    assert (seen.has_conflict_on_scale_unit, seen.conflicting_app_resource_id) == (True, first.id)
    with pytest.raises(HttpResponseError) as refused:
        ground.bind(second, host)
    assert refusal(refused)[0] == 409


def test_no_certificate_is_made_for_a_name_that_no_site_has(ground: _Ground) -> None:
    with pytest.raises(Exception, match=r"Properties\.CanonicalName is invalid"):
        ground.certify(ground.host(leads_to=ground.site()))


def test_a_certificate_that_is_not_there_is_not_bound(ground: _Ground) -> None:
    site = ground.site()
    host = ground.host(leads_to=site)
    with pytest.raises(HttpResponseError) as refused:
        ground.bind(site, host, sslState="SniEnabled", thumbprint="A" * 40)
    assert refusal(refused)[0] == 404


def test_what_is_told_of_a_name_and_its_certificate_is_what_microsofts_types_have(ground: _Ground) -> None:
    site, host = ground.secured()
    arm = ground.sandbox.arm()
    bound = arm.get(f"{site.id}/hostNameBindings/{host}", _VERSION) or {}
    made = arm.get(f"{ground.group_id}/providers/Microsoft.Web/certificates/cert-{host}", _VERSION) or {}
    assert arm_types.faults("azure-native:web:WebAppHostNameBinding", bound, answer=True) == []
    assert arm_types.faults("azure-native:web:Certificate", made, answer=True) == []


def test_a_bound_name_is_served_with_its_certificate_and_an_unbound_one_with_none(ground: _Ground) -> None:
    site, host = ground.secured()
    assert "waiting for your content" in ground.get(host)
    shown = ground.client.web_apps.get(ground.group, site.name).properties
    told = {one.name: one for one in shown.host_name_ssl_states}
    made = ground.client.certificates.get(ground.group, f"cert-{host}").properties
    assert (told[host].ssl_state, told[host].thumbprint) == ("SniEnabled", made.thumbprint)
    other = ground.host(leads_to=site)
    with pytest.raises(OSError, match="certificate"):
        ground.get(other)


def test_a_certificate_in_use_stays_and_a_deleted_site_frees_its_names(ground: _Ground) -> None:
    site, host = ground.secured()
    with pytest.raises(HttpResponseError) as refused:
        ground.client.certificates.delete(ground.group, f"cert-{host}")
    assert refusal(refused)[0] == 409
    ground.client.web_apps.delete(ground.group, site.name, delete_empty_server_farm=False)
    ground.client.certificates.delete(ground.group, f"cert-{host}")
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(host, 443)


def test_a_certificate_is_renewed_before_its_end_and_the_name_is_served_with_the_new_one(
    ground: _Ground,
) -> None:
    site, host = ground.secured()
    before = ground.client.certificates.get(ground.group, f"cert-{host}").properties
    ground.sandbox.faults("time", "+140d")
    after = ground.client.certificates.get(ground.group, f"cert-{host}").properties
    assert after.thumbprint != before.thumbprint
    assert after.expiration_date > before.expiration_date
    bound = ground.client.web_apps.get_host_name_binding(ground.group, site.name, host).properties
    assert bound.thumbprint == after.thumbprint
    wait_until(lambda: "waiting for your content" in ground.get(host))


def test_a_record_that_was_taken_away_is_not_seen_any_more(ground: _Ground) -> None:
    site = ground.site()
    host = ground.host(leads_to=site)
    assert ground.analyze(site, host).custom_domain_verification_test == "Passed"
    assert ground.sandbox.dns("remove", host, "CNAME")["records"] == ground.sandbox.dns("list")["records"]
    assert ground.analyze(site, host).custom_domain_verification_test == "Failed"


def test_beside_a_cname_a_name_has_no_other_record(ground: _Ground) -> None:
    host = ground.host(leads_to=ground.site())
    with pytest.raises(AssertionError, match="has a record of another type"):
        ground.sandbox.dns("add", host, "TXT", "anything")
