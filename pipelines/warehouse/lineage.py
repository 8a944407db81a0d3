"""What a select reads, as told by the parser of the database that will run it."""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import duckdb

from jobledger.pipelines.quoting import literal

Name: TypeAlias = tuple[str, str]
"""Schema and name of a table or view."""


def reads(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Name]:
    """The tables and views that a select reads, in the order of first mention.

    Raises `ValueError` for what is not a single select.
    """
    row = connection.execute(f"select json_serialize_sql({literal(sql)})").fetchone()
    parsed = json.loads(row[0]) if row else {}
    if parsed["error"]:
        is_syntax = parsed["error_type"] == "parser"
        raise ValueError(parsed["error_message"] if is_syntax else "expected a single select")
    if len(parsed["statements"]) != 1:
        raise ValueError("expected a single select")
    return list(dict.fromkeys(_tables(parsed["statements"], frozenset())))


def _tables(node: Any, ctes: frozenset[str]) -> Iterator[Name]:
    """The tables in a part of a parsed select in which `ctes` go by their bare names."""
    if isinstance(node, list):
        for each in node:
            yield from _tables(each, ctes)
    elif isinstance(node, dict):
        if "cte_name" in node:
            # a recursive query sees itself
            ctes |= {node["cte_name"].lower()}
        for cte in node.get("cte_map", {}).get("map", ()):
            yield from _tables(cte["value"], ctes)
            # those that follow see it, and so does what they are for
            ctes |= {cte["key"].lower()}
        if node.get("type") == "BASE_TABLE":
            schema, table = node["schema_name"].lower(), node["table_name"].lower()
            if schema or table not in ctes:
                yield schema or "main", table
        for name, value in node.items():
            if name != "cte_map":
                yield from _tables(value, ctes)
