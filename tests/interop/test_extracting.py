"""What haslim extracts is what the reference library and Python's tarfile read."""

import functools
import gzip
import hashlib
import json
import os
import stat
import subprocess
import tarfile

import boundary
import judge
import make
import pytest
import reference
from program import fingerprint

EVERY = [*make.FIXTURES, *boundary.names()]


def stem(member):
    """The name of a member's folder."""
    name = member.removeprefix("./").removesuffix(".gz").removesuffix(".tar")
    known = name in ("homeassistant", "supervisor", "share", "media", "ssl", "addons_local")
    return name if known else f"addon_{name}"


@functools.cache
def version_of(backup):
    """The version of a backup's metadata. In the first, the configuration is the root of its part."""
    with tarfile.open(backup, "r:") as outer:
        about = next(name for name in outer.getnames() if name in reference.ABOUT)
        return json.load(outer.extractfile(about)).get("version", 1)


def below(backup, folder, name):
    """The path of an entry below the output: the folder of its part, and the path that `ls` shows."""
    path = name.removeprefix(b"./").rstrip(b"/")
    if path == b".":
        path = b""
    if folder == "homeassistant" and version_of(backup) > 1:
        path = b"" if path == b"data" else path.removeprefix(b"data/")
    return folder.encode() + (b"/" + path if path else b"")


def expected(backup):
    """By path: the entry as the reference library reads it, with its new name and link."""
    found = {}
    for member in judge.original(backup):
        for entry in member.get("entries", []):
            folder = stem(member["member"])
            name = below(backup, folder, entry["name"])
            link = entry["linkname"]
            if entry["type"] == "hardlink":
                link = below(backup, folder, link)
            found[name] = {**entry, "name": name, "linkname": link}
    return found


def without_names(entry):
    """An entry without the PAX records for its name, which may be new or no longer needed."""
    names = ("path", "linkpath", "hdrcharset")
    return {**entry, "name": entry["name"].rstrip(b"/"), "pax": {k: v for k, v in entry["pax"].items() if k not in names}}


@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("name", EVERY)
def test_an_archive_has_the_entries_that_python_reads(haslim, made, name, form):
    backup, out = made(name), haslim.folder / f"out.{form}"
    before = fingerprint(backup)
    said = haslim.json("extract", backup, "-o", out)
    assert fingerprint(backup) == before, "the input changed"
    assert said["output"] == str(out) and said["format"] == form
    if form == "tar.zst":
        plain = subprocess.run(["zstd", "-dc", out], check=True, stdout=subprocess.PIPE).stdout
        out = haslim.folder / "plain.tar"
        out.write_bytes(plain)
    with tarfile.open(out) as archive:
        got = [without_names(entry) for entry in reference.entries(archive)]
    want = {name: without_names(entry) for name, entry in expected(backup).items()}
    assert len(got) == len(want)
    for entry in got:
        assert entry == want[entry["name"]]


@pytest.mark.parametrize("name", EVERY)
def test_a_folder_has_what_python_extracts(haslim, made, name):
    backup, out = made(name), haslim.folder / "out"
    haslim.run("extract", backup, "-o", out)
    root, seen = os.fsencode(out), set()
    for path, entry in expected(backup).items():
        leads_out = entry["type"] == "symlink" and entry["linkname"].startswith(b"/")
        assert os.path.lexists(root + b"/" + path) != leads_out, path
        if leads_out:
            continue
        seen.add(path)
        found = os.lstat(root + b"/" + path)
        if entry["type"] == "symlink":
            assert os.readlink(root + b"/" + path) == entry["linkname"], path
        elif entry["type"] == "hardlink":
            assert os.path.samefile(root + b"/" + path, root + b"/" + entry["linkname"]), path
            continue
        else:
            assert stat.S_IMODE(found.st_mode) == entry["mode"] & 0o777, path
        if entry["type"] == "file":
            assert hashlib.sha256(open(root + b"/" + path, "rb").read()).hexdigest() == entry["sha256"], path
        # Python reads times as floating-point numbers.
        assert abs(found.st_mtime_ns - entry["mtime_ns"]) < 1000, path
    for folder, folders, files in os.walk(root):
        for one in folders + files:
            path = os.path.relpath(os.path.join(folder, one), root)
            assert path in seen or any(other.startswith(path + b"/") for other in seen), path


def test_gnu_tar_and_python_unpack_the_same(haslim, made):
    out = haslim.folder / "out.tar.gz"
    haslim.run("extract", made("v3"), "share", "media", "-o", out)
    assert gzip.decompress(out.read_bytes()), "not one gzip stream"
    folders = [haslim.folder / "gnu", haslim.folder / "python"]
    for folder in folders:
        folder.mkdir()
    subprocess.run(["tar", "-xf", out, "-C", folders[0]], check=True)
    with tarfile.open(out) as archive:
        archive.extractall(folders[1], filter="data")
    subprocess.run(["diff", "-r", "--no-dereference", *folders], check=True)
