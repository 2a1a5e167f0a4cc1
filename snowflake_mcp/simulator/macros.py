"""Snowflake's functions that DuckDB lacks, written as macros of DuckDB."""

import re
from typing import Any, Final

__all__ = ["HOME", "create_macros"]

HOME: Final = "_fs_global.main"
"""Where the macros live: fakesnow's own database, which no listing shows."""

_PAIR: Final = r"(-?[0-9.]+(?:E[+-]?[0-9]+)?)\s+(-?[0-9.]+(?:E[+-]?[0-9]+)?)"
_WKT: Final = (
    r"^(?:SRID=[0-9]+;)?"
    r"(POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON)\s*(\(.*\))$"
)

_MACROS: Final = (
    # Shapes are text in GeoJSON, the output format of an account that was never told otherwise.
    "sf_shown(j) AS replace(json_pretty(j), '    ', '  ')",
    """sf_shape(kind, coordinates) AS sf_shown(json_object(
        'coordinates', coordinates, 'type', kind))""",
    """sf_point(x, y) AS CASE WHEN x IS NOT NULL AND y IS NOT NULL
        THEN sf_shape('Point', json_array(x::DOUBLE, y::DOUBLE)) END""",
    f"""sf_coordinates(body) AS translate(
        regexp_replace(body, '{_PAIR}', '[\\1,\\2]', 'g'), '()', '[]')::JSON""",
    """sf_kind(word) AS CASE word WHEN 'POINT' THEN 'Point' WHEN 'LINESTRING' THEN 'LineString'
        WHEN 'POLYGON' THEN 'Polygon' WHEN 'MULTIPOINT' THEN 'MultiPoint'
        WHEN 'MULTILINESTRING' THEN 'MultiLineString' ELSE 'MultiPolygon' END""",
    f"""sf_try_geo(t) AS CASE
        WHEN starts_with(trim(t::VARCHAR), '{{') AND json_valid(t::VARCHAR)
            AND json_exists(t::VARCHAR, '$.coordinates')
        THEN sf_shape(t::JSON ->> '$.type', t::JSON -> '$.coordinates')
        WHEN regexp_matches(upper(trim(t::VARCHAR)), '{_WKT}')
        THEN sf_shape(
            sf_kind(regexp_extract(upper(trim(t::VARCHAR)), '{_WKT}', 1)),
            CASE WHEN regexp_extract(upper(trim(t::VARCHAR)), '{_WKT}', 1) = 'POINT'
                THEN sf_coordinates(regexp_extract(upper(trim(t::VARCHAR)), '{_WKT}', 2)) -> 0
                ELSE sf_coordinates(regexp_extract(upper(trim(t::VARCHAR)), '{_WKT}', 2)) END)
        END""",
    """sf_geo(t) AS CASE WHEN t IS NOT NULL THEN
        coalesce(sf_try_geo(t), error('Error parsing Geo input: ' || left(t::VARCHAR, 40))) END""",
    """sf_x(g) AS CASE WHEN g::JSON ->> '$.type' = 'Point'
        THEN (g::JSON ->> '$.coordinates[0]')::DOUBLE END""",
    """sf_y(g) AS CASE WHEN g::JSON ->> '$.type' = 'Point'
        THEN (g::JSON ->> '$.coordinates[1]')::DOUBLE END""",
    r"""sf_wkt(g) AS upper(g::JSON ->> '$.type') || CASE WHEN g::JSON ->> '$.type' = 'Point'
        THEN '(' || sf_x(g)::VARCHAR || ' ' || sf_y(g)::VARCHAR || ')'
        ELSE translate(regexp_replace((g::JSON -> '$.coordinates')::VARCHAR,
            '\[([^\[\],]+),([^\[\],]+)\]', '\1 \2', 'g'), '[]', '()') END""",
    """sf_distance(a, b) AS 6371008.8 * 2 * asin(sqrt(
        pow(sin(radians(sf_y(b) - sf_y(a)) / 2), 2) + cos(radians(sf_y(a)))
        * cos(radians(sf_y(b))) * pow(sin(radians(sf_x(b) - sf_x(a)) / 2), 2)))""",
    "sf_signed(h) AS (h::HUGEINT - 9223372036854775808)::BIGINT",
    """sf_variant_type(x) AS CASE json_type(to_json(x)) WHEN 'UBIGINT' THEN 'INTEGER'
        WHEN 'BIGINT' THEN 'INTEGER' WHEN 'HUGEINT' THEN 'INTEGER' WHEN 'NULL' THEN 'NULL_VALUE'
        ELSE json_type(to_json(x)) END""",
    "sf_try_moment(t) AS TRY_CAST(t AS TIMESTAMP)",
    "sf_try_instant(t) AS TRY_CAST(t AS TIMESTAMPTZ)",
    "sf_from_hex(t) AS unhex(t)",
    "sf_xor(a, b) AS a::BOOLEAN <> b::BOOLEAN",
    """sf_bucket(x, low, high, n) AS CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1
        ELSE floor((x - low) / (high - low) * n)::BIGINT + 1 END""",
    "sf_insert(o, k, v) AS json_merge_patch(to_json(o), json_object(k::VARCHAR, v))",
    "sf_delete(o, k) AS json_merge_patch(to_json(o), json_object(k::VARCHAR, NULL))",
    """sf_pick(o, k) AS CASE WHEN json_contains(json_keys(to_json(o))::JSON, to_json(k::VARCHAR))
        THEN json_object(k::VARCHAR, json_extract(to_json(o), '$."' || k::VARCHAR || '"'))
        ELSE '{}'::JSON END""",
    "sf_variant(x) AS CASE WHEN x IS NOT NULL THEN to_json(x) END",
    """sf_contains(a, x) AS CASE WHEN a IS NOT NULL
        THEN list_contains(to_json(a)::JSON[], to_json(x)) END""",
    "sf_product(a, b) AS list_inner_product(a::DOUBLE[], b::DOUBLE[])",
    "sf_l2(a, b) AS list_distance(a::DOUBLE[], b::DOUBLE[])",
    "sf_cosine(a, b) AS list_cosine_similarity(a::DOUBLE[], b::DOUBLE[])",
    """sf_is(x, kinds) AS CASE WHEN x IS NOT NULL
        THEN list_contains(kinds, sf_variant_type(x)) END""",
    "sf_as_integer(x) AS CASE WHEN sf_variant_type(x) = 'INTEGER' THEN x::BIGINT END",
    "sf_as_double(x) AS CASE WHEN sf_is(x, ['INTEGER', 'DOUBLE']) THEN x::DOUBLE END",
    "sf_as_text(x) AS CASE WHEN sf_variant_type(x) = 'VARCHAR' THEN to_json(x) ->> '$' END",
    """sf_top_k(x, k) AS to_json(list_transform(list_slice(list_sort(list_transform(
        map_entries(histogram(x)), e -> {'n': -e.value::BIGINT, 'v': e.key})), 1, k),
        e -> [to_json(e.v), to_json(-e.n)]))""",
    "sf_hash_agg(x) AS sf_signed(bit_xor(hash(x)))",
    """sf_split_to_table(s, d) AS TABLE SELECT 1::BIGINT AS "SEQ", i::BIGINT AS "INDEX",
        (string_split(s, d))[i] AS "VALUE" FROM range(1, len(string_split(s, d)) + 1) r(i)""",
    """sf_typeof(x) AS CASE
        WHEN typeof(x) IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT')
            THEN 'NUMBER(38,0)[SB16]'
        WHEN starts_with(typeof(x), 'DECIMAL')
            THEN replace(typeof(x), 'DECIMAL', 'NUMBER') || '[SB16]'
        ELSE coalesce(MAP {'VARCHAR': 'VARCHAR(16777216)[LOB]', 'DOUBLE': 'FLOAT[DOUBLE]',
            'BOOLEAN': 'BOOLEAN[SB1]', 'DATE': 'DATE[SB4]', 'TIME': 'TIME(9)[SB8]',
            'TIMESTAMP': 'TIMESTAMP_NTZ(9)[SB16]', 'JSON': 'VARIANT[LOB]',
            'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP_LTZ(9)[SB16]',
            'BLOB': 'BINARY(8388608)[LOB]'}[typeof(x)], typeof(x)) END""",
)


def create_macros(duck: Any) -> None:
    """Create them once for all sessions; before the settings are locked."""
    for macro in _MACROS:
        name, _, rest = macro.partition("(")
        # Inside a macro another one is only found by its full name.
        duck.execute(f"CREATE MACRO {HOME}.{name}({_qualified(rest)}")


def _qualified(body: str) -> str:
    for macro in _MACROS:
        name = macro.partition("(")[0]
        body = re.sub(rf"\b{name}\(", f"{HOME}.{name}(", body)
    return body
