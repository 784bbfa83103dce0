"""Errors out of system calls, made by strace: each call in turn."""

import re

from bench import by_loader, run, tally, traced

INJECTED = re.compile(r"\(INJECTED(?::[^)]*)?\)")
NAMELESS = re.compile(r"^(\d+) +openat\(.*O_TMPFILE")


class Injection:
    """One rule for strace, and what a run under it did."""

    def __init__(self, bench, place, rules, only=None, words=None):
        self.place, log = place, bench.scratch / "strace.log"
        calls = sorted({rule.split(":")[0] for rule in rules})
        path = ["-P", only] if only else []
        prefix = [*traced(log, "trace=" + ",".join(calls), *(f"inject={rule}" for rule in rules)), *path]
        self.done = run(words or place.words(), prefix=prefix)
        self.log = log.read_text(errors="replace")
        self.hit = bool(INJECTED.search(self.log))


def nameless_opening(bench, place):
    """Which openat of the first thread asks for a file without a name, counted from one."""
    log = bench.scratch / "strace.log"
    done = run(place.words(), prefix=traced(log, "trace=openat", follow=False))
    assert done.code == 0, done
    place.clear()
    for number, line in enumerate(log.read_text().splitlines(), 1):
        if "O_TMPFILE" in line:
            return number
    raise AssertionError("no file without a name was opened")


def each(bench, place, rule, codes, steps=1, always=(), only=None):
    """Apply `rule` at the first call, the second, and so on until there is no such call; `steps` leaves some out.

    `codes` are the exit codes that a run may have. Every run must end well; returns how they ended.
    """
    ends, number = tally(), 1
    while True:
        tried = Injection(bench, place, [*always, f"{rule}:when={number}"], only)
        hit = tried.hit if not always else len(INJECTED.findall(tried.log)) > sum("when=" in other for other in always)
        problem = _not_started(place, tried.done) or place.problem(tried.done)
        if problem is None and hit and tried.done.code not in codes:
            problem = f"not one of {sorted(codes)}: {tried.done}"
        if problem == NOT_STARTED:
            problem, tried.done.code = None, NOT_STARTED
        bench.expect(problem is None, f"{rule}, call {number}", problem)
        place.clear()
        if not hit:
            bench.expect(tried.done.code == 0, f"{rule}: a run without it succeeds", tried.done)
            return ends
        ends[f"exit {tried.done.code}"] += 1
        number += steps


NOT_STARTED = "of the loader"


def _not_started(place, done):
    """A call of the loader failed, and the program did not start."""
    return NOT_STARTED if by_loader(done) and place.state() == "absent" else None


def output_errors(bench):
    """No failure of the output ends in success: 7, and nothing is left."""
    place = bench.place()
    opening = nameless_opening(bench, place)
    hidden = f"openat:error=EOPNOTSUPP:when={opening}"
    for error in ("ENOSPC", "EIO", "EDQUOT"):
        # Everyday: every write fails once with a full disk; the other errors go the same way.
        steps = 1 if bench.long or error == "ENOSPC" else 5
        bench.tell(each(bench, place, f"pwrite64:error={error}", {7}, steps), f"writes failed with {error}")
        bench.tell(each(bench, place, f"fsync:error={error}", {7}), f"fsyncs failed with {error}")
        bench.tell(each(bench, place, f"linkat:error={error}", {7}), f"links failed with {error}")
        # A kernel that cannot copy leaves it to the program.
        copied = {0, 7} if error == "EIO" else {7}
        bench.tell(each(bench, place, f"copy_file_range:error={error}", copied), f"copies failed with {error}")
        bench.tell(each(bench, place, f"renameat2:error={error}", {7}, always=[hidden]), f"renames failed with {error}")
        if bench.long:
            bench.tell(each(bench, place, f"pwrite64:error={error}", {7}, always=[hidden]), f"writes into a hidden file failed with {error}")
            bench.tell(each(bench, place, f"fsync:error={error}", {7}, always=[hidden]), f"fsyncs of a hidden file failed with {error}")
    place.occupy()
    for call in ("linkat", "renameat", "pwrite64"):
        rule = f"{call}:error=ENOSPC"
        bench.tell(each(bench, place, rule, {7}, 1 if bench.long else 5), f"{call} failed while replacing")


