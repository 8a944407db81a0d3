"""The ledger as a Dagster asset, synced every hour."""

import json
import subprocess

import dagster

PROJECT = "/srv/jobs"


@dagster.asset(description="Bulk jobs of all sources, in jobs.duckdb")
def job_ledger() -> dagster.MaterializeResult:
    """One sync; what it did becomes the materialization's metadata."""
    done = subprocess.run(
        ["jobledger", "--project", PROJECT, "sync", "--wait", "600", "--json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    runs = json.loads(done.stdout or "[]")
    if done.returncode:
        failed = [run for run in runs if run["outcome"] != "complete"]
        raise dagster.Failure(
            f"jobledger ended with {done.returncode}",
            metadata={"runs": dagster.MetadataValue.json(failed)},
        )
    return dagster.MaterializeResult(
        metadata={
            "jobs_changed": sum(run["jobs_changed"] for run in runs),
            "runs": dagster.MetadataValue.json(runs),
        }
    )


hourly = dagster.ScheduleDefinition(
    job=dagster.define_asset_job("sync_job_ledger", selection=[job_ledger]),
    cron_schedule="17 * * * *",
)
defs = dagster.Definitions(assets=[job_ledger], schedules=[hourly])
