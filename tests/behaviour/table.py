"""The one table: which behaviour holds where, and where it does not, why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.support.messages import HANDSHAKE, STATELESS

__all__ = ["APPLIES", "CELLS", "REVISIONS", "TABLE", "WAYS", "Cell"]

WAYS: Final = ("memory", "http-json", "http-sse", "websocket", "stdio")
REVISIONS: Final = (HANDSHAKE, STATELESS)
APPLIES: Final = ""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A transport in a revision."""

    way: str
    revision: str

    def __str__(self) -> str:
        return f"{self.way}-{self.revision}"


CELLS: Final = tuple(Cell(way, revision) for way in WAYS for revision in REVISIONS)
_HTTP: Final = ("memory", "http-json", "http-sse")
_LINES: Final = ("websocket", "stdio")

Row = Mapping[Cell, str]


def _cells(ways: Iterable[str], *revisions: str) -> frozenset[Cell]:
    return frozenset(Cell(way, revision) for way in ways for revision in revisions)


OLD: Final = _cells(WAYS, HANDSHAKE)
NEW: Final = _cells(WAYS, STATELESS)
OLD_HTTP, NEW_HTTP = _cells(_HTTP, HANDSHAKE), _cells(_HTTP, STATELESS)
OLD_LINES, NEW_LINES = _cells(_LINES, HANDSHAKE), _cells(_LINES, STATELESS)
LINES: Final = OLD_LINES | NEW_LINES


def _everywhere(*exceptions: tuple[frozenset[Cell], str]) -> Row:
    row = dict.fromkeys(CELLS, APPLIES)
    for cells, reason in exceptions:
        row.update(dict.fromkeys(cells, reason))
    return row


NO_HANDSHAKE: Final = "2026-07-28 has no handshake, so no session and no ping"
NO_TASKS: Final = "the tasks extension exists for 2026-07-28 only (SEP-2663)"
NO_DISCOVER: Final = "server/discover came with 2026-07-28; initialize says the same before"
BY_CLOSING: Final = "2026-07-28 over HTTP cancels by closing the response; ids name nothing here"
CONNECTION: Final = "one connection carries every request: to leave one is to leave all"
ALONE: Final = "each 2026-07-28 HTTP request stands by itself, so equal ids cannot collide"
NO_STATE: Final = "a handshake session is asked by a request of ours; there is no requestState"
NO_LISTEN: Final = "subscriptions/listen came with 2026-07-28; a session has no request to close"

