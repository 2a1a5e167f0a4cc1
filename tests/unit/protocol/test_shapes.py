"""The written-out shapes let nothing through that the SDK's types refuse."""

import types
import typing
from collections.abc import Iterator
from typing import Any

import mcp_types
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types import methods as wire
from mcp_types import version as sdk
from pydantic import BaseModel

from snowflake_mcp.protocol import eras, inputs, metakeys
from snowflake_mcp.protocol.shapes import METHODS, fits

CURRENT = [
    (method, version)
    for method, version in wire.CLIENT_REQUESTS
    if version in (eras.LATEST_HANDSHAKE, eras.LATEST_STATELESS)
]
"""The SDK has one set of types for each era."""
RESPONSES = "inputResponses"

ODD: list[Any] = [
    *(None, True, False, 0, 7, -1, 10**30, 0.5, 1.0, 1e300),
    *("", "7", "true", "debug", "light", "accept", "ref/prompt", "ref/resource"),
    *([], [None], ["a"], [7], [{}], {}, {"a": None}, {"a": "b"}, {"a": 7}, {"a": {}}, {"a": []}),
]
JSON = st.sampled_from(ODD)


def test_constants_are_those_of_the_sdk() -> None:
    """Reading them there would load all its types."""
    assert eras.KNOWN == sdk.KNOWN_PROTOCOL_VERSIONS
    assert eras.HANDSHAKE == sdk.HANDSHAKE_PROTOCOL_VERSIONS
    assert eras.STATELESS == sdk.MODERN_PROTOCOL_VERSIONS
    assert inputs.ASKING_METHODS == wire.INPUT_REQUIRED_METHODS
    for name in metakeys.__all__:
        assert getattr(metakeys, name) == getattr(mcp_types, name)


@pytest.mark.parametrize("version", [*eras.KNOWN, "1999-01-01"])
def test_versions_compare_as_in_the_sdk(version: str) -> None:
    """An unknown one is older than any."""
    for other in eras.KNOWN:
        assert eras.is_version_at_least(version, other) == sdk.is_version_at_least(version, other)
    with pytest.raises(ValueError, match="not in tuple"):
        eras.is_version_at_least("2025-11-25", "1999-01-01")


def test_every_revision_has_its_methods() -> None:
    """No more and no fewer than in the SDK's table."""
    ours = {(method, version) for version, methods in METHODS.items() for method in methods}
    assert ours == set(wire.CLIENT_REQUESTS)


@pytest.mark.parametrize(("method", "version"), CURRENT)
def test_shapes_have_every_member(method: str, version: str) -> None:
    """A member that a later SDK adds is seen here: what is not named would pass unseen."""
    _compare(_params(method, version), METHODS[version][method], f"{method} {version}")


def _params(method: str, version: str) -> Any:
    return wire.CLIENT_REQUESTS[method, version].model_fields["params"].annotation


def _compare(theirs: Any, ours: Any, where: str) -> None:
    models = [arm for arm in _arms(theirs) if _is_model(arm)]
    structs = [arm for arm in _arms(ours) if isinstance(arm, type) and _is_struct(arm)]
    assert len(models) == len(structs), where
    for model, struct in zip(models, structs, strict=True):
        members = {field.alias or name: field for name, field in model.model_fields.items()}
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        tag = msgspec.inspect.type_info(struct).tag_field  # type: ignore[attr-defined]  # a struct's
        assert set(members) == {*fields, *([tag] if tag else [])}, where
        for name, field in fields.items():
            required = field.required
            assert required or not members[name].is_required(), f"{where}: {name}"
            theirs = members[name].annotation
            if name == RESPONSES:
                _compare(_answer(theirs), _values(field.type), f"{where}: {name}")
            else:
                _compare(theirs, field.type, f"{where}: {name}")


def _values(annotation: Any) -> Any:
    """Those of an optional dictionary."""
    (members, _) = typing.get_args(annotation)
    return typing.get_args(members)[1]


def _answer(annotation: Any) -> Any:
    """The only one of the answers that has a shape; the others are left to the SDK."""
    (answer,) = [arm for arm in _arms(_values(annotation)) if "action" in arm.model_fields]
    return answer


def _arms(annotation: Any) -> list[Any]:
    """The types in a union, and in lists; a plain type is its own."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list):
        return [arm for each in typing.get_args(annotation) for arm in _arms(each)]
    return [annotation]


def _is_model(arm: Any) -> bool:
    return isinstance(arm, type) and issubclass(arm, BaseModel)


def _is_struct(arm: type) -> bool:
    return issubclass(arm, msgspec.Struct)


def _value(annotation: Any) -> st.SearchStrategy[Any]:
    """What fits the annotation."""
    if _is_model(annotation):
        return _object(annotation)
    origin, within = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_value(arm) for arm in within])
    if origin is typing.Literal:
        return st.sampled_from(within)
    if origin is list:
        return st.lists(_value(within[0]), min_size=1, max_size=2)
    if origin is dict:
        return st.dictionaries(
            st.sampled_from(["a", "x.y/z"]), _value(within[1]), min_size=1, max_size=2
        )
    if annotation is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.from_type(annotation) if annotation in (str, int, bool, types.NoneType) else JSON


def _object(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    needed: dict[str, Any] = {}
    more: dict[str, Any] = {"beyond": JSON}
    for name, field in model.model_fields.items():
        into = needed if field.is_required() else more
        if field.alias == RESPONSES:
            answers = st.dictionaries(st.just("q"), _value(_answer(field.annotation)), min_size=1)
            into[field.alias] = st.none() | answers
        else:
            into[field.alias or name] = _value(field.annotation)
    return st.fixed_dictionaries(needed, optional=more)


def _spoiled(value: Any) -> Iterator[Any]:
    """The value with one thing in it, at any depth, left out or replaced by something odd."""
    yield from ODD
    if isinstance(value, dict):
        for key, member in value.items():
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: odd} for odd in _spoiled(member))
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from ([*value[:place], odd, *value[place + 1 :]] for odd in _spoiled(member))


@pytest.mark.parametrize(("method", "version"), CURRENT)
def test_what_fits_here_fits_there(method: str, version: str) -> None:
    """What is plain needs no SDK, and of what is spoiled nothing passes that the SDK refuses."""
    (model, *_) = [arm for arm in _arms(_params(method, version)) if _is_model(arm)]

    @settings(max_examples=30, deadline=None)
    @given(_object(model))
    def check(params: dict[str, Any]) -> None:
        assert fits(method, version, params)
        wire.validate_client_request(method, version, params)
        for odd in _spoiled(params):
            if isinstance(odd, dict) and fits(method, version, odd):
                wire.validate_client_request(method, version, odd)

    check()
