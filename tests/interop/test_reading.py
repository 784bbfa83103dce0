"""haslim reads what the reference library writes."""

import re

import boundary
import judge
import make
import metadata
import pytest
import reference
from conftest import COMMITTED, FIXTURES

EVERY = [*make.FIXTURES, *boundary.names()]
KINDS = {"file": "file", "dir": "directory", "symlink": "symlink", "hardlink": "hardlink"}
INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def escaped(name):
    """A name as haslim prints it: control characters, invisible marks and bytes that are not UTF-8 are spelled out."""
    out = []
    for char in name.decode("utf-8", "surrogateescape"):
        if "\udc80" <= char <= "\udcff":
            out.append(f"\\x{ord(char) - 0xDC00:02x}")
        elif char in "\\\n\t\r":
            out.append({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}[char])
        elif ord(char) < 32 or 127 <= ord(char) < 160 or INVISIBLE.match(char):
            out.append(f"\\u{{{ord(char):x}}}")
        else:
            out.append(char)
    return "".join(out)


def plain_path(path):
    """A path without the parts that Python also removes."""
    return path.rstrip("/") or "."


def component_of(member):
    """The id and the kind of a member by its name."""
    stem = member.removeprefix("./").removesuffix(".gz").removesuffix(".tar")
    if not reference.is_part(member):
        return f"unknown:{member}", "unknown"
    if stem in ("homeassistant", "supervisor"):
        return stem, stem
    if stem in ("share", "media", "ssl"):
        return stem, "folder"
    return ("addons/local", "folder") if stem == "addons_local" else (f"addon:{stem}", "addon")


@pytest.mark.parametrize("name", EVERY)
def test_verify_finds_every_part_intact(haslim, made, name):
    said = haslim.json("verify", made(name))
    assert said["ok"] is True
    parts = [m for m in judge.original(made(name)) if m["member"] not in reference.ABOUT]
    assert [part["id"] for part in said["components"]] == [component_of(m["member"])[0] for m in parts]
    for part, member in zip(said["components"], parts):
        assert part["ok"] is True, part
        if "entries" in member:
            assert part["entries"] == len(member["entries"]), part


@pytest.mark.parametrize("name", EVERY)
def test_info_says_what_the_backup_says(haslim, made, name):
    said = haslim.json("info", made(name), password=None)
    about = metadata.read(metadata.of(made(name)))
    members = [m for m in judge.original(made(name)) if m["member"] not in reference.ABOUT]
    versions = {m["securetar"] for m in members if "entries" in m}
    assert said["size"] == made(name).stat().st_size
    assert said["fits"] is True and said["limit"] == 5_000_000_000
    assert {key: said[key] for key in ("slug", "name", "date", "type")} == {key: about[key] for key in ("slug", "name", "date", "type")}
    assert said["compressed"] is about.get("compressed", True)
    assert [said["securetar"]] == list(versions) and said["protected"] is (versions != {None})
    home = about.get("homeassistant")
    assert said["homeassistant_version"] == (home["version"] if isinstance(home, dict) else home)
    assert len(said["components"]) == len(members)
    for component, member in zip(said["components"], members):
        assert (component["id"], component["kind"]) == component_of(member["member"])
        assert component["member"] == member["member"]
        assert component["securetar"] == member.get("securetar")
        assert component["listed"] is (component["kind"] not in ("unknown", "supervisor"))
        # The member's headers and padding may be counted.
        assert member["stored_size"] <= component["stored_bytes"] <= member["stored_size"] + 4096


@pytest.mark.parametrize("name", EVERY)
def test_ls_lists_every_entry_in_order(haslim, made, name):
    said = {component["id"]: component for component in haslim.json("ls", made(name))["components"]}
    members = {component_of(m["member"])[0]: m for m in judge.original(made(name)) if "entries" in m}
    assert said.keys() == members.keys()
    for part, member in members.items():
        listed = [(plain_path(entry["path"]), entry["kind"], entry["size"]) for entry in said[part]["entries"]]
        assert listed == [(escaped(entry["name"]), KINDS[entry["type"]], entry["size"]) for entry in member["entries"]], part
        stored = sum(entry["stored_bytes"] for entry in said[part]["entries"])
        assert stored + said[part]["overhead_bytes"] == said[part]["stored_bytes"], part


def test_ls_of_one_component_lists_only_that(haslim, made):
    said = haslim.json("ls", made("v3"), "addon:core_mariadb")
    assert [component["id"] for component in said["components"]] == ["addon:core_mariadb"]


def test_nothing_raw_reaches_the_terminal(haslim, made):
    for words in (["ls", made("v3"), "--depth", "9", "--top", "99"], ["plan", made("v3"), "--drop", "homeassistant:www"], ["verify", made("v3")]):
        said = haslim.run(*words, expect=None)
        assert "\x1b" not in said.out + said.err, words


@pytest.mark.parametrize("name", ["v3", "v2", "v1"])
def test_the_key_is_taken_from_a_file_and_from_the_emergency_kit(haslim, made, tmp_path, name):
    key = tmp_path / "key.txt"
    key.write_text(judge.PASSWORD + "\n")
    haslim.run("verify", made(name), "--password-file", key, password=None)
    haslim.run("verify", made(name), "--emergency-kit", FIXTURES / "emergency-kit.txt", password=None)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_committed_backups_are_intact(haslim, path):
    assert haslim.json("verify", path)["ok"] is True


def test_info_on_a_folder_shows_every_backup(haslim, tmp_path):
    said = haslim.run("info", FIXTURES, password=None)
    assert all(path.name in said.out for path in COMMITTED)
