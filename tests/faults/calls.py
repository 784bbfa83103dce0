"""The system calls of a run, one at a time and in one order, over all threads.

The kernel asks here before it makes one of the chosen calls (seccomp's user notification, seccomp_unotify(2)), and
the thread that made it waits for the answer. strace counts the calls of each thread apart, so that its "second fsync"
is none at all where two threads make one each.
"""

import ctypes
import errno
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

# <linux/seccomp.h>, <linux/filter.h> and <linux/prctl.h>
PR_SET_NO_NEW_PRIVS = 38
SET_MODE_FILTER, NEW_LISTENER = 1, 1 << 3
USER_NOTIF, ALLOW = 0x7FC00000, 0x7FFF0000
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
RECEIVE, SEND = 0xC0502100, 0xC0182101
CONTINUE = 1
NOTIFICATION, RESPONSE = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")

LIBC = ctypes.CDLL(None, use_errno=True)


def _numbers():
    """The numbers of the system calls here, by their names."""
    macros = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-"], input="", capture_output=True, text=True, check=True)
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", macros.stdout, re.MULTILINE)}


NUMBERS = _numbers()
NAMES = {number: name for name, number in NUMBERS.items()}


class Call:
    """A system call that a thread is about to make; the thread waits."""

    def __init__(self, thread, name, arguments):
        self.thread, self.name, self.arguments = thread, name, arguments

    def process(self):
        """The process of the thread."""
        with open(f"/proc/{self.thread}/status") as status:
            return int(re.search(r"^Tgid:\s*(\d+)", status.read(), re.MULTILINE).group(1))

    def path(self):
        """The file behind the descriptor in the first argument; empty if there is none."""
        try:
            return os.readlink(f"/proc/{self.thread}/fd/{self.arguments[0]}")
        except OSError:
            return ""

    def memory(self, address, size):
        """Some bytes of the thread's memory."""
        with open(f"/proc/{self.thread}/mem", "rb", 0) as memory:
            memory.seek(address)
            return memory.read(size)


def fail(error):
    """The call is not made; it fails with this error."""
    return lambda call: (0, -getattr(errno, error))


def give(value):
    """The call is not made; it returns this value."""
    return lambda call: (value, 0)


def kill(call):
    """The process is killed, and the call is not made."""
    os.kill(call.process(), signal.SIGKILL)
    return 0, -errno.EINTR


def ask_to_stop(number):
    """The process gets this signal, and the call is made once the signal was handled."""

    def action(call):
        process = call.process()
        before = _naps(process)
        os.kill(process, number)
        # The thread sleeps again once it has recorded the signal. Before the handlers exist, the
        # signal ends the program.
        end = time.monotonic() + 60
        while _naps(process) in {before, ASLEEP_NEVER} and time.monotonic() < end:
            time.sleep(0.001)

    return action


ASLEEP_NEVER = 0


def _naps(process):
    """How many times the signal thread has gone to sleep; zero while it is awake or does not exist."""
    for task in os.scandir(f"/proc/{process}/task"):
        with open(f"{task.path}/status") as status:
            text = status.read()
        if text.startswith("Name:\tsignals\n") and "\nState:\tS" in text:
            return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.MULTILINE).group(1))
    return ASLEEP_NEVER


class Gate:
    """Holds a call until the gate is opened."""

    def __init__(self):
        self.reached, self._opened = threading.Event(), threading.Event()

    def __call__(self, call):
        self.reached.set()
        self._opened.wait()

    def open(self):
        """Let the call be made."""
        self._opened.set()


class Rule:
    """Acts at the `number`-th matching call of that name, over all threads; with `step`, again at
    every `step`-th call after it."""

    def __init__(self, name, number, action, fits=lambda call: True, step=0):
        self.name, self.number, self.action, self.fits, self.step = name, number, action, fits, step
        self.seen = self.hits = 0

    def answer(self, call):
        """None to let the call be made, or the result to return instead; the second value is true
        if the rule matched its call."""
        if call.name != self.name or not self.fits(call):
            return None, False
        self.seen += 1
        later = self.seen - self.number
        if later and not (self.step and later > 0 and later % self.step == 0):
            return None, False
        self.hits += 1
        return self.action(call), True


class Watched:
    """A program whose calls are answered by rules; the first matching rule answers."""

    def __init__(self, words, rules, **options):
        self._rules = rules
        self._here, there = socket.socketpair()
        self._trouble = None
        program = _filter({"execve", *(rule.name for rule in rules)})
        self._answering = threading.Thread(target=self._answer_all, daemon=True)
        # Before the program starts, because its start is the first call that waits for an answer.
        self._answering.start()
        try:
            self.process = subprocess.Popen([*map(str, words)], preexec_fn=lambda: _install(program, there), **options)
        finally:
            there.close()

    def ended(self):
        """Wait for the last answer after the process has ended."""
        self._answering.join(60)
        if self._trouble or self._answering.is_alive():
            raise RuntimeError("the calls were not answered to the end") from self._trouble

    def _answer_all(self):
        try:
            with self._here:
                _, (listener,), _, _ = socket.recv_fds(self._here, 1, 1)
            try:
                self._answer_each(listener)
            finally:
                # Threads that still wait get ENOSYS.
                os.close(listener)
        except Exception as trouble:
            self._trouble = trouble

    def _answer_each(self, listener):
        poll, started = select.poll(), False
        poll.register(listener, select.POLLIN)
        while not poll.poll()[0][1] & select.POLLHUP:
            asked = bytearray(NOTIFICATION.size)
            if not _survives(lambda: fcntl.ioctl(listener, RECEIVE, asked)):
                continue
            identity, thread, _, number, _, _, *arguments = NOTIFICATION.unpack(asked)
            call = Call(thread, NAMES[number], arguments)
            # Earlier calls are not made by the program.
            answer = self._answer(call) if started else None
            started = started or call.name == "execve"
            value, error = answer or (0, 0)
            response = RESPONSE.pack(identity, value, error, 0 if answer else CONTINUE)
            _survives(lambda: fcntl.ioctl(listener, SEND, response))

    def _answer(self, call):
        for rule in self._rules:
            try:
                answer, met = rule.answer(call)
            except (ProcessLookupError, FileNotFoundError):
                return None  # killed meanwhile
            if met:
                return answer
        return None


def _survives(ask):
    """False if the waiting thread was killed meanwhile."""
    try:
        ask()
        return True
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False


def _filter(names):
    """A program for the kernel: ask about the calls of these names, let all others be made."""
    numbers = sorted(NUMBERS[name] for name in names)
    lines = [(LOAD, 0, 0, 0)]
    lines += [(JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, USER_NOTIF)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    return len(lines), code


def _install(program, to):
    """In the new process: install the filter, and pass on the file descriptor for its questions."""
    # A shell in the background sets SIGINT to be ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    length, code = program
    head = ctypes.create_string_buffer(struct.pack("@HP", length, ctypes.addressof(code)))
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    listener = LIBC.syscall(NUMBERS["seccomp"], SET_MODE_FILTER, NEW_LISTENER, head)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    socket.send_fds(to, [b"f"], [listener])
    os.close(listener)
