"""What the program touches, reveals and leaves in memory, as seen from outside."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from bench import FIXTURES, HASLIM, PASSWORD, environment, fingerprint, run, traced

CANARY = "CANARY-7f3a91-Käse-KEY"
OPENING = re.compile(r"\b(?:open|openat|openat2|creat)\(")
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
# Calls that change what a name or an open file refers to.
CHANGING = "open,openat,openat2,creat,truncate,ftruncate,fallocate,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,mknod,mknodat,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,utimensat,futimesat,setxattr,fsetxattr,lsetxattr,removexattr,mmap,socket,connect,execve,execveat,fork,vfork,clone,clone3"


def input_untouched(bench):
    """The input is only ever opened for reading, and commands that only read write nothing at all."""
    log = bench.scratch / "strace.log"
    fixtures = sorted(f"{path.stem}.tar" for path in (FIXTURES / "expected").glob("*.json"))
    for fixture in fixtures if bench.long else ["v1.tar", "v2.tar", "v3.tar", "plain-uncompressed.tar", "core-v3.tar", "demo.tar"]:
        place = bench.place(fixture)
        drop = ["--drop", "homeassistant:automations.yaml"]
        writing = ["shrink", place.input, "-y", "-o", place.output, *drop]
        commands = [[name, place.input] for name in ("info", "ls", "verify")]
        commands += [["plan", place.input, *drop], ["shrink", place.input, "-n", *drop], writing, [*writing, "--securetar", "3"], [*writing, "--force", "--json"]]
        for words in commands:
            done = run(words, prefix=traced(log, "trace=" + CHANGING))
            what = f"{fixture}: {' '.join(map(str, [words[0], *words[2:]]))}"
            bench.expect(done.code == 0, f"{what} succeeds", done)
            lines = log.read_text(errors="replace").splitlines()
            problems = list(_touches(lines, place, "-y" in words))
            bench.expect(not problems, f"{what} touches nothing but its output", "\n".join(problems))
            bench.expect(any(str(place.input) in line and "O_RDONLY" in line for line in lines), f"{what} was watched")
            bench.expect(fingerprint(place.input) == place.before, f"{what} leaves the input as it was")
            place.clear()
    print(f"  ok   {len(commands)} commands each were watched", flush=True)
    for line in (f'9 openat(AT_FDCWD, "{place.input}", O_RDWR|O_CLOEXEC) = 3', '9 ftruncate(5, 0) = 0', f'9 unlink("{place.input}") = 0', "9 execve(\"/bin/sh\", ...) = 0"):
        bench.check(f"{line.split('(')[0][2:]} would be seen", list(_touches([line], place, True)) == [line])


def _touches(lines, place, may_write):
    """The calls that a run must not make."""
    for line in lines:
        if re.match(r"\d+ +--- SIG", line):
            continue  # strace itself begins with a SIGSTOP
        if re.match(r"\d+ +\?\?\?\( <detached", line):
            continue  # a thread that ended with the program, in no call
        call = re.search(r"^\d+ +(?:<\.\.\. )?(\w+)", line)
        name = call.group(1) if call else ""
        if "= -1 ENOENT" in line or name == "mmap" and not ("MAP_SHARED" in line and "PROT_WRITE" in line):
            continue
        if name in {"clone", "clone3"} and "CLONE_THREAD" in line or name == "execve" and HASLIM in line or "resumed" in line:
            continue
        if OPENING.search(line) and not WRITING.search(line):
            continue
        if str(place.input) in line or place.input.name in line:
            yield line
        elif may_write and ("O_TMPFILE" in line or name == "linkat" and place.output.name in line):
            continue
        elif name in {"clone", "clone3"} and "<unfinished" in line and "CLONE_THREAD" in line:
            continue
        elif may_write and name in {"linkat", "renameat"} and ".haslim-" in line:
            continue
        else:
            yield line


def secrets_in_calls(bench):
    """The program reads the key from its file, and no other system call carries it."""
    place, log = bench.place("plain.tar"), bench.scratch / "strace.log"
    key = bench.scratch / "key-file"
    key.write_text(CANARY + "\n")
    encrypted = bench.scratch / "canary.tar"
    encrypted.unlink(missing_ok=True)
    made = run(["shrink", place.input, "-y", "-q", "-o", encrypted, "--drop", "media", "--securetar", "3", "--password-file", key], password=None)
    bench.check("an encrypted backup is made with the canary as its key", made.code == 0, made)
    kit = ["--password-file", key]
    out = bench.scratch / "canary-copy.tar"
    wrong = bench.scratch / "wrong-file"
    wrong.write_text(CANARY[::-1])
    commands = [["info", encrypted], ["ls", encrypted, "-v"], ["plan", encrypted, "--drop", "share:notes.txt", "--json"], ["verify", encrypted, "-v"], ["shrink", encrypted, "-y", "-v", "-o", out, "--drop", "share:notes.txt", "--force"], ["shrink", encrypted, "-y", "--json", "-o", out, "--drop", "ssl", "--force"]]
    needles = [CANARY, CANARY[::-1]]
    for words in commands:
        for given in (kit, ["--password-file", wrong]):
            prefix = [*traced(log, "trace=all", "abbrev=none"), "-s", "1000000", "-v"]
            done = run([*words, *given], password=None, prefix=prefix, errors="replace")
            what = f"{' '.join(map(str, [words[0], *words[2:]]))} with {given[1].name}"
            bench.expect(done.code == (12 if given[1] == wrong and words[0] != "info" else 0), f"{what} ends as it should", done)
            text = log.read_bytes()
            told = [line[:200] for line in text.splitlines() for needle in needles if _escaped(needle) in line and not re.match(rb"\d+ +(?:<\.\.\. )?read[ (]", line)]
            bench.expect(not told, f"{what}: the key is in no call", told)
            bench.expect(not any(needle in done.out + done.err for needle in needles), f"{what}: the key is not printed")
            if words[0] != "info":
                bench.expect(any(_escaped(needle) in text for needle in needles), f"{what} was watched")
    print(f"  ok   {2 * len(commands)} runs were watched", flush=True)
    bench.check("the copy does not hold the key", CANARY.encode() not in out.read_bytes() + encrypted.read_bytes())


def _escaped(text):
    """A text as strace prints it."""
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:o}" for byte in text.encode()).encode()


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, words, folder, user=None):
        self.shown = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            # A shell in the background sets some of them to be ignored.
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.chdir(folder)
            if user:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            os.execve(HASLIM, [HASLIM, *map(str, words)], environment(None) | {"TERM": "dumb"})

    def until(self, words, seconds=60):
        """Read until these words are shown."""
        end = time.monotonic() + seconds
        while words.encode() not in self.shown:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise RuntimeError(f"no {words!r} in {self.shown.decode(errors='replace')}")
            try:
                self.shown += os.read(self.master, 4096)
            except OSError:
                raise RuntimeError(f"ended without {words!r}: {self.shown.decode(errors='replace')}") from None

    def type(self, text):
        """Type a line."""
        os.write(self.master, text.encode() + b"\n")

    def end(self, seconds=60):
        """Wait for the end; return the exit status."""
        end = time.monotonic() + seconds
        while True:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                os.kill(self.pid, signal.SIGKILL)
            try:
                if not (more := os.read(self.master, 4096)):
                    break
                self.shown += more
            except OSError:
                break
        os.close(self.master)
        return os.waitpid(self.pid, 0)[1]


def secrets_in_memory(bench):
    """While the program holds the key, /proc shows nothing to other users, there is no core file,
    and no debugger can attach."""
    nobody = 65534
    encrypted = bench.scratch / "canary.tar"
    key = bench.scratch / "key-file"
    if not encrypted.exists():
        secrets_in_calls(bench)
    for path in (encrypted, key):
        path.chmod(0o644)
    for folder in [bench.scratch, *bench.scratch.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    for number, name in ((signal.SIGQUIT, "SIGQUIT"), (signal.SIGSEGV, "SIGSEGV"), (signal.SIGABRT, "SIGABRT"), (signal.SIGBUS, "SIGBUS")):
        place = bench.place("plain.tar")
        place.folder.chmod(0o777)
        words = ["shrink", encrypted, "-o", place.output, "--drop", "share:notes.txt", "--password-file", key]
        terminal = Terminal(words, place.folder, nobody)
        terminal.until("Write ")
        proc = Path(f"/proc/{terminal.pid}")
        told = [name for name in ("cmdline", "environ", "comm", "status", "maps", "mountinfo") if CANARY.encode() in (proc / name).read_bytes()]
        names = [os.readlink(link) for link in (proc / "fd").iterdir()]
        bench.expect(not told and not any(CANARY in name for name in names), "neither /proc nor the name of an open file tells the key", told)
        limits = (proc / "limits").read_text()
        bench.expect(re.search(r"Max core file size +0 +0 ", limits), "core files are limited to nothing", limits)
        bench.expect((proc / "environ").stat().st_uid == 0, "the memory of the process belongs to nobody but root", (proc / "environ").stat().st_uid)
        in_memory = _memory_holds(terminal.pid, CANARY.encode())
        bench.expect(in_memory, "the key is in memory at that moment, so that a core file would hold it")
        os.kill(terminal.pid, number)
        if number in (signal.SIGSEGV, signal.SIGBUS):
            # The first signal, which was not caused by a fault, only removes the runtime's handler.
            while _catches(proc, number):
                time.sleep(0.001)
            os.kill(terminal.pid, number)
        status = terminal.end()
        # When Rust aborts by itself, the program's own exit code is returned.
        ended = (os.waitstatus_to_exitcode(status), os.WCOREDUMP(status)) == (1 if number == signal.SIGABRT else -number, False)
        bench.check(f"{name} leaves no core file and no output", ended and os.listdir(place.folder) == ["in.tar"], f"{status} {os.listdir(place.folder)}")
        bench.expect(CANARY not in terminal.shown.decode(errors="replace"), "the key is not shown")
    place = bench.place("plain.tar")
    terminal = Terminal(["verify", encrypted], place.folder)
    terminal.until("Encryption key of the backup: ")
    terminal.type(CANARY)
    status = terminal.end()
    bench.check("a key that is typed is not shown", os.waitstatus_to_exitcode(status) == 0 and CANARY not in terminal.shown.decode(errors="replace"), terminal.shown)


def _catches(proc, number):
    """True while a process has a handler for this signal."""
    try:
        caught = re.search(r"^SigCgt:\s*(\w+)", (proc / "status").read_text(), re.MULTILINE)
    except FileNotFoundError:
        return False
    return bool(caught and int(caught.group(1), 16) >> number - 1 & 1)


def _memory_holds(pid, needle):
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            bounds, rights, *_ = line.split()
            begin, end = (int(part, 16) for part in bounds.split("-"))
            if rights.startswith("rw"):
                try:
                    memory.seek(begin)
                    if needle in memory.read(end - begin):
                        return True
                except (OSError, ValueError):
                    continue
    return False


CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static time_t now(void) { return atoll(getenv("FAULTS_CLOCK")); }
int clock_gettime(clockid_t id, struct timespec *t) {
  long code = syscall(SYS_clock_gettime, id, t);
  if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) { t->tv_sec = now(); t->tv_nsec = 0; }
  return code;
}
int gettimeofday(struct timeval *t, void *zone) { t->tv_sec = now(); t->tv_usec = 0; return 0; }
time_t time(time_t *t) { if (t) *t = now(); return now(); }
"""