def without_nameless_files(bench):
    """A file system without O_TMPFILE: a hidden file, renamed without replacing, cleaned up."""
    place = bench.place()
    opening = nameless_opening(bench, place)
    for error in ("EOPNOTSUPP", "EISDIR", "EINVAL", "ENOENT"):
        rules = [f"openat:error={error}:when={opening}", "renameat2:delay_enter=1"]
        tried = Injection(bench, place, rules)
        bench.check(f"{error} for O_TMPFILE: {place.state()}", (tried.done.code, place.state()) == (0, "complete"), tried.done)
        bench.check("the hidden file is renamed without replacing", re.search(r'renameat2\(.*"\.haslim-[0-9a-f]{16}\.tmp".*RENAME_NOREPLACE', tried.log), tried.log[-2000:])
        place.clear()
        tried = Injection(bench, place, [rules[0], "renameat2:error=EINVAL"])
        bench.check("without such a rename it is linked", (tried.done.code, place.state()) == (0, "complete"), tried.done)
        place.clear()


def read_errors(bench):
    """EIO while reading is 11 with its offset; while reading the copy back it is 7. EINTR is nothing."""
    place = bench.place()
    steps = 1 if bench.long else 9
    only = place.input
    ends = tally()
    for number in range(1, 10_000, 1 if bench.long else 5):
        tried = Injection(bench, place, [f"pread64:error=EIO:when={number}"], only)
        problem = place.problem(tried.done)
        if problem is None and tried.hit and not (tried.done.code == 11 and "(at byte " in tried.done.err):
            problem = tried.done
        bench.expect(problem is None, f"EIO at read {number} of the input", problem)
        place.clear()
        if not tried.hit:
            break
        ends[f"exit {tried.done.code}"] += 1
    bench.tell(ends, "reads of the input failed with EIO")
    bench.tell(each(bench, place, "pread64:error=EIO", {7, 11}, steps), "reads of input or output failed with EIO")
    for start in (1, 2):
        rules = [f"{call}:error=EINTR:when={start}+2" for call in ("pread64", "pwrite64", "copy_file_range")]
        for chosen, path in ((rules[1:], None), (rules[:1], place.input)):
            tried = Injection(bench, place, chosen, path)
            state = place.state()
            what = "read of the input" if path else "write"
            bench.check(f"EINTR at every second {what} from the {start}. on does no harm", (tried.done.code, state, tried.hit) == (0, "complete", True), f"{state} {tried.done}")
            place.clear()


def lying_disk(bench):
    """A disk that says it wrote and did not: the copy is read back, and that is 6."""
    place = bench.place()
    for rule, what in (("pwrite64:retval=1", "writes"), ("copy_file_range:retval=200", "copies")):
        ends, number = tally(), 1
        while True:
            tried = Injection(bench, place, [f"{rule}:when={number}"])
            problem = place.problem(tried.done)
            # What was to be written there may have been zeros, as in a hole.
            if problem is None and tried.done.code not in {0, 6}:
                problem = tried.done
            bench.expect(problem is None, f"{rule}, call {number}", problem)
            place.clear()
            if not tried.hit:
                break
            ends[f"exit {tried.done.code}"] += 1
            number += 1
        bench.check(f"{what} that were not made are found by reading back", ends["exit 6"] >= 4, dict(ends))
        bench.tell(ends, f"{what} were not made")


def _before_main(bench, call):
    """How many of these calls the loader and the runtime make before the program has any say."""
    log = bench.scratch / "strace.log"
    run(["--version"], prefix=traced(log, f"trace={call}", follow=False))
    return log.read_text().count(f"{call}(")


def out_of_memory(bench):
    """No memory, no thread: a code from the list, nothing left."""
    place = bench.place()
    for rule in ("mmap:error=ENOMEM", "mprotect:error=ENOMEM", "clone3:error=EAGAIN"):
        ends, number, hit = tally(), _before_main(bench, rule.split(":")[0]) + 1, True
        while hit:
            tried = Injection(bench, place, [f"{rule}:when={number}"])
            hit = tried.hit
            # Rust says in its own words that there is no memory.
            aborted = tried.done.code == 1 and place.state() == "absent" and "memory allocation of" in tried.done.err
            problem = None if aborted else place.problem(tried.done)
            bench.expect(problem is None, f"{rule}, call {number}", problem)
            ends[f"exit {tried.done.code}"] += 1
            place.clear()
            number += 1
        bench.tell(ends, f"runs with {rule}")
