"""`jobledger init`."""

import os
from pathlib import Path
from typing import Final

import click

from jobledger.pipelines.cli.shared import pass_project
from jobledger.pipelines.errors import unwritable
from jobledger.pipelines.project import Project

CONFIG: Final = """\
# What jobledger syncs, and how. Secrets go into secrets.toml beside this file.
# Every value can come from the environment too: SOURCES__ZUORA__BASE_URL="https://…"
# A line that begins with # is off; take the # away to use it.

# [sources.zuora]                     # its name; its provider is the same word unless said
# base_url = "https://rest.zuora.com" # EU: https://rest.eu.zuora.com; each sandbox has its own

# [sources.zuora_eu]                  # another account, under a name of your choosing
# provider = "zuora"
# base_url = "https://rest.eu.zuora.com"
# kinds = ["data_query"]              # of data_backfill, auto_backfill, custom_object_bulk and
#                                     # data_query; all unless said
# entity_ids = ""                     # Zuora-Entity-Ids, for multi-entity tenants; org_ids likewise
# track_id = ""                       # Zuora-Track-Id, by which Zuora's support finds our requests
# zuora_version = ""                  # Zuora-Version, where a tenant needs another than its own
# max_concurrent = 4                  # requests in flight for this account
# max_details = 2000                  # detail requests a sync; what is left comes with the next
# quota_share = 0.8                   # of the account's daily quota; calling stops there
# full_walk_every = "24h"             # how long listings may be cut short between full walks
# redact_users = false                # true: users are stored as keyed hashes
# keep_query_text = true              # false: the SQL of data queries is not stored

# [sources.salesforce]
# base_url = "https://MYDOMAIN.my.salesforce.com"
# api_version = "62.0"

[warehouse]
path = "jobs.duckdb"                  # what readers open

[sync]
time_limit = "2h"                     # of a whole sync

[schedule]
every = "1h"                          # what `schedule` does, and what freshness is measured by
"""

SECRETS: Final = """\
# Secrets: never commit this file. jobledger reads it, and writes it only once, here.
# In the environment: SOURCES__ZUORA__CREDENTIALS__CLIENT_SECRET="…"

# [sources.zuora.credentials]         # an OAuth client of a Zuora user: see the README
# client_id = ""
# client_secret = ""

# Salesforce: one of three ways, told by what is there
# [sources.salesforce.credentials]    # client credentials
# client_id = ""
# client_secret = ""

# [sources.salesforce.credentials]    # JWT bearer
# client_id = ""
# username = ""
# private_key = "server.key"          # the key in PEM, or the path of its file
# audience = ""                       # whom the JWT is for, unless told by base_url

# [sources.salesforce.credentials]    # refresh token; a rotated one is kept in kept.toml
# client_id = ""
# client_secret = ""
# refresh_token = ""
"""

IGNORED: Final = "secrets.toml\nkept.toml\n"


@click.command()
@pass_project
def command(project: Project) -> None:
    """Write a commented .dlt/config.toml and .dlt/secrets.toml to fill in.

    Overwrites nothing that is there.
    """
    folder = project.folder / ".dlt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in (
            ("config.toml", CONFIG),
            ("secrets.toml", SECRETS),
            (".gitignore", IGNORED),
        ):
            said = "wrote" if _write_new(folder / name, content) else "kept"
            click.echo(f"{said} {folder / name}", err=True)
    except OSError as error:
        raise unwritable(error.filename, error) from None
    click.echo("next: fill in both files, then run 'jobledger doctor'", err=True)


def _write_new(path: Path, content: str) -> bool:
    """Writes a file that only its owner can read; False if there is one already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    return True