def other_clock(bench):
    """A clock set to 1970, 2038 or 2100 makes no difference."""
    source, library = bench.scratch / "clock.c", bench.scratch / "clock.so"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    copies = []
    for seconds, year in ((0, "1970"), (2**31, "2038"), (4102488000, "2100")):
        shim = ["env", f"LD_PRELOAD={library}", f"FAULTS_CLOCK={seconds}"]
        shown = subprocess.run([*shim, "date", "-u", "+%Y"], capture_output=True, text=True).stdout.strip()
        bench.check(f"the clock shows {year}", shown == year, shown)
        place = bench.place()
        done = run(place.words(drops=("media", "homeassistant")), password=None, prefix=shim)
        bench.check("a run succeeds", (done.code, place.state()) == (0, "complete"), done)
        slug = run(["info", "--json", place.output]).out.split('"slug": "')[1][:8]
        copies.append(place.output.read_bytes().replace(slug.encode(), b"00000000"))
    place = bench.place()
    run(place.words(drops=("media", "homeassistant")), password=None)
    slug = run(["info", "--json", place.output]).out.split('"slug": "')[1][:8]
    copies.append(place.output.read_bytes().replace(slug.encode(), b"00000000"))
    bench.check("all copies are the same, but for the slug that each has of its own", len(set(copies)) == 1)