TABLE: Final[Mapping[str, Row]] = {
    # test_lifecycle
    "test_the_server_introduces_itself": _everywhere(),
    "test_discover_names_the_served_revisions": _everywhere((OLD, NO_DISCOVER)),
    "test_ping_is_answered_with_nothing": _everywhere((NEW, NO_HANDSHAKE)),
    "test_methods_of_the_other_era_are_not_there": _everywhere(),
    "test_every_id_comes_back_as_it_was_sent": _everywhere(),
    "test_a_notification_is_never_answered": _everywhere(),
    "test_a_session_that_was_ended_is_gone": _everywhere(
        (NEW, NO_HANDSHAKE), (OLD_LINES, "the connection is the session: closing it is the end")
    ),
    "test_a_session_outlives_a_restart": _everywhere(
        (NEW, NO_HANDSHAKE), (OLD_LINES, "the connection is the session, and a restart ends it")
    ),
    "test_two_peers_with_the_same_ids_get_their_own_answers": _everywhere(),
    "test_an_id_in_flight_cannot_be_used_again": _everywhere((NEW_HTTP, ALONE)),
    "test_rubbish_between_good_messages_ends_only_itself": _everywhere(),
    "test_past_the_limit_the_model_reads_what_happened": _everywhere(),
    "test_at_shutdown_running_calls_are_answered_and_new_ones_told": _everywhere(),
    # test_tools
    "test_tools_are_listed_in_a_stable_order": _everywhere(),
    "test_tools_come_in_pages": _everywhere(),
    "test_a_tool_has_the_members_of_its_revision": _everywhere(),
    "test_a_call_is_answered_with_text_and_structure": _everywhere(),
    "test_a_tool_that_fails_is_a_result": _everywhere(),
    "test_an_unknown_tool_is_an_error": _everywhere(),
    "test_arguments_that_are_no_object_are_an_error": _everywhere(),
    "test_a_fault_of_ours_shows_only_a_reference": _everywhere(),
    "test_several_calls_run_at_once": _everywhere(),
    # test_running
    "test_progress_comes_before_the_answer_and_never_after": _everywhere(),
    "test_without_a_token_there_is_no_progress": _everywhere(),
    "test_log_messages_come_from_the_wanted_level_on": _everywhere(),
    "test_log_messages_without_a_wish": _everywhere(),
    "test_a_cancelled_call_stops_and_is_not_answered": _everywhere((NEW_HTTP, BY_CLOSING)),
    "test_a_cancellation_over_stateless_http_is_ignored": _everywhere(
        (OLD, "a session cancels by notification"), (NEW_LINES, "there it does cancel")
    ),
    "test_cancelling_what_is_not_there_is_ignored": _everywhere(),
    "test_the_trace_context_reaches_the_tool": _everywhere(),
    "test_a_call_that_takes_long_is_answered_with_its_handle": _everywhere(),
    "test_leaving_after_the_handle_cancels_nothing": _everywhere(),
    "test_leaving_stops_what_runs": _everywhere(),
    "test_leaving_one_request_leaves_the_others": _everywhere((LINES, CONNECTION)),
    "test_nobody_cancels_another_peers_call": _everywhere(),
    # test_content
    "test_resources_are_listed_and_read": _everywhere(),
    "test_resources_come_in_pages": _everywhere(),
    "test_resource_templates_are_listed": _everywhere(),
    "test_a_resource_that_is_not_there": _everywhere(),
    "test_a_watched_resource_is_told_when_it_changes": _everywhere(),
    "test_changed_lists_are_told": _everywhere(),
    "test_a_subscription_is_acknowledged_first": _everywhere((OLD, NO_LISTEN)),
    "test_a_subscription_ends_with_a_result_at_shutdown": _everywhere((OLD, NO_LISTEN)),
    "test_a_subscription_ends_when_its_client_takes_it_back": _everywhere((OLD, NO_LISTEN)),
    "test_prompts_are_listed_and_filled_in": _everywhere(),
    "test_a_prompt_without_its_argument": _everywhere(),
    "test_values_are_completed": _everywhere(),
    # test_asking
    "test_a_question_that_is_accepted": _everywhere(),
    "test_a_question_that_is_declined": _everywhere(),
    "test_a_client_that_cannot_be_asked": _everywhere(),
    "test_a_question_that_nobody_answers": _everywhere(
        (NEW, "the request ended with its question: nothing waits on the server")
    ),
    "test_a_question_that_is_refused_with_an_error": _everywhere(
        (NEW, "a retry carries answers only: there is no way to refuse with an error")
    ),
    "test_a_forged_state_is_refused": _everywhere((OLD, NO_STATE)),
    "test_a_state_serves_its_own_call": _everywhere((OLD, NO_STATE)),
    "test_a_long_call_becomes_a_task": _everywhere((OLD, NO_TASKS)),
    "test_a_task_is_cancelled": _everywhere((OLD, NO_TASKS)),
    "test_a_task_outlives_its_connection": _everywhere((OLD, NO_TASKS)),
    "test_a_task_is_taken_up_after_a_restart": _everywhere((OLD, NO_TASKS)),
    "test_without_the_extension_there_is_no_task": _everywhere(),
}
"""Test by name, then cell by cell: ``APPLIES``, or the reason why it does not."""
