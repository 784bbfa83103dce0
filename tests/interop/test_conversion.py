"""Copies in another SecureTar version, or in none, or protected for the first time."""

import boundary
import judge
import pytest
from judge import under
from program import drops
from write import PASSWORD

FROM = ["v1", "v1-uncompressed", "v2", "v2-uncompressed", "v3", "v3-uncompressed", "plain", "plain-uncompressed", "core-v2", "core-v3", "core-plain"]
TO = {"2": 2, "3": 3, "none": None}


def home(name):
    return "homeassistant.tar" if "uncompressed" in name else "homeassistant.tar.gz"


@pytest.mark.parametrize("to", TO)
@pytest.mark.parametrize("name", FROM)
def test_every_format_becomes_every_other(haslim, made, name, to):
    out, _ = haslim.shrink(made(name), "--securetar", to, *drops("homeassistant:www/empty"))
    judge.copy(made(name), out, version=TO[to], gone={home(name): under(b"data/www/empty")})
    assert haslim.json("verify", out)["ok"] is True


@pytest.mark.parametrize("name, to", [("v1", "2"), ("v1", "3"), ("v1", "none"), ("v2", "3"), ("v2", "none"), ("v3", "2"), ("v3", "none"), ("plain", "2"), ("plain", "3")])
def test_nothing_has_to_be_dropped_for_it(haslim, made, name, to):
    out, _ = haslim.shrink(made(name), "--securetar", to)
    judge.copy(made(name), out, version=TO[to])


def test_v1_becomes_v2_when_the_key_is_there(haslim, made):
    out, _ = haslim.shrink(made("v1"), *drops("media"))
    judge.copy(made("v1"), out, version=2, without=["media"])


@pytest.mark.parametrize("name", ["plain", "plain-uncompressed", "core-plain"])
def test_an_unprotected_backup_becomes_protected_with_a_key(haslim, made, name):
    out, _ = haslim.shrink(made(name), *drops("homeassistant:nest"))
    # Its Home Assistant is 2026.10 or 2026.11, which read v3.
    judge.copy(made(name), out, version=3, gone={home(name): under(b"data/nest")})


UNCOMPRESSED = {"v1-uncompressed": 2, "v2-uncompressed": 2, "v3-uncompressed": 3, "plain-uncompressed": None}


@pytest.mark.parametrize("name", UNCOMPRESSED)
def test_what_is_stored_uncompressed_can_be_compressed_and_nothing_is_lost(haslim, made, name):
    version = UNCOMPRESSED[name]
    key = {"password": PASSWORD if version else None}
    out, said = haslim.shrink(made(name), "--compress", "always", **key)
    assert said["predicted_exact"] and said["predicted_size"] == out.stat().st_size
    judge.copy(made(name), out, version=version, compressed=True)
    assert haslim.json("verify", out)["ok"] is True


@pytest.mark.parametrize("name", UNCOMPRESSED)
def test_what_stays_of_it_is_compressed_too(haslim, made, name):
    version = UNCOMPRESSED[name]
    key = {"password": PASSWORD if version else None}
    out, _ = haslim.shrink(made(name), "--compress", "always", *drops("homeassistant:www/empty"), **key)
    judge.copy(made(name), out, version=version, gone={"homeassistant.tar.gz": under(b"data/www/empty")}, compressed=True)


@pytest.mark.parametrize("name", boundary.names())
@pytest.mark.parametrize("to", TO)
def test_lengths_at_the_edges_of_chunks_and_blocks(haslim, made, name, to):
    """Changing the encryption keeps each stream, so the plaintext lengths are those of the original."""
    slug = next(iter(boundary.streams(name.rsplit("-", 1)[1])))
    out, _ = haslim.shrink(made(name), "--securetar", to, *drops(f"addon:{slug}"))
    judge.copy(made(name), out, version=TO[to], without=[slug])


@pytest.mark.parametrize("name", [name for name in boundary.names() if not name.endswith("files")])
def test_a_cut_through_such_parts(haslim, made, name):
    """Every part is rewritten, once with little removed and once with nearly everything removed."""
    password = None if "plain" in name else PASSWORD
    version = boundary.VERSIONS[name.split("-")[1]]
    slugs = [f"local_{kind}" for kind in (boundary.STREAMS if name.endswith("gz") else ("less", "even", "more"))]
    end = "tar.gz" if name.endswith("gz") else "tar"
    for path in ("small/1", "large.bin"):
        out, _ = haslim.shrink(made(name), *drops(f"addon:local_*:{path}"), password=password)
        judge.copy(made(name), out, version=version, gone={f"{slug}.{end}": under(path.encode()) for slug in slugs})
        out.unlink()


@pytest.mark.parametrize("version", boundary.VERSIONS)
def test_files_of_such_sizes_survive_a_cut(haslim, made, version):
    name = f"boundary-{version}-files"
    password = PASSWORD if boundary.VERSIONS[version] else None
    out, _ = haslim.shrink(made(name), *drops("addon:local_*:data/beside.txt"), password=password)
    parts = {f"{slug}.tar.gz": under(b"data/beside.txt") for slug in boundary.streams("files")}
    judge.copy(made(name), out, version=boundary.VERSIONS[version], gone=parts)
