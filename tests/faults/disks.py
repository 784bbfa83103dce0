"""Real file systems: full, read-only, and after a power cut."""

import os
import random
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from bench import HASLIM, SECONDS, Place, environment, fingerprint, finished, run, tally
from calls import Gate, Rule, Watched, give


def _system(*words):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def _unmount(folder):
    """Unmount. If the disk is still in use because a scenario failed, it is unmounted as soon as possible."""
    if subprocess.run(["umount", folder], stderr=subprocess.DEVNULL).returncode:
        _system("umount", "-l", folder)


@contextmanager
def mounted(bench, *words):
    """A new folder with a file system in it."""
    folder = Path(tempfile.mkdtemp(dir=bench.scratch))
    _system("mount", *words, folder)
    try:
        yield folder
    finally:
        _unmount(folder)


class Stopped:
    """A run that is held before a system call until `go_on` is called."""

    def __init__(self, place, name, number=1):
        self.gate = Gate()
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        self.watched = Watched([HASLIM, *place.words()], [Rule(name, number, self.gate)], env=environment(), **quiet)
        self.process = self.watched.process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.gate.open()
        finished(self.process)
        self.watched.ended()

    def wait(self):
        """True when it is held, False when it ended before."""
        end = time.monotonic() + SECONDS
        while self.process.poll() is None:
            if self.gate.reached.wait(0.01):
                return True
            if time.monotonic() > end:
                raise RuntimeError("the run neither came to its call nor to its end")
        return False

    def go_on(self):
        """Let it run to its end; return the exit code and its output."""
        self.gate.open()
        _, said = finished(self.process)
        return self.process.returncode, said


