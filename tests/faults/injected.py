"""Errors from system calls, one call at a time."""

import os
import re

from bench import by_loader, run, tally, traced
from calls import Rule, fail, give


class Injection:
    """A run under some rules, and its result."""

    def __init__(self, place, rules, words=None):
        self.done = run(words or place.words(), rules=rules)
        self.hit = all(rule.hits for rule in rules)


def without_nameless(error="EOPNOTSUPP"):
    """The rule that prevents files without a name."""
    return Rule("openat", 1, fail(error), lambda call: call.arguments[2] & os.O_TMPFILE == os.O_TMPFILE, step=1)


def each(bench, place, name, action, what, codes, steps=1, always=(), fits=lambda call: True):
    """Do `action` at the first matching call of that name, at the second, and so on until there is no such call; `steps` skips some.

    `always` makes the rules for every run; `codes` are the exit codes that a run may have. Every run must
    end well; returns how they ended.
    """
    ends, number = tally(), 1
    while True:
        tried = Injection(place, [*(rule() for rule in always), Rule(name, number, action, fits)])
        problem = _not_started(place, tried.done) or place.problem(tried.done)
        if problem is None and tried.hit and tried.done.code not in codes:
            problem = f"not one of {sorted(codes)}: {tried.done}"
        if problem == NOT_STARTED:
            problem, tried.done.code = None, NOT_STARTED
        bench.expect(problem is None, f"{what} at {name} {number}", problem)
        place.clear()
        if not tried.hit:
            bench.expect(tried.done.code == 0, f"{what} at no {name}: the run succeeds", tried.done)
            return ends
        ends[f"exit {tried.done.code}"] += 1
        number += steps


NOT_STARTED = "of the loader"


def _not_started(place, done):
    """A call of the loader failed, and the program did not start."""
    return NOT_STARTED if by_loader(done) and place.state() == "absent" else None


def output_errors(bench):
    """No failure of the output ends in success: the code is 7, and no file is left."""
    place = bench.place()

    def failing(name, error, codes, *, steps=1, always=(), where=""):
        ends = each(bench, place, name, fail(error), error, codes, steps, always)
        bench.tell(ends, f"times {name} failed with {error}{where}")
        bench.expect(ends, f"there is a {name} to fail{where}")

    for error in ("ENOSPC", "EIO", "EDQUOT"):
        # Everyday runs: every write fails once with a full disk; the other errors take the same
        # path.
        steps = 1 if bench.long or error == "ENOSPC" else 5
        failing("pwrite64", error, {7}, steps=steps)
        failing("fsync", error, {7})
        failing("linkat", error, {7})
        # If the kernel cannot copy, the program copies.
        failing("copy_file_range", error, {0, 7} if error == "EIO" else {7})
        for name in ("renameat2", "fsync", *(["pwrite64"] if bench.long else [])):
            failing(name, error, {7}, always=[without_nameless], where=" for a hidden file")
    place.occupy()
    for name in ("pwrite64", "linkat", "renameat"):
        failing(name, "ENOSPC", {7}, steps=5 if name == "pwrite64" and not bench.long else 1, where=" while replacing")
    for number, left in ((1, "old"), (2, "the old output is gone")):
        # If the old output was replaced but the change is not durable, the new one is removed. The
        # old one cannot be restored.
        tried = Injection(place, [Rule("fsync", number, fail("ENOSPC"))])
        state = place.state()
        bench.check(f"fsync {number} failed while replacing: {left}", (tried.done.code, state, tried.hit) == (7, left, True), f"{state} {tried.done}")
        place.clear()


def without_nameless_files(bench):
    """A file system without O_TMPFILE: a hidden file, renamed without replacing, cleaned up."""
    place = bench.place()
    log = bench.scratch / "strace.log"
    for error in ("EOPNOTSUPP", "EISDIR", "EINVAL", "ENOENT"):
        tried = Injection(place, [without_nameless(error)])
        state = place.state()
        bench.check(f"{error} for O_TMPFILE: {state}", (tried.done.code, state, tried.hit) == (0, "complete", True), f"{state} {tried.done}")
        place.clear()
        run(place.words(), prefix=traced(log, "trace=renameat2"), rules=[without_nameless(error)])
        renamed = re.search(r'renameat2\(.*"\.haslim-[0-9a-f]{16}\.tmp".*RENAME_NOREPLACE', log.read_text())
        bench.check("the hidden file is renamed without replacing", renamed, log.read_text()[-2000:])
        place.clear()
        tried = Injection(place, [without_nameless(error), Rule("renameat2", 1, fail("EINVAL"), step=1)])
        state = place.state()
        bench.check("without such a rename it is linked", (tried.done.code, state, tried.hit) == (0, "complete", True), f"{state} {tried.done}")
        place.clear()


