"""``snowflake-mcp import-labs``: what Snowflake Labs' server was told, in this one's words."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO, TypeGuard

from twisted.python.usage import Options, UsageError

from snowflake_mcp.commands.labs_permissions import tier_of
from snowflake_mcp.commands.toml_text import assignment
from snowflake_mcp.policy.names import path_in
from snowflake_mcp.tools.offering import EVERY_TOOL
from snowflake_mcp.version import VERSION

__all__ = ["Import", "LabsOptions", "imported", "run"]

_MAX_BYTES: Final = 1 << 20
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_QUALIFIED: Final = 3
_KNOWN: Final = frozenset(
    {
        "agent_services",
        "analyst_services",
        "other_services",
        "search_services",
        "sql_statement_permissions",
    }
)
_COMMON: Final = ("service_name", "description")
_MANAGERS: Final[Mapping[str, tuple[str, ...]]] = {
    "object_manager": ("list_*", "describe_*", "get_ddl", "search_objects"),
    "query_manager": (
        "execute_query",
        "execute_statement",
        "submit_query",
        "get_query_status",
        "fetch_results",
        "cancel_query",
        "explain_query",
        "check_sql",
        "my_queries",
        "query_view",
        "sample_rows",
        "profile_table",
    ),
    "semantic_manager": ("list_objects", "describe_object", "get_ddl", "query_semantic_view"),
}
"""Groups of tools there, and the tools that do the same here."""


class LabsOptions(Options):
    """Options of ``snowflake-mcp import-labs``."""

    synopsis = "FILE"
    longdesc = (
        "Print the service configuration of snowflake-labs-mcp (YAML) in this server's TOML, with "
        "warnings for what has no counterpart. Nothing is opened that was not open there."
    )

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"snowflake-mcp {VERSION}")  # noqa: T201 - that is what was asked for
        sys.exit(0)

    def parseArgs(self, *words: str) -> None:
        """The file."""
        if len(words) != 1:
            raise UsageError("import-labs: name one file")
        self.path = Path(words[0])


@dataclass(slots=True)
class Import:
    """What a file becomes, and what of it could not be taken over."""

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The configuration, with the warnings where its reader sees them."""
        return "\n".join([*(f"# {line}" for line in self.told), *self.lines, ""])

    @property
    def told(self) -> list[str]:
        """The warnings, one line each: no key of the file can begin a line of its own."""
        return [" ".join(each.split()) for each in self.warnings]

    def table(self, name: str, values: Mapping[str, Any]) -> None:
        """One table."""
        self.lines += ["", f"[{name}]", *(assignment(key, each) for key, each in values.items())]

    def warn(self, text: str) -> None:
        """One line for the operator."""
        self.warnings.append(text)


def imported(text: str) -> Import:
    """This server's configuration for the text of a service configuration.

    Nothing is opened that was not open there; what cannot be said exactly is a warning.

    Raises:
        ValueError: the text is not YAML, or not a mapping.
    """
    # The parser is needed for this one command.
    import yaml  # noqa: PLC0415 - see above

    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = "" if mark is None else f" at line {mark.line + 1}"
        raise ValueError(f"it is not YAML{where}") from None
    if not isinstance(said, dict):
        raise ValueError("it is not a service configuration: no keys at its top")
    made = Import()
    for key in said.keys() - _KNOWN:
        made.warn(f"{key}: is not known; left out.")
    made.table("migration", {"aliases": ["labs"]})
    tier, warnings = tier_of(said.get("sql_statement_permissions"))
    made.warnings += warnings
    made.table("policy", {"tier": tier})
    managers = _managers(said.get("other_services"), made)
    if "semantic_manager" in managers:
        made.table("cortex", {"semantic_views": True})
    kept = [
        tool
        for tool, key, family, read in (
            ("cortex_search", "search_services", "search", _search),
            ("cortex_analyst", "analyst_services", "analyst", _analyst),
            ("cortex_agent", "agent_services", "agents", _agent),
        )
        if _services(said.get(key), key, family, read, made)
    ]
    _narrow(managers, kept, made)
    return made


