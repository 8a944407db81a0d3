"""The catalogue in `sql/README.md` is what the database says of its views.

JOBLEDGER_REWRITE=1 pytest tests/sql/test_readme.py     writes it anew
"""

import os
from pathlib import Path

from tests.sql.catalogue import as_markdown, catalogue
from tests.sql.worlds import World

README = Path(__file__).parents[2] / "sql" / "README.md"
MARK = "<!-- what follows is generated from the views -->\n"


def test_the_catalogue_is_true(world: World):
    written, _, listed = README.read_text("utf-8").partition(MARK)
    found = "\n" + as_markdown(catalogue(world.connection))
    if os.environ.get("JOBLEDGER_REWRITE"):
        README.write_text(written + MARK + found, "utf-8")
        return

    assert listed == found


def test_every_view_and_check_is_explained(world: World):
    prose = README.read_text("utf-8").partition(MARK)[0]
    views = {entry.name for entry in catalogue(world.connection)}
    views |= {entry.name for entry in catalogue(world.connection, "staging")}
    checks = {path.stem for path in (README.parent / "checks").glob("*.sql")}

    assert [name for name in sorted(views | checks) if f"`{name}`" not in prose] == []
