"""Backups whose parts have plaintext streams of exact lengths, at and next to the boundaries of
chunks, cipher blocks and tar blocks."""

import io
import json
import random
import tarfile
import zlib

import securetar
from write import PASSWORD, add_bytes

MIB = 1 << 20
STREAMS = {"one-mib-less-one": MIB - 1, "one-mib": MIB, "one-mib-and-one": MIB + 1, "two-mib-less-one": 2 * MIB - 1, "two-mib": 2 * MIB, "two-mib-and-one": 2 * MIB + 1, "short": 20_007}
VERSIONS = {"2": 2, "3": 3, "plain": None}
# Files of these sizes are in every part that has enough room.
SMALL = (0, 1, 15, 16, 17, 511, 512, 513)


def names():
    """Every backup here: compressed parts of all those lengths, and uncompressed parts of one MiB
    plus or minus a block."""
    return [f"boundary-{version}-{kind}" for version in VERSIONS for kind in ("gz", "tar", "files")]


def contents(size, seed):
    """A tar that holds the small files and one that fills it up to `size`, a multiple of 512."""
    noise = random.Random(seed).randbytes
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for small in SMALL if size > 16384 else SMALL[:2]:
            add_bytes(tar, f"small/{small}", noise(small))
        # Minus its header, and the two blocks of zeros at the end.
        add_bytes(tar, "large.bin", noise(size - tar.offset - 512 - 1024 - (seed % 2) * 100))
    return out.getvalue()[:size]


def gzip_of_length(length, seed):
    """One gzip member of exactly `length` bytes, in stored blocks; empty blocks of five bytes each fill the rest."""
    room = length - 18
    size = (room - room // 65535 * 5 - 20) // 512 * 512
    while True:
        blocks = -(-size // 65535)
        rest = room - size - 5 * blocks
        if rest >= 5 and rest % 5 == 0:
            break
        size -= 512
    plain = contents(size, seed)
    assert len(plain) == size
    out = [b"\x1f\x8b\x08" + bytes(6) + b"\xff"]
    for at in range(0, size, 65535):
        part = plain[at : at + 65535]
        out += [b"\0", len(part).to_bytes(2, "little"), (len(part) ^ 0xFFFF).to_bytes(2, "little"), part]
    empty = b"\x00\x00\xff\xff"
    out += [b"\0" + empty] * (rest // 5 - 1) + [b"\1" + empty]
    out.append(zlib.crc32(plain).to_bytes(4, "little") + size.to_bytes(4, "little"))
    stream = b"".join(out)
    assert len(stream) == length and zlib.decompress(stream, 31) == plain
    return stream


def streams(kind):
    """The parts of one kind of backup: add-on slugs and their streams."""
    if kind == "gz":
        return {f"local_{name}": gzip_of_length(length, seed) for seed, (name, length) in enumerate(STREAMS.items())}
    if kind == "tar":
        return {f"local_{name}": contents(size, 7) for name, size in (("less", MIB - 512), ("even", MIB), ("more", MIB + 512))}
    return {f"local_file-{size}": file_of(size) for size in (0, 1, MIB - 1, MIB, MIB + 1)}


def file_of(size):
    """A compressed tar that holds one file of this size, and a small one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        add_bytes(tar, "./data/file.bin", random.Random(size).randbytes(size), mtime=1.5e9 + 0.25)
        add_bytes(tar, "./data/beside.txt", b"beside\n")
    return out.getvalue()


def make(out, name):
    """Write the backup with this name."""
    _, version, kind = name.split("-")
    version = VERSIONS[version]
    keys = {"password": PASSWORD, "create_version": version} if version else {}
    end = "tar" if kind == "tar" else "tar.gz"
    parts = streams(kind)
    with securetar.SecureTarArchive(out, "w", **keys) as archive:
        for slug, stream in parts.items():
            member = tarfile.TarInfo(f"{slug}.{end}")
            member.size, member.mtime = len(stream), 1_795_323_600.5
            if version:
                archive.import_tar(io.BytesIO(stream), member)
            else:
                archive.tar.addfile(member, io.BytesIO(stream))
        about = {
            "slug": "b0b0b0b0",
            "version": 2,
            "name": "edges",
            "date": "2026-11-22T05:00:00.123456+00:00",
            "type": "partial",
            "supervisor_version": "2026.10.1",
            "extra": {},
            "homeassistant": None,
            "compressed": kind != "tar",
            "protected": bool(version),
            "repositories": [],
            "folders": [],
            "addons": [{"slug": slug, "name": slug, "version": "1", "size": 0.0} for slug in parts],
            "docker": {},
        }
        add_bytes(archive.tar, "./backup.json", json.dumps(about).encode())
