"""Packs compiled programs for those who install them: see dist/build, which calls this.

  pack.py --source FOLDER --programs FOLDER --extras FOLDER --epoch SECONDS [--url URL] OUT

Everything in the archives has the same time, owner 0, and a fixed order, so that the same programs
give the same bytes.
"""

import argparse
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import time
import tomllib
import zipfile
from pathlib import Path

import texts

DEBIAN = {"x86_64-unknown-linux-musl": "amd64", "aarch64-unknown-linux-musl": "arm64"}
# What the names of files with licences begin with.
LICENCES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")


class Packer:
    """Archives of files, given as a dictionary from names to (contents, is program)."""

    def __init__(self, epoch):
        self.epoch = epoch

    def tar(self, files):
        """A tar archive with the folders above the files."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            folders = {name[:place] for name in files for place in range(len(name)) if name[place] == "/"} - {"."}
            for name in sorted([*folders, *files]):
                entry = tarfile.TarInfo(name)
                entry.mtime, entry.uname, entry.gname = self.epoch, "root", "root"
                if name in files:
                    contents, is_program = files[name]
                    entry.size, entry.mode = len(contents), 0o755 if is_program else 0o644
                    tar.addfile(entry, io.BytesIO(contents))
                else:
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)
        return packed.getvalue()

    def gz(self, data):
        return gzip.compress(data, 9, mtime=self.epoch)

    def zip(self, files):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, (contents, is_program) in sorted(files.items()):
                # The times in a zip archive count from 1980, and have no zone.
                entry = zipfile.ZipInfo(name, max(time.gmtime(self.epoch)[:6], (1980, 1, 1, 0, 0, 0)))
                entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
                entry.external_attr = (0o100755 if is_program else 0o100644) << 16
                archive.writestr(entry, contents)
        return packed.getvalue()

    def deb(self, control, files):
        """A Debian package, as deb(5) describes it: an archive in the common format of ar(5)."""
        sums = "".join(f"{hashlib.md5(contents).hexdigest()}  {name}\n" for name, (contents, _) in sorted(files.items()))
        about = {"./control": (control.encode(), False), "./md5sums": (sums.encode(), False)}
        members = [
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", self.gz(self.tar(about))),
            ("data.tar.gz", self.gz(self.tar({f"./{name}": file for name, file in files.items()}))),
        ]
        packed = b"!<arch>\n"
        for name, data in members:
            packed += f"{name:<16}{self.epoch:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
            packed += data + b"\n" * (len(data) % 2)
        return packed


def licences(source, target):
    """The licences of all crates that are part of the program for a target."""
    words = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={target}"]
    found = json.loads(subprocess.run(words, cwd=source, check=True, stdout=subprocess.PIPE).stdout)
    crates = {crate["id"]: crate for crate in found["packages"]}
    needs = {
        node["id"]: [need["pkg"] for need in node["deps"] if any(kind["kind"] is None for kind in need["dep_kinds"])]
        for node in found["resolve"]["nodes"]
    }
    inside, waiting = set(), [found["resolve"]["root"]]
    while waiting:
        crate = waiting.pop()
        if crate not in inside:
            inside.add(crate)
            waiting += needs[crate]
    inside.remove(found["resolve"]["root"])
    listed, texts_of = [], {}
    for crate in sorted((crates[name] for name in inside), key=lambda crate: (crate["name"], crate["version"])):
        name = f"{crate['name']} {crate['version']}"
        listed.append(f"{name} ({crate['license'] or 'see below'})\n")
        for path in sorted(Path(crate["manifest_path"]).parent.iterdir()):
            if path.is_file() and path.name.upper().startswith(LICENCES):
                texts_of.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    head = "haslim contains Rust's standard library (MIT OR Apache-2.0) and these crates:\n\n"
    each = (f"\n{'=' * 80}\n{', '.join(dict.fromkeys(names))}:\n\n{text}\n" for text, names in texts_of.items())
    return (head + "".join(listed) + "".join(each)).encode()


def debian_package(packer, about, target, contents):
    """The name of a Debian package, and its bytes."""
    program, documents, extras, thirds = contents
    files = {
        "usr/bin/haslim": (program, True),
        "usr/share/bash-completion/completions/haslim": (extras["completions/haslim.bash"], False),
        "usr/share/zsh/vendor-completions/_haslim": (extras["completions/_haslim"], False),
        "usr/share/fish/vendor_completions.d/haslim.fish": (extras["completions/haslim.fish"], False),
        "usr/share/doc/haslim/copyright": (documents["LICENSE"], False),
        "usr/share/doc/haslim/changelog.gz": (packer.gz(documents["CHANGELOG.md"]), False),
        "usr/share/doc/haslim/THIRD-PARTY.txt.gz": (packer.gz(thirds), False),
    }
    for name, text in documents.items():
        if name not in ("LICENSE", "CHANGELOG.md"):
            files[f"usr/share/doc/haslim/{name}"] = (text, False)
    for name, page in extras.items():
        if name.startswith("man/"):
            files[f"usr/share/man/man1/{Path(name).name}.gz"] = (packer.gz(page), False)
    size = -(-sum(len(contents) for contents, _ in files.values()) // 1024)
    control = (
        f"Package: haslim\nVersion: {about['version']}\nArchitecture: {DEBIAN[target]}\nMaintainer: The haslim authors\n"
        f"Installed-Size: {size}\nSection: utils\nPriority: optional\n"
        f"Description: {texts.SUMMARY}\n"
        " Shows what is big inside a backup, leaves that out, and writes a smaller,\n"
        " encrypted, verified backup that restores. The original is never changed.\n"
    )
    return f"haslim_{about['version']}_{DEBIAN[target]}.deb", packer.deb(control, files)


def read_below(folder):
    """The files in a folder and its folders."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def main():
    parser = argparse.ArgumentParser()
    for name in ("source", "programs", "extras"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--url")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()

    about = tomllib.loads((given.source / "Cargo.toml").read_text())["package"]
    packer = Packer(given.epoch)
    documents = {name: (given.source / name).read_bytes() for name in ("README.md", "LICENSE", "CHANGELOG.md")}
    documents |= {f"docs/{path.name}": path.read_bytes() for path in sorted((given.source / "docs").glob("*.md"))}
    extras = read_below(given.extras)
    made = {}
    for folder in sorted(given.programs.iterdir()):
        target = folder.name
        name = f"haslim-{about['version']}-{target}"
        thirds = licences(given.source, target)
        [program] = folder.iterdir()
        files = {program.name: (program.read_bytes(), True), "THIRD-PARTY.txt": (thirds, False)}
        files |= {path: (contents, False) for path, contents in (documents | extras).items()}
        files = {f"{name}/{path}": file for path, file in files.items()}
        if "windows" in target:
            made[f"{name}.zip"] = packer.zip(files)
        else:
            made[f"{name}.tar.gz"] = packer.gz(packer.tar(files))
        if target in DEBIAN:
            deb, packed = debian_package(packer, about, target, (program.read_bytes(), documents, extras, thirds))
            made[deb] = packed

    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    sums = {name: hashlib.sha256(packed).hexdigest() for name, packed in made.items()}
    for name, packed in made.items():
        (given.out / name).write_bytes(packed)
        print(f"{len(packed):>10}  {name}")
    (given.out / "SHA256SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))

    url = given.url or texts.download_url(about)
    if url is None:
        print("no texts for package managers: Cargo.toml names no repository, and there is no --url")
        return
    for name, text in texts.made(about, url.rstrip("/"), sums).items():
        path = given.out / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"{len(text):>10}  texts/{name}")


main()
