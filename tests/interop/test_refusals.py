"""What haslim must refuse, with which exit code, without leaving files behind."""

import os

import pytest
from program import drops, fingerprint

WRONG = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGH"
PROTECTED = ["v1", "v1-uncompressed", "v2", "v2-uncompressed", "v3", "v3-uncompressed", "core-v2", "core-v3"]
UNCHANGED = "No file was written; the original is unchanged."


@pytest.mark.parametrize("name", PROTECTED)
def test_a_wrong_password_is_told_from_damage(haslim, made, name):
    for words in (["verify", made(name)], ["ls", made(name)], ["plan", made(name), "--drop", "homeassistant:www"]):
        error = haslim.json(*words, password=WRONG, expect=12)["error"]
        assert (error["code"], error["kind"]) == (12, "password")
    haslim.refuses(12, "password", made(name), *drops("homeassistant:www"), password=WRONG)


@pytest.mark.parametrize("name", PROTECTED)
def test_paths_cannot_be_dropped_without_the_password(haslim, made, name):
    haslim.refuses(12, "password", made(name), *drops("homeassistant:www"), password=None)
    haslim.refuses(12, "password", made(name), *drops("database"), password=None)


@pytest.mark.parametrize("name", PROTECTED)
def test_nothing_inside_can_be_read_without_the_password(haslim, made, name):
    haslim.json("verify", made(name), password=None, expect=12)
    haslim.json("ls", made(name), password=None, expect=12)


@pytest.mark.parametrize("name, to", [("v2", "3"), ("v3", "2"), ("v3", "none"), ("plain", "3"), ("plain", "2")])
def test_conversion_needs_the_password(haslim, made, name, to):
    haslim.refuses(12, "password", made(name), "--securetar", to, password=None)


def test_an_empty_password_is_none(haslim, made):
    haslim.refuses(12, "password", made("v3"), *drops("homeassistant:www"), password="")


@pytest.mark.parametrize("name", ["v3", "plain"])
def test_an_existing_output_is_left_alone_without_force(haslim, made, tmp_path, name):
    there = tmp_path / "copy.tar"
    there.write_bytes(b"precious")
    before = fingerprint(there)
    haslim.refuses(7, "output_io", made(name), *drops("media"), password=None)
    assert fingerprint(there) == before
    haslim.run("shrink", made(name), "-y", "-o", there, "--force", *drops("media"), password=None)
    assert there.read_bytes() != b"precious" and os.listdir(tmp_path) == ["copy.tar"]


def test_a_missing_folder_is_an_output_error(haslim, made, tmp_path):
    error = haslim.json("shrink", made("v3"), "-y", "-o", tmp_path / "none/copy.tar", *drops("media"), expect=7)["error"]
    assert error["kind"] == "output_io"


@pytest.mark.parametrize("name", ["v1", "v2", "v3", "plain", "demo"])
def test_a_limit_that_cannot_be_reached(haslim, made, name):
    haslim.refuses(4, "cannot_fit", made(name), "--limit", "12kB", *drops("media"), password=None)
    plan = haslim.json("plan", made(name), "--limit", "12kB", *drops("media"), password=None, expect=4)
    assert plan["outcome"] == "cannot_fit" and plan["predicted_size"] > 12_000 and plan["limit"] == 12_000


def test_what_would_be_enough_is_proposed(haslim, made):
    error = haslim.refuses(4, "cannot_fit", made("demo"), "--limit", "1MB", password=None)
    assert "--drop media" in error["advice"]


@pytest.mark.parametrize("name", ["v2", "v3", "core-v3"])
@pytest.mark.parametrize("key", [None, "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"], ids=["without key", "with key"])
def test_there_is_nothing_to_do_when_it_fits_already(haslim, made, name, key):
    haslim.refuses(3, "already_fits", made(name), password=key)
    assert haslim.json("plan", made(name), password=key, expect=3)["outcome"] == "already_fits"


def test_a_selector_that_matches_nothing_is_a_usage_error_where_something_has_to_go(haslim, made):
    haslim.refuses(3, "already_fits", made("v3"), *drops("homeassistant:no/such/path"))
    haslim.refuses(2, "usage", made("v3"), *drops("homeassistant:no/such/path"), "--limit", "1kB")


def test_what_is_named_goes_also_when_it_fits(haslim, made):
    haslim.shrink(made("v3"), *drops("ssl"), password=None)


@pytest.mark.parametrize("selector", ["mediaa", "addon:", "homeassistant:", "unknown"])
def test_a_selector_that_means_nothing_is_a_usage_error(haslim, made, selector):
    haslim.refuses(2, "usage", made("v3"), *drops(selector))


def test_the_original_is_never_the_output(haslim, made, tmp_path):
    source = made("v3")
    link, hard = tmp_path / "link.tar", tmp_path / "hard.tar"
    link.symlink_to(source)
    os.link(source, hard)
    before = fingerprint(source)
    for out in (source, link, hard):
        haslim.json("shrink", source, "-y", "--force", "-o", out, *drops("media"), expect=10)
    assert fingerprint(source) == before and sorted(os.listdir(tmp_path)) == ["hard.tar", "link.tar"]


@pytest.mark.parametrize("name", ["v2", "v3", "plain"])
def test_a_flipped_bit_in_a_rewritten_part_is_damage(haslim, made, tmp_path, name):
    raw = bytearray(made(name).read_bytes())
    raw[6000] ^= 4
    broken = tmp_path / "broken.tar"
    broken.write_bytes(raw)
    haslim.json("verify", broken, expect=5)
    haslim.refuses(5, "damaged", broken, *drops("homeassistant:www"))


@pytest.mark.parametrize("length", [0, 100, 700, 5000, 40_000])
def test_a_backup_that_was_cut_short_is_damaged(haslim, made, tmp_path, length):
    broken = tmp_path / "broken.tar"
    broken.write_bytes(made("v3").read_bytes()[:length])
    haslim.refuses(5, "damaged", broken, *drops("media"))


def test_every_refusal_ends_with_what_did_not_happen(haslim, made, tmp_path):
    there = tmp_path / "there.tar"
    there.touch()
    cases = {12: ["--drop", "homeassistant:www"], 3: [], 4: ["--limit", "1kB", "--drop", "media"]}
    for code, words in cases.items():
        said = haslim.run("shrink", made("v3"), "-y", "-o", tmp_path / "copy.tar", *words, password=None, expect=code)
        assert said.err.rstrip().endswith(UNCHANGED), said.err
    said = haslim.run("shrink", made("v3"), "-y", "-o", there, "--drop", "media", expect=7)
    assert said.err.rstrip().endswith(UNCHANGED), said.err
