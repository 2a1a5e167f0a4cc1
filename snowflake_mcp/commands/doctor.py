"""``snowflake-mcp doctor``: everything between here and an answer, each with what to do next."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from snowflake_mcp.commands.entry import enter
from snowflake_mcp.commands.findings import Finding
from snowflake_mcp.commands.process import address_of, ask
from snowflake_mcp.commands.reach import address_of_account, reach
from snowflake_mcp.config.model import Config, ConnectionSettings
from snowflake_mcp.config.secrets import Secret, SecretFile
from snowflake_mcp.transports.listen import endpoint_string

__all__ = ["examine"]

_OTHERS: Final = 0o077
_NOT_LOOKED_AT: Final = (
    "clients and their names (http.allowed_hosts), proxies in front, and whether the warehouse "
    "may run a query: none was run that needs one"
)


def examine(config: Config, file: str | None) -> Iterator[Finding]:
    """Every check in its order; the network is asked as it goes, so this blocks.

    ``file`` is the configuration file, if there is one. What is not a server's own connection
    is not logged in to.
    """
    connection = config.connection
    yield Finding("configuration", "ok", f"connection {connection.name} from {connection.origin}")
    yield from _files(config, file)
    yield from _ports(config)
    if config.is_demo:
        yield Finding("snowflake", "skip", "the embedded demo warehouse answers: no account")
        return
    address = address_of_account(connection.parameters)
    if address is None:
        yield Finding("way", "skip", "the connection goes through a proxy of its own")
    else:
        found = list(reach(address))
        yield from found
        if any(each.verdict == "fail" and each.about != "clock" for each in found):
            return
    if connection.asks_somebody:
        yield Finding("login", "skip", "it needs a person; start the server and call a tool")
    else:
        yield from enter(config)
    yield Finding("not checked", "skip", _NOT_LOOKED_AT)


def _files(config: Config, file: str | None) -> Iterator[Finding]:
    held = [each for each in config.connections.values() if _holds_secrets(each)]
    paths = [
        (value.path, f"connections.{each.name}.{name}")
        for each in config.connections.values()
        for name, value in each.parameters.items()
        if isinstance(value, SecretFile)
    ]
    if file is not None and held:
        paths.append((file, "the configuration, which holds a secret"))
    if config.http.key_file:
        paths.append((config.http.key_file, "http.key_file"))
    for path, what in paths:
        yield _file(Path(path), what)


def _file(path: Path, what: str) -> Finding:
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        return Finding("file", "fail", f"{path} ({what}): {error.strerror}")
    if mode & _OTHERS:
        return Finding(
            "file",
            "warn",
            f"{path} ({what}) has the mode {mode:o}: others than its owner may use it",
            f"chmod 600 {path}, or 640 with a group of the server's own",
        )
    return Finding("file", "ok", f"{path} ({what}) is its owner's alone")


def _holds_secrets(connection: ConnectionSettings) -> bool:
    return any(isinstance(value, Secret) for value in connection.parameters.values())


def _ports(config: Config) -> Iterator[Finding]:
    endpoints = [endpoint_string(each, config.http.host) for each in config.http.endpoints]
    for endpoint in endpoints:
        yield _port(endpoint, [endpoint])


def _port(endpoint: str, endpoints: Sequence[str]) -> Finding:
    address = address_of(endpoints)
    if address is None:
        return Finding("listen", "skip", f"{endpoint}: nothing that can be tried from here")
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as trial:
        # As the server's own socket: a port that lately closed is free.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            return _taken(host, port, error)
    return Finding("listen", "ok", f"{host}:{port} is free")


def _taken(host: str, port: int, error: OSError) -> Finding:
    answer = ask((host, port), "/health")
    if answer is not None and isinstance(answer[1], dict) and "version" in answer[1]:
        version = str(answer[1]["version"])[:40]
        return Finding("listen", "ok", f"{host}:{port}: a server runs there, version {version}")
    return Finding(
        "listen",
        "fail",
        f"{host}:{port}: {error.strerror}",
        f"See who has it: ss -ltnp sport = :{port}; or choose another with --port.",
    )
