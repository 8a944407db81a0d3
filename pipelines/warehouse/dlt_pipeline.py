"""dlt, set up to load one source into the ledger, kept to our folder and to itself."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.sources._provider.source import ROW_GROUP

if TYPE_CHECKING:
    import dlt

_DLT: Final = {
    # no telemetry; nothing of what was loaded stays behind on disk; quiet but for our own words
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "EXTRACT__WORKERS": "16",
    # another one of the environment, for other pipelines, would not know our columns again
    "SCHEMA__NAMING": "snake_case",
    # of each file that is open everything it holds is remembered; loaded one after the other, since
    # DuckDB uses all cores for one, and has memory for no more
    "DATA_WRITER__FILE_MAX_ITEMS": str(4 * ROW_GROUP),
    "LOAD__WORKERS": "1",
}


def prepared_pipeline(ledger: Ledger, folder: Path, source: str) -> "dlt.Pipeline":
    """The dlt pipeline of a source, with the state that the ledger holds.

    What dlt keeps on disk is thrown away first: the ledger alone knows what was really loaded.
    """
    _prepare_dlt(folder)
    import dlt

    from jobledger.pipelines.warehouse.destination import LedgerDestination

    shutil.rmtree(folder / source, ignore_errors=True)
    pipeline = dlt.pipeline(
        pipeline_name=source,
        pipelines_dir=str(folder),
        destination=LedgerDestination(
            ledger.connection,
            # pipelines that share a staging dataset empty each other's
            staging_dataset_name_layout=f"%s_{source}",
        ),
        dataset_name="loaded",
    )
    pipeline.sync_destination()
    return pipeline


def _prepare_dlt(folder: Path) -> None:
    """Keeps dlt to our folder: it must neither read the user's `.dlt/` nor write at home."""
    if folder.is_file():
        # whatever it is, it is in the way of what is made anew each time
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    settings: Mapping[str, str] = {
        **_DLT,
        "DLT_PROJECT_DIR": str(folder),
        "DLT_DATA_DIR": str(folder),
    }
    os.environ.update(settings)
