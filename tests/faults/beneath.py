"""What `extract` opens and changes: nothing outside its folder, whatever the names in a part say."""

import io
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

from bench import run, traced

FILE, LINK, HARD, FOLDER, FIFO, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE
UP = "../" * 12
DEEP = "/".join(["d"] * 2000)
# Each is a part: names with their kinds and, for links, where they lead.
PARTS = {
    "two dots": [("../evil", FILE)],
    "many dots": [(UP + "tmp/evil", FILE)],
    "dots inside": [("a/../../evil", FILE)],
    "dots at the end": [("a/..", FOLDER), ("a/../evil", FILE)],
    "a folder above": [("../evil", FOLDER)],
    "an absolute name": [("/tmp/evil", FILE)],
    "two slashes": [("//tmp/evil", FILE)],
    "an absolute folder": [("/tmp/evil/", FOLDER)],
    "a link above": [("l", LINK, "../../outside")],
    "an absolute link": [("l", LINK, "/etc/passwd")],
    "a file through a link": [("l", LINK, "../../outside"), ("l/evil", FILE)],
    "a file through an absolute link": [("l", LINK, "/tmp"), ("l/evil", FILE)],
    "a file through a link to a folder": [("d", FOLDER), ("l", LINK, "d"), ("l/evil", FILE)],
    "a link through a link": [("l", LINK, "."), ("m", LINK, "l/l/../../outside"), ("m/evil", FILE)],
    "a link into a folder and up": [("a", FOLDER), ("l", LINK, "a/../../../outside"), ("l/evil", FILE)],
    "a link that becomes a folder": [("l", LINK, "../../outside"), ("l", FOLDER), ("l/evil", FILE)],
    "a folder that becomes a link": [("l", FOLDER), ("l", LINK, "../../outside"), ("l/evil", FILE)],
    "a file over a link": [("l", LINK, "../../outside/secret"), ("l", FILE)],
    "a hard link outside": [("h", HARD, "../../outside/secret")],
    "an absolute hard link": [("h", HARD, "/etc/passwd")],
    "a hard link through a link": [("l", LINK, "../../outside"), ("h", HARD, "l/secret")],
    "a hard link to a link": [("l", LINK, "../../outside/secret"), ("h", HARD, "l"), ("h", FILE)],
    "a hard link to a folder": [("d", FOLDER), ("h", HARD, "d"), ("h/evil", FILE)],
    "a hard link to itself": [("h", HARD, "h")],
    "two thousand levels": [(DEEP, FILE)],
    "two thousand levels and up": [(DEEP, FOLDER), (DEEP + "/" + "../" * 2003 + "evil", FILE)],
    "names that differ in case": [("Evil", FILE), ("evil", FILE), ("EVIL/x", FILE)],
    "a newline": [("a\nb", FILE), ("\n../evil", FILE)],
    "control characters": [("a\x1b[2J", FILE), ("a\x01", FOLDER)],
    "a device": [("null", DEVICE), ("null", FILE)],
    "a pipe": [("pipe", FIFO), ("pipe", FILE)],
    "a dot": [(".", FOLDER), ("./", FOLDER), ("./.", FILE)],
    "a file that is a folder": [("a", FILE), ("a/b", FILE)],
    "a folder that is a file": [("a/b", FILE), ("a", FILE)],
    "the file's name is long": [("x" * 300, FILE), ("/".join(["y" * 200] * 30), FILE)],
    "a backslash": [("..\\evil", FILE), ("C:\\evil", FILE), ("C:evil", FILE)],
    "one name twice": [("a", FILE), ("a", FILE), ("a", LINK, "b"), ("a", FILE)],
}
FILES = "openat,openat2,open,creat,link,linkat,symlink,symlinkat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,unlink,unlinkat,rmdir,chmod,fchmodat,chown,fchownat,lchown,utimensat,truncate,readlink,readlinkat,statx,newfstatat,stat,lstat,access,faccessat,faccessat2"
LOOKING = {"statx", "newfstatat", "stat", "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat"}


