"""Tests of the judge itself: it accepts a correct copy made with the reference library, and detects
every fault that a copy can have."""

import gzip
import io
import json
import tarfile

import boundary
import expect
import judge
import metadata
import pytest
import reference
import securetar
from judge import under
from conftest import COMMITTED, FIXTURES
from write import PASSWORD, add_bytes

CLIPS = under(b"data/nest/event_media")


def slim(source, out, *, keep=lambda name: True, part=lambda name, stream: stream, about=lambda text: text, password=PASSWORD, mixed=False):
    """A copy of a v3 backup, made with the reference library alone."""
    with securetar.SecureTarArchive(source, "r", password=PASSWORD) as old, securetar.SecureTarArchive(out, "w", password=password, create_version=3) as new:
        for member in old.tar.getmembers():
            content = old.tar.extractfile(member).read()
            if member.name == "./backup.json":
                add_bytes(new.tar, member.name, about(content))
            elif keep(member.name):
                if mixed and member.name == "share.tar.gz":
                    new.tar.addfile(member, io.BytesIO(content))
                    continue
                with old.extract_tar(member) as stream:
                    plain = part(member.name, b"".join(iter(lambda: stream.read(1 << 20), b"")))
                    member.size = len(plain)
                    new.import_tar(io.BytesIO(plain), member)
    return out


def right(text):
    about = metadata.slimmed(text, "0123abcd", without=["media"], protected=True)
    return metadata.spell(about).encode()


def without_clips(name, stream):
    """Remove the clips from the configuration, in Python, and keep one link's data."""
    if name != "homeassistant.tar.gz":
        return stream
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(stream), mode="r:gz") as old, gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        data = None
        for entry in old:
            if CLIPS(reference.raw(entry.name)):
                continue
            if entry.islnk() and CLIPS(reference.raw(entry.linkname)):
                if data is None:
                    data, first = old.extractfile(entry).read(), entry.name
                    entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", len(data)
                    entry.pax_headers = {key: value for key, value in entry.pax_headers.items() if key != "size"}
                    new.addfile(entry, io.BytesIO(data))
                    continue
                entry.linkname = first
            new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    return out.getvalue()


def not_media(name):
    return name != "media.tar.gz"


def test_a_right_copy_passes(made, tmp_path):
    out = slim(made("v3"), tmp_path / "copy.tar", keep=not_media, part=without_clips, about=right)
    judge.copy(made("v3"), out, version=3, without=["media"], gone={"homeassistant.tar.gz": CLIPS}, spelling=True)


