"""Column names of what SHOW answers, in Snowflake's order."""

from collections.abc import Mapping
from typing import Final

from snowflake_mcp.simulator.columns import Field, text_field

__all__ = [
    "COLUMNS",
    "DATABASES",
    "GRANTS",
    "GRANTS_TO_USER",
    "IMPORTED_KEYS",
    "KEYS",
    "OBJECTS",
    "REGIONS",
    "ROLES",
    "SCHEMAS",
    "SEQUENCES",
    "TABLES",
    "TERSE",
    "USERS",
    "VIEWS",
    "WAREHOUSES",
    "show_fields",
]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TERSE: Final = _names("created_on name kind database_name schema_name")

DATABASES: Final = _names(
    """
    created_on name is_default is_current origin owner comment options retention_time kind
    budget owner_role_type object_visibility
    """
)

SCHEMAS: Final = _names(
    """
    created_on name is_default is_current database_name owner comment options retention_time
    owner_role_type classification_profile_database classification_profile_schema
    classification_profile object_visibility
    """
)

TABLES: Final = _names(
    """
    created_on name database_name schema_name kind comment cluster_by rows bytes owner
    retention_time automatic_clustering change_tracking is_external enable_schema_evolution
    owner_role_type is_event budget is_hybrid is_iceberg is_dynamic is_immutable
    """
)

VIEWS: Final = _names(
    """
    created_on name reserved database_name schema_name owner comment text is_secure
    is_materialized owner_role_type change_tracking
    """
)

OBJECTS: Final = _names(
    """
    created_on name database_name schema_name kind comment cluster_by rows bytes owner
    retention_time owner_role_type is_hybrid is_dynamic is_iceberg
    """
)

COLUMNS: Final = _names(
    """
    table_name schema_name column_name data_type null? default kind expression comment
    database_name autoincrement schema_evolution_record
    """
)

WAREHOUSES: Final = _names(
    """
    name state type size min_cluster_count max_cluster_count started_clusters running queued
    is_default is_current auto_suspend auto_resume available provisioning quiescing other
    created_on resumed_on updated_on owner comment enable_query_acceleration
    query_acceleration_max_scale_factor resource_monitor actives pendings failed suspended
    uuid scaling_policy budget owner_role_type
    """
)

ROLES: Final = _names(
    """
    created_on name is_default is_current is_inherited assigned_to_users granted_to_roles
    granted_roles owner comment
    """
)

IMPORTED_KEYS: Final = _names(
    """
    created_on pk_database_name pk_schema_name pk_table_name pk_column_name fk_database_name
    fk_schema_name fk_table_name fk_column_name key_sequence update_rule delete_rule fk_name
    pk_name deferrability rely comment
    """
)

GRANTS: Final = _names(
    """
    created_on privilege granted_on name granted_to grantee_name grant_option granted_by
    """
)

GRANTS_TO_USER: Final = _names(
    """
    created_on role granted_to grantee_name granted_by
    """
)

KEYS: Final = _names(
    """
    created_on database_name schema_name table_name column_name key_sequence constraint_name
    rely comment
    """
)

REGIONS: Final = _names("region_group snowflake_region cloud region display_name")

SEQUENCES: Final = _names(
    """
    name database_name schema_name next_value interval created_on owner comment
    owner_role_type ordered
    """
)

USERS: Final = _names(
    """
    name created_on login_name display_name first_name last_name email mins_to_unlock
    days_to_expiry comment disabled must_change_password snowflake_lock default_warehouse
    default_namespace default_role default_secondary_roles ext_authn_duo ext_authn_uid
    mins_to_bypass_mfa owner last_success_login expires_at_time locked_until_time
    has_password has_rsa_public_key type has_mfa
    """
)

_SPECIAL: Final[Mapping[str, Field]] = {
    name: Field(name, "timestamp_ltz", precision=0, scale=3)
    for name in ("created_on", "resumed_on", "updated_on")
} | {
    name: Field(name, "fixed", precision=38, scale=0)
    for name in (
        "bytes",
        "interval",
        "key_sequence",
        "next_value",
        "queued",
        "rows",
        "running",
        "started_clusters",
    )
}


def show_fields(names: tuple[str, ...]) -> list[Field]:
    """The columns of these names: times, counts, and text for all others."""
    return [_SPECIAL.get(name) or text_field(name) for name in names]
