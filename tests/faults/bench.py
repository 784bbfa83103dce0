"""Counts checks, runs the program, and checks what a run left behind."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from calls import Watched

HASLIM = os.environ["HASLIM"]
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
PASSWORD = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"  # of every fixture
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 129, 130, 143}  # what `haslim --help` lists
UNCHANGED = "No file was written; the original is unchanged."
LEFTOVER = re.compile(r"\.haslim-[0-9a-f]{16}\.tmp")
# Parts that are dropped, parts that are rewritten, parts that are copied.
DROPS = ("homeassistant", "addon:*", "media:music", "share:notes.txt", "addons/local")


class Bench:
    """Counts checks. `long` is true for the numbers of runs that the guarantees need."""

    def __init__(self, scratch, long, big):
        self.scratch, self.long, self.big = Path(scratch), long, big
        self.passed = self.failed = 0

    def check(self, expectation, holds, detail=""):
        """Count one expectation and print it; `detail` describes what was found instead."""
        self.expect(holds, expectation, detail)
        if holds:
            print(f"  ok   {expectation}", flush=True)

    def expect(self, holds, expectation, detail=""):
        """Count one expectation of many; print it only if it fails."""
        self.passed += bool(holds)
        self.failed += not holds
        if not holds:
            print(f"  FAIL {expectation}" + (f": {detail}" if detail != "" else ""), flush=True)

    def tell(self, tally, what):
        """Print how many runs ended in which way."""
        print(f"  {sum(tally.values())} {what}: {', '.join(f'{count} {end}' for end, count in sorted(tally.items()))}", flush=True)

    def place(self, fixture="v3.tar", folder=None):
        """A new folder with a copy of a fixture as the only file."""
        folder = Path(tempfile.mkdtemp(dir=folder or self.scratch))
        return Place(folder, FIXTURES / fixture)


def environment(password=PASSWORD):
    """This environment with the given key and no other."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HASLIM")}
    if password is not None:
        clean["HASLIM_PASSWORD"] = password
    return clean


class Done:
    """A finished run."""

    def __init__(self, process, out, err):
        self.code, self.out, self.err = process.returncode, out, err

    def __str__(self):
        return f"exit {self.code}\n{self.out}{self.err}".rstrip()


# Far more than any run here needs. A run that takes longer hangs, which is a failure.
SECONDS = 120


def run(words, password=PASSWORD, prefix=(), rules=(), seconds=SECONDS, **options):
    """Run the program, behind a prefix such as strace or with rules for its system calls; return a Done."""
    command = [*map(str, prefix), HASLIM, *map(str, words)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    watched = Watched(command, rules, env=environment(password), **pipes, **options) if rules else None
    process = watched.process if watched else subprocess.Popen(command, env=environment(password), **pipes, **options)
    done = Done(process, *finished(process, seconds))
    if watched:
        watched.ended()
    return done


def finished(process, seconds=SECONDS):
    """The output of a process until its end."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def fingerprint(path):
    """The bytes and the status of a file, neither of which may change."""
    about = os.stat(path)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return digest, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_mode, about.st_ino


def by_loader(done):
    """True when the program did not even start."""
    return done.code == 127 and "error while loading shared libraries" in done.err


class Place:
    """A folder with one backup in it, and its state after a run."""

    def __init__(self, folder, backup):
        self.folder, self.input, self.output = folder, folder / "in.tar", folder / "out.tar"
        shutil.copy(backup, self.input)
        self.before = fingerprint(self.input)
        self.old = None

    def occupy(self):
        """Put something at the output path, to be replaced with --force."""
        self.output.write_bytes(b"old")
        self.old = fingerprint(self.output)

    def words(self, *options, drops=DROPS):
        """The arguments of a shrink."""
        force = ["--force"] if self.old else []
        chosen = [word for drop in drops for word in ("--drop", drop)]
        return ["shrink", self.input, "-y", "-q", "-o", self.output, *force, *chosen, *options]

    def state(self):
        """`absent`, `old`, or `complete`; anything else describes a problem. A leftover file is a problem."""
        if fingerprint(self.input) != self.before:
            return "the input changed"
        others = set(os.listdir(self.folder)) - {self.input.name, self.output.name}
        if others:
            return f"there is {', '.join(sorted(others))}"
        if not self.output.exists():
            return "absent" if not self.old else "the old output is gone"
        if self.old and fingerprint(self.output) == self.old:
            return "old"
        verified = run(["verify", self.output])
        if verified.code or os.stat(self.output).st_mode & 0o777 != 0o600:
            return f"the output is not complete: {verified}"
        return "complete"

    def left(self):
        """The program's hidden files."""
        return [name for name in os.listdir(self.folder) if LEFTOVER.fullmatch(name)]

    def clear(self):
        """Restore the folder to the input and, if there was one, the old output."""
        for name in set(os.listdir(self.folder)) - {self.input.name}:
            os.remove(self.folder / name)
        if self.old:
            self.occupy()

    def problem(self, done):
        """The problem with a run that ended by itself; None if there is none."""
        state = self.state()
        if done.code not in CODES:
            return f"{state}; {done}"
        wanted = {"complete"} if done.code == 0 else {"old" if self.old else "absent"}
        if state not in wanted:
            return f"{state}; {done}"
        if done.code and not done.err.rstrip().endswith(UNCHANGED):
            return f"the message ends otherwise; {done}"
        return None


def traced(log, *expressions):
    """The words that put strace in front of a program."""
    rules = [word for expression in expressions for word in ("-e", expression)]
    return ["strace", "-f", "-qq", "-o", log, *rules]


def tally():
    """How many runs ended in which way."""
    return Counter()