WRONG = {
    "a path that should be gone": (dict(about=right, part=lambda n, s: _edited(s, lambda e: None) if n == "homeassistant.tar.gz" else s), "other names"),
    "data that did not move to a link": (dict(about=right, part=lambda n, s: without_clips(n, s) if n != "homeassistant.tar.gz" else _dangling(s)), "expected and found"),
    "another mode": (dict(about=right, part=lambda n, s: _edited(without_clips(n, s), lambda e: setattr(e, "mode", 0o640)) if n == "share.tar.gz" else without_clips(n, s)), "expected and found"),
    "a time without its fraction": (dict(about=right, part=lambda n, s: _edited(s, lambda e: e.pax_headers.pop("mtime", None) and setattr(e, "mtime", int(e.mtime))) if n == "share.tar.gz" else without_clips(n, s)), "expected and found"),
    "two gzip members": (dict(about=right, part=lambda n, s: s + gzip.compress(b"") if n == "share.tar.gz" else without_clips(n, s)), "one whole gzip member"),
    "an optional field in the gzip header": (dict(about=right, part=lambda n, s: s[:3] + b"\x04" + s[4:10] + bytes(2) + s[10:] if n == "share.tar.gz" else without_clips(n, s)), "optional fields"),
    "a second root salt": (dict(about=right, part=without_clips, mixed=True), "root salt"),
    "the old slug": (dict(about=lambda t: right(t).replace(b"0123abcd", b"33aa0001"), part=without_clips), "33aa0001"),
    "a full copy": (dict(about=lambda t: right(t).replace(b'"partial"', b'"full"'), part=without_clips), "partial"),
    "a number spelled anew": (dict(about=lambda t: right(t).replace(b"1e3", b"1000.0"), part=without_clips), "1000.0"),
    "another order of keys": (dict(about=lambda t: metadata.spell(dict(reversed(metadata.read(right(t)).items()))).encode(), part=without_clips), "has the keys"),
    "a part that is listed and gone": (dict(about=lambda t: right(t).replace(b'"folders": [', b'"folders": ["media", '), part=without_clips), "media"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_copy_is_noticed(made, tmp_path, what):
    wrong, complaint = WRONG[what]
    out = slim(made("v3"), tmp_path / "copy.tar", keep=not_media, **wrong)
    with pytest.raises(AssertionError, match=complaint):
        judge.copy(made("v3"), out, version=3, without=["media"], gone={"homeassistant.tar.gz": CLIPS}, spelling=True)


def _edited(stream, edit):
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(stream), mode="r:gz") as old, gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as new:
        for entry in old:
            edit(entry)
            new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    return out.getvalue()


def _dangling(stream):
    """Drop the clips and leave the links pointing at them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(stream), mode="r:gz") as old, gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as new:
        for entry in old:
            if not CLIPS(reference.raw(entry.name)):
                new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    return out.getvalue()


def test_bytes_after_the_end_are_noticed(made, tmp_path):
    out = slim(made("v3"), tmp_path / "copy.tar", keep=not_media, part=without_clips, about=right)
    out.write_bytes(out.read_bytes()[:-1] + b"x")
    with pytest.raises(AssertionError, match="two blocks of zeros"):
        judge.outer_form(out)


@pytest.mark.parametrize("name", ["v2", "v3", "plain", "v3-uncompressed", "core-v3"])
def test_what_home_assistant_writes_passes_the_password_check(made, name):
    judge.passes_password_check(made(name))


# Report 11: the remains of a failed add-on, and members that are in the file but not listed.
FIRST = {"a plain archive": gzip.compress(bytes(10240)), "an empty archive": b"", "noise": bytes(range(256)) * 8}


@pytest.mark.parametrize("what", FIRST)
def test_a_first_archive_that_the_key_does_not_open_is_noticed(made, tmp_path, what):
    out = tmp_path / "copy.tar"
    with tarfile.open(made("v3"), "r:") as old, tarfile.open(out, "w") as new:
        add_bytes(new, "core_x.tar.gz", FIRST[what])
        for member in old:
            new.addfile(member, old.extractfile(member))
    with pytest.raises(AssertionError, match="invalid, because of core_x.tar.gz"):
        judge.passes_password_check(out)


def test_an_archive_under_another_key_is_noticed(made, tmp_path):
    out = slim(made("v3"), tmp_path / "copy.tar", about=right, keep=not_media, part=without_clips, password="another")
    with pytest.raises(AssertionError, match="invalid, because of"):
        judge.passes_password_check(out)


GOOD = {"slug": "0a", "version": "2", "name": "n", "date": "2026-11-22T05:00:00+00:00", "type": "full", "homeassistant": None, "folders": ["share"], "addons": [], "example": 1}
BAD = [
    {"slug": None},
    {"version": 3},
    {"type": "odd"},
    {"date": "yesterday"},
    {"name": "a/b"},
    {"crypto": "rot13"},
    {"protected": "yes"},
    {"homeassistant": {"exclude_database": False}},
    {"homeassistant": "2021.5.5"},
    {"folders": ["pictures"]},
    {"folders": ["homeassistant"]},
    {"folders": ["share", "share"]},
    {"addons": [{"slug": "a", "name": "a"}]},
    {"addons": [{"slug": "a", "name": "a", "version": "1"}] * 2},
    {"repositories": "none"},
    {"extra": []},
]


def test_the_schema_takes_what_supervisor_writes(made):
    assert not metadata.problems(metadata.read(json.dumps(GOOD)))
    for path in COMMITTED:
        assert not metadata.problems(metadata.read(metadata.of(path))), path.name


@pytest.mark.parametrize("change", BAD, ids=json.dumps)
def test_the_schema_refuses_what_supervisor_refuses(change):
    assert metadata.problems(metadata.read(json.dumps(GOOD | change)))


def test_numbers_and_order_survive_reading():
    text = '{"b": 0.10, "a": [1e3, -0, 1.50E+02, 123456789012345678901234567890, null, true], "c": {"z": {}, "y": ""}}'
    assert metadata.spell(metadata.read(text)) == text


@pytest.mark.parametrize("path", [path for path in COMMITTED if not path.name.startswith("v1")], ids=lambda path: path.stem)
def test_committed_expectations_are_what_the_library_reads(path):
    assert (FIXTURES / "expected" / f"{path.stem}.json").read_text() == expect.document(path)


@pytest.mark.parametrize("name", ["v1", "v1-snapshot"])
def test_both_libraries_read_v1_alike(made, name):
    assert judge.original(made(name)) == reference.backup(made(name), PASSWORD)


@pytest.mark.parametrize("length", boundary.STREAMS.values())
def test_streams_have_the_length_they_claim(length):
    stream = boundary.gzip_of_length(length, 1)
    with tarfile.open(fileobj=io.BytesIO(stream), mode="r|gz") as tar:
        assert [entry.name for entry in tar][-1] == "large.bin"


@pytest.mark.parametrize("name", boundary.names())
def test_the_library_reads_these_streams(made, name):
    assert all(m["entries"] for m in reference.backup(made(name), PASSWORD) if "entries" in m)
    if boundary.VERSIONS[name.split("-")[1]]:
        judge.wrapping(made(name), boundary.VERSIONS[name.split("-")[1]], PASSWORD)
