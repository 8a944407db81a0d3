"""`jobledger views`."""

from typing import Any, Final

import click

from jobledger.pipelines.cli.shared import json_or, pass_project
from jobledger.pipelines.project import Project

_VIEWS: Final = """
select
    view_name as view,
    coalesce(comment, 'not told: its file does not begin with "-- one row per …"') as holds,
from duckdb_views()
where database_name = current_database() and schema_name = 'main' and not internal
order by view_name
"""

_COLUMNS: Final = """
select column_name as "column", lower(data_type) as type, coalesce(comment, '') as meaning,
from duckdb_columns()
where database_name = current_database() and schema_name = 'main' and table_name = '{name}'
order by column_index
"""


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--format",
    type=click.Choice(["table", "csv", "json", "jsonl", "markdown"]),
    help="How to write them, if not as a table.",
)
@pass_project
def command(
    project: Project,
    name: str | None,
    as_json: bool,  # noqa: FBT001 - click's
    format: Any,  # noqa: A002 - the option's name
) -> None:
    """List the views, or the columns of one, each with what it means."""
    from jobledger.pipelines.errors import ConfigError, choices
    from jobledger.pipelines.output.writing import write_result
    from jobledger.pipelines.query import open_published

    format = json_or(format, as_json=as_json) or "table"  # noqa: A001 - the option's name
    with open_published(project.warehouse) as connection:
        if name is None:
            write_result(connection, _VIEWS, format=format, is_wrapped=True)
            return
        names = [view for view, _ in connection.execute(_VIEWS).fetchall()]
        if name not in names:
            raise ConfigError(f"no view '{name}'{choices(name, names)}")
        columns = _COLUMNS.format(name=name.replace("'", "''"))
        write_result(connection, columns, format=format, is_wrapped=True)
