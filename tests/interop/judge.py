"""What the reference library must find in a copy."""

import json
import os
import pickle
import struct
import subprocess
import tarfile
import zlib

import metadata
import reference
import securetar
from write import PASSWORD


def original(path):
    """The contents of a backup made by the reference library, as that library reads them; the old version reads v1."""
    if not path.name.startswith("v1"):
        return reference.backup(path, PASSWORD)
    script = "import pickle, sys; sys.path.insert(0, sys.argv[1]); import reference, write; pickle.dump(reference.backup(sys.argv[2], write.PASSWORD), sys.stdout.buffer)"
    words = [os.environ["HASLIM_INTEROP_V1_PYTHON"], "-c", script, os.path.dirname(reference.__file__), path]
    return pickle.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)


def under(*folders):
    """A predicate for `copy`: true for these names and all below them."""
    return lambda name: any(name.removeprefix(b"./") == folder or name.removeprefix(b"./").startswith(folder + b"/") for folder in folders)


def key_of(name):
    return name.removeprefix(b"./")


def cut(entries, gone):
    """Drop the entries for whose name `gone` is true. If the first name of a file is dropped, its first hard link gets the data, and later links point to it.

    Returns the expected entries by name, and the names of the untouched ones in order.
    """
    roots, promoted, kept, order = {}, {}, {}, []
    for entry in entries:
        name, root = entry["name"], entry
        if entry["type"] == "hardlink":
            root = roots[key_of(entry["linkname"])]
        roots[key_of(name)] = root
        if gone(name):
            continue
        if entry["type"] != "hardlink" or not gone(root["name"]):
            kept[name] = entry
            order.append(name)
        elif id(root) not in promoted:
            promoted[id(root)] = name
            kept[name] = root | {"name": name, "pax": None}
        else:
            kept[name] = entry | {"linkname": promoted[id(root)], "pax": None}
    return kept, order


def compare(part, expected, order, got):
    """Entries as read from the copy are those expected, untouched ones in their order and with the
    PAX records they had."""
    assert len({entry["name"] for entry in got}) == len(got), f"{part}: a name twice"
    found = {entry["name"]: entry for entry in got}
    assert sorted(found) == sorted(expected), f"{part}: other names"
    for name, entry in expected.items():
        have = found[name]
        same = entry.keys() - ({"pax"} if entry["pax"] is None else set())
        differing = {key: (entry[key], have[key]) for key in same if entry[key] != have[key]}
        assert not differing, f"{part}: {name!r}: expected and found {differing}"
    assert [entry["name"] for entry in got if entry["name"] in set(order)] == order, f"{part}: another order"


def headers(path):
    """The SecureTar header of each part that has one, by member name."""
    found = {}
    with tarfile.open(path, "r:") as outer:
        for member in outer:
            if reference.is_part(member.name):
                head = outer.extractfile(member).read(136)
                version = reference.protection(head + outer.extractfile(member).read(376)[136:])
                found[member.name] = (version, head)
    return found


def salts(head):
    """The salts of a v3 header: those that all parts share, and those of this part."""
    root, validation, check, derivation, stream = struct.unpack("!16s16s32s16s24s", head[32:136])
    return (root, validation, check), (derivation, stream)


def nonce(version, head):
    """The value that must never be used twice for different plaintext."""
    return {1: lambda: head[:16], 2: lambda: head[32:48], 3: lambda: salts(head)[1]}[version]()


def plaintext(path, name, version, password):
    """The decrypted stream of one part, as the reference library decrypts it."""
    with securetar.SecureTarArchive(path, "r", password=password) as archive:
        member = archive.tar.getmember(name)
        if version is None:
            return archive.tar.extractfile(member).read()
        with archive.extract_tar(member) as stream:
            return b"".join(iter(lambda: stream.read(1 << 20), b""))


