"""The ledger that is a dictionary calls the same things news as the real one."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pyarrow as pa
import pytest

from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources import providers
from jobledger.sources._provider.known import LISTED
from tests.pipelines.in_memory import InMemory
from tests.sources.scripted import FixedClock

KEY = ("salesforce", "ingest", "j")
KNOWN_AT = FixedClock().now()
HASH, LISTING = "a" * 32, "b" * 32
VERSION = """
insert into loaded.job_versions by name
select 'salesforce' as source, 'salesforce' as provider, 'ingest' as kind, 'j' as job_id,
    $status as status, $is_terminal as is_terminal, $at as updated_at, $hash as row_hash,
    $word as provider_status, null as valid_to
"""
DETAIL = """
insert into loaded.job_details by name
select 'salesforce' as source, 'ingest' as kind, 'j' as job_id, $listing as listing_hash,
    $detail as detail
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("ledger")
    with Ledger(folder / "ledger.duckdb", folder / "jobs.duckdb") as ledger:
        yield ledger


@pytest.mark.parametrize("status", ["queued", "running", "succeeded", "vanished"])
def test_both_say_the_same_of_what_a_listing_tells(ledger: Ledger, status: str) -> None:
    kind, differ = providers()["salesforce"].kind("ingest"), []
    details = ("merged", "owed", "refused", "not taken")
    yes_no = (True, False)
    for case in product(details, ("Closed", "InProgress"), yes_no, yes_no, yes_no):
        detail, word, is_older, is_moved, is_full = case
        is_terminal = status in {"succeeded", "vanished"}
        ledger.connection.execute("delete from loaded.job_versions")
        ledger.connection.execute("delete from loaded.job_details")
        version = {"status": status, "is_terminal": is_terminal, "word": word}
        ledger.connection.execute(VERSION, {**version, "at": KNOWN_AT, "hash": HASH})
        ledger.connection.execute(DETAIL, {"listing": LISTING, "detail": detail})
        memory = InMemory(providers())
        row = {"row_hash": HASH, "updated_at": KNOWN_AT, "status": status, "raw": "{}"}
        more = {"is_terminal": is_terminal, "provider_status": word, "created_at": None}
        memory.versions[KEY] = [{**row, **more}]
        memory.marks[KEY] = {"listing_hash": LISTING, "detail": detail, "asked_at": None}
        listing = {
            "position": 0,
            "job_id": "j",
            "listing_hash": "c" * 32 if is_moved else LISTING,
            "updated_at": KNOWN_AT - timedelta(hours=1) if is_older else KNOWN_AT,
        }
        listed = pa.Table.from_pylist([listing], schema=LISTED)
        here, there = (
            known.news("salesforce", kind, listed, is_full=is_full)[0] for known in (ledger, memory)
        )
        if (here and here.news) != (there and there.news):
            differ.append((case, here, there))
    assert differ == []
