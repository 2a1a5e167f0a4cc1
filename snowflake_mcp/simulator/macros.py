"""Snowflake's functions that DuckDB lacks, written as macros of DuckDB."""

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
        body = body.replace(f"{name}(", f"{HOME}.{name}(")
    return body
