"""The reference library reads the backups that haslim makes for measurements."""

import json
import tarfile

import pytest
import reference
from write import PASSWORD

WRAPPINGS = {"2": 2, "3": 3, "none": None}
PARTS = ["homeassistant", "5c53de3b_esphome", "a0d7b954_influxdb", "a0d7b954_nodered", "core_mariadb", "share", "addons_local", "ssl", "media"]


def make(haslim, wrapping, *options):
    out = haslim.folder / f"made-{wrapping}.tar"
    said = haslim.json("bench", "--make", "1MB", out, "--securetar", wrapping, *options)
    assert said["output_size"] == out.stat().st_size
    return out


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_made_backup_is_read_part_by_part_and_under_one_key(haslim, wrapping):
    path = make(haslim, wrapping)
    members = reference.backup(path, PASSWORD)
    assert [m["member"] for m in members] == [f"{part}.tar.gz" for part in PARTS] + ["./backup.json"]
    assert {m["securetar"] for m in members if "entries" in m} == {WRAPPINGS[wrapping]}
    about = json.loads(members[-1]["text"])
    assert about["protected"] is (wrapping != "none")
    assert [folder.replace("/", "_") for folder in about["folders"]] + [addon["slug"] for addon in about["addons"]] == PARTS[5:] + PARTS[1:5]
    if wrapping != "none":
        assert reference.parts_under_one_key(path, PASSWORD) == {m["member"]: m["entries"] for m in members if "entries" in m}


def test_contents_are_the_same_however_they_are_wrapped(haslim):
    contents = [[m.get("entries") for m in reference.backup(make(haslim, wrapping), PASSWORD)] for wrapping in WRAPPINGS]
    assert contents[0] == contents[1] == contents[2]


def test_entries_are_those_that_haslim_lists(haslim):
    path = make(haslim, "3")
    listed = [[(e["path"], e["kind"], e["size"]) for e in component["entries"]] for component in haslim.json("ls", path)["components"]]
    kinds = {"file": "file", "dir": "directory", "symlink": "symlink", "hardlink": "hardlink"}
    members = [m for m in reference.backup(path, PASSWORD) if "entries" in m]
    assert listed == [[(e["name"].decode(), kinds[e["type"]], e["size"]) for e in m["entries"]] for m in members]


def test_headers_are_those_that_python_writes(haslim):
    """Every header of the outer and of a plain inner tar, written again by tarfile, has the same bytes."""
    path = make(haslim, "none")
    with tarfile.open(path, "r:") as outer:
        same_headers(path.open("rb"), outer)
        for member in outer.getmembers()[:-1]:
            with tarfile.open(fileobj=outer.extractfile(member), mode="r:gz") as inner:
                same_headers(inner.fileobj, inner)


def same_headers(stream, tar):
    for entry in tar.getmembers():
        begin, end = entry.offset, entry.offset_data
        stream.seek(begin)
        raw = stream.read(end - begin)
        entry.mtime = float(entry.mtime) if "mtime" in entry.pax_headers else int(entry.mtime)
        entry.pax_headers = {}
        assert entry.tobuf(tarfile.PAX_FORMAT) == raw, entry.name
