"""What Cortex Analyst and Cortex Agents stream, put together event by event.

https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-analyst/rest-api
https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-agents-run
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.cortex_failures import told_failure
from snowflake_mcp.warehouse.event_stream import Event
from snowflake_mcp.warehouse.rest import Response

__all__ = ["AgentStream", "AnalystStream", "members_of", "odd"]

_MOST_ITEMS: Final = 100
"""Of each list; services tell a handful."""


def odd() -> ToolFailure:
    """The failure for an answer that is not of the documented form."""
    return ToolFailure(
        Family.UNAVAILABLE,
        "The service answered something that this server does not understand.",
        "Call again; if it goes on, tell the operator.",
        retryable=True,
    )


def _broken() -> ToolFailure:
    return ToolFailure(
        Family.UNAVAILABLE,
        "The answer of the service broke off before its end.",
        "Call again in a moment.",
        retryable=True,
    )


def members_of(text: str | bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ToolFailure: it is none.
    """
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise odd() from None
    if not isinstance(found, dict):
        raise odd()
    return found


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _each(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _place(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    return value if isinstance(value, int) else 0


def _add(found: list[Any], value: Any) -> None:
    if value and value not in found and len(found) < _MOST_ITEMS:
        found.append(value)


class _Stream:
    """What both have in common; reactor thread, then one worker thread."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        """``progress`` is told what the service does now, in its words."""
        self._progress = progress
        self._ended = False
        self.request_id = ""
        self.warnings: list[str] = []

    def event(self, event: Event) -> None:
        """Take one event; those that are not known are passed over.

        Raises:
            ToolFailure: the service failed, or tells something that is none of the documented.
        """
        if event.name == "error":
            raise told_failure(members_of(event.data))
        taken = self._takers.get(event.name)
        if taken is not None:
            taken({} if event.name == "done" else members_of(event.data))

    def read(self, response: Response) -> "_Stream":
        """The whole, at the end of the response.

        Raises:
            ToolFailure: it broke off, or is not of the documented form.
        """
        self.request_id = self.request_id or response.request_id
        if not response.streamed:
            self._whole(members_of(response.body))
        elif not self._ended:
            raise _broken()
        return self

    @property
    def _takers(self) -> Mapping[str, Callable[[dict[str, Any]], None]]:
        """What takes the members of an event, by the event's name."""
        raise NotImplementedError

    def _whole(self, members: dict[str, Any]) -> None:
        """Take an answer that was no stream."""
        raise NotImplementedError

    def _said(self, members: Mapping[str, Any], *names: str) -> None:
        self.request_id = self.request_id or _text(members, "request_id")
        for name in names:
            if said := _text(members, name):
                self._progress(said)
                return

    def _warned(self, warnings: object) -> None:
        for each in _each(warnings):
            _add(self.warnings, _text(each, "message"))


class AnalystStream(_Stream):
    """A message of Cortex Analyst."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        super().__init__(progress)
        self._texts: dict[int, str] = {}
        self._statements: dict[int, str] = {}
        self._suggested: dict[int, str] = {}
        self.verified_query = ""

    @property
    def text(self) -> str:
        """All that it says."""
        return "\n\n".join(self._texts[at].strip() for at in sorted(self._texts))

    @property
    def sql(self) -> str:
        """The statement; empty: it has none."""
        return "\n".join(self._statements[at] for at in sorted(self._statements)).strip()

    @property
    def suggestions(self) -> list[str]:
        """Other questions."""
        return [self._suggested[at] for at in sorted(self._suggested)][:_MOST_ITEMS]

    @property
    def _takers(self) -> Mapping[str, Callable[[dict[str, Any]], None]]:
        return {
            "status": self._on_status,
            "message.content.delta": self._on_delta,
            "warnings": self._on_warnings,
            "done": self._on_done,
        }

    def _on_status(self, members: dict[str, Any]) -> None:
        self._said(members, "status_message", "status")

    def _on_delta(self, members: dict[str, Any]) -> None:
        at = _place(members, "index")
        kind = members.get("type")
        if kind == "text":
            self._texts[at] = self._texts.get(at, "") + _text(members, "text_delta")
        elif kind == "sql":
            self._statements[at] = self._statements.get(at, "") + _text(members, "statement_delta")
            self._verified(members.get("confidence"))
        elif kind == "suggestions" and isinstance(members.get("suggestions_delta"), dict):
            delta = members["suggestions_delta"]
            place = _place(delta, "index")
            more = _text(delta, "suggestion_delta")
            self._suggested[place] = self._suggested.get(place, "") + more

    def _on_warnings(self, members: dict[str, Any]) -> None:
        self._warned(members.get("warnings"))

    def _on_done(self, _: dict[str, Any]) -> None:
        self._ended = True

    def _whole(self, members: dict[str, Any]) -> None:
        message = members.get("message")
        if not isinstance(message, dict):
            raise odd()
        self.request_id = _text(members, "request_id") or self.request_id
        self._warned(members.get("warnings"))
        for at, each in enumerate(_each(message.get("content"))):
            if each.get("type") == "text":
                self._texts[at] = _text(each, "text")
            elif each.get("type") == "sql":
                self._statements[at] = _text(each, "statement")
                self._verified(each.get("confidence"))
            elif each.get("type") == "suggestions" and isinstance(each.get("suggestions"), list):
                self._suggested |= {
                    place: str(said) for place, said in enumerate(each["suggestions"])
                }

    def _verified(self, confidence: object) -> None:
        used = confidence.get("verified_query_used") if isinstance(confidence, dict) else None
        if isinstance(used, dict):
            self.verified_query = _text(used, "name")


class AgentStream(_Stream):
    """A run of a Cortex Agent."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        super().__init__(progress)
        self._texts: dict[int, str] = {}
        self.tools: list[str] = []
        self.sql: list[str] = []
        self.tables: list[dict[str, Any]] = []
        self.suggestions: list[str] = []
        self.cancelled = False

    @property
    def text(self) -> str:
        """The answer."""
        return "\n\n".join(self._texts[at].strip() for at in sorted(self._texts))

    @property
    def _takers(self) -> Mapping[str, Callable[[dict[str, Any]], None]]:
        return {
            "response.status": self._on_status,
            "response.tool_use": self._on_tool_use,
            "response.tool_result.status": self._on_status,
            "response.tool_result.analyst.delta": self._on_analyst_delta,
            "response.tool_result": self._on_tool_result,
            "response.text.delta": self._on_text_delta,
            "response.text": self._on_text,
            "response.table": self._on_table,
            "response.suggested_queries": self._on_suggested_queries,
            "response.warning": self._on_warning,
            "response": self._on_response,
        }

    def _on_status(self, members: dict[str, Any]) -> None:
        self._said(members, "message", "status")

    def _on_tool_use(self, members: dict[str, Any]) -> None:
        name = _text(members, "name")
        _add(self.tools, name)
        if name:
            self._progress(f"using {name}")

    def _on_analyst_delta(self, members: dict[str, Any]) -> None:
        if isinstance(delta := members.get("delta"), dict):
            _add(self.sql, _text(delta, "sql"))

    def _on_tool_result(self, members: dict[str, Any]) -> None:
        for each in _each(members.get("content")):
            if isinstance(told := each.get("json"), dict):
                _add(self.sql, _text(told, "sql"))

    def _on_text_delta(self, members: dict[str, Any]) -> None:
        at = _place(members, "content_index")
        self._texts[at] = self._texts.get(at, "") + _text(members, "text")

    def _on_text(self, members: dict[str, Any]) -> None:
        self._texts[_place(members, "content_index")] = _text(members, "text")

    def _on_table(self, members: dict[str, Any]) -> None:
        if (table := _table(members)) is not None:
            _add(self.tables, table)

    def _on_suggested_queries(self, members: dict[str, Any]) -> None:
        for each in _each(members.get("suggested_queries")):
            _add(self.suggestions, _text(each, "query"))

    def _on_warning(self, members: dict[str, Any]) -> None:
        self._warned([members])

    def _on_response(self, members: dict[str, Any]) -> None:
        self._whole(members)
        self._ended = True

    def _whole(self, members: dict[str, Any]) -> None:
        """The last event of a stream has all of it once more."""
        content = members.get("content")
        if not isinstance(content, list):
            raise odd()
        self.cancelled = members.get("status") == "cancelled"
        metadata = members.get("metadata")
        if isinstance(metadata, dict):
            self.request_id = self.request_id or _text(metadata, "run_id")
        self._warned(members.get("warnings"))
        texts: dict[int, str] = {}
        for at, each in enumerate(_each(content)):
            kind = each.get("type")
            part = each.get(kind) if isinstance(kind, str) else None
            inner = part if isinstance(part, dict) else each
            if kind == "text":
                texts[at] = _text(each, "text")
            elif kind == "tool_use":
                _add(self.tools, _text(inner, "name"))
            elif kind == "tool_result":
                self._on_tool_result(inner)
            elif kind == "table":
                self._on_table(inner)
            elif kind == "suggested_queries":
                self._on_suggested_queries(each)
        if texts:
            self._texts = texts


def _table(members: Mapping[str, Any]) -> dict[str, Any] | None:
    """A result as ``title``, ``columns`` and ``rows``; ``None``: it is none."""
    found = members.get("result_set")
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        return None
    described = found.get("resultSetMetaData")
    kinds = described.get("rowType") if isinstance(described, dict) else None
    return {
        "title": _text(members, "title"),
        "columns": [_text(each, "name") for each in _each(kinds)],
        "rows": found["data"],
    }
