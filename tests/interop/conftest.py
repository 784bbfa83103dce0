"""Shared by all tests: the program, and backups that are made once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
MAKERS = FIXTURES / "make"
# Not all files in the folder: the user may have run the program on them.
COMMITTED = [FIXTURES / f"{path.stem}.tar" for path in sorted((FIXTURES / "expected").glob("*.json"))]
sys.path[:0] = [str(HERE), str(MAKERS)]

# Rewritten, so that their assertions report the compared values, like those of the tests.
pytest.register_assert_rewrite("judge", "program")

import boundary  # noqa: E402
import make  # noqa: E402
import program  # noqa: E402


def pytest_configure(config):
    if not os.access(os.environ.get("HASLIM", ""), os.X_OK):
        raise pytest.UsageError("HASLIM names no program; start the tests with tests/interop/run")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A function that returns the path of a backup by its name in fixtures/make/make.py. Each
    backup is made once with the reference library."""
    folder = tmp_path_factory.mktemp("backups")

    def get(name):
        out = folder / f"{name}.tar"
        if out.exists():
            return out
        if name.startswith("v1"):
            subprocess.run([os.environ["HASLIM_INTEROP_V1_PYTHON"], MAKERS / "make.py", name, out], check=True)
        elif name.startswith("boundary"):
            boundary.make(out, name)
        else:
            grow, pack = make.FIXTURES[name]
            files = folder / f"{name}.files"
            files.mkdir()
            grow(files)
            pack(out, files)
        out.chmod(0o444)
        return out

    return get


@pytest.fixture
def haslim(tmp_path):
    """The program, with a folder for its outputs."""
    return program.Haslim(tmp_path)
