"""URIs of resources: there and back, and nothing else gets in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.content.uris import DATABASES, TEMPLATES, parse, uri_of

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255).filter(
    lambda name: "\x00" not in name
)


@given(st.lists(names, max_size=3))
def test_every_place_has_a_uri(place: list[str]) -> None:
    """D-06: whatever a name holds, its URI is plain ASCII and leads back to it."""
    uri = uri_of(*place)
    assert uri.isascii()
    assert uri.isprintable()
    assert " " not in uri
    assert parse(uri) == tuple(place)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("snowflake://databases", ()),
        ("snowflake://DATABASES", ("DATABASES",)),
        ("snowflake://%22databases%22", ("databases",)),
        ("snowflake://demo/sales/orders", ("DEMO", "SALES", "ORDERS")),
        ("snowflake://DEMO/%22order%20lines%22", ("DEMO", "order lines")),
        ("snowflake://DEMO/order%20lines", ("DEMO", "order lines")),
        ("snowflake://DEMO/a%2Fb", ("DEMO", "a/b")),
        ("snowflake://%22..%22", ("..",)),
        ("snowflake://DEMO$", ("DEMO$",)),
        ("snowflake://%22gr%C3%B6%C3%9Fe%22", ("größe",)),
    ],
)
def test_uris_are_read(uri: str, place: tuple[str, ...]) -> None:
    """Parts are decoded one by one and folded as everywhere."""
    assert parse(uri) == place


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "snowflake://",
        "snowflake:DEMO",
        "SNOWFLAKE://DEMO",
        "http://DEMO",
        "file:///etc/passwd",
        "snowflake:///DEMO",
        "snowflake://DEMO/",
        "snowflake://DEMO//T",
        "snowflake://A/B/C/D",
        "snowflake://databases/",
        "snowflake://DEMO?x=1",
        "snowflake://DEMO#f",
        "snowflake://u@DEMO",
        "snowflake://DEMO:80",
        "snowflake://[DEMO]",
        "snowflake://..",
        "snowflake://DEMO/../X",
        "snowflake://DEMO/%2e%2E",
        "snowflake://DEMO/.",
        "snowflake://DEMO/a b",
        'snowflake://DEMO/"a"',
        "snowflake://DEMO/%",
        "snowflake://DEMO/%2",
        "snowflake://DEMO/%zz",
        "snowflake://DEMO/%FF",
        "snowflake://DEMO/%ED%A0%80",
        "snowflake://DEMO/%00",
        "snowflake://DEMO/%22",
        "snowflake://DEMO/%22a",
        "snowflake://DEMO/%22a%22%22",
        "snowflake://größe",
        "snowflake://DEMO\n",
        "snowflake://{database}",
        "snowflake://" + "A" * 256,
        "snowflake://" + "%F0%9F%8D%8E" * 800,
    ],
)
def test_what_is_no_uri_of_ours_is_refused(uri: str) -> None:
    """D-06: with a reason that does not repeat it."""
    with pytest.raises(ValueError, match=r"\w") as refused:
        parse(uri)
    assert len(str(refused.value)) < 100


def test_the_templates_have_one_variable_more_each() -> None:
    """Database; schema; table."""
    assert [template.count("{") for template in TEMPLATES] == [1, 2, 3]
    assert uri_of() == DATABASES