def read_errors(bench):
    """EIO while reading is 11 and names the file; while reading the copy back it is 7. EINTR has no effect."""
    place = bench.place()
    ends, number = tally(), 1
    while True:
        tried = Injection(place, [Rule("pread64", number, fail("EIO"), _of(place.input))])
        problem = place.problem(tried.done)
        if problem is None and tried.hit and not (tried.done.code == 11 and f"reading {place.input} failed" in tried.done.err):
            problem = tried.done
        bench.expect(problem is None, f"EIO at read {number} of the input", problem)
        place.clear()
        if not tried.hit:
            break
        ends[f"exit {tried.done.code}"] += 1
        number += 1 if bench.long else 5
    bench.tell(ends, "reads of the input failed with EIO")
    steps = 1 if bench.long else 9
    bench.tell(each(bench, place, "pread64", fail("EIO"), "EIO", {7, 11}, steps), "reads of input or output failed with EIO")
    anything = lambda call: True
    for start in (1, 2):
        for what, names, fits in (("write", ("pwrite64", "copy_file_range"), anything), ("read of the input", ("pread64",), _of(place.input))):
            tried = Injection(place, [Rule(name, start, fail("EINTR"), fits, step=2) for name in names])
            state = place.state()
            bench.check(f"EINTR at every second {what} from the {start}. on does no harm", (tried.done.code, state, tried.hit) == (0, "complete", True), f"{state} {tried.done}")
            place.clear()


def _of(path):
    """Matches the calls on an open file."""
    return lambda call: call.path() == str(path)


def lying_disk(bench):
    """A disk that reports a write without doing it: the copy is read back, and the code is 6."""
    place = bench.place()
    # Zeros that are not written still read as zeros, as in a hole.
    telling = {"pwrite64": lambda call: call.memory(call.arguments[1], 1) != b"\0", "copy_file_range": lambda call: True}
    for name, pretend, what in (
        ("pwrite64", lambda call: (call.arguments[2], 0), "writes"),
        ("pwrite64", give(1), "first bytes of writes"),
        ("copy_file_range", lambda call: (call.arguments[4], 0), "copies"),
        ("copy_file_range", give(200), "first 200 bytes of copies"),
    ):
        ends = each(bench, place, name, pretend, "nothing is written", {6}, fits=telling[name])
        bench.check(f"{what} that were not made are found by reading back", ends["exit 6"] >= 4, dict(ends))
        bench.tell(ends, f"{what} were not made")


def _before_main(name):
    """How many of these calls the loader and the runtime make before the program's own code runs."""
    counting = Rule(name, 0, give(0))
    run(["--version"], rules=[counting])
    return counting.seen


def out_of_memory(bench):
    """No memory, no thread: the code is from the list, and no file is left."""
    place = bench.place()
    for name, error in (("mmap", "ENOMEM"), ("mprotect", "ENOMEM"), ("clone3", "EAGAIN")):
        ends, number, hit = tally(), _before_main(name) + 1, True
        while hit:
            tried = Injection(place, [Rule(name, number, fail(error))])
            hit = tried.hit
            # Rust has its own messages for missing memory, including that for the guard page of a
            # new thread's stack.
            said = "memory allocation of" in tried.done.err or "alternative stack" in tried.done.err
            aborted = tried.done.code == 1 and place.state() == "absent" and said
            problem = None if aborted else place.problem(tried.done)
            bench.expect(problem is None, f"{error} at {name} {number}", problem)
            ends[f"exit {tried.done.code}"] += 1
            place.clear()
            number += 1
        bench.tell(ends, f"runs with {error} at {name}")