def stays_beneath(bench):
    """Each hostile part is extracted under strace. Every path that a call names is beneath the folder, or is one that any run opens."""
    log = bench.scratch / "strace.log"
    reached = 0
    for name, entries in PARTS.items():
        folder = Path(tempfile.mkdtemp(dir=bench.scratch))
        outside, out = folder / "outside", folder / "in" / "out"
        outside.mkdir()
        (outside / "secret").write_text("secret")
        out.parent.mkdir()
        backup = folder / "b.tar"
        backup.write_bytes(_backup(entries))
        done = run(["extract", backup, "-o", out, "--keep-going"], prefix=[*traced(log, "trace=" + FILES), "-yy", "-s", "5000"])
        bench.expect(done.code in {0, 2, 5, 7, 10}, f"{name}: ends with a code from the list", done)
        lines = log.read_text(errors="replace").splitlines()
        problems = [line[:300] for line in lines if _leaves(line, out, backup)]
        bench.expect(not problems, f"{name}: nothing outside is opened or changed", "\n".join(problems))
        # Not by Python, which cannot go down two thousand levels.
        found = subprocess.run(["find", folder, "-mindepth", "1", "-path", out, "-prune", "-o", "-printf", "%P\n"], capture_output=True, text=True, check=True)
        left = set(found.stdout.split("\n")) - {""}
        bench.expect(left == {"b.tar", "in", "outside", "outside/secret"}, f"{name}: nothing appears outside", left)
        bench.expect((outside / "secret").read_text() == "secret", f"{name}: what was outside is as it was")
        reached += any(str(out) in line for line in lines)
        subprocess.run(["rm", "-rf", folder], check=True)
    bench.check(f"{len(PARTS)} hostile parts were watched", reached == len(PARTS), reached)
    for line in (f'9 openat(4<{out}/media>, "../../x", O_RDONLY) = 5</x>', '9 openat(AT_FDCWD</w>, "/etc/passwd", O_RDONLY) = 5</etc/passwd>', f'9 mkdirat(4<{out}>, "/tmp/evil", 0777) = 0', f'9 symlinkat("x", 4</tmp>, "l") = 0', f'9 openat(4<{out}/media>, "l", O_RDONLY) = 5<{outside}>'):
        bench.check(f"{line[2:60]}… would be seen", _leaves(line, out, backup))


def _leaves(line, out, backup):
    """Whether a call names, or reaches, something outside the folder that no run needs."""
    call = re.match(r"\d+ +(\w+)\((.*)", line)
    if not call:
        return False
    name, rest = call.groups()
    arguments, _, result = rest.rpartition(" = ")
    base, named = "/", []
    for folder, text in re.findall(r'(?:AT_FDCWD|\d+)<([^>]*)>|"((?:[^"\\]|\\.)*)"', arguments):
        if folder:
            base = folder
            continue
        text = bytes(text, "utf-8").decode("unicode_escape", "replace")
        named.append(text if text.startswith("/") else f"{base}/{text}" if text else base)
    if name.startswith("symlink"):
        named = named[1:]  # the first is what the link says, which is checked elsewhere
    if name.startswith("readlink"):
        named = named[:1]
    if name == "renameat" and Path(base).is_relative_to("/proc"):
        return False  # rustix finds out whether /proc is mounted there: this never succeeds
    reached = re.findall(r"^\d+<([^>]*)>", result)
    return any(not _is_fine(path, name in LOOKING, out, backup) for path in [*named, *reached])


def _is_fine(path, looks, out, backup):
    """Whether a run may use this path: its folder and what is in it, the backup, and what belongs to the system."""
    path = path.removesuffix(" (deleted)")
    if ".." in path.split("/"):
        return False
    path = Path(path)
    usual = [Path(place) for place in ("/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache", "/etc/ld.so.preload", "/proc", "/sys", "/dev/null", "/dev/urandom")]
    above = path == out or path in out.parents  # it is opened, and created if it is missing
    settings = "haslim" in path.parts and path.name == "haslim.toml"
    return above or out in path.parents or path == backup or settings or any(place == path or place in path.parents for place in usual) or looks and path in backup.parents


def _backup(entries):
    """A plain backup whose media part has these entries."""
    part = _tar(entries)
    about = {"slug": "0a1b2c3d", "version": 2, "name": "n", "date": "2026-01-01T00:00:00+00:00", "type": "full", "compressed": True, "protected": False, "crypto": None, "homeassistant": None, "folders": ["media"], "addons": [], "repositories": [], "extra": {}}
    outer = io.BytesIO()
    with tarfile.open(fileobj=outer, mode="w:") as tar:
        for name, data in (("./backup.json", json.dumps(about).encode()), ("./media.tar.gz", part)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return outer.getvalue()


def _tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, *to in entries:
            info = tarfile.TarInfo()
            info.name, info.type, info.mode = name, kind, 0o755
            info.linkname = to[0] if to else ""
            data = b"evil" if kind == FILE else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
