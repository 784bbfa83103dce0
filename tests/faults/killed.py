"""SIGKILL at any moment, and the signals that cancel a run."""

import os
import random
import re
import signal
import subprocess
import time

from bench import HASLIM, PASSWORD, environment, fingerprint, run, tally, traced
from calls import NUMBERS, Rule, ask_to_stop, kill
from injected import without_nameless

# From these calls on, the output can be seen. All calls on it that follow are included.
PUBLISHING = ("fsync", "linkat", "renameat", "renameat2", "unlinkat", "exit_group")
LEFTOVER = "a hidden file, which the next run removed"
CUTS = ("homeassistant:www/**", "homeassistant:camera_recordings/**", "media:music")


def killed_at_random(bench):
    """Killed at any moment: the output is absent or complete, and there is no temporary file."""
    wanted, seed = (500, 20261124) if bench.long else (40, 1)
    place, dice = bench.place("demo.tar"), random.Random(seed)
    words = place.words(drops=CUTS)
    begun = time.monotonic()
    done = run(words)
    took = time.monotonic() - begun
    bench.check("a run that is left alone succeeds", done.code == 0, done)
    place.clear()
    ends, kills = tally(), 0
    for number in range(4 * wanted):
        process = subprocess.Popen([HASLIM, *words], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, took * 1.2))
        process.kill()
        code = process.wait()
        state = place.state()
        ends[f"{'killed' if code == -9 else f'exit {code}'} with {state}"] += 1
        bench.expect(state == "complete" if code == 0 else code == -9 and state in {"absent", "complete"}, f"kill {number} of seed {seed}", f"{code}, {state}")
        place.clear()
        # Adapts to the current speed of this machine.
        took *= 1.05 if code else 0.85
        kills += code == -9
        if kills == wanted:
            break
    bench.tell(ends, f"kills at random, seed {seed}")
    # A test that always kills too late would prove nothing.
    bench.check(f"{wanted} of them hit a run at work", kills == wanted, dict(ends))


def _killed(bench, place, name, always, allowed, steps=1):
    """Kill before the first of these calls, the second, and so on; returns the states."""
    ends, number = tally(), 1
    while True:
        killing = Rule(name, number, kill)
        done = run(place.words(), rules=[*(rule() for rule in always), killing])
        left, state = place.left(), place.state()
        if not killing.hits:
            bench.expect((done.code, state) == (0, "complete"), f"there is no call {number} of {name}: the run succeeds", f"{state} {done}")
            place.clear()
            return ends
        # The end of a thread may be the last event but one.
        fine = (done.code, name, state) == (0, "exit", "complete") or done.code == -9 and (state in allowed or left and LEFTOVER in allowed)
        bench.expect(fine, f"killed at call {number} of {name}", f"{state} {done}")
        if left:
            # If a name is needed, the next run removes what was left behind.
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
    return sorted(set(found) & set(NUMBERS) - {"execve"})


def killed_at_calls(bench):
    """Killed at each system call while publishing: the output is absent or complete."""
    place = bench.place()
    states = tally()
    for name in PUBLISHING:
        states += _killed(bench, place, name, [], {"absent", "complete"})
    bench.tell(states, "kills at the calls that publish")
    # Before the file is synced, before it has its name, before that is durable, and before the end.
    bench.check("two came before the output had its name, and two after", states == {"absent": 2, "complete": 2}, dict(states))
    for name in _calls(bench, place) if bench.long else ("pwrite64", "copy_file_range", "pread64"):
        bench.tell(_killed(bench, place, name, [], {"absent", "complete"}, 1 if bench.long else 7), f"kills at {name}")
    place.occupy()
    states = tally()
    for name in PUBLISHING:
        states += _killed(bench, place, name, [], {"old", "complete", LEFTOVER})
    bench.tell(states, "kills while an old output was replaced")
    bench.check("only one moment of replacing leaves anything", states[LEFTOVER] == 1, dict(states))
    place = bench.place()
    states = tally()
    for name in ("pwrite64", *PUBLISHING):
        states += _killed(bench, place, name, [without_nameless], {"absent", "complete", LEFTOVER}, 1 if bench.long else 7)
    bench.tell(states, "kills where a file cannot be without a name")


