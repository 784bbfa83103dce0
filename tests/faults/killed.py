"""SIGKILL at any moment, and the signals that ask to stop."""

import random
import re
import signal
import subprocess
import time

from bench import HASLIM, PASSWORD, environment, run, tally, traced
from injected import nameless_opening

# From here on the output could be seen, and everything after it that the program does to it.
PUBLISHING = ("fsync", "linkat", "renameat", "renameat2", "unlinkat", "exit_group")
LEFTOVER = "a hidden file, which the next run removed"
CUTS = ("homeassistant:www/**", "homeassistant:camera_recordings/**", "media:music")


def killed_at_random(bench):
    """Killed at any moment: absent or complete, no temporary file."""
    runs, seed = (500, 20261124) if bench.long else (40, 1)
    place, dice = bench.place("demo.tar"), random.Random(seed)
    words = place.words(drops=CUTS)
    begun = time.monotonic()
    done = run(words)
    took = time.monotonic() - begun
    bench.check("a run that is left alone succeeds", done.code == 0, done)
    place.clear()
    ends = tally()
    for number in range(runs):
        process = subprocess.Popen([HASLIM, *words], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, took * 1.4))
        process.kill()
        code = process.wait()
        state = place.state()
        ends[f"{'killed' if code == -9 else f'exit {code}'} with {state}"] += 1
        bench.expect(state == "complete" if code == 0 else state in {"absent", "complete"}, f"kill {number} of seed {seed}", f"{code}, {state}")
        place.clear()
    bench.tell(ends, f"kills at random within {took * 1.4:.2f} s, seed {seed}")
    # A harness that always comes too late, or too early, would show nothing.
    survived = sum(count for end, count in ends.items() if end.startswith("exit"))
    bench.check("most of them hit a run at work", survived < runs * 0.8, dict(ends))


def _killed(bench, place, call, always, allowed, steps=1):
    """Kill at the first of these calls, the second, and so on; returns the states."""
    ends, number = tally(), 1
    log = bench.scratch / "strace.log"
    while True:
        rules = [f"inject={rule}" for rule in [*always, f"{call}:signal=KILL:when={number}"]]
        names = sorted({rule.split(":")[0] for rule in [*always, call]})
        done = run(place.words(), prefix=traced(log, "trace=" + ",".join(names), *rules))
        left, state = place.left(), place.state()
        if done.code == 0:
            bench.expect(state == "complete", f"{call}, after call {number}", state)
            place.clear()
            return ends
        fine = done.code == -9 and (state in allowed or left and LEFTOVER in allowed)
        bench.expect(fine, f"killed at call {number} of {call}", f"{state} {done}")
        if left:
            # Where a name is needed, the next run takes away what was left.
            again = run(place.words())
            bench.expect((again.code, place.state()) == (0, "complete"), "the next run removes what a killed one left", f"{place.state()} {again}")
            state = LEFTOVER
        ends[state] += 1
        place.clear()
        number += steps


def _calls(bench, place):
    """The names of all calls that a run makes."""
    log = bench.scratch / "strace.log"
    run(place.words(), prefix=traced(log, "trace=all"))
    place.clear()
    found = re.findall(r"^\d+ +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE)
    return sorted(set(found) - {"execve"})


def killed_at_calls(bench):
    """Killed at each system call of the publishing: absent or complete."""
    place = bench.place()
    states = tally()
    for call in PUBLISHING:
        states += _killed(bench, place, call, [], {"absent", "complete"})
    bench.tell(states, "kills at the calls that publish")
    bench.check("some came before the output had its name, and some after", {"absent", "complete"} <= set(states), dict(states))
    for call in _calls(bench, place) if bench.long else ("pwrite64", "copy_file_range", "pread64"):
        bench.tell(_killed(bench, place, call, [], {"absent", "complete"}, 1 if bench.long else 7), f"kills at {call}")
    place.occupy()
    states = tally()
    for call in PUBLISHING:
        states += _killed(bench, place, call, [], {"old", "complete", LEFTOVER})
    bench.tell(states, "kills while an old output was replaced")
    bench.check("only one moment of replacing leaves anything", states[LEFTOVER] == 1, dict(states))
    place = bench.place()
    hidden = f"openat:error=EOPNOTSUPP:when={nameless_opening(bench, place)}"
    states = tally()
    for call in ("pwrite64", *PUBLISHING):
        states += _killed(bench, place, call, [hidden], {"absent", "complete", LEFTOVER}, 1 if bench.long else 7)
    bench.tell(states, "kills where a file cannot be without a name")


def number_of(name):
    """The number of a signal."""
    return getattr(signal, f"SIG{name}").value


def asked_to_stop(bench):
    """INT, TERM and HUP at any call: 130, 143, 129, and nothing is left."""
    place = bench.place()
    log = bench.scratch / "strace.log"
    for name, code in (("INT", 130), ("TERM", 143), ("HUP", 129)):
        ends = tally()
        for call in ("pread64", "pwrite64", "copy_file_range", "fsync"):
            number = 1
            while True:
                prefix = traced(log, f"trace={call}", f"inject={call}:signal={name}:when={number}")
                done = run(place.words(), prefix=prefix)
                hit = f"SIG{name}" in log.read_text(errors="replace")
                problem = place.problem(done)
                if done.code == -number_of(name) and number < 3 and call == "pread64" and place.state() == "absent":
                    problem, done.code = None, code  # the loader reads too, before the program listens
                # After the last look at the wish to stop, the output gets its name.
                if problem is None and done.code not in ({0, code} if hit else {0}):
                    problem = done
                bench.expect(problem is None, f"SIG{name} at {call} {number}", problem)
                place.clear()
                if not hit:
                    break
                ends[f"exit {done.code}"] += 1
                number += 1 if bench.long else 11
        bench.tell(ends, f"times SIG{name}")
        bench.check(f"nearly all of them end with {code}", ends[f"exit {code}"] > sum(ends.values()) * 0.8, dict(ends))


def stops_in_time(bench):
    """Over a large backup a signal ends the run within a second."""
    if not bench.big:
        print("  no --big FILE: not measured", flush=True)
        return
    import os

    place = bench.place()
    place.input.unlink()
    place.input.symlink_to(bench.big)
    words = place.words(drops=("media:music", "homeassistant:www/**", "share:**"))
    password = os.environ.get("HASLIM_BIG_PASSWORD", PASSWORD)
    begun = time.monotonic()
    done = run(words, password)
    took = time.monotonic() - begun
    bench.check("a run that is left alone succeeds", done.code == 0, done)
    place.output.unlink()
    dice, waits = random.Random(7), []
    for number in range(60 if bench.long else 6):
        chosen, code = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)][number % 3]
        process = subprocess.Popen([HASLIM, *words], env=environment(password), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.05, took * 0.95))
        sent = time.monotonic()
        process.send_signal(chosen)
        ended = process.wait()
        waits.append(time.monotonic() - sent)
        bench.expect(ended in {0, code} and set(os.listdir(place.folder)) - {place.output.name} == {place.input.name}, f"signal {number}", ended)
        place.output.unlink(missing_ok=True)
    bench.check(f"{len(waits)} signals within {took:.1f} s: the slowest answer after {max(waits):.2f} s", max(waits) < 1)