def run(path: Path, out: TextIO, err: TextIO) -> int:
    """Print the configuration to ``out`` and warnings to ``err``; the exit status. Blocks."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is longer than {_MAX_BYTES} bytes")
        made = imported(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        err.write(f"snowflake-mcp: {path}: {problem}\n")
        return 1
    name = " ".join(path.name.split())
    out.write(f"# Made of {name} by snowflake-mcp import-labs. Read it before you use it.\n")
    out.write(made.text)
    err.writelines(f"warning: {line}\n" for line in made.told)
    return 0


def _managers(said: object, made: Import) -> frozenset[str]:
    """The groups of tools that are switched on."""
    if said is None:
        said = {}
    if not isinstance(said, dict):
        made.warn("other_services: is no mapping; its groups of tools are taken as off.")
        return frozenset()
    for key in said.keys() - _MANAGERS.keys():
        made.warn(f"other_services.{key}: is not known; left out.")
    return frozenset(key for key in _MANAGERS if said.get(key) is True)


def _narrow(managers: frozenset[str], services: Sequence[str], made: Import) -> None:
    """A set of tools with what was there, where not every group was switched on."""
    off = [key for key in _MANAGERS if key not in managers]
    if not off:
        return
    tools = list(dict.fromkeys(each for key in managers for each in _MANAGERS[key]))
    tools = [each for each in _ordered(tools) if each.endswith("*") or each in EVERY_TOOL]
    tools += services
    said = f"other_services: {', '.join(off)} {'was' if len(off) == 1 else 'were'} off."
    if not tools:
        made.warn(f"{said} Nothing is left of the tools; every caller has all of them here.")
        return
    made.table("toolsets.labs", {"tools": tools})
    made.warn(
        f"{said} What was on is the set of tools 'labs': clients have it at the path /mcp/labs. "
        "At /mcp everybody has all tools, unless a table of principals says toolset = 'labs'."
    )


def _ordered(tools: Sequence[str]) -> list[str]:
    every = [each for names in _MANAGERS.values() for each in names]
    return sorted(tools, key=every.index)


_Read = Callable[[Mapping[str, Any], str, Import], dict[str, Any] | None]


def _services(said: object, key: str, family: str, read: _Read, made: Import) -> bool:
    """Make a table of each service; whether there is one."""
    if said is None:
        return False
    if not isinstance(said, list):
        made.warn(f"{key}: is no list; left out.")
        return False
    names: set[str] = set()
    for number, service in enumerate(said, 1):
        where = f"{key}, service {number}"
        if not isinstance(service, dict) or not _text(service.get("service_name")):
            made.warn(f"{where}: has no service_name; left out.")
            continue
        values = read(service, where, made)
        if values is None:
            continue
        name = _table_name(service["service_name"], names, where, made)
        description = service.get("description")
        if not _text(description):
            description = f"The service {service['service_name']}"
            made.warn(f"{where}: has no description, by which a model would choose it.")
        made.table(f"cortex.{family}.{name}", {"description": description.strip(), **values})
    return bool(names)


def _table_name(text: str, taken: set[str], where: str, made: Import) -> str:
    """What the table is called; callers name the service by it."""
    name = text
    if not _NAME.fullmatch(name):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", text)[:60]
        name = name if name[:1].isascii() and name[:1].isalpha() else f"s_{name}"
    number = 1
    base = name
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    if name != text:
        made.warn(f"{where}: callers name it {name} here, not {text!r}.")
    taken.add(name)
    return name


def _search(service: Mapping[str, Any], where: str, made: Import) -> dict[str, Any] | None:
    values = _placed(service, "service", where, made, ("columns", "limit"))
    if values is None:
        return None
    columns, limit = service.get("columns"), service.get("limit")
    if isinstance(columns, list) and columns and all(map(_text, columns)):
        values["columns"] = columns
    elif columns is not None:
        made.warn(f"{where}: columns are no list of names; left out.")
    if type(limit) is int and 0 < limit <= 1_000:
        values["limit"] = limit
    elif limit is not None:
        made.warn(f"{where}: limit is not in 1..1000; left out.")
    return values


def _agent(service: Mapping[str, Any], where: str, made: Import) -> dict[str, Any] | None:
    return _placed(service, "agent", where, made)


def _analyst(service: Mapping[str, Any], where: str, made: Import) -> dict[str, Any] | None:
    made.warnings += _unknown(service, (*_COMMON, "semantic_model"), where)
    model = service.get("semantic_model")
    if isinstance(model, str) and model.startswith("@"):
        return {"semantic_model_file": model}
    path = path_in(model) if isinstance(model, str) else None
    if path is not None and len(path) == _QUALIFIED and all(path):
        return {"semantic_view": model}
    made.warn(
        f"{where}: semantic_model is neither a file in a stage (@DB.SCHEMA.STAGE/file.yaml) nor a "
        "qualified view (DB.SCHEMA.VIEW); left out."
    )
    return None


def _placed(
    service: Mapping[str, Any],
    noun: str,
    where: str,
    made: Import,
    more: Sequence[str] = (),
) -> dict[str, Any] | None:
    """Where a service is, in this server's words."""
    places = ("database_name", "schema_name")
    made.warnings += _unknown(service, (*_COMMON, *places, *more), where)
    if missing := [each for each in places if not _text(service.get(each))]:
        made.warn(f"{where}: {' and '.join(missing)} missing; left out.")
        return None
    found = {each.removesuffix("_name"): service[each] for each in places}
    return {**found, noun: service["service_name"]}


def _unknown(service: Mapping[str, Any], known: Sequence[str], where: str) -> Iterator[str]:
    for key in service:
        if key not in known:
            yield f"{where}: {key} is not known; left out."


def _text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
