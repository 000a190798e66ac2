"""The stages of a host name under the real engine: what is asked for, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tenantry.adapters.engine import Engine
from tenantry.components.azure.props import AzureProps, Binding
from tenantry.sandbox.native.provider import serve
from tenantry.stacks.instance import azure_program
from tests.azure import arm_types
from tests.azure.components.running import engine_at
from tests.azure.recording import THUMBPRINT, RecordingManager, example_props, token_of

_HOST = "kenya.example.org"


class _Stack:
    """One instance's stack, against a Resource Manager in memory."""

    def __init__(self, engine: Engine, manager: RecordingManager, props: AzureProps) -> None:
        self.engine = engine
        self.manager = manager
        self.props = props

    def up(self, binding: Binding, **more: Any) -> dict[str, dict[str, Any]]:
        """Declare a stage; return the bodies that were sent for it, by the type's last word."""
        self.manager.sent.clear()
        self.manager.deleted.clear()
        program = azure_program(replace(self.props, binding=binding, **more))
        self.engine.up("one", program, passphrase="a passphrase of tests")
        return {token_of(path).rpartition(":")[2]: body for path, body in self.manager.sent.items()}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Stack]:
    folder, manager = tmp_path_factory.mktemp("names"), RecordingManager()
    ids = {"subscription_id": "11111111-1111-1111-1111-111111111111", "directory_id": "d"}
    with serve(manager, lambda _: manager, client_id="c", object_id="o", **ids) as port:
        engine = engine_at(folder, port)
        props = example_props(folder / "w", hostname=_HOST)
        made = _Stack(engine, manager, props)
        made.up(Binding.NONE)
        yield made


def test_a_name_is_bound_certified_and_secured_by_changes_of_itself_and_of_what_tells_the_url(
    stack: _Stack,
) -> None:
    assert list(stack.up(Binding.CERTIFIED)) == ["WebAppHostNameBinding", "Certificate"], "in this order"
    second = stack.up(Binding.SECURED)
    assert sorted(second) == ["WebAppApplicationSettings", "WebAppHostNameBinding", "WebTest"]
    bound = second["WebAppHostNameBinding"]["properties"]
    assert (bound["sslState"], bound["thumbprint"]) == ("SniEnabled", THUMBPRINT)
    assert _HOST in str(second["WebTest"])
    assert f"https://{_HOST}" in second["WebAppApplicationSettings"]["properties"].values()
    assert stack.up(Binding.SECURED) == {}


def test_every_body_of_every_stage_is_one_that_microsofts_own_types_have(stack: _Stack) -> None:
    stack.up(Binding.NONE)
    bodies = [
        (name, body)
        for stage in (Binding.CERTIFIED, Binding.SECURED)
        for name, body in stack.up(stage).items()
        if name in {"Certificate", "WebAppHostNameBinding"}
    ]
    assert len(bodies) == 3
    assert [arm_types.faults(f"azure-native:web:{name}", body) for name, body in bodies] == [[], [], []]


def test_a_name_that_is_asked_for_no_more_is_unbound_before_its_certificate_goes(stack: _Stack) -> None:
    stack.up(Binding.CERTIFIED)
    stack.up(Binding.SECURED)
    stack.up(Binding.NONE, hostname="another.example.org")
    gone = [token_of(path).rpartition(":")[2] for path in stack.manager.deleted]
    assert gone == ["WebAppHostNameBinding", "Certificate"]