def full_disk(bench):
    """A disk that is too small, and one that becomes full in the middle of the run."""
    source = bench.place()
    with mounted(bench, "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        place = Place(disk, source.input)
        done = run(place.words())
        needed = place.output.stat().st_size
        bench.check("with room enough the run succeeds", (done.code, place.state()) == (0, "complete"), done)
    page = 4096
    for pages in range(1, -(-needed // page)):
        with mounted(bench, "-t", "tmpfs", "-o", f"size={page * pages}", "tmpfs") as disk:
            place = bench.place()
            place.output = disk / "out.tar"
            done = run(place.words())
            fine = done.code == 7 and f"but {place.output} has only" in done.err and "the file needs" in done.err and os.listdir(disk) == []
            bench.expect(fine and place.problem(done) is None, f"a disk of {page * pages} bytes for {needed}", done)
    print(f"  ok   every smaller disk is found out before anything is written, with both numbers: {pages} sizes", flush=True)
    number, ends = 1, tally()
    while True:
        with mounted(bench, "-t", "tmpfs", "-o", "size=256k", "tmpfs") as disk:
            place = bench.place()
            place.output = disk / "out.tar"
            with Stopped(place, "pwrite64", number) as stopped:
                if not stopped.wait():
                    break
                free = os.statvfs(disk).f_bavail * page
                (disk / "other").write_bytes(bytes(free))
                code, said = stopped.go_on()
            # The data written by then may be all that needs a new page.
            fine = code == 7 and " needed, with 0 B free on the disk" in said and "No space left" in said and os.listdir(disk) == ["other"]
            fine = fine or code == 0 and number > 5 and run(["verify", place.output]).code == 0
            bench.expect(fine and fingerprint(place.input) == place.before, f"the disk fills up at write {number}", f"{code} {said} {os.listdir(disk)}")
            ends[f"exit {code}"] += 1
        number += 1 if bench.long else 4
    bench.tell(ends, "runs whose disk filled up meanwhile")
    with mounted(bench, "-t", "tmpfs", "-o", "size=1m,nr_inodes=1", "tmpfs") as disk:
        place = bench.place()
        place.output = disk / "out.tar"
        done = run(place.words())
        bench.check("a disk without a free inode is 7", done.code == 7 and os.listdir(disk) == [] and place.problem(done) is None, done)


def closed_folders(bench):
    """A read-only disk, a folder without permission: 7, and nothing was read."""
    place = bench.place()
    # A missing key would be code 12 if the program looked for it first.
    words = [*place.words(), "--password-file", place.folder / "missing"]
    with mounted(bench, "-t", "tmpfs", "-o", "ro", "tmpfs") as disk:
        place.output = disk / "out.tar"
        done = run([*place.words(), "--password-file", place.folder / "missing"], password=None)
        bench.check("a read-only disk is 7 before anything is read", done.code == 7 and place.problem(done) is None, done)
    nobody = 65534
    place = bench.place()
    for folder in [place.folder, *place.folder.parents][: len(place.folder.parts) - 2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    place.folder.chmod(0o555)
    words = [*place.words(), "--password-file", place.folder / "missing"]
    done = run(words, password=None, user=nobody, group=nobody, extra_groups=[])
    bench.check("a folder that others own is 7 before anything is read", done.code == 7 and "ermission" in done.err and place.problem(done) is None, done)
    place.folder.chmod(0o777)
    done = run(place.words(), user=nobody, group=nobody, extra_groups=[])
    bench.check("who owns nothing else can write where everybody may", done.code == 0 and place.output.stat().st_uid == nobody, done)


NEIGHBOUR = "neighbour"


class Disk:
    """An ext4 file system in a file, on a loop device."""

    def __init__(self, bench, size=24 << 20):
        self.bench = bench
        self.image = bench.scratch / "disk.img"
        self.image.unlink(missing_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(size)
        _system("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.folder = Path(tempfile.mkdtemp(dir=bench.scratch))

    def __enter__(self):
        _system("mount", "-o", "loop", self.image, self.folder)
        (self.folder / "lost+found").rmdir()
        device = os.path.basename(_system("losetup", "-n", "-O", "NAME", "-j", self.image).split()[0])
        self.counters = Path(f"/sys/block/{device}/stat")
        return self

    def __exit__(self, *_):
        _unmount(self.folder)

    def commit(self):
        """Let the journal be written, as if another program on this disk had asked for it."""
        with open(self.folder / NEIGHBOUR, "ab") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())

    def _writes(self):
        fields = self.counters.read_text().split()
        return fields[4], fields[8]  # writes that are done, requests under way

    def snapshot(self, to):
        """Copy the contents of the device at one moment, as a power cut would leave them. False if
        it was written to meanwhile."""
        before = self._writes()
        if before[1] != "0":
            return False
        _system("cp", "--sparse=always", self.image, to)
        return self._writes() == before

    def quiet_snapshot(self, to):
        """The same while the run is held: the disk is soon left alone."""
        for _ in range(100):
            if self.snapshot(to):
                return
            time.sleep(0.05)
        raise RuntimeError("the disk is written to again and again, though the run is held")


def _after_the_cut(bench, snapshot, before):
    """The state of a snapshot when it is mounted again: `absent`, `complete`, or a description of the problem."""
    with mounted(bench, "-o", "loop", snapshot) as folder:
        names = set(os.listdir(folder))
        if hashes(folder / "in.tar") != before:
            return "the input changed"
        if names - {"in.tar", "out.tar", NEIGHBOUR}:
            return f"there is {names}"
        state = "absent"
        if "out.tar" in names:
            verified = run(["verify", folder / "out.tar"])
            state = "complete" if verified.code == 0 else f"the output is not complete: {verified}"
    # The space of a file that never got its name is free again.
    checked = subprocess.run(["e2fsck", "-fn", snapshot], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return state if checked.returncode == 0 else f"{state}; {checked.stdout}"


def hashes(path):
    """The part of a fingerprint that survives a new mount."""
    digest, size, modified, *_ = fingerprint(path)
    return digest, size, modified


# Calls before which the output is about to change its state, and the possible states after a power
# cut.
ABSENT, EITHER, COMPLETE = {"absent"}, {"absent", "complete"}, {"complete"}
STOPS = [
    *(("pwrite64", number, ABSENT) for number in (1, 2, 9)),
    ("copy_file_range", 2, ABSENT),
    ("fsync", 1, ABSENT),
    ("linkat", 1, ABSENT),
    ("fsync", 2, EITHER),
    ("exit_group", 1, COMPLETE),
]


def power_cut(bench):
    """The power fails at any moment: the output is absent or complete, and it exists if it was reported as written."""
    ends, snapshot = tally(), bench.scratch / "snapshot.img"
    with Disk(bench) as disk:
        place = Place(disk.folder, bench.place("demo.tar" if bench.long else "v3.tar").input)
        before = hashes(place.input)
        disk.commit()
        _system("sync", "-f", disk.folder)

        def judge(moment, allowed):
            disk.quiet_snapshot(snapshot)
            state = _after_the_cut(bench, snapshot, before)
            ends[state] += 1
            bench.expect(state in allowed, f"the power goes {moment}", state)

        def cut(name, number, allowed):
            """True if there is such a call. The power was cut before the call, both before and
            after the journal was written."""
            with Stopped(place, name, number) as stopped:
                held = stopped.wait()
                if held:
                    judge(f"at {name}, call {number}", allowed)
                    disk.commit()
                    # A name that was given is now in the journal.
                    judge(f"at {name}, call {number}, with the journal written", COMPLETE if allowed is EITHER else allowed)
                code, said = stopped.go_on()
            bench.expect(code == 0, "the run goes on to its end", f"{code} {said}")
            os.remove(place.output)
            _system("sync", "-f", disk.folder)
            return held

        for name, number, allowed in STOPS:
            bench.expect(cut(name, number, allowed), f"there is a call {number} of {name}")
        for name in ("pwrite64", "copy_file_range", "pread64") if bench.long else ():
            number = 1
            while cut(name, number, ABSENT):
                number += 1 if name != "pread64" else 23
    bench.tell(ends, "power cuts")


def power_cut_at_random(bench):
    """Snapshots at random moments of runs that are not held."""
    wanted, dice = 150 if bench.long else 8, random.Random(11)
    ends, taken = tally(), []
    with Disk(bench) as disk:
        place = Place(disk.folder, bench.place("demo.tar").input)
        before = hashes(place.input)
        disk.commit()
        _system("sync", "-f", disk.folder)
        words = place.words(drops=("homeassistant:www/**", "media:music"))
        begun = time.monotonic()
        bench.expect(run(words).code == 0, "a run that is left alone succeeds")
        took = time.monotonic() - begun
        # A disk that is being written to cannot be copied consistently.
        for _ in range(20 * wanted):
            place.output.unlink()
            _system("sync", "-f", disk.folder)
            process = subprocess.Popen([HASLIM, *map(str, words)], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(dice.uniform(0, took * 1.2))
            snapshot = bench.scratch / f"snapshot-{len(taken)}.img"
            ended = process.poll() is not None
            if disk.snapshot(snapshot):
                taken.append((snapshot, ended))
            finished(process)
            bench.expect(process.returncode == 0, "a run beside the snapshots succeeds", process.returncode)
            if len(taken) == wanted:
                break
    for snapshot, ended in taken:
        state = _after_the_cut(bench, snapshot, before)
        ends[f"{state} ({'after' if ended else 'during'} the run)"] += 1
        bench.expect(state in (COMPLETE if ended else EITHER), f"the power goes at a random moment ({snapshot.name})", state)
        snapshot.unlink()
    bench.tell(ends, "power cuts at random moments")
    during = sum(not ended for _, ended in taken)
    bench.check(f"{wanted} snapshots were taken, many of them during a run", len(taken) == wanted and during >= wanted // 4, dict(ends))


def power_cut_can_be_seen(bench):
    """Shows that the snapshots detect an output that got its name too early: here fsync does nothing."""
    with Disk(bench) as disk:
        place = Place(disk.folder, bench.place("demo.tar").input)
        before = hashes(place.input)
        disk.commit()
        _system("sync", "-f", disk.folder)
        lying = Rule("fsync", 1, give(0), step=1)
        done = run(place.words(), rules=[lying])
        bench.check("a run without fsync comes to its end", (done.code, lying.hits) == (0, 2), done)
        # The journal is written, but the contents of the file are not.
        disk.commit()
        snapshot = bench.scratch / "snapshot.img"
        disk.quiet_snapshot(snapshot)
        state = _after_the_cut(bench, snapshot, before)
        bench.check("without fsync the output would be cut short", state.startswith("the output is not complete"), state)
