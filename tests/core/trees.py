"""File trees: the contents that the scenarios put into a configuration folder, and their comparison after a restore."""

import hashlib
import os
import random
import shutil
import sqlite3
import stat
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

DATABASE = ("home-assistant_v2.db", "home-assistant_v2.db-wal")
CLIPS = "nest/event_media/"
SECOND_NAME = "doorbell.mp4"  # another name of one of the clips
TOPS = ("nest", "custom_components/radar", "www", "scripts", "blueprints", "secrets.yaml")


def plant(config):
    """Fill a configuration folder with typical contents: clips, links, unusual names, modes, a database in use."""
    noise = random.Random(20261124)
    for camera in range(2):
        for clip in range(4):
            _put(config / f"{CLIPS}cam{camera}/{clip:03}.mp4", noise.randbytes(700_000))
    _put(config / "nest/subscriptions.json", b"{}")
    _put(config / "custom_components/radar/sensor.py", b"RANGE = 40\n" * 3000)
    _put(config / "custom_components/radar/panel/dist/app.js", noise.randbytes(50_000).hex().encode())
    _put(config / "www/floor plan.svg", b"<svg/>")
    _put(config / "www/é_ünïcödé_日本.txt", b"x")
    _put(config / ("www/" + "long" * 45 + ".txt"), b"a name over 100 bytes")
    _put(config / "www/empty", b"")
    _put(config / "scripts/wake.sh", b"#!/bin/sh\n", 0o755)
    _put(config / "secrets.yaml", b"wifi: hunter2\n", 0o600)
    (config / "blueprints/none yet").mkdir(parents=True)
    os.link(config / f"{CLIPS}cam0/000.mp4", _folder_after_nest(config) / SECOND_NAME)
    os.symlink("../scripts/wake.sh", config / "www/wake")
    os.symlink("../custom_components/radar", config / "www/radar")
    _database(config)
    _date(config)


def _folder_after_nest(config):
    """Make a folder that comes after `nest` in a listing: Core packs in that order, and the later
    name becomes the link."""
    for number in range(100):
        folder = config / f"second{number}"
        folder.mkdir()
        names = os.listdir(config)
        if names.index(folder.name) > names.index("nest"):
            return folder
        folder.rmdir()
    raise RuntimeError("no folder name comes after nest")


def _put(path, content, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _database(config):
    """A recorder database as it is while Home Assistant runs: with a write-ahead log and a shared-memory file."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / DATABASE[0]
        link = sqlite3.connect(path)
        link.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE states(state_id INTEGER PRIMARY KEY, state TEXT, context BLOB)")
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        noise = random.Random(7)
        link.executemany("INSERT INTO states(state, context) VALUES(?, ?)", ((f"{noise.gauss(21, 4):.2f}", noise.randbytes(16)) for _ in range(20_000)))
        link.commit()
        # Copied while the connection is open: closing it would merge the log.
        for file in Path(scratch).iterdir():
            shutil.copyfile(file, config / file.name)
        link.close()


def _date(config):
    """Set a different time for every planted file and folder, with a fraction of a second."""
    number = 0
    for top in (*TOPS, *(folder.name for folder in config.glob("second*"))):
        paths = [config / top, *(config / top).rglob("*")] if (config / top).is_dir() else [config / top]
        for path in sorted(paths, reverse=True):
            number += 1
            when = 1_700_000_000_123_456_789 + number * 86_400_000_000_321
            os.utime(path, ns=(when, when), follow_symlinks=False)


def snapshot(root):
    """Mode, time and content of everything under `root`, by relative path."""
    found = {}
    for path in Path(root).rglob("*"):
        about = path.lstat()
        if path.is_symlink():
            content = f"link to {os.readlink(path)}"
        else:
            content = "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(root))] = (stat.S_IMODE(about.st_mode), about.st_mtime_ns, content)
    found.pop(".HA_RESTORE_RESULT", None)
    return found


def planted_part(tree):
    """The files from `plant` without the database; a running Core does not touch them."""
    return {path: about for path, about in tree.items() if path.startswith((*TOPS, "second"))}


def without(tree, *patterns):
    """The tree without the entries that match one of the patterns (`*` also matches `/`), and
    without folders named backups, which Core never restores."""
    gone = lambda path: "backups" in path.split("/") or any(fnmatchcase(path, pattern) for pattern in patterns)
    return {path: about for path, about in tree.items() if not gone(path)}


def differences(expected, got, rounded=False):
    """Say how two snapshots differ, at most eight lines.

    `rounded`: the expected tree is the original on disk. Python keeps times as floating-point numbers, good to a
    microsecond; its tar filter removes special bits and write permission for others; and Core's restore leaves out relative
    symbolic links, because it looks for their targets from the wrong folder.
    """
    if rounded:
        expected = {path: about for path, about in expected.items() if not about[2].startswith("link to ")}
    lines = [f"missing {path}" for path in sorted(expected.keys() - got.keys())]
    lines += [f"unexpected {path}" for path in sorted(got.keys() - expected.keys())]
    for path in sorted(expected.keys() & got.keys()):
        (mode, time, content), (mode_got, time_got, content_got) = expected[path], got[path]
        if content != content_got:
            lines.append(f"content of {path}")
        if (mode & 0o755 if rounded else mode) != mode_got:
            lines.append(f"mode of {path}: {mode:o} became {mode_got:o}")
        if abs(time - time_got) > (1000 if rounded else 0):
            lines.append(f"time of {path}: {time} became {time_got}")
    return lines[:8]
