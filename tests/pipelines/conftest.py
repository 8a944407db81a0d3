"""A project whose provider is a script."""

from pathlib import Path

import pytest

from tests.pipelines.scripted_sync import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
