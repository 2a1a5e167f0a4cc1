"""A real server and a collector: what was asked arrives as spans, also those of the last moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.server import free_port, serving

pytestmark = pytest.mark.process


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A collector of OTLP over HTTP: its URL, and the spans that it was sent."""
    received: list[Any] = []

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    received.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing: the test speaks."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collect)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_spans_of_a_query_reach_the_collector(tmp_path: Path) -> None:
    """The request and its statement, sent at the latest when the server stops."""
    with collector() as (url, received):
        environ = {"SNOWFLAKE_MCP_TRACING_ENDPOINT": url}
        with serving(tmp_path, "--demo", environ=environ) as server:
            answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"}).json()
            assert answer["result"]["rows"] == [[42]]
    named = {span.name: span for span in received}
    request, statement = named["mcp request"], named["snowflake statement"]
    assert statement.parent_span_id == request.span_id
    attributes = {each.key: each.value.string_value for each in statement.attributes}
    assert attributes["snowflake.query_id"] == answer["result"]["query_id"]
    assert attributes["snowflake.state"] == "success"
    assert b"SELECT" not in b"".join(span.SerializeToString() for span in received)


def test_a_collector_that_is_away_disturbs_nobody(tmp_path: Path) -> None:
    """Queries are answered, the stop is not held up, and the log says it."""
    environ = {"SNOWFLAKE_MCP_TRACING_ENDPOINT": f"http://127.0.0.1:{free_port()}/v1/traces"}
    with serving(tmp_path, "--demo", environ=environ) as server:
        answer = server.call("execute_query", {"query": "SELECT 1 AS A"})
        assert answer.json()["result"]["rows"] == [[1]]
    assert "Traceback" not in server.log_text
