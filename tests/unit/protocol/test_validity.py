"""What was found valid once is not looked at again, and nothing else is let through by that."""

from typing import Any

import pytest
from mcp_types import methods as wire
from pydantic import ValidationError

from snowflake_mcp.protocol import meta as module
from snowflake_mcp.protocol import validity
from snowflake_mcp.protocol.meta import said_by
from tests.support.kernels import with_envelope

VERSION = "2026-07-28"


def check_params(method: str, version: str, params: dict[str, Any]) -> None:
    validity.check_params(method, version, params, said_by(params).meta)


def _call(**changes: Any) -> dict[str, Any]:
    params: dict[str, Any] = with_envelope(name="echo", arguments={"a": 1})
    return {**params, **changes}


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", {})
    monkeypatch.setattr(module, "_NOTHING", module.Said(module.Meta()))


def test_the_same_client_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other arguments and another progress token change nothing; another ``_meta`` does."""
    looked: list[str] = []
    real = wire.validate_client_request

    def look(method: str, version: str, params: dict[str, Any]) -> None:
        looked.append(method)
        real(method, version, params)

    monkeypatch.setattr(wire, "validate_client_request", look)
    params = _call()
    check_params("tools/call", VERSION, params)
    check_params("tools/call", VERSION, _call(arguments={"b": [2]}, name="other"))
    check_params("tools/call", VERSION, _call(_meta={**params["_meta"], "progressToken": 7}))
    assert len(looked) == 1
    check_params("tools/call", VERSION, _call(_meta={**params["_meta"], "x.y/z": 1}))
    check_params("tools/list", VERSION, {"_meta": params["_meta"]})
    check_params("tools/call", VERSION, _call(more=1))
    assert len(looked) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 1},
        {"name": None},
        {"arguments": []},
        {"arguments": "x"},
        {"_meta": []},
        {"_meta": None},
    ],
)
def test_what_is_wrong_stays_wrong(changes: dict[str, Any]) -> None:
    """Also behind a valid request of the same client, and the second time."""
    check_params("tools/call", VERSION, _call())
    for _ in range(2):
        with pytest.raises(ValidationError):
            check_params("tools/call", VERSION, _call(**changes))


def test_a_wrong_token_and_a_wrong_envelope_are_found() -> None:
    """Behind a valid one."""
    params = _call()
    check_params("tools/call", VERSION, params)
    for _ in range(2):
        for member, value in (
            ("progressToken", [1]),
            ("io.modelcontextprotocol/clientInfo", {"name": 1}),
        ):
            with pytest.raises(ValidationError):
                check_params("tools/call", VERSION, _call(_meta={**params["_meta"], member: value}))


def test_each_revision_has_its_own_methods() -> None:
    """Validity in one is none in another."""
    check_params("tools/call", VERSION, _call())
    with pytest.raises(KeyError):
        check_params("resources/subscribe", VERSION, {"uri": "x:y"})


def test_what_is_kept_is_bounded() -> None:
    """A client that says something else of itself each time fills no memory."""
    meta = _call()["_meta"]
    for number in range(1_100):
        check_params("tools/call", VERSION, _call(_meta={**meta, "x.y/z": number}))
    assert len(module._kept) <= 512
    check_params("tools/call", VERSION, _call(_meta={**meta, "x.y/z": "z" * 4_000}))
    assert all(len(encoded) <= 2_048 for encoded in module._kept)
