#!/usr/bin/env python3
"""What must hold when something fails during a run. Run by the script `run` beside this file."""

import argparse
import signal
import sys
import tempfile
import time
import traceback

import beneath
import disks
import injected
import killed
import large
import memory
import watched
from bench import Bench

SCENARIOS = {
    "input-untouched": watched.input_untouched,
    "extract-beneath": beneath.stays_beneath,
    "output-errors": injected.output_errors,
    "read-errors": injected.read_errors,
    "lying-disk": injected.lying_disk,
    "out-of-memory": injected.out_of_memory,
    "peak-memory": memory.peak_memory,
    "large-member": large.large_member,
    "no-nameless-files": injected.without_nameless_files,
    "killed-at-calls": killed.killed_at_calls,
    "killed-at-random": killed.killed_at_random,
    "killed-pairs": killed.killed_pairs,
    "asked-to-stop": killed.asked_to_stop,
    "stops-in-time": killed.stops_in_time,
    "full-disk": disks.full_disk,
    "closed-folders": disks.closed_folders,
    "power-cut": disks.power_cut,
    "power-cut-at-random": disks.power_cut_at_random,
    "power-cut-can-be-seen": disks.power_cut_can_be_seen,
    "secrets-in-calls": watched.secrets_in_calls,
    "secrets-in-memory": watched.secrets_in_memory,
    "other-clock": watched.other_clock,
}


def main():
    """Run the scenarios whose name contains one of the words, or all; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests/faults/run")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--big", metavar="FILE")
    parser.add_argument("names", nargs="*", metavar="NAME")
    chosen = parser.parse_args()
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _: sys.exit(128 + number))  # so that everything is unmounted on the way out
    scenarios = {name: run for name, run in SCENARIOS.items() if not chosen.names or any(word in name for word in chosen.names)}
    if not scenarios:
        sys.exit(f"no such scenario; there are: {', '.join(SCENARIOS)}")
    with tempfile.TemporaryDirectory(prefix="haslim-faults-") as scratch:
        bench = Bench(scratch, chosen.long, chosen.big)
        for name, run in scenarios.items():
            begun = time.monotonic()
            print(name, flush=True)
            try:
                run(bench)
            except Exception:
                # A scenario that ends with an exception counts as one failure; the others still
                # run.
                bench.expect(False, "the scenario runs to its end", traceback.format_exc().rstrip())
            print(f"  {time.monotonic() - begun:.1f} s", flush=True)
    print(f"{bench.passed} passed, {bench.failed} failed")
    return 1 if bench.failed or not bench.passed else 0


if __name__ == "__main__":
    sys.exit(main())
