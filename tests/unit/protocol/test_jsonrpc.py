"""What counts as a JSON-RPC message, and what does not."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.protocol.jsonrpc import (
    MAX_DEPTH,
    MalformedMessageError,
    Notification,
    Request,
    Response,
    decode,
    encode_error,
    encode_result,
    parse,
)

NOT_JSON = {
    "empty": b"",
    "trailing comma": b'{"jsonrpc":"2.0","id":1,"method":"x",}',
    "trailing text": b'{"jsonrpc":"2.0","id":1,"method":"x"} x',
    "comment": b'/*x*/{"jsonrpc":"2.0","id":1,"method":"x"}',
    "NaN": b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":NaN}}',
    "infinity": b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":-Infinity}}',
    "overflow": b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1e400}}',
    "4301 digits": b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + b"1" * 4301 + b"}}",
    "invalid UTF-8": b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
    "overlong UTF-8": b'{"jsonrpc":"2.0","id":1,"method":"\xc0\xaf"}',
    "surrogate bytes": b'{"jsonrpc":"2.0","id":1,"method":"\xed\xa0\x80"}',
    "escaped surrogate": b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
    "byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"x"}',
    "UTF-16": '{"jsonrpc":"2.0","id":1,"method":"x"}'.encode("utf-16"),
    "duplicate id": b'{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}',
    "duplicate inside": b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1,"a":2}}',
    "65 levels": b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":'
    + b"[" * 63
    + b"]" * 63
    + b"}}",
    "100,000 brackets": b"[" * 100_000,
}
NOT_A_MESSAGE = {
    "batch": b"[]",
    "string": b'"x"',
    "number": b"1",
    "true": b"true",
    "null": b"null",
    "no version": b'{"id":1,"method":"x"}',
    "version as a number": b'{"jsonrpc":2.0,"id":1,"method":"x"}',
    "id null": b'{"jsonrpc":"2.0","id":null,"method":"x"}',
    "id float": b'{"jsonrpc":"2.0","id":1.5,"method":"x"}',
    "id true": b'{"jsonrpc":"2.0","id":true,"method":"x"}',
    "id object": b'{"jsonrpc":"2.0","id":{},"method":"x"}',
    "id over 64 bits": b'{"jsonrpc":"2.0","id":9223372036854775808,"method":"x"}',
    "id of 257 bytes": b'{"jsonrpc":"2.0","id":"' + b"x" * 257 + b'","method":"x"}',
    "id of 258 bytes in 129 letters": b'{"jsonrpc":"2.0","id":"'
    + "é".encode() * 129
    + b'","method":"x"}',
    "no method": b'{"jsonrpc":"2.0","id":1}',
    "method a number": b'{"jsonrpc":"2.0","id":1,"method":5}',
    "params array": b'{"jsonrpc":"2.0","id":1,"method":"x","params":[]}',
    "params null": b'{"jsonrpc":"2.0","id":1,"method":"x","params":null}',
    "both result and error": b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_text_that_is_not_json(name: str) -> None:
    """Anything that two JSON readers could see differently is a parse error."""
    with pytest.raises(MalformedMessageError) as caught:
        parse(NOT_JSON[name])
    assert (caught.value.code, caught.value.status) == (-32700, 400)


@pytest.mark.parametrize("name", NOT_A_MESSAGE)
def test_json_that_is_no_message(name: str) -> None:
    """T-07, T-20: JSON that is not one message is an invalid request."""
    with pytest.raises(MalformedMessageError) as caught:
        parse(NOT_A_MESSAGE[name])
    assert (caught.value.code, caught.value.status) == (-32600, 400)


def test_a_broken_message_keeps_its_id() -> None:
    """An error can be matched to its request whenever the id was readable."""
    with pytest.raises(MalformedMessageError) as caught:
        parse(b'{"jsonrpc":"1.0","id":"a","method":"x"}')
    assert caught.value.request_id == "a"


def test_64_levels_are_enough() -> None:
    """The deepest message that is accepted has 64 levels; brackets in strings do not count."""
    inner = b"[" * 62 + b"]" * 62
    parse(b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + inner + b"}}")
    parse(b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"' + b'[\\"' * 500 + b'"}}')


def test_the_three_kinds_of_message() -> None:
    """Requests have an id and a method, notifications no id, responses no method."""
    assert parse(b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}') == Request(
        1, "m", {"a": 1}
    )
    assert parse(b'{"jsonrpc":"2.0","method":"m"}') == Notification("m", None)
    assert parse(b'{"jsonrpc":"2.0","id":"a","result":{}}') == Response("a", {}, None)


@pytest.mark.parametrize("number", ["7", '"a"', f'"{"x" * 256}"', f'"{"é" * 65}"'])
def test_a_request_may_leave_its_params_out(number: str) -> None:
    """They are none then, whatever its id is like; and its version is never left out."""
    expected = Request(json.loads(number), "m", {})
    assert parse(f'{{"jsonrpc":"2.0","id":{number},"method":"m"}}'.encode()) == expected
    with pytest.raises(MalformedMessageError, match="jsonrpc must be"):
        parse(f'{{"id":{number},"method":"m"}}'.encode())


def test_an_error_without_an_id_omits_it() -> None:
    """The MCP schema makes the id of an error optional and never null."""
    error = MalformedMessageError(-32700, "no")
    assert json.loads(encode_error(None, error)) == {
        "jsonrpc": "2.0",
        "error": {"code": -32700, "message": "no"},
    }


def test_results_keep_the_id_as_sent() -> None:
    """Ids come back with their type."""
    assert json.loads(bytes(encode_result("7", {})))["id"] == "7"
    assert json.loads(bytes(encode_result(7, {})))["id"] == 7


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Whatever comes in, the outcome is a message or a MalformedMessageError."""
    with contextlib.suppress(MalformedMessageError):
        parse(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_no_json_value_raises_anything_else(value: object) -> None:
    """Any JSON value as a message or as params is handled."""
    for text in (
        json.dumps(value),
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": value}),
    ):
        with contextlib.suppress(MalformedMessageError):
            parse(text.encode("utf-8", "surrogatepass"))


_TRICKY = st.text(alphabet=st.sampled_from('":\\\\{}[], /au0é\n'), max_size=6) | st.text(max_size=4)
"""Texts that are full of what JSON itself is made of."""


class _Object(list[tuple[str, object]]):
    """The members of an object as they are written, twice under one name perhaps."""


def _written(value: object, spaced: bool, plain: bool) -> str:
    gap = " \n" if spaced else ""
    if isinstance(value, _Object):
        members = (
            f"{json.dumps(name, ensure_ascii=plain)}{gap}:{gap}{_written(each, spaced, plain)}"
            for name, each in value
        )
        return "{" + f"{gap},{gap}".join(members) + "}"
    if isinstance(value, list):
        return "[" + f"{gap},{gap}".join(_written(each, spaced, plain) for each in value) + "]"
    return json.dumps(value, ensure_ascii=plain)


def _read_by_another(text: str) -> tuple[object, bool]:
    """What the standard library reads, and whether a name came twice."""
    twice = False

    def made(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal twice
        found = dict(pairs)
        twice = twice or len(found) != len(pairs)
        return found

    return json.loads(text, object_pairs_hook=made), twice


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | _TRICKY,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(st.tuples(_TRICKY, inner), max_size=4).map(_Object)
        ),
        max_leaves=12,
    ),
    st.booleans(),
    st.booleans(),
)
def test_it_reads_as_another_reader_does(value: object, spaced: bool, plain: bool) -> None:
    """The value of the standard library; a name that comes twice is found among tricky texts."""
    text = _written(value, spaced, plain)
    expected, twice = _read_by_another(text)
    if twice:
        with pytest.raises(MalformedMessageError, match="appears twice"):
            decode(text.encode())
    else:
        assert decode(text.encode()) == expected


