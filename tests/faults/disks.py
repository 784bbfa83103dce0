"""Real file systems: full, read-only, and cut off from their power."""

import os
import random
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from bench import HASLIM, Place, environment, fingerprint, run, tally, traced


def _system(*words):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def _unmount(folder):
    """Unmount; a disk that is in use, because a scenario broke off, goes as soon as it can."""
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
    """A run that is stopped at a system call, until it is told to go on. strace is not its parent."""

    def __init__(self, bench, place, call, number=1, *more):
        self.log = Path(tempfile.mkdtemp(dir=bench.scratch)) / "strace.log"
        prefix = traced(self.log, f"trace={call}", f"inject={call}:signal=STOP:when={number}", *more)
        prefix.insert(1, "-D")
        words = [*map(str, [*prefix, HASLIM, *place.words()])]
        self.process = subprocess.Popen(words, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def wait(self):
        """True when it has stopped, False when it ended before."""
        while self.process.poll() is None:
            # Seen from outside, every call that is traced looks like a stop for a moment.
            if self.log.exists() and b"stopped by SIGSTOP" in self.log.read_bytes():
                return True
            time.sleep(0.005)
        return False

    def go_on(self):
        """Let it run to its end; return the exit code and what it said."""
        self.process.send_signal(signal.SIGCONT)
        _, said = self.process.communicate(timeout=600)
        return self.process.returncode, said


def full_disk(bench):
    """A disk that is too small, and one that is full in the middle of the run."""
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
            fine = done.code == 7 and f"but {place.output} has only" in done.err and "the copy needs" in done.err and os.listdir(disk) == []
            bench.expect(fine and place.problem(done) is None, f"a disk of {page * pages} bytes for {needed}", done)
    print(f"  ok   every smaller disk is found out before anything is written, with both numbers: {pages} sizes", flush=True)
    number, ends = 1, tally()
    while True:
        with mounted(bench, "-t", "tmpfs", "-o", "size=256k", "tmpfs") as disk:
            place = bench.place()
            place.output = disk / "out.tar"
            with Stopped(bench, place, "pwrite64", number) as stopped:
                if not stopped.wait():
                    break
                free = os.statvfs(disk).f_bavail * page
                (disk / "other").write_bytes(bytes(free))
                code, said = stopped.go_on()
            # What is written by then may be all that needs a new page.
            fine = code == 7 and " needed, with 0 B (0 B) free on the disk" in said and "No space left" in said and os.listdir(disk) == ["other"]
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
    # The missing key would be code 12, if it were looked for first.
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
        _system("mount", "-o", "loop,commit=1", self.image, self.folder)
        (self.folder / "lost+found").rmdir()
        device = os.path.basename(_system("losetup", "-n", "-O", "NAME", "-j", self.image).split()[0])
        self.counters = Path(f"/sys/block/{device}/stat")
        return self

    def __exit__(self, *_):
        _unmount(self.folder)

    def _writes(self):
        fields = self.counters.read_text().split()
        return fields[4], fields[8]  # writes that are done, requests under way

    def snapshot(self, to):
        """Copy what the device holds at one moment, as a power cut would leave it. False if it was written to meanwhile."""
        before = self._writes()
        if before[1] != "0":
            return False
        _system("cp", "--sparse=always", self.image, to)
        return self._writes() == before


def _after_the_cut(bench, snapshot, before):
    """What a snapshot holds when it is mounted again: `absent`, `complete`, or what is wrong."""
    with mounted(bench, "-o", "loop", snapshot) as folder:
        names = set(os.listdir(folder))
        if hashes(folder / "in.tar") != before:
            return "the input changed"
        if names - {"in.tar", "out.tar"}:
            return f"there is {names}"
        state = "absent"
        if "out.tar" in names:
            verified = run(["verify", folder / "out.tar"])
            state = "complete" if verified.code == 0 else f"the output is not complete: {verified}"
    # The space of a file that never got its name is free again.
    checked = subprocess.run(["e2fsck", "-fn", snapshot], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return state if checked.returncode == 0 else f"{state}; {checked.stdout}"


def hashes(path):
    """The part of a fingerprint that outlives a new mount."""
    digest, size, modified, *_ = fingerprint(path)
    return digest, size, modified


# Points at which the output is about to change its state, and what makes the moments between them long
# enough for the journal to be written.
STOPS = [("pwrite64", 1), ("pwrite64", 9), ("copy_file_range", 2), ("fsync", 1), ("pread64", 40), ("linkat", 1), ("fsync", 2)]


def power_cut(bench):
    """The power goes at any moment: absent or complete, and what was reported as done is there."""
    wanted = 120 if bench.long else 14
    ends, number, moments = tally(), 0, 0
    snapshot = bench.scratch / "snapshot.img"
    with Disk(bench) as disk:
        place = Place(disk.folder, bench.place("demo.tar" if bench.long else "v3.tar").input)
        before = hashes(place.input)
        _system("sync", "-f", disk.folder)

        def judge(moment, allowed):
            state = _after_the_cut(bench, snapshot, before)
            ends[f"{state} ({moment})"] += 1
            bench.expect(state in allowed, f"the power goes {moment}", state)

        while moments < wanted:
            call, at = STOPS[number % len(STOPS)]
            number += 1
            with Stopped(bench, place, call, at) as stopped:
                if not stopped.wait():
                    raise RuntimeError(f"no call {at} of {call}")
                # Let the journal be written in half of them: the moments in between and those after it.
                pauses = [0, 0.3, 1.4] if bench.long else [number % 2 * 1.4]
                for pause in pauses:
                    time.sleep(pause)
                    if disk.snapshot(snapshot):
                        moments += 1
                        judge(f"at {call} {at}", {"absent", "complete"} if (call, at) == ("fsync", 2) else {"absent"})
                code, said = stopped.go_on()
            bench.expect(code == 0, "the run goes on to its end", f"{code} {said}")
            if disk.snapshot(snapshot):
                moments += 1
                judge("after the run", {"complete"})
            os.remove(place.output)
            _system("sync", "-f", disk.folder)
    bench.tell(ends, "power cuts")


def power_cut_at_random(bench):
    """Snapshots at random moments of runs that nobody stops."""
    wanted, dice = 100 if bench.long else 8, random.Random(11)
    ends, taken = tally(), []
    with Disk(bench) as disk:
        place = Place(disk.folder, bench.place("demo.tar").input)
        before = hashes(place.input)
        _system("sync", "-f", disk.folder)
        words = place.words(drops=("homeassistant:www/**", "media:music"))
        begun = time.monotonic()
        bench.expect(run(words).code == 0, "a run that is left alone succeeds")
        took = time.monotonic() - begun
        while len(taken) < wanted:
            place.output.unlink()
            _system("sync", "-f", disk.folder)
            process = subprocess.Popen([HASLIM, *map(str, words)], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, took * 1.2))
            snapshot = bench.scratch / f"snapshot-{len(taken)}.img"
            ended = process.poll() is not None
            if disk.snapshot(snapshot):
                taken.append((snapshot, ended))
            bench.expect(process.wait() == 0, "a run beside the snapshots succeeds", process.returncode)
    for snapshot, ended in taken:
        state = _after_the_cut(bench, snapshot, before)
        ends[f"{state} ({'after' if ended else 'during'} the run)"] += 1
        bench.expect(state in ({"complete"} if ended else {"absent", "complete"}), f"the power goes at a random moment ({snapshot.name})", state)
        snapshot.unlink()
    bench.tell(ends, "power cuts at random moments")


def power_cut_can_be_seen(bench):
    """The snapshots would show an output that got its name too early: here fsync does nothing."""
    with Disk(bench) as disk:
        place = Place(disk.folder, bench.place("demo.tar").input)
        before = hashes(place.input)
        _system("sync", "-f", disk.folder)
        done = run(place.words(), prefix=traced(bench.scratch / "strace.log", "trace=fsync", "inject=fsync:retval=0"))
        bench.check("a run without fsync comes to its end", done.code == 0, done)
        # The journal is written, the contents of the file are not yet.
        time.sleep(2.5)
        snapshot = bench.scratch / "snapshot.img"
        bench.check("a snapshot can be taken", disk.snapshot(snapshot))
        state = _after_the_cut(bench, snapshot, before)
        bench.check("without fsync the output would be cut short", state.startswith("the output is not complete"), state)
