"""Compares copies of one backup that programs for several systems made.

  same.py PASSWORD COPY COPY...

They must have the same members in the same order, the same metadata but for the id, and the same
bytes inside each part after the reference library has decrypted it.
"""

import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "interop"), str(HERE.parent / "fixtures" / "make")]

import judge  # noqa: E402
import metadata  # noqa: E402
import reference  # noqa: E402

OF_A_HEADER = ("name", "size", "mode", "mtime", "uid", "gid", "uname", "gname", "type", "linkname")


def contents(path, password):
    """What a copy consists of, as a list of what must be equal."""
    slug = metadata.read(metadata.of(path))["slug"].encode()
    versions = judge.headers(path)
    found = []
    with tarfile.open(path, "r:") as outer:
        for member in outer:
            head = {key: value for key, value in member.get_info().items() if key in OF_A_HEADER}
            if reference.is_part(member.name):
                version, _ = versions[member.name]
                data = judge.plaintext(path, member.name, version, password if version else None)
            else:
                version, data = None, outer.extractfile(member).read().replace(slug, b"SLUG")
            found.append((head, version, data))
    return found


def main():
    password, *copies = sys.argv[1:]
    first, *others = copies
    expected = contents(Path(first), password)
    for other in others:
        got = contents(Path(other), password)
        names = [[head["name"] for head, _, _ in copy] for copy in (expected, got)]
        if names[0] != names[1]:
            sys.exit(f"{first} and {other}: other members: {names[0]} and {names[1]}")
        for (head, version, data), (head2, version2, data2) in zip(expected, got):
            if (head, version) != (head2, version2):
                sys.exit(f"{first} and {other}: {(head, version)} and {(head2, version2)}")
            if data != data2:
                sys.exit(f"{first} and {other}: other contents of {head['name']}")
    print(f"{len(copies)} copies with the same {len(expected)} members")


main()
