"""The reference SecureTar library at three tasks. Run with a Python that has securetar.

usage: reference.py list BACKUP                     prints the number of entries
       reference.py cut BACKUP MEMBER PATH OUT      writes a copy without PATH and what is below it in MEMBER
       reference.py extract BACKUP FOLDER           extracts every part into a folder of its own

The password is in HASLIM_PASSWORD. HASLIM_BUFSIZE is the size of its buffers: 4 MiB unless given, as in Supervisor
(supervisor/backups/const.py, BUF_SIZE).
"""

import os
import sys
import tarfile
from pathlib import Path

import securetar

PASSWORD = os.environ["HASLIM_PASSWORD"]
BUFFER = int(os.environ.get("HASLIM_BUFSIZE", 4 << 20))


def is_part(member):
    return member.name.endswith((".tar", ".tar.gz"))


def inner(archive, member):
    """The open inner tar of a part, inside the context that decrypts it."""
    mode = "r|gz" if member.name.endswith(".gz") else "r|"
    return tarfile.open(fileobj=archive, mode=mode, bufsize=BUFFER)


def count(backup):
    entries = 0
    with securetar.SecureTarArchive(Path(backup), "r", bufsize=BUFFER, password=PASSWORD) as archive:
        for member in filter(is_part, archive.tar.getmembers()):
            with archive.extract_tar(member) as plain, inner(plain, member) as tar:
                entries += sum(1 for _ in tar)
    print(entries)


def cut(backup, name, path, out):
    # One root key for both, so that the other parts can be copied as they are.
    keys = securetar.SecureTarRootKeyContext(PASSWORD)
    with open(backup, "rb") as file:
        version = part_version(file)
    source = securetar.SecureTarArchive(Path(backup), "r", bufsize=BUFFER, root_key_context=keys)
    target = securetar.SecureTarArchive(Path(out), "w", bufsize=BUFFER, root_key_context=keys, create_version=version)
    with source, target:
        for member in source.tar.getmembers():
            if member.name != name:
                target.tar.addfile(member, source.tar.extractfile(member))
                continue
            with source.extract_tar(member) as plain, inner(plain, member) as old, target.create_tar(name, gzip=name.endswith(".gz")) as new:
                for entry in old:
                    if entry.name != path and not entry.name.startswith(path + "/"):
                        new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    descriptor = os.open(out, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def extract(backup, folder):
    """With Python's filter against names that lead out, as Core and Supervisor extract."""
    with securetar.SecureTarArchive(Path(backup), "r", bufsize=BUFFER, password=PASSWORD) as archive:
        for member in filter(is_part, archive.tar.getmembers()):
            with archive.extract_tar(member) as plain, inner(plain, member) as tar:
                tar.extractall(Path(folder) / member.name.split(".")[0], filter="data")


def part_version(file):
    """The SecureTar version of the first part."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        first = next(member for member in tar if is_part(member))
        return tar.extractfile(first).read(10)[9]


if __name__ == "__main__":
    {"list": count, "cut": cut, "extract": extract}[sys.argv[1]](*sys.argv[2:])
