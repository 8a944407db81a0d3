"""The ledger as an Airflow DAG: a sync every hour, then the checks."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "job_ledger",
    schedule="17 * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
):
    sync = BashOperator(
        task_id="sync", bash_command="jobledger --project /srv/jobs sync --wait 600"
    )
    check = BashOperator(
        task_id="check",
        bash_command="jobledger --project /srv/jobs check",
        # a sync that failed in part is when there is most to find; by this rule the whole run is
        # judged by the checks alone, so be alerted by tasks (on_failure_callback), not by runs
        trigger_rule="all_done",
        # what a check finds does not go away by looking again
        retries=0,
    )
    sync >> check
