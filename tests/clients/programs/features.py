"""What the programs beside this one try with their client, and the line that they print."""
# mypy: ignore-errors

import asyncio
import json
import time
import urllib.request

DATABASES = "snowflake://databases"
SCHEMA = "snowflake://DEMO/SALES"
TEMPLATE = "snowflake://{database}/{schema}"
SLOW = {"query": "SELECT SYSTEM$WAIT(20)"}
ANSWER = {"username": "Ada", "email": "ada@example.org"}
_TRY_S = 35
_STEP_S = 10


def run(program):
    """Print what the coroutine gives as one line of JSON; fail when it takes too long."""
    seen = asyncio.run(asyncio.wait_for(program, _TRY_S))
    print(json.dumps(seen))  # noqa: T201 - for the test that started it


async def use(calls, template, asked, url, tell_cancelled=None):
    """Use every feature of the server once.

    ``calls`` has the methods of the SDK's client, ``template`` is a reference to the template,
    ``asked`` is what the client's elicitation callback was asked, ``url`` is the server's address,
    and ``tell_cancelled`` cancels the running call where giving it up does not.
    """
    resources = _plain(await calls.list_resources())
    databases = _plain(await calls.read_resource(DATABASES))
    templates = _plain(await calls.list_resource_templates())
    schema = _plain(await calls.read_resource(SCHEMA))
    prompts = _plain(await calls.list_prompts())
    prompt = _plain(await calls.get_prompt("explore_database", {"database": "DEMO"}))
    typed = {"name": "schema", "value": "s"}
    completed = _plain(await calls.complete(template, typed, {"database": "DEMO"}))
    elicited = _plain(await calls.call_tool("test_elicitation", {"message": "Who are you?"}))
    return {
        "resources": [each["uri"] for each in resources["resources"]],
        "databases": json.loads(databases["contents"][0]["text"]),
        "templates": [each["uriTemplate"] for each in templates["resourceTemplates"]],
        "schema": json.loads(schema["contents"][0]["text"]),
        "prompts": [each["name"] for each in prompts["prompts"]],
        "prompt": prompt["messages"][0]["content"]["text"],
        "completed": completed["completion"]["values"],
        "asked": asked,
        "elicited": elicited["content"][0]["text"],
        **await _cancel(calls, url, tell_cancelled),
    }


async def _cancel(calls, url, tell_cancelled):
    """Give a slow query up once it reports progress, and run another one at once."""
    progress = []
    begun = asyncio.Event()

    async def heard(done, total, message):
        progress.append({"progress": done, "total": total, "message": message})
        begun.set()

    slow = asyncio.create_task(calls.call_tool("execute_query", SLOW, progress_callback=heard))
    await asyncio.wait_for(begun.wait(), _STEP_S)
    running = await _running(url)
    if tell_cancelled is not None:
        await tell_cancelled()
    slow.cancel()
    await asyncio.wait([slow], timeout=_STEP_S)
    since = time.monotonic()
    # The server under test runs one statement at a time: this one needs the other's place.
    query = {"query": "SELECT 41 + 1 AS ANSWER"}
    answer = _plain(await asyncio.wait_for(calls.call_tool("execute_query", query), _STEP_S))
    took_s = time.monotonic() - since
    return {
        "progress": progress,
        "cancelled": slow.cancelled(),
        "answer": answer["structuredContent"]["rows"],
        "took_s": round(took_s, 2),
        "running": [running, await _running(url)],
    }


async def _running(url):
    """Requests and statements that run in the server; None where no other client can look."""
    if not url.startswith(("http", "ws")):
        return None
    status = url.replace("ws", "http", 1) if url.startswith("ws") else url
    return await asyncio.to_thread(_fetch_running, status.removesuffix("mcp") + "status")


def _fetch_running(url):
    with urllib.request.urlopen(url, timeout=_STEP_S) as answer:
        status = json.load(answer)
    return [status["requests_running"], status["warehouse"]["lane"]["running"]]


def _plain(result):
    return result.model_dump(mode="json", by_alias=True)
