"""The maximum memory of a run, whatever the backup contains."""

import gzip
import io
import json
import os
import subprocess
import tarfile

from bench import HASLIM, environment

ENTRY = 256
BASE = 64 << 20


def peak_memory(bench):
    """Peak memory is at most 64 MiB, 256 bytes an entry, and the paths."""
    many = 1_000_000 if bench.long else 60_000
    shapes = {
        "short names": (many, lambda at: _entry(f"{at:x}")),
        "long names": (many // 10, lambda at: _entry("n" * 1000 + f"{at:06}")),
        "a folder for each": (many, lambda at: _entry(f"d{at:06}/" + "a/" * 40 + "a")),
        "hard links": (many, lambda at: _entry(f"t{at:06}", tarfile.LNKTYPE if at % 2 else tarfile.REGTYPE, f"t{at - at % 2:06}")),
        "one name for all": (many, lambda at: _entry("same")),
    }
    for shape, (count, make) in shapes.items():
        backup, output = bench.scratch / "many.tar", bench.scratch / "many-out.tar"
        rest, made = bench.scratch / "many-rest.tar", bench.scratch / "many-made.tar"
        bound = BASE + ENTRY * count + sum(len(make(at).name) + len(make(at).linkname) for at in range(count))
        _write(backup, count, make)
        drop = ["--drop", "share:zz/gone"]
        for words in (
            ["ls", backup],
            ["ls", backup, "--depth", "40"],
            ["plan", backup, *drop],
            ["shrink", backup, *drop, "-y", "-q", "-o", output, "--rest", rest],
            ["verify", backup],
            ["join", output, rest, "-q", "-o", made],
            ["extract", backup, "-q", "--force", "-o", made],
        ):
            threads = [] if words[0] == "join" else ["--threads", "2"]
            code, peak = _peak([*words, *threads])
            what = f"{count} entries, {shape}: {' '.join(map(str, [words[0], *words[2:4]]))}"
            bench.expect(code == 0, f"{what} succeeds", code)
            bench.check(f"{what} takes {peak >> 20} of {bound >> 20} MiB", 0 < peak <= bound, peak)
        for path in (output, rest, made, backup):
            path.unlink()


def _peak(words):
    """The exit code, and the peak resident memory."""
    # The output is ignored. The memory that this process had before the program started is no more
    # than a few MiB.
    process = subprocess.Popen([HASLIM, *map(str, words)], env=environment(None), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss << 10


def _entry(name, kind=tarfile.REGTYPE, link=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry


def _write(path, count, make):
    """Write an unencrypted backup whose only folder contains these entries and one more to drop."""
    inner = path.with_suffix(".inner")
    with gzip.open(inner, "wb", compresslevel=1) as packed:
        packed.write(_entry(".", tarfile.DIRTYPE).tobuf() + _entry("zz/gone").tobuf())
        for at in range(count):
            packed.write(make(at).tobuf())
        packed.write(bytes(1024))
    about = {"slug": "0a1b2c3d", "version": 2, "name": "many", "date": "2026-11-22T05:00:00.123456+00:00", "type": "partial", "folders": ["share"]}
    about |= {"addons": [], "homeassistant": None, "compressed": True, "protected": False}
    text = json.dumps(about).encode()
    with tarfile.open(path, "w") as outer:
        outer.add(inner, arcname="share.tar.gz")
        head = tarfile.TarInfo("./backup.json")
        head.size = len(text)
        outer.addfile(head, io.BytesIO(text))
    inner.unlink()
