"""The best pipelines of ordinary tools at four tasks, for SecureTar version 2: what an expert would type.

usage: pipeline.py list BACKUP                           openssl | igzip | tar, as many at a time as there are cores; prints the number of entries
       pipeline.py cut BACKUP MEMBER PATH OUT LEVEL      openssl | igzip | bsdtar | pigz -LEVEL | openssl; the other members are copied
       pipeline.py extract BACKUP FOLDER                 openssl | igzip | tar, each part into a folder of its own
       pipeline.py archive BACKUP OUT                    openssl | igzip of one part after the other, into one zstd on all cores

The password is in HASLIM_PASSWORD. openssl takes its key from the command line, where everybody on the machine can see it:
never use this with a real backup.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

HEADER = 48
ROUNDS = 100
BLOCK, RECORD = 512, 10_240

READ = 'dd if="$1" bs=4M iflag=skip_bytes,count_bytes skip=$2 count=$3 status=none | openssl enc -d -aes-128-cbc -bufsize 65536 -K $4 -iv $5 | igzip -dc'
LIST = f"{READ} | tar tf - | wc -l"
EXTRACT = f'mkdir -p "$6"; {READ} | tar xf - -C "$6"'
CUT = f'{READ} | bsdtar --format pax -cf - --exclude "$6" @- | pigz -$7 | openssl enc -aes-128-cbc -bufsize 65536 -K $4 -iv $8'


def stretched(data):
    """The first half of SHA-256 applied a hundred times: the key of version 2, and its initialisation vectors."""
    for _ in range(ROUNDS):
        data = hashlib.sha256(data).digest()
    return data[:16]


KEY = stretched(os.environ["HASLIM_PASSWORD"].encode())


def vector(salt):
    return stretched(KEY + salt).hex()


def bash(script, *words, **options):
    return subprocess.run(["bash", "-c", f"set -euo pipefail; {script}", "bash", *map(str, words)], check=True, **options)


def encrypted(backup):
    """Each part of a backup: its name, and what the pipelines have to know about it."""
    with tarfile.open(backup, "r:") as tar:
        for member in tar:
            if member.name.endswith(".tar.gz"):
                header = tar.extractfile(member).read(HEADER)
                assert header[:10] == b"SecureTar\x02", f"{member.name} is not SecureTar version 2"
                yield member.name, (member.offset_data + HEADER, member.size - HEADER, KEY.hex(), vector(header[32:48]))


def count(backup):
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as jobs:
        done = jobs.map(lambda part: bash(LIST, backup, *part[1], stdout=subprocess.PIPE).stdout, encrypted(backup))
        print(sum(map(int, done)))


def extract(backup, folder):
    # The largest first, so that the last one does not start late.
    parts = sorted(encrypted(backup), key=lambda part: -part[1][1])
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as jobs:
        done = jobs.map(lambda part: bash(EXTRACT, backup, *part[1], f"{folder}/{part[0].split('.')[0]}"), parts)
        all(done)


def archive(backup, out):
    with open(out, "wb", buffering=0) as target:
        zstd = subprocess.Popen(["zstd", "-q", "-c", "-3", f"-T{len(os.sched_getaffinity(0))}"], stdin=subprocess.PIPE, stdout=target)
        for _, part in encrypted(backup):
            bash(READ, backup, *part, stdout=zstd.stdin)
        zstd.stdin.close()
        assert zstd.wait() == 0, "zstd failed"
        os.fsync(target)


def cut(backup, name, path, out, level):
    parts = dict(encrypted(backup))
    with tarfile.open(backup, "r:") as tar, open(backup, "rb") as source, open(out, "w+b", buffering=0) as target:
        for member in tar.getmembers():
            begin, whole = member.offset, member.offset_data - member.offset + -(-member.size // BLOCK) * BLOCK
            if member.name == name:
                replace(source, target, backup, member, parts[name], path, level)
            else:
                copy(source, begin, whole, target)
        end = target.seek(0, os.SEEK_END) + 2 * BLOCK
        target.truncate(-(-end // RECORD) * RECORD)
        os.fsync(target)


def copy(source, begin, length, target):
    while length:
        done = os.copy_file_range(source.fileno(), target.fileno(), length, begin)
        assert done, "the backup ends early"
        begin, length = begin + done, length - done


def replace(source, target, backup, member, part, path, level):
    """Write a member anew; sizes are known only afterwards."""
    salt = os.urandom(16)
    copy(source, member.offset, member.offset_data - member.offset, target)
    data = target.tell()
    target.write(bytes(HEADER))
    bash(CUT, backup, *part, path, level, vector(salt), stdout=target)
    end = target.seek(0, os.SEEK_END)
    target.write(bytes(-end % BLOCK))
    plain = end - data - HEADER - padding(target, end)
    os.pwrite(target.fileno(), b"SecureTar\x02".ljust(16, b"\0") + plain.to_bytes(8, "big") + bytes(8) + salt, data)
    main = bytearray(os.pread(target.fileno(), BLOCK, data - BLOCK))
    main[124:136] = b"%011o\0" % (end - data)
    main[148:156] = b" " * 8
    main[148:155] = b"%06o\0" % sum(main)
    os.pwrite(target.fileno(), main, data - BLOCK)


def padding(target, end):
    """The bytes of padding in the last block, which the pipeline does not tell. No part is so small that it has but one block."""
    before, last = os.pread(target.fileno(), 16, end - 32), os.pread(target.fileno(), 16, end - 16)
    words = ["openssl", "enc", "-d", "-aes-128-cbc", "-nopad", "-K", KEY.hex(), "-iv", before.hex()]
    return subprocess.run(words, input=last, stdout=subprocess.PIPE, check=True).stdout[-1]


if __name__ == "__main__":
    {"list": count, "cut": cut, "extract": extract, "archive": archive}[sys.argv[1]](*sys.argv[2:])