def killed_pairs(bench):
    """Killed while a copy and its rest are written, or put together: every file is absent or whole, and no copy is without its rest."""
    place = bench.place("v2.tar")
    copy, rest, joined = (place.folder / name for name in ("out.tar", "rest.tar", "joined.tar"))
    split = place.words("--rest", rest, drops=("media:music", "share"))
    bench.check("a copy and its rest can be written", run(split).code == 0)
    kept = {path: path.read_bytes() for path in (copy, rest)}
    for words, made in ((split, {copy, rest}), (["join", copy, rest, "-q", "-o", joined], {joined})):
        ends = tally()
        for name in ("pwrite64", "copy_file_range", *PUBLISHING):
            number = 1
            while True:
                for path in made:
                    path.unlink(missing_ok=True)
                killing = Rule(name, number, kill)
                done = run(words, rules=[killing])
                others = {place.folder / name for name in os.listdir(place.folder)} - {place.input} - (set() if copy in made else set(kept))
                whole = all(path.read_bytes() == place.input.read_bytes() if path == joined else run(["verify", path]).code == 0 for path in others)
                fine = others <= made and whole and others != {copy} and fingerprint(place.input) == place.before
                bench.expect(fine, f"{words[0]} killed at call {number} of {name}", f"{sorted(others)}, whole: {whole} {done}")
                if not killing.hits:
                    bench.expect(done.code == 0 and others == made, f"there is no call {number} of {name}: {words[0]} succeeds", done)
                    break
                ends[f"{len(others)} files"] += 1
                number += 1 if bench.long or name in PUBLISHING else 7
        bench.tell(ends, f"kills of {words[0]}")
        bench.check(f"some kills of {words[0]} came before its files and some after", len(ends) > 1, dict(ends))
        for path, content in kept.items():
            path.write_bytes(content)


def asked_to_stop(bench):
    """INT, TERM and HUP at any call: the code is 130, 143 or 129, and no file is left."""
    place = bench.place()
    for asked, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        ends = tally()
        for name in ("pread64", "pwrite64", "copy_file_range", "fsync", "linkat"):
            number = 1
            while True:
                asking = Rule(name, number, ask_to_stop(asked))
                done = run(place.words(), rules=[asking])
                problem = place.problem(done)
                if done.code == -asked and number < 3 and name == "pread64" and place.state() == "absent":
                    problem, done.code = None, code  # the loader reads too, before the program listens
                # After the last check for cancellation, the output gets its name, and the name is
                # made durable.
                late = name == "linkat" or name == "fsync" and number == 2
                wanted = 0 if late or not asking.hits else code
                bench.expect(problem is None and done.code == wanted, f"{asked.name} at {name} {number}: exit {wanted}", problem or done)
                place.clear()
                if not asking.hits:
                    break
                ends[f"exit {done.code}"] += 1
                number += 1 if bench.long or name == "fsync" else 11
        bench.tell(ends, f"times {asked.name}")


def stops_in_time(bench):
    """A signal ends a run on a large backup within a second."""
    if not bench.big:
        print("  no --big FILE: not measured", flush=True)
        return
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
        # Behind a shell, INT would be ignored, and the program keeps it ignored.
        attentive = ["env", "--default-signal=HUP,INT,TERM", HASLIM, *words]
        process = subprocess.Popen(attentive, env=environment(password), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.05, took * 0.95))
        sent = time.monotonic()
        process.send_signal(chosen)
        ended = process.wait()
        waits.append(time.monotonic() - sent)
        bench.expect(ended in {0, code} and set(os.listdir(place.folder)) - {place.output.name} == {place.input.name}, f"signal {number}", ended)
        place.output.unlink(missing_ok=True)
    bench.check(f"{len(waits)} signals within {took:.1f} s: the slowest answer after {max(waits):.2f} s", max(waits) < 1)
