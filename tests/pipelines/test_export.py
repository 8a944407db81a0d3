"""Exports that others can read, and that fail without a trace."""

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from jobledger.pipelines.cli import main
from jobledger.pipelines.errors import ConfigError, QueryError
from jobledger.pipelines.output import parquet
from jobledger.pipelines.output.export import export, size
from jobledger.pipelines.query import open_published
from tests.pipelines.published import publish

JOBLEDGER = Path(sys.executable).with_name("jobledger")
ODD = """
select * from (values
    ('a/b', 1), ('a b=c%', 2), (null, 3), ('é', 4), ('..', 5), ('a/b', 6)
) as odd(word, n)
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_published(publish(tmp_path / "jobs.duckdb")) as connection:
        yield connection


def modes(path: Path) -> set[int]:
    return {each.stat().st_mode & 0o777 for each in path.rglob("*") if each.is_file()}


def test_one_file(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "jobs.parquet"
    assert export(connection, "jobs", path) == 3
    expected = connection.execute("select * replace (raw::varchar as raw) from jobs").fetchall()
    with duckdb.connect() as other:
        other.execute("set TimeZone = 'UTC'")
        assert other.execute(f"from '{path}'").fetchall() == expected
    assert size(path) == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600


def test_partitions_are_read_by_duckdb_pandas_and_arrow(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "odd"
    assert export(connection, ODD, path, partition_by=["word"]) == 6
    folders = sorted(each.name for each in path.iterdir())
    assert "word=__HIVE_DEFAULT_PARTITION__" in folders
    assert sorted(map(unquote, folders)) == [
        *("word=..", "word=__HIVE_DEFAULT_PARTITION__", "word=a b=c%", "word=a/b", "word=é")
    ]
    rows = [("a/b", 1), ("a b=c%", 2), (None, 3), ("é", 4), ("..", 5), ("a/b", 6)]
    with duckdb.connect() as other:
        found = other.execute(
            f"select word, n from read_parquet('{path}/**/*.parquet', hive_partitioning = true)"
            " order by n"
        ).fetchall()
    assert found == rows
    arrow = ds.dataset(path, partitioning="hive").to_table().sort_by("n").to_pylist()
    assert [(row["word"], row["n"]) for row in arrow] == rows
    # pandas itself cannot read a missing value in a partition
    shutil.rmtree(path / "word=__HIVE_DEFAULT_PARTITION__")
    frame = pd.read_parquet(path).sort_values("n")
    assert list(zip(frame["word"], frame["n"], strict=True)) == [row for row in rows if row[0]]
    assert modes(path) == {0o600}
    assert {each.stat().st_mode & 0o777 for each in (path, *path.iterdir())} == {0o700}


def test_values_that_are_written_alike_do_not_overwrite_each_other(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # and a row with more text than may wait is a part of its own
    monkeypatch.setattr(parquet, "_HELD_BYTES", 1)
    sql = "select * from (values (null, 5), ('__HIVE_DEFAULT_PARTITION__', 6)) as t(word, n)"
    assert export(connection, sql, tmp_path / "alike", partition_by=["word"]) == 2
    monkeypatch.undo()
    for _ in range(2):
        # the second time in the place of the first
        with duckdb.connect() as other:
            found = other.execute(f"select n from '{tmp_path}/alike/*/*.parquet' order by n")
            assert found.fetchall() == [(5,), (6,)]
        assert export(connection, sql, tmp_path / "alike", partition_by=["word"]) == 2


def test_many_rows_in_partitions_keep_their_order(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "many"
    sql = "select i, i % 3 as part from range(2500000) t(i)"
    assert export(connection, sql, path, partition_by=["part"]) == 2_500_000
    assert sorted(each.name for each in (path / "part=1").iterdir()) == [
        *("part-0.parquet", "part-1.parquet", "part-2.parquet")
    ]
    with duckdb.connect() as other:
        assert other.execute(
            "select part, count(*), sum(i), bool_and(i % 3 = part)"
            f" from read_parquet('{path}/**/*.parquet', hive_partitioning = true) group by all"
            " order by all"
        ).fetchall() == [
            (part, len(numbers), sum(numbers), True)
            for part, numbers in ((part, range(part, 2_500_000, 3)) for part in range(3))
        ]
    first: list[Any] = pq.read_table(path / "part=0" / "part-0.parquet")["i"].to_pylist()
    assert first == sorted(first)


def test_partitions_by_two_columns_replace_those_of_before(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "jobs"
    export(connection, "jobs", path, partition_by=["source", "status"])
    export(connection, "failed_jobs", path, partition_by=["source"])
    assert sorted(str(each.relative_to(path)) for each in path.rglob("*")) == [
        *("source=sf", "source=sf/part-0.parquet"),
        *("source=zuora", "source=zuora/part-0.parquet"),
    ]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["jobs", "jobs.duckdb"]


def test_an_export_without_rows_has_its_columns(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "none"
    sql = "select source, job_id from jobs where false"
    assert export(connection, sql, path, partition_by=["source"]) == 0
    with duckdb.connect() as other:
        found = other.execute(f"from read_parquet('{path}/**/*.parquet', hive_partitioning = true)")
        assert [each[0] for each in found.description or ()] == ["source", "job_id"]


def test_a_failed_export_leaves_what_was_there(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    export(connection, "jobs", path, partition_by=["source"])
    before = sorted((each, each.stat().st_mtime_ns) for each in path.rglob("*"))
    late = (
        "select case when i < 290000 then '1' else 'x' end::int as n, i % 3 as part"
        " from range(300000) t(i)"
    )
    with pytest.raises(QueryError, match="Could not convert string 'x'"):
        export(connection, late, path, partition_by=["part"])
    assert sorted((each, each.stat().st_mtime_ns) for each in path.rglob("*")) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["jobs.duckdb", "out"]
    assert export(connection, "jobs", path, partition_by=["source"]) == 3


def test_what_no_export_wrote_is_never_replaced(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / "photos").mkdir(parents=True)
    (home / "photos" / "cat.jpg").write_text("cat")
    with pytest.raises(ConfigError, match=r"holds what no export wrote \(photos/cat.jpg\)"):
        export(connection, "jobs", home, partition_by=["source"])
    with pytest.raises(ConfigError, match="is a folder: expected a file"):
        export(connection, "jobs", home)
    with pytest.raises(ConfigError, match="is a file: --partition-by writes a folder"):
        export(connection, "jobs", home / "photos" / "cat.jpg", partition_by=["source"])
    assert (home / "photos" / "cat.jpg").read_text() == "cat"


@pytest.mark.parametrize(
    "name",
    ["mine.parquet", "part-1.parquet", "2026/part-0.parquet", "year=2026/data_0.parquet"],
)
def test_parquet_files_of_others_are_not_replaced(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    theirs = tmp_path / "lake" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    with pytest.raises(ConfigError, match=f"holds what no export wrote \\({name}\\)"):
        export(connection, "jobs", tmp_path / "lake", partition_by=["source"])
    assert theirs.read_bytes() == b"theirs"


def test_a_link_to_another_folder_is_not_replaced(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    link = tmp_path / "lake" / "mine"
    link.parent.mkdir()
    link.symlink_to("../theirs")
    with pytest.raises(ConfigError, match=r"holds what no export wrote \(mine\)"):
        export(connection, "jobs", tmp_path / "lake", partition_by=["source"])
    assert link.is_dir()


@pytest.mark.parametrize("partitioning", [None, ["year"]])
def test_a_dataset_of_another_tool_is_not_replaced(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, partitioning: list[str] | None
) -> None:
    theirs = pa.table({"year": [2026, 2027], "n": [1, 2]})
    flavor = None if partitioning is None else "hive"
    ds.write_dataset(
        theirs,
        tmp_path / "lake",
        format="parquet",
        partitioning=partitioning,
        partitioning_flavor=flavor,
    )
    with pytest.raises(ConfigError, match="holds what no export wrote"):
        export(connection, "jobs", tmp_path / "lake", partition_by=["source"])
    assert ds.dataset(tmp_path / "lake").count_rows() == 2


def test_an_empty_folder_and_an_export_without_rows_are_replaced(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    (path / "empty").mkdir(parents=True)
    for sql in ("select * from jobs where false", "jobs"):
        export(connection, sql, path, partition_by=["source"])
    assert sorted(each.name for each in path.iterdir()) == ["source=sf", "source=zuora"]


@pytest.mark.parametrize("is_renamed", [False, True])
def test_ctrl_c_between_two_renames_loses_no_export(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_renamed: bool,
) -> None:
    path = tmp_path / "out"
    export(connection, "jobs", path, partition_by=["source"])
    before = sorted(path.rglob("*"))
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        monkeypatch.undo()
        if is_renamed:
            rename(self, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(connection, "failed_jobs", path, partition_by=["source"])
    assert sorted(path.rglob("*")) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["jobs.duckdb", "out"]


@pytest.mark.parametrize(
    ("by", "format_", "said"),
    [
        (["sorce"], "parquet", r"no column 'sorce' \(did you mean 'source'\?\)"),
        (["source", "job_id", "error_message"], "parquet", "names every column"),
        (["source", "source"], "parquet", "names a column twice"),
        (["source"], "csv", "--partition-by writes Parquet"),
    ],
)
def test_what_cannot_be_partitioned(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, by: list[str], format_: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        export(connection, "failed_jobs", tmp_path / "out", format=format_, partition_by=by)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [(), ("--partition-by", "part"), ("--format", "csv")])
def test_a_full_disk_is_one_error_and_leaves_nothing(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    publish(tmp_path / "jobs.duckdb")
    sql = "select hash(i) as h, i % 2 as part from range(2000000) t(i)"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    done = subprocess.run(
        [JOBLEDGER, "--project", tmp_path, "export", sql, "-o", tmp_path / "out", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limit,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"jobledger: cannot write {tmp_path}/out: ")
    assert done.stderr.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["jobs.duckdb"]


@pytest.mark.parametrize("options", [(), ("--partition-by", "part")])
def test_one_that_is_terminated_leaves_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    publish(tmp_path / "jobs.duckdb")
    sql = "select hash(i) as h, i % 2 as part from range(1000000000) t(i)"
    command: list[str | Path] = [JOBLEDGER, "--project", tmp_path]
    command += ["export", sql, "-o", tmp_path / "out"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE) as process:
        try:
            for _ in range(600):
                if any(each.name.startswith(".out.") for each in tmp_path.iterdir()):
                    break
                time.sleep(0.1)
            process.terminate()
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said) == (143, b"")
    assert [each.name for each in tmp_path.iterdir()] == ["jobs.duckdb"]


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    publish(tmp_path / "jobs.duckdb")
    command: list[str | Path] = [JOBLEDGER, "--project", tmp_path, "export", "jobs", "-o"]
    done = subprocess.run(
        [*command, "out.csv", "--format", "csv"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
    )
    written = (tmp_path / "out.csv").stat().st_size
    assert (done.stdout, done.stderr) == ("", f"3 rows → out.csv ({written} bytes)\n")


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    publish(tmp_path / "jobs.duckdb")
    peaks = {}
    for rows in (100_000, 4_000_000):
        code = (
            "import resource, sys\n"
            "from pathlib import Path\n"
            "from jobledger.pipelines.output.export import export\n"
            "from jobledger.pipelines.query import open_published\n"
            "with open_published(Path(sys.argv[1])) as connection:\n"
            f"    sql = 'select i, hash(i)::varchar as h from range({rows}) t(i)'\n"
            "    print(export(connection, sql, Path(sys.argv[2])))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "jobs.duckdb", tmp_path / "out.parquet"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        written, peak = map(int, done.stdout.split())
        assert written == rows
        peaks[rows] = peak
    assert peaks[4_000_000] < peaks[100_000] + 100


@pytest.mark.parametrize(
    ("name", "options", "format_"),
    [
        ("jobs.csv", (), "csv"),
        ("jobs.CSV", (), "csv"),
        ("jobs.parquet", (), "parquet"),
        ("jobs.jsonl", (), "jsonl"),
        ("jobs.ndjson", (), "jsonl"),
        ("jobs", (), "parquet"),
        ("jobs.txt", ("--format", "csv"), "csv"),
        ("jobs.json", ("--format", "jsonl"), "jsonl"),
        ("jobs.md", (), None),
        ("jobs.csv", ("--format", "parquet"), None),
        ("jobs.csv", ("--partition-by", "n"), None),
        ("jobs.tsv", (), None),
        ("jobs.XLSX", (), None),
        ("jobs.v2", (), "parquet"),
    ],
)
def test_the_format_is_what_the_name_of_the_file_says(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
    options: tuple[str, ...],
    format_: str | None,
) -> None:
    publish(tmp_path / "jobs.duckdb")
    path = tmp_path / name
    words = ["--project", str(tmp_path), "export", "select 1 as n", "-o", str(path), *options]
    with pytest.raises(SystemExit) as ended:
        main(words)
    err = capfd.readouterr().err
    if format_ is None:
        assert ended.value.code == 2
        assert "would hold parquet, which its ending is not for: expected " in err
        if "--partition-by" in options:
            assert err.endswith("expected a folder of another ending, such as .parquet\n")
        assert not path.exists()
        return
    assert ended.value.code == 0
    begins = {"csv": b"n\n1\n", "jsonl": b'{"n":1}\n', "parquet": b"PAR1"}
    assert path.read_bytes().startswith(begins[format_])


def test_a_file_is_not_one_thing_to_an_export_and_another_to_a_query(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--project", str(tmp_path), "export", "jobs", "-o", "b.json"])
    assert refused.value.code == 2
    assert capfd.readouterr().err == (
        "jobledger: b.json: expected .jsonl for JSON Lines (or --format jsonl), or 'jobledger query"
        " … -o b.json' for one JSON array\n"
    )


@pytest.mark.parametrize("options", [(), ("--format", "csv")])
def test_nothing_is_packed_as_a_name_may_say(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    publish(tmp_path / "jobs.duckdb")
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(tmp_path), "export", "jobs", "-o", "jobs.csv.gz", *options])
    assert ended.value.code == 2
    assert "jobs.csv.gz would not be packed as its ending says" in capfd.readouterr().err


def test_a_query_into_a_file_goes_by_its_name_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path / "jobs.duckdb")
    query = ["--project", str(tmp_path), "query", "select 1 as n", "-o"]
    written = {}
    for name in ("n.csv", "n.json", "n.md", "n.txt"):
        with pytest.raises(SystemExit):
            main([*query, str(tmp_path / name)])
        written[name] = (tmp_path / name).read_text()
    assert written == {
        "n.csv": "n\n1\n",
        "n.json": '[\n  {"n":1}\n]\n',
        "n.md": "| n |\n| ---: |\n| 1 |\n",
        "n.txt": "n\n─\n1\n",
    }
    with pytest.raises(SystemExit) as refused:
        main([*query, "n.json", "--format", "csv"])
    assert refused.value.code == 2
    assert capfd.readouterr().err == (
        "jobledger: n.json would hold csv, which its ending is not for: expected --format json or"
        " --format jsonl, or a file of another ending, such as .csv\n"
    )


def test_a_plan_is_nothing_for_parquet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path / "jobs.duckdb")
    with pytest.raises(SystemExit) as refused:
        main(["--project", str(tmp_path), "export", "explain select 1", "-o", "e.parquet"])
    assert refused.value.code == 1
    assert capfd.readouterr().err == (
        "jobledger: a plan is nothing for Parquet: expected a query, or another --format\n"
    )


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e12", "0"])
def test_a_time_that_nothing_can_wait_for_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], seconds: str
) -> None:
    publish(tmp_path / "jobs.duckdb")
    with pytest.raises(SystemExit) as refused:
        main(["--project", str(tmp_path), "query", "jobs", "--timeout", seconds])
    assert refused.value.code == 2
    assert "Invalid value for '--timeout'" in capfd.readouterr().err


def test_an_export_to_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path / "jobs.duckdb")
    words = ["--project", str(tmp_path), "export", "select 1 as n", "-o", "-"]
    with pytest.raises(SystemExit):
        main([*words, "--format", "csv"])
    assert capfd.readouterr() == ("n\n1\n", "1 row → stdout\n")
    with pytest.raises(SystemExit) as refused:
        main([*words, "--partition-by", "n"])
    assert refused.value.code == 2
    assert "expected its name, not -" in capfd.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--partition-by", "source,status"],
        ["--partition-by", "source", "--partition-by", "status"],
    ],
)
def test_partitions_are_named_together_or_one_by_one(tmp_path: Path, options: list[str]) -> None:
    publish(tmp_path / "jobs.duckdb")
    words = ["export", "jobs", "--project", str(tmp_path), "-o", str(tmp_path / "out"), *options]
    done = subprocess.run([JOBLEDGER, *words], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.startswith(b"3 rows")) == (0, True)
    assert list((tmp_path / "out").glob("source=*/status=*/part-0.parquet"))
