"""Run a program and write down what it took.

usage: measured.py REPORT PROGRAM [WORD...]

REPORT gets one line: the seconds, those of the processor in the program and in the system, the peak memory in kibibytes, and the exit
code. The program has this one's input and output.

A program starts with the memory of the one that starts it, as far as its peak is concerned (getrusage(2), ru_maxrss). So start this
one with `python -I -S`, which is small.
"""

import os
import sys
import time

begin = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - begin
with open(sys.argv[1], "w") as report:
    print(seconds, usage.ru_utime, usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status), file=report)