@pytest.mark.parametrize("depth", [1, 2, MAX_DEPTH])
@pytest.mark.parametrize(
    "members",
    [
        b'"a":1,"a":1',
        b'"a":1,"\\u0061":2',
        b'":":"\\"",":" :0',
        b'"\\\\":"a","\\\\":":"',
        b'"":0,"":0',
    ],
)
def test_a_name_twice_is_found_at_any_depth(depth: int, members: bytes) -> None:
    """As deep as a message may go; written another way it is the same name."""
    around = b"[" * (depth - 1), b"]" * (depth - 1)
    with pytest.raises(MalformedMessageError, match="appears twice"):
        decode((b"{" + members + b"}").join(around))
    assert decode((b"{" + members.rpartition(b",")[0] + b"}").join(around))


@given(st.lists(st.sampled_from("[{"), min_size=MAX_DEPTH - 1, max_size=MAX_DEPTH + 1), _TRICKY)
def test_depth_is_that_of_both_kinds_of_brackets(opened: list[str], text: str) -> None:
    """In any order, with brackets in the texts, and however many stand beside each other."""
    name = json.dumps(text)
    inner = name
    for bracket in reversed(opened):
        inner = f"[{name},{inner},[]]" if bracket == "[" else f"{{{name}:{inner}}}"
    # The innermost list of all has an empty one in it, which is a level more.
    levels = len(opened) + (opened[-1] == "[")
    if levels > MAX_DEPTH:
        with pytest.raises(MalformedMessageError, match="Nesting is deeper"):
            decode(inner.encode())
    else:
        assert decode(inner.encode())
