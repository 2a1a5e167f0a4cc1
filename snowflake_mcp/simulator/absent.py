"""Kinds of objects that this endpoint never has: listed, and empty, under Snowflake's columns."""

from typing import Final

from snowflake_mcp.simulator.headers import show_fields
from snowflake_mcp.simulator.results import Rows

__all__ = ["ABSENT", "absent_rows", "is_absent"]

_SHOW: Final = 0x4400
_FUNCTIONS: Final = """
    created_on name schema_name is_builtin is_aggregate is_ansi min_num_arguments
    max_num_arguments arguments description catalog_name is_table_function valid_for_clustering
    is_secure"""
_POLICIES: Final = """
    created_on name database_name schema_name kind owner comment owner_role_type options"""
_TABLES: Final = """
    created_on name database_name schema_name kind comment cluster_by rows bytes owner
    retention_time owner_role_type"""

ABSENT: Final = {
    kind: tuple(names.split())
    for kind, names in {
        "AGENTS": "created_on name database_name schema_name owner comment profile",
        "ALERTS": """
            created_on name database_name schema_name owner comment warehouse schedule state
            condition action owner_role_type""",
        "APPLICATIONS": """
            created_on name is_default is_current source_type source owner comment version label
            patch options retention_time""",
        "COMPUTE POOLS": """
            name state min_nodes max_nodes instance_family num_services num_jobs
            auto_suspend_secs auto_resume active_nodes idle_nodes target_nodes created_on
            resumed_on updated_on owner comment is_exclusive application""",
        "CORTEX SEARCH SERVICES": """
            created_on name database_name schema_name target_lag warehouse search_column
            attribute_columns columns definition comment service_query_url owner owner_role_type
            data_timestamp source_data_bytes source_data_num_rows indexing_state indexing_error
            serving_state serving_data_bytes embedding_model""",
        "DATABASE ROLES": """
            created_on name is_default is_current is_inherited granted_to_roles
            granted_to_database_roles granted_database_roles owner comment owner_role_type""",
        "DYNAMIC TABLES": """
            created_on name database_name schema_name cluster_by rows bytes owner target_lag
            refresh_mode refresh_mode_reason warehouse comment text automatic_clustering
            scheduling_state last_suspended_on is_clone is_replica is_iceberg data_timestamp
            owner_role_type""",
        "EVENT TABLES": _TABLES,
        "EXTERNAL FUNCTIONS": _FUNCTIONS + " is_external_function language",
        "EXTERNAL TABLES": """
            created_on name database_name schema_name invalid invalid_reason owner comment stage
            location file_format_name file_format_type cloud region notification_channel
            last_refreshed_on table_format last_refresh_details owner_role_type""",
        "FILE FORMATS": """
            created_on name database_name schema_name type owner comment format_options
            owner_role_type""",
        "FUNCTIONS": _FUNCTIONS
        + " secrets external_access_integrations is_external_function language is_memoizable"
        " is_data_metric",
        "HYBRID TABLES": _TABLES,
        "ICEBERG TABLES": """
            created_on name database_name schema_name owner external_volume_name catalog_name
            iceberg_table_type catalog_table_name catalog_namespace base_location
            can_write_metadata comment owner_role_type""",
        "INTEGRATIONS": "name type category enabled comment created_on",
        "LOCKS": """
            resource type transaction transaction_started_on status acquired_on query_id""",
        "MASKING POLICIES": _POLICIES,
        "MATERIALIZED VIEWS": """
            created_on name reserved database_name schema_name cluster_by rows bytes
            source_database_name source_schema_name source_table_name refreshed_on compacted_on
            owner invalid invalid_reason behind_by comment text is_secure automatic_clustering
            owner_role_type""",
        "MCP SERVERS": "created_on name database_name schema_name owner comment",
        "MODELS": """
            created_on name model_type database_name schema_name comment owner
            default_version_name versions aliases""",
        "NETWORK POLICIES": """
            created_on name comment entries_in_allowed_ip_list entries_in_blocked_ip_list
            entries_in_allowed_network_rules entries_in_blocked_network_rules""",
        "NETWORK RULES": """
            created_on name database_name schema_name owner comment type mode
            entries_in_valuelist owner_role_type""",
        "NOTEBOOKS": """
            created_on name database_name schema_name comment owner query_warehouse url_id
            owner_role_type code_warehouse""",
        "PASSWORD POLICIES": _POLICIES,
        "PIPES": """
            created_on name database_name schema_name definition owner notification_channel
            comment integration pattern error_integration owner_role_type invalid_reason kind""",
        "PROCEDURES": _FUNCTIONS + " secrets external_access_integrations",
        "RESOURCE MONITORS": """
            name credit_quota used_credits remaining_credits level frequency start_time end_time
            notify_at suspend_at suspend_immediately_at created_on owner comment notify_users""",
        "ROW ACCESS POLICIES": _POLICIES,
        "SECRETS": """
            created_on name schema_name database_name owner comment secret_type oauth_scopes
            owner_role_type""",
        "SERVICES": """
            name status database_name schema_name owner compute_pool dns_name current_instances
            target_instances min_ready_instances min_instances max_instances auto_resume
            external_access_integrations created_on updated_on resumed_on suspended_on
            auto_suspend_secs comment owner_role_type query_warehouse is_job""",
        "SESSION POLICIES": _POLICIES,
        "SHARES": """
            created_on kind owner_account name database_name to owner comment listing_global_name
            secure_objects_only""",
        "STAGES": """
            created_on name database_name schema_name url has_credentials has_encryption_key
            owner comment region type cloud notification_channel storage_integration endpoint
            owner_role_type directory_enabled""",
        "STREAMLITS": """
            created_on name database_name schema_name title owner comment query_warehouse url_id
            owner_role_type""",
        "STREAMS": """
            created_on name database_name schema_name owner comment table_name source_type
            base_tables type stale mode stale_after invalid_reason owner_role_type""",
        "TAGS": """
            created_on name database_name schema_name owner comment allowed_values
            owner_role_type propagate on_conflict""",
        "TASKS": """
            created_on name id database_name schema_name owner comment warehouse schedule
            predecessors state definition condition allow_overlapping_execution error_integration
            last_committed_on last_suspended_on owner_role_type config budget
            task_relations last_suspended_reason""",
        "TRANSACTIONS": "id user session name started_on state scope",
    }.items()
}
"""Column names of SHOW, by kind."""

ABSENT["USER FUNCTIONS"] = ABSENT["FUNCTIONS"]
ABSENT["USER PROCEDURES"] = ABSENT["PROCEDURES"]
_SINGULAR: Final = {
    kind.removesuffix("IES") + "Y" if kind.endswith("IES") else kind.removesuffix("S")
    for kind in ABSENT
}


def is_absent(kind: str) -> bool:
    """Whether no object of ``kind`` (STAGE, DYNAMIC TABLE, ...) can ever be here."""
    return kind in _SINGULAR


def absent_rows(kind: str) -> Rows:
    """The answer to SHOW of one of these kinds."""
    return Rows(show_fields(ABSENT[kind]), _SHOW)
