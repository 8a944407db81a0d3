"""dlt's `rest_api_source`, as its documentation has it, into DuckDB.

python -m benchmarks.peers.rest_api URL FILE [parquet]
"""

import sys
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source


def main(url: str, path: str, file_format: str | None = None) -> None:
    """Loads the listing."""
    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "auth": {
                    "type": "oauth2_client_credentials",
                    "access_token_url": f"{url}/oauth/token",
                    "client_id": "0" * 36,
                    "client_secret": "not-a-secret-at-all",
                },
                "paginator": {"type": "cursor", "cursor_path": "cursor", "cursor_param": "cursor"},
            },
            "resources": [
                {
                    "name": "jobs",
                    "primary_key": "Id",
                    "endpoint": {
                        "path": "objects/jobs",
                        "params": {"pageSize": 100},
                        "data_selector": "jobs",
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "rest_api",
        destination=dlt.destinations.duckdb(path),
        dataset_name="main",
        pipelines_dir=str(Path(path).parent),
    )
    pipeline.run(source, loader_file_format=file_format)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