def one_gzip_member(stream, name, flags=(0, 8)):
    """Python's stream mode silently stops after the first member, and fails on a header with extra
    fields; it writes the field for a name (8) itself."""
    assert stream[:3] == b"\x1f\x8b\x08" and stream[3] in flags, f"{name}: not gzip, or with optional fields"
    inflater = zlib.decompressobj(31)
    inflater.decompress(stream)
    assert inflater.eof and not inflater.unused_data, f"{name}: not one whole gzip member"


def outer_form(path):
    """The outer tar is in the form that every reader accepts: whole records, nothing but zeros
    after the end, unique names."""
    raw = path.read_bytes()
    assert len(raw) % tarfile.RECORDSIZE == 0, "not a whole number of records"
    with tarfile.open(path, "r:") as outer:
        members = outer.getmembers()
        last = members[-1]
        end = last.offset_data + -(-last.size // 512) * 512
        assert not raw[end:].strip(b"\0") and len(raw) - end >= 1024, "the end is not two blocks of zeros"
        assert len({member.name for member in members}) == len(members)
        assert all(member.isreg() for member in members)
    return [member.name for member in members]


def streamed(path, version, password):
    """Read front to back without seeking, as Core does while it receives a backup; return the entries by member."""
    found = {}
    with open(path, "rb") as file:
        keys = {"password": password} if version else {}
        with securetar.SecureTarArchive(fileobj=file, mode="r", streaming=True, **keys) as archive:
            for member in archive.tar:
                if not reference.is_part(member.name):
                    continue
                mode = "r|gz" if member.name.endswith(".gz") else "r|"
                if version:
                    with archive.extract_tar(member) as plain, tarfile.open(fileobj=plain, mode=mode) as tar:
                        found[member.name] = reference.entries(tar)
                else:
                    with tarfile.open(fileobj=archive.tar.extractfile(member), mode=mode) as tar:
                        found[member.name] = reference.entries(tar)
    return found


def wrapping(path, version, password):
    """Every part has this SecureTar version; v3 parts share one root and no two share a stream."""
    heads = headers(path)
    assert {found for found, _ in heads.values()} <= {version}, {name: found for name, (found, _) in heads.items()}
    if version:
        nonces = [nonce(version, head) for _, head in heads.values()]
        assert len(set(nonces)) == len(nonces), "two parts share a salt"
    if version == 3:
        assert len({salts(head)[0] for _, head in heads.values()}) <= 1, "more than one root salt"
    with securetar.SecureTarArchive(path, "r", password=password) as archive:
        for name in heads:
            if version:
                assert archive.validate(archive.tar.getmember(name)), f"{name}: the reference library finds it invalid"
    if version == 3:
        with securetar.SecureTarArchive(path, "r", password="not " + password) as archive:
            assert not any(archive.validate_password(archive.tar.getmember(name)) for name in heads)
    for name in heads:
        # The end of a v1 stream differs from that of a complete gzip member.
        if name.endswith(".gz") and version != 1:
            one_gzip_member(plaintext(path, name, version, password), name)


def passes_password_check(path, password=PASSWORD):
    """The check that Supervisor makes before a restore: it takes the first member that has the name of an archive, listed
    or not, and opens it, with the key if the metadata say protected."""
    about = json.loads(metadata.of(path))
    packed = about.get("compressed", True)
    with tarfile.open(path, "r:") as outer:
        first = next((member for member in outer if member.name.endswith(".tar.gz" if packed else ".tar")), None)
        if first is None:
            return
        key = {"password": password} if about.get("protected") else {}
        try:
            with securetar.SecureTarFile(gzip=packed, fileobj=outer.extractfile(first), **key):
                pass
        except Exception as error:  # as Supervisor does: whatever it is, the key is called invalid
            raise AssertionError(f"Supervisor would call the key invalid, because of {first.name}: {error!r}") from error


def fresh_salts(source, copied):
    """No salt of the source is used for other data."""
    before, after = headers(source), headers(copied)
    with tarfile.open(source) as a, tarfile.open(copied) as b:
        for name, (version, head) in after.items():
            old = name if name in before else name.removesuffix(".gz")
            if version is None or before[old][0] != version:
                continue
            if a.extractfile(old).read() != b.extractfile(name).read():
                assert nonce(version, head) != nonce(*before[old]), f"{name}: the salt was reused for other data"


def copy(source, copied, *, version, without=(), gone=None, exclude_database=None, password=PASSWORD, unchanged=(), spelling=False, compressed=False):
    """Judge a copy: `without` whole components, as backup.json or the outer tar calls them; `gone` maps members to the entries that were dropped from them.

    `compressed` says that all parts of an uncompressed backup were compressed. The members in `unchanged` must be there byte for byte. Numbers in the metadata must have the same value, with `spelling` also the same form.
    """
    gone = gone or {}
    before = original(source)
    if compressed:
        assert all(member["member"].endswith(".tar") for member in before if "entries" in member), "the test compresses what is compressed"
        before = [member | {"member": member["member"] + ".gz"} if "entries" in member else member for member in before]
    left_out = {f"{item.replace('/', '_')}{end}" for item in without for end in (".tar", ".tar.gz", "")}
    kept = [member for member in before if member["member"].removeprefix("./") not in left_out]
    assert len(kept) == len(before) - len(without), "the test names what is not there"
    assert set(gone) <= {member["member"] for member in kept}, "the test names what is not there"
    assert outer_form(copied) == [member["member"] for member in kept]
    wrapping(copied, version, password)
    fresh_salts(source, copied)
    for name in gone:
        if name.endswith(".gz"):
            one_gzip_member(plaintext(copied, name, version, password), name, flags=(0,))
    holds(copied, version, password, {m["member"]: cut(m["entries"], gone.get(m["member"], lambda _: False)) for m in kept if "entries" in m})
    other = {m["member"] for m in kept if "entries" not in m and m["member"] not in reference.ABOUT}
    same_bytes(source, copied, other | set(unchanged))
    describes_itself(source, copied, version, without, exclude_database, spelling, compressed)


def holds(copied, version, password, expected):
    """The parts have the expected contents, in each of the ways in which Home Assistant reads them."""
    ways = {"alone": {m["member"]: m.get("entries") for m in reference.backup(copied, password)}, "streamed": streamed(copied, version, password)}
    if version:
        ways["under one key"] = reference.parts_under_one_key(copied, password)
    for way, found in ways.items():
        for name, (entries, order) in expected.items():
            compare(f"{way}: {name}", entries, order, found[name])


def same_bytes(source, copied, names):
    """These members were copied byte for byte."""
    with tarfile.open(source) as a, tarfile.open(copied) as b:
        for name in names:
            assert a.extractfile(name).read() == b.extractfile(name).read(), f"{name} was not copied byte for byte"
            assert a.getmember(name).get_info() == b.getmember(name).get_info(), f"{name}: another header"


def describes_itself(source, copied, version, without, exclude_database, spelling, compressed):
    """backup.json has a new slug, lists the parts in the file, and is otherwise unchanged, in the same order."""
    said, before = (metadata.read(metadata.of(path)) for path in (copied, source))
    assert metadata.SLUG.fullmatch(said["slug"]), said["slug"]
    assert said["slug"] != before["slug"]
    wanted = metadata.slimmed(metadata.of(source), said["slug"], without=without, exclude_database=exclude_database, protected=version is not None)
    if compressed:
        wanted["compressed"] = True
    if version is None and "crypto" in said:
        wanted["crypto"] = None
    assert not (found := metadata.differences(wanted, said, spelling=spelling)), found
    assert not metadata.problems(said), metadata.problems(said)
    lists_what_is_inside(copied, said)


def lists_what_is_inside(path, said):
    """folders, addons and homeassistant name exactly the parts in the file."""
    with tarfile.open(path) as outer:
        inside = {name.removeprefix("./").removesuffix(".gz").removesuffix(".tar") for name in outer.getnames() if reference.is_part(name)}
    listed = {folder.replace("/", "_") for folder in said.get("folders", [])} | {addon["slug"] for addon in said.get("addons", [])}
    if said.get("homeassistant") is not None:
        listed.add("homeassistant")
    assert listed == inside - {"supervisor"}, (listed, inside)
