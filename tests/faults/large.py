"""Members and files of more than 8 GiB. From this size on, a tar header needs more than its octal digits."""

import json
import os
import random
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path

from bench import run

LIMIT = 1 << 33  # eleven octal digits end here
SIZE = LIMIT + (3 << 20) + 12_345
WINDOW = 1 << 18
# Positions at which the file has bytes that must be found again; the rest of it is a hole.
MARKS = [0, (1 << 32) - WINDOW // 2, LIMIT - WINDOW // 2, SIZE - WINDOW]
# Positions in the holes, which must read as zeros.
HOLES = [1 << 30, (1 << 32) + WINDOW, 5 << 30, LIMIT - 2 * WINDOW]
BLOCK, RECORD, CHUNK = 512, 10_240, 1 << 20
# For SecureTar version 3: the bytes added to each chunk, and the bytes before all of them.
CHUNK_OVERHEAD, V3_HEADER = 17, 136
# More than any of these runs takes on a slow disk.
SECONDS = 1800


def large_member(bench):
    """A member of more than 8 GiB is copied, rewritten, encrypted and reduced, and all readers see the correct size."""
    forms = [("PAX", tarfile.PAX_FORMAT), ("base-256", tarfile.GNU_FORMAT)]
    with _folder(bench) as folder:
        # Everyday runs: only forms that read holes and write next to nothing.
        for name, form in forms if bench.long else forms[:1]:
            original = folder / "in.tar"
            _write(original, form)
            before = os.stat(original)
            with Look(original) as old:
                bench.expect(old.outer.size > LIMIT and old.huge.size == SIZE, f"{name}: the test makes what it wants")
                _emptied(bench, folder, original, old, name)
                if bench.long:
                    _copied(bench, folder, original, old, name)
                    _cut(bench, folder, original, old, name)
            if bench.long and form == tarfile.PAX_FORMAT:
                _encrypted(bench, folder, original)
            after = os.stat(original)
            same = (after.st_size, after.st_mtime_ns, after.st_ctime_ns) == (before.st_size, before.st_mtime_ns, before.st_ctime_ns)
            bench.check(f"{name}: the input is as it was", same)
            original.unlink()


def _copied(bench, folder, original, old, name):
    """Another part is dropped; this one is copied with its header."""
    with _shrunk(bench, folder, original, "--drop", "share") as copy, Look(copy) as new:
        bench.check(f"{name}: a copied member keeps {new.outer.size} bytes", new.outer.size == old.outer.size)
        bench.check(f"{name}: its header is the same, byte for byte", new.header() == old.header())
        _compare(bench, old, new, name, "copied")


def _cut(bench, folder, original, old, name):
    """A small file is dropped from it, so that it is rewritten and is still larger than 8 GiB."""
    with _shrunk(bench, folder, original, "--drop", "media:gone") as copy, Look(copy) as new:
        wanted = old.size_without("gone", "huge")
        bench.check(f"{name}: a rewritten member has {new.outer.size} bytes", old.outer.size > new.outer.size == wanted > LIMIT, wanted)
        bench.check(f"{name}: its header tells them", _likeness(new.outer) == _likeness(old.outer))
        bench.check(f"{name}: in the form that needs no PAX record", new.header()[-BLOCK:][124:136] == b"\x80" + new.outer.size.to_bytes(11, "big"))
        bench.check(f"{name}: the file inside keeps its header", new.inner_header() == old.inner_header())
        names = new.inner.getnames()
        bench.check(f"{name}: and only what was named is gone", names == [".", "huge", "kept"], names)
        _compare(bench, old, new, name, "rewritten")


def _emptied(bench, folder, original, old, name):
    """The large file itself is dropped: the remaining part has a small size, in a header that had a large one."""
    with _shrunk(bench, folder, original, "--drop", "media:huge") as copy, tarfile.open(copy, "r:") as outer:
        member = outer.getmember("media.tar")
        bench.check(f"{name}: without its large file the member has {member.size} bytes", member.size == old.size_without("huge", "kept") and "size" not in member.pax_headers)
        with tarfile.open(fileobj=outer.extractfile(member), mode="r:") as inner:
            bench.check(f"{name}: and holds the rest", inner.getnames() == [".", "gone", "kept"] and inner.extractfile("kept").read() == b"k" * 700)


def _encrypted(bench, folder, original):
    """All of it is encrypted: both headers, the tar's and SecureTar's, state a size of more than 8 GiB."""
    with tarfile.open(original, "r:") as outer:
        plain = outer.getmember("media.tar").size
    with _shrunk(bench, folder, original, "--drop", "share", "--securetar", "3", key=True) as copy, tarfile.open(copy, "r:") as outer:
        member = outer.getmember("media.tar")
        sealed = plain + CHUNK_OVERHEAD * -(-plain // CHUNK) + V3_HEADER
        bench.check(f"encrypted it has {member.size} bytes", member.size == sealed, sealed)
        head = outer.extractfile(member).read(24)
        bench.check("and tells the size of what is inside", head[:10] == b"SecureTar\x03" and int.from_bytes(head[16:24], "big") == plain, head)


@contextmanager
def _folder(bench):
    """A folder on a disk, where holes take no room and a copy takes 8 GiB."""
    folder = Path(tempfile.mkdtemp(prefix="haslim-faults-", dir=os.environ["HASLIM_FAULTS_DISK"]))
    try:
        free = shutil.disk_usage(folder).free
        bench.expect(not bench.long or free > SIZE + (1 << 30), "there are 9 GiB free for the copies; set TMPDIR to another disk", free)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _shrunk(bench, folder, original, *options, key=False):
    """A written and verified copy, kept until the caller has checked it."""
    copy = folder / "out.tar"
    password = {} if key else {"password": None}
    words = ["shrink", original, "-o", copy, "-y", "-q", "--limit", "20GB", *options]
    done = run(words, seconds=SECONDS, **password)
    bench.expect(done.code == 0, f"{' '.join(options)} succeeds", done)
    bench.expect(sorted(os.listdir(folder)) == ["in.tar", "out.tar"], "nothing else is left", os.listdir(folder))
    bench.expect(os.stat(copy).st_size % RECORD == 0, "the copy ends with a whole record")
    done = run(["verify", copy, "-q"], seconds=SECONDS, **password)
    bench.expect(done.code == 0, f"the copy of {' '.join(options)} is sound", done)
    try:
        yield copy
    finally:
        copy.unlink()


class Look:
    """A backup as Python sees it: `media.tar` in it, and the large file in that."""

    def __init__(self, path):
        self._file = open(path, "rb", 0)
        self.tar = tarfile.open(path, "r:")
        self.outer = self.tar.getmember("media.tar")
        self.inner = tarfile.open(fileobj=self.tar.extractfile(self.outer), mode="r:")
        self.huge = self.inner.getmember("huge")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.inner.close()
        self.tar.close()
        self._file.close()

    def _bytes(self, at, count):
        return os.pread(self._file.fileno(), count, at)

    def header(self):
        """The header of the member, extensions included."""
        return self._bytes(self.outer.offset, self.outer.offset_data - self.outer.offset)

    def inner_header(self):
        """The same of the large file."""
        return self._bytes(self.outer.offset_data + self.huge.offset, self.huge.offset_data - self.huge.offset)

    def window(self, at):
        """Bytes of the large file from this position on."""
        return self._bytes(self.outer.offset_data + self.huge.offset_data + at, WINDOW)

    def last(self):
        """The contents of the last file in the member."""
        return self.inner.extractfile("kept").read()

    def size_without(self, name, following):
        """The size of the member's tar without an entry, given the entry that follows it."""
        last = self.inner.getmember("kept")
        end = last.offset_data + last.size + -last.size % BLOCK + 2 * BLOCK
        end -= self.inner.getmember(following).offset - self.inner.getmember(name).offset
        return end + -end % RECORD


def _compare(bench, old, new, name, what):
    bench.check(f"{name}: the file in the {what} member has {new.huge.size} bytes", new.huge.size == SIZE)
    wrong = [at for at, data in _marks() if not new.window(at) == data == old.window(at)]
    bench.check(f"{name}: its bytes at the begin, around 4 and 8 GiB and at the end are right", not wrong, wrong)
    wrong = [at for at in HOLES if any(new.window(at))]
    bench.check(f"{name}: and so are zeros between them", not wrong, wrong)
    bench.check(f"{name}: and the file behind it", new.last() == b"k" * 700)


def _likeness(member):
    """The values that a new size must not change."""
    return member.name, member.mode, member.uid, member.gid, member.mtime, member.type, member.uname, member.gname


def _marks():
    dice = random.Random(22)
    return [(at, dice.randbytes(WINDOW)) for at in MARKS]


def _write(path, form):
    """A backup without encryption and compression; its `media` holds a large file between two small ones."""

    def head(name, size, kind=tarfile.REGTYPE):
        entry = tarfile.TarInfo(name)
        entry.size, entry.type, entry.mtime = size, kind, 1_700_000_000
        return entry.tobuf(form)

    def entry(name, data):
        return head(name, len(data)) + data + bytes(-len(data) % BLOCK)

    def ended(size):
        return bytes(2 * BLOCK + -(size + 2 * BLOCK) % RECORD)

    begin = head(".", 0, tarfile.DIRTYPE) + entry("gone", b"g" * 30_000) + head("huge", SIZE)
    data, rest = SIZE + -SIZE % BLOCK, entry("kept", b"k" * 700)
    rest += ended(len(begin) + data + len(rest))
    share = head(".", 0, tarfile.DIRTYPE) + entry("note", b"hello")
    about = {"slug": "0a1b2c3d", "version": 2, "name": "large", "date": "2026-11-22T05:00:00.123456+00:00", "type": "partial"}
    about |= {"folders": ["media", "share"], "addons": [], "homeassistant": None, "compressed": False, "protected": False}
    with open(path, "wb") as file:
        file.write(head("media.tar", len(begin) + data + len(rest)) + begin)
        at = file.tell()
        for offset, mark in _marks():
            file.seek(at + offset)
            file.write(mark)
        file.seek(at + data)
        file.write(rest + entry("share.tar", share + ended(len(share))) + entry("./backup.json", json.dumps(about).encode()))
        file.write(ended(file.tell()))
