"""What was found valid once is not looked at again, and nothing else is let through by that."""

from typing import Any

import pytest

from snowflake_mcp.protocol import meta as module
from snowflake_mcp.protocol import shapes, validity
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.meta import said_by
from tests.support.kernels import with_envelope

VERSION = "2026-07-28"


def check_params(method: str, version: str, params: dict[str, Any]) -> None:
    validity.load_types()
    assert validity.check_params(method, version, params, said_by(params).meta)


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
    real = shapes.fits

    def look(method: str, version: str, params: dict[str, Any]) -> bool:
        looked.append(method)
        return real(method, version, params)

    monkeypatch.setattr(validity, "fits", look)
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
        with pytest.raises(McpError):
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
            with pytest.raises(McpError):
                check_params("tools/call", VERSION, _call(_meta={**params["_meta"], member: value}))


def test_the_sentence_is_the_sdks() -> None:
    """It names the member, and says nothing of its value."""
    with pytest.raises(McpError) as refused:
        check_params("tools/call", VERSION, _call(name=8_151))
    assert refused.value.code == INVALID_PARAMS
    said = "Invalid params: params.name: Input should be a valid string"
    assert refused.value.message == said


def test_what_only_the_sdk_takes_is_taken() -> None:
    """The shapes are stricter than its types, which judge what does not fit."""
    params = _call(inputResponses={"q": {"roots": [{"uri": "file:///a"}]}})
    assert not shapes.fits("tools/call", VERSION, params)
    check_params("tools/call", VERSION, params)


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
