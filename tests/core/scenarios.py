#!/usr/bin/env python3
"""How a real Home Assistant Core must handle a shrunk backup. Run by the script `run` beside this file."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
from functools import cached_property
from pathlib import Path

import rig
import trees
from rig import CLOUD, LOCAL, drops, ha, shrink

PASSWORD = "QWER-TYUI-OPAS-DFGH-JKLZ-XCVB-1234"
WRONG = "QWER-TYUI-OPAS-DFGH-JKLZ-XCVB-1235"
SUPERVISOR_PASSWORD = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"  # what make_backup.py uses
CLIPS_ONLY = drops("homeassistant:nest/event_media/**")
DROPPED = ("nest/event_media", "nest/event_media/*")  # the same, as patterns of trees.without; the empty folder may stay or go
DATABASE_FILES = tuple(trees.DATABASE)


class Bench:
    """Counts the checks, and holds what several scenarios share: one Core and its backups."""

    def __init__(self, core, scratch):
        self.core, self.scratch = core, scratch
        self.passed = self.failed = 0

    def check(self, expectation, holds, detail=""):
        """Count one expectation; `detail` describes what was found instead."""
        self.passed += bool(holds)
        self.failed += not holds
        print(f"  {'ok  ' if holds else 'FAIL'} {expectation}" + (f": {detail}" if not holds and detail != "" else ""), flush=True)

    def same(self, expectation, expected, got, rounded=False):
        """Expect two tree snapshots to be equal, and not empty."""
        found = trees.differences(expected, got, rounded)
        self.check(expectation, expected and not found, "; ".join(found) or "nothing was expected")

    def restored(self, file, password, database=True):
        """The tree after Core restored `file`."""
        out = Path(tempfile.mkdtemp(dir=self.scratch))
        verdict = rig.restore(file, password, out, database)
        self.check(f"Core restores {file.name}", verdict["success"], verdict["error"])
        return trees.snapshot(out)

    def out(self, name):
        """A path for a result."""
        return self.scratch / name

    @cached_property
    def planted(self):
        """The contents of the configuration folder when Core made its backups; the folder is filled first."""
        trees.plant(self.core.config)
        return trees.snapshot(self.core.config)

    @cached_property
    def stored(self):
        """An encrypted backup that Core made of itself, at the place where Core stores it."""
        self.planted
        return self.core.create(PASSWORD)

    @cached_property
    def encrypted(self):
        """A download of it, which later changes to the stored file do not affect."""
        return shutil.copy2(self.stored, self.out("encrypted.tar"))

    @cached_property
    def plain(self):
        """A second backup, not encrypted."""
        self.planted
        return shutil.copy2(self.core.create(None), self.out("unencrypted.tar"))

    @cached_property
    def clipless(self):
        """The encrypted backup without the clips."""
        return shrink(self.encrypted, self.out("clipless.tar"), *CLIPS_ONLY, password=PASSWORD)

    @cached_property
    def databaseless(self):
        """The encrypted backup without the recorder database."""
        return shrink(self.encrypted, self.out("databaseless.tar"), *drops("database"), password=PASSWORD)


def metadata(backup):
    """The content of ./backup.json."""
    with tarfile.open(backup, "r:") as outer:
        return json.load(outer.extractfile("./backup.json"))


def second_name(bench):
    """The path of the second name of a dropped clip."""
    return next(path for path in bench.planted if path.endswith("/" + trees.SECOND_NAME))


def same_links(bench):
    """The copy's entries, read with the reference library, are the original's, links included."""
    original, slim = (rig.entries(file, PASSWORD) for file in (bench.encrypted, bench.clipless))
    clip, other = "data/nest/event_media/cam0/000.mp4", f"data/{second_name(bench)}"
    bench.check("the backup held the second name as a hard link", original[other][:2] == (tarfile.LNKTYPE, clip), original[other])
    bench.check("which is a file now", slim[other][:2] == (tarfile.REGTYPE, ""), slim[other])
    kept = {name: about for name, about in original.items() if not name.startswith("data/nest/event_media") and name != other}
    changed = [name for name, about in kept.items() if slim.get(name) != about]
    bench.check("symbolic links and all other entries are as they were", tarfile.SYMTYPE in {about[0] for about in kept.values()} and not changed, changed[:8])


def clips_dropped(bench):
    """An encrypted backup by Core itself, without the clips, restores to the same tree without the clips."""
    before = rig.digest(bench.encrypted)
    original = bench.restored(bench.encrypted, PASSWORD)
    slim = bench.restored(bench.clipless, PASSWORD)
    files = {path for path, about in slim.items() if about[2] != "folder"}
    bench.check("the backup held clips", any(path.startswith(trees.CLIPS) for path in original))
    bench.check("no clip comes back", not any(path.startswith(trees.CLIPS) for path in files))
    bench.same("everything else is as after restoring the original", trees.without(original, *DROPPED), trees.without(slim, *DROPPED))
    bench.same("and as it was on disk", trees.without(trees.planted_part(bench.planted), *DROPPED), trees.without(trees.planted_part(slim), *DROPPED), rounded=True)
    same_links(bench)
    bench.check("a file whose other name was dropped keeps its content", slim.get(second_name(bench), [""])[-1] == bench.planted[second_name(bench)][2])
    bench.check("the database and its log come back", all(slim.get(name, [""])[-1] == bench.planted[name][2] for name in DATABASE_FILES))
    bench.check("the original is untouched", rig.digest(bench.encrypted) == before)
    bench.check("it became smaller by about the clips", bench.encrypted.stat().st_size - bench.clipless.stat().st_size > 7 * 700_000 * 0.98)
    rig.haslim("verify", bench.clipless, password=PASSWORD)
    bench.check("haslim verify agrees", True)


def database_dropped(bench):
    """Without the recorder database: none of it is restored, and Core shows this beforehand."""
    said = metadata(bench.databaseless)["homeassistant"]
    bench.check("exclude_database is set", said["exclude_database"] is True, said)
    original = bench.restored(bench.encrypted, PASSWORD)
    slim = bench.restored(bench.databaseless, PASSWORD, database=False)
    bench.check("the original has the database", all(name in original for name in DATABASE_FILES))
    bench.check("no file of the database is left", not any(path.startswith("home-assistant_v2.db") for path in slim))
    bench.same("everything else is as after restoring the original", trees.without(original, *DATABASE_FILES), slim)


def unencrypted(bench):
    """An unencrypted backup stays unencrypted, or is encrypted on request."""
    original = bench.restored(bench.plain, None)
    slim = shrink(bench.plain, bench.out("plain.tar"), *CLIPS_ONLY)
    bench.check("without a password it stays unprotected", metadata(slim)["protected"] is False)
    tree = bench.restored(slim, None)
    bench.same("and restores to the same tree without the clips", trees.without(original, *DROPPED), trees.without(tree, *DROPPED))
    locked = shrink(bench.plain, bench.out("locked.tar"), *CLIPS_ONLY, "--securetar", 3, password=PASSWORD)
    bench.check("with --securetar 3 and a password it becomes protected", metadata(locked)["protected"] is True)
    tree = bench.restored(locked, PASSWORD)
    bench.same("and restores to that tree with the password", trees.without(original, *DROPPED), trees.without(tree, *DROPPED))
    verdict = rig.restore(locked, None, bench.out("refused"))
    bench.check("and does not restore without it", not verdict["success"], verdict)
    facts = rig.facts(locked, PASSWORD)
    bench.check("haslim calls it protected, SecureTar v3", (facts["protected"], facts["securetar"]) == (True, 3), (facts["protected"], facts["securetar"]))


def listed_next_to_the_original(bench):
    """Uploaded to the Core that made the original, the copy is a separate backup."""
    core, original, slim = bench.core, metadata(bench.encrypted)["slug"], metadata(bench.clipless)["slug"]
    size = bench.encrypted.stat().st_size
    bench.check("the copy has a new slug of eight hex digits", slim != original and len(slim) == 8 and not set(slim) - set("0123456789abcdef"), slim)
    bench.check("haslim names the same slug", rig.facts(bench.clipless, PASSWORD)["slug"] == slim)
    bench.check("Core accepts the upload", (status := core.upload(bench.clipless)) == 201, status)
    listed = core.listed()
    bench.check("both are listed, by their slugs", {original, slim} <= listed.keys(), listed.keys())
    bench.check("the original with its size", listed[original]["agents"][LOCAL] == {"protected": True, "size": size}, listed[original]["agents"])
    bench.check("the copy with its size", listed[slim]["agents"][LOCAL] == {"protected": True, "size": bench.clipless.stat().st_size}, listed[slim]["agents"])
    bench.check("the copy with its database", listed[slim]["database_included"] is True)
    bench.check("the copy does not count as an automatic backup", listed[slim]["with_automatic_settings"] is False)
    # Core names the file after the name and date in backup.json, not after the slug.
    bench.check("the original's file is still there, unchanged", rig.digest(bench.stored) == rig.digest(bench.encrypted))
    bench.check("the right password fits the copy", (code := core.can_decrypt(slim, PASSWORD)) is None, code)
    bench.check("a wrong one does not", (code := core.can_decrypt(slim, WRONG)) == "password_incorrect", code)
    refused = bench.out("wrong key.tar")
    rig.haslim("verify", bench.clipless, password=WRONG, expect=12)
    shrink(bench.encrypted, refused, *CLIPS_ONLY, password=WRONG, expect=12)
    bench.check("haslim tells the wrong one by exit code 12, and writes nothing", not refused.exists())


def rest_beside_the_copy(bench):
    """What the copy lacks is a backup of its own: Core lists it beside the other two and restores it, and join makes the original again."""
    core, copy, rest = bench.core, bench.out("lacking.tar"), bench.out("rest.tar")
    shrink(bench.encrypted, copy, *CLIPS_ONLY, "--rest", rest, password=PASSWORD)
    slugs = [metadata(file)["slug"] for file in (bench.encrypted, copy, rest)]
    bench.check("all three have slugs of their own", len(set(slugs)) == 3, slugs)
    for file in (copy, rest):
        bench.check(f"Core accepts {file.name}", (status := core.upload(file)) == 201, status)
    listed = core.listed()
    bench.check("all three are listed", set(slugs) <= listed.keys(), listed.keys())
    bench.check("the rest does not count as an automatic backup", listed[slugs[2]]["with_automatic_settings"] is False)
    bench.check("Core keeps what the rest says about its original", metadata(rest)["extra"]["haslim"]["rest_of"]["slug"] == slugs[0])
    bench.check("the same key opens it", (code := core.can_decrypt(slugs[2], PASSWORD)) is None, code)
    bench.same("the rest restores all that the copy lacks", bench.restored(bench.encrypted, PASSWORD), bench.restored(rest, PASSWORD))
    joined = bench.out("joined.tar")
    rig.haslim("join", copy, rest, "-o", joined)
    bench.check("copy and rest make the original again", rig.digest(joined) == rig.digest(bench.encrypted))


def restored_by_a_running_core(bench):
    """Through its own interface, Core restores the copy without the database and keeps the live one."""
    core = bench.core
    bench.check("Core accepts the upload", (status := core.upload(bench.databaseless)) == 201, status)
    slug = metadata(bench.databaseless)["slug"]
    bench.check("Core lists it without a database", core.listed()[slug]["database_included"] is False)
    wanted = trees.snapshot(core.config)
    (core.config / "secrets.yaml").unlink()
    (core.config / "added later.txt").write_text("later")
    with open(core.config / trees.DATABASE[0], "ab") as live:
        live.write(b"rows written since the backup")
    before = {name: rig.digest(core.config / name) for name in DATABASE_FILES}
    order = dict(type="backup/restore", backup_id=slug, agent_id=LOCAL, restore_database=False)
    reply = core.ask(**order, password=WRONG)
    bench.check("a wrong password is refused", reply.get("error", {}).get("code") == "password_incorrect", reply)
    reply = core.ask(**order, password=PASSWORD)
    bench.check("the restore is accepted", reply is None or reply["success"], reply)
    bench.check("Core stops to restore", core.wait_for_end(60))
    core.start_and_restore()
    bench.check("the live database is kept", before == {name: rig.digest(core.config / name) for name in DATABASE_FILES})
    bench.check("what came after the backup is gone", not (core.config / "added later.txt").exists())
    bench.same("the rest is back", trees.planted_part(wanted), trees.planted_part(trees.snapshot(core.config)), rounded=True)
    bench.check("Core runs again and lists the copy", slug in core.listed())


def fits_the_cloud(bench):
    """The cloud refuses the original as too large, and stores the copy unchanged."""
    core, plain = bench.core, shrink(bench.plain, bench.out("cloud-plain.tar"), *CLIPS_ONLY)
    sizes = bench.clipless.stat().st_size, bench.encrypted.stat().st_size
    limit = sum(sizes) // 2
    core.stop()
    core.start(cloud_limit=limit)
    original, slim, unprotected = (metadata(file)["slug"] for file in (bench.encrypted, bench.clipless, plain))
    stored = lambda slug: CLOUD in core.listed().get(slug, {"agents": ()})["agents"]
    bench.check("uploading the original answers 201", (status := core.upload(bench.encrypted, CLOUD)) == 201, status)
    bench.check("but the cloud does not list it", not stored(original))
    bench.check("uploading an unprotected copy answers 201", (status := core.upload(plain, CLOUD)) == 201, status)
    bench.check("but the cloud does not list it either", not stored(unprotected))
    fitted = bench.scratch / "fitted.tar"
    shrink(bench.encrypted, fitted, "--limit", limit, *CLIPS_ONLY, password=PASSWORD)
    bench.check("haslim keeps to the limit", fitted.stat().st_size <= limit, fitted.stat().st_size)
    bench.check("uploading the copy answers 201", (status := core.upload(fitted, CLOUD)) == 201, status)
    agents = core.listed().get(slug := metadata(fitted)["slug"], {"agents": {}})["agents"]
    bench.check("and the cloud lists it with its size", agents.get(CLOUD) == {"protected": True, "size": fitted.stat().st_size}, agents)
    kept = core.config / "cloudstub" / f"{slug}.tar"
    bench.check("and holds the same bytes", kept.exists() and rig.digest(kept) == rig.digest(fitted))
    listed = core.listed()
    bench.check("started again, Core still lists the original", LOCAL in listed.get(original, {"agents": ()})["agents"])


def supervisor_backup(bench, version):
    """A Supervisor backup with parts, paths, an add-on and the database dropped."""
    work = bench.scratch / "supervisor-tree"
    backup = rig.make_supervisor_backup(bench.scratch / f"supervisor-v{version}.tar", version, work)
    selectors = drops("homeassistant:nest/event_media/**", "database", "addon:a0d7b954_influxdb", "media")
    slim = shrink(backup, bench.out(f"supervisor-v{version}-slim.tar"), *selectors, password=SUPERVISOR_PASSWORD)
    patterns = (*DROPPED, *DATABASE_FILES)
    original = bench.restored(backup, SUPERVISOR_PASSWORD)
    tree = bench.restored(slim, SUPERVISOR_PASSWORD, database=False)
    bench.check("nothing of what was dropped comes back", not [path for path, about in tree.items() if path not in trees.without(tree, *patterns) and about[2] != "folder"])
    source = trees.without(trees.snapshot(work / "homeassistant"), *patterns)
    bench.same("the rest equals the source", source, trees.without(tree, *patterns), rounded=True)
    bench.same("and what the original restores to", trees.without(original, *patterns), trees.without(tree, *patterns))
    said = metadata(slim)
    bench.check("it is a partial backup now", said["type"] == "partial", said["type"])
    bench.check("Core accepts the upload", (status := bench.core.upload(slim)) == 201, status)
    entry = bench.core.listed()[said["slug"]]
    bench.check("Core lists the add-ons that are left", [a["slug"] for a in entry["addons"]] == ["5c53de3b_esphome", "a0d7b954_nodered", "core_mariadb", "core_mosquitto"], entry["addons"])
    bench.check("and the folders that are left", sorted(entry["folders"]) == ["addons/local", "share", "ssl"], entry["folders"])
    bench.check("and that the database is not in it", (entry["homeassistant_included"], entry["database_included"]) == (True, False))
    bench.check("with its size", entry["agents"][LOCAL] == {"protected": True, "size": slim.stat().st_size}, entry["agents"])
    bench.check("the right password fits", (code := bench.core.can_decrypt(said["slug"], SUPERVISOR_PASSWORD)) is None, code)
    bench.check("a wrong one does not", (code := bench.core.can_decrypt(said["slug"], WRONG)) == "password_incorrect", code)
    with tarfile.open(slim) as outer:
        names = outer.getnames()
    expected = [f"{part}.tar.gz" for part in ("homeassistant", "5c53de3b_esphome", "a0d7b954_nodered", "core_mariadb", "core_mosquitto", "share", "addons_local", "ssl")]
    bench.check("its members are what is listed, in the old order", names == [*expected, "./backup.json"], names)
    bench.core.ask(type="backup/delete", backup_id=said["slug"])  # the next one has the same name and date, hence the same file name


def compressed(bench, version):
    """A backup that was stored uncompressed is made to fit by compressing it; nothing is lost."""
    work = bench.scratch / "supervisor-tree"
    backup = rig.make_supervisor_backup(bench.scratch / f"uncompressed-{version}.tar", version, work, "--uncompressed")
    password = SUPERVISOR_PASSWORD if version else None
    size = backup.stat().st_size
    limit = size * 95 // 100
    plan = rig.plan(backup, "--limit", limit, password=password)
    slim = shrink(backup, bench.out(f"compressed-{version}.tar"), "--limit", limit, password=password)
    said = metadata(slim)
    bench.check("nothing is left out", plan["drops"] == [] and said["type"] == "full", plan["drops"])
    bench.check(f"the size is exactly the predicted one, {plan['predicted_size']}", plan["predicted_exact"] and slim.stat().st_size == plan["predicted_size"], slim.stat().st_size)
    bench.check("it says that it is compressed", said["compressed"] is True, said["compressed"])
    with tarfile.open(slim) as outer:
        names = outer.getnames()
    bench.check("and all members have the names for that", all(name.endswith(".tar.gz") for name in names if name != "./backup.json"), names)
    tree = bench.restored(slim, password)
    bench.same("Core restores all of it", trees.snapshot(work / "homeassistant"), tree, rounded=True)
    bench.same("and what the original restores to", bench.restored(backup, password), tree)
    bench.check("Core accepts the upload", (status := bench.core.upload(slim)) == 201, status)
    entry = bench.core.listed()[said["slug"]]
    bench.check("and lists it with its size", entry["agents"][LOCAL] == {"protected": bool(version), "size": slim.stat().st_size}, entry["agents"])
    if password:
        bench.check("the right password fits", (code := bench.core.can_decrypt(said["slug"], password)) is None, code)
    bench.core.ask(type="backup/delete", backup_id=said["slug"])


# What a rule drops from the configuration of a backup by make_backup.py, as patterns of
# trees.without.
TAKEN = {
    "pycache": ("*/__pycache__", "*/__pycache__/*"),
    "llmvision-tmp": ("custom_components/llmvision/tmp_frames", "custom_components/llmvision/tmp_frames/*"),
    "system-log": ("home-assistant.log*",),
    "nest-media": DROPPED,
    "git-history": (".git", ".git/*"),
    "ha-recorder": DATABASE_FILES,
}
FREE = {"cache", "log", "nested"}


def planned(bench):
    """With only a limit: first files that the owner will not miss are dropped, then a refusal lists
    the options, then the copy made with consent is restored by Core."""
    work = bench.scratch / "supervisor-tree"
    backup = rig.make_supervisor_backup(bench.scratch / "planned.tar", 3, work)
    before, size = rig.digest(backup), backup.stat().st_size
    key = dict(password=SUPERVISOR_PASSWORD)

    # Everything that is dropped without consent. The old backup does not say which Home Assistant
    # made it, so consent is needed for it.
    limit = rig.plan(backup, "--limit", size * 36 // 100, **key, expect=4)["predicted_size"]
    plan = rig.plan(backup, "--limit", limit, **key)
    slim = shrink(backup, bench.out("planned-free.tar"), "--limit", limit, **key)
    bench.check("without consent only caches, logs and nested backups go", {row["class"] for row in plan["drops"]} <= FREE, plan["drops"])
    rules = [row["rule"] for row in plan["drops"]]
    bench.check("the old backup inside share, of which nobody knows whose it is, not among them", not {"old-backup", "unknown-backup"} & set(rules), rules)
    bench.check("and the limit is kept", slim.stat().st_size <= limit, slim.stat().st_size)
    restored_as_planned(bench, slim, plan, work)

    limit, refused = size * 36 // 100, bench.out("refused.tar")
    ways = rig.plan(backup, "--limit", limit, **key, expect=4)["ways_out"]
    said = rig.haslim("shrink", backup, "--yes", "-o", refused, "--limit", limit, **key, expect=4)
    bench.check("without consent and not enough it ends with 4 and no file", not refused.exists())
    bench.check("and names the ways out, and the command to add them to", ways and f"--limit {limit} -o {refused}" in said and all(way["options"] in said for way in ways), said)

    plan = rig.plan(backup, "--limit", limit, "--allow", "history,user", **key)
    slim = shrink(backup, bench.out("planned.slim.tar"), "--limit", limit, "--allow", "history,user", **key)
    bench.check("with consent the limit is kept", slim.stat().st_size <= limit, slim.stat().st_size)
    bench.check("by history as well", "history" in {row["class"] for row in plan["drops"]}, plan["drops"])
    restored_as_planned(bench, slim, plan, work)
    bench.check("the original is untouched", rig.digest(backup) == before)
    said = metadata(slim)
    bench.check("Core accepts the upload", (status := bench.core.upload(slim)) == 201, status)
    entry = bench.core.listed()[said["slug"]]
    bench.check("and lists it with its size", entry["agents"][LOCAL] == {"protected": True, "size": slim.stat().st_size}, entry["agents"])
    bench.check("and with the folders that are left", sorted(entry["folders"]) == sorted(said["folders"]) and "media" not in entry["folders"], entry["folders"])
    bench.core.ask(type="backup/delete", backup_id=said["slug"])


def restored_as_planned(bench, slim, plan, work):
    """Core restores a copy to its source without the planned drops."""
    rules = [row["rule"] for row in plan["drops"] if row["component"] == "homeassistant"]
    bench.check("every rule is known to this scenario", set(rules) <= TAKEN.keys(), rules)
    gone = [pattern for rule in rules for pattern in TAKEN[rule]]
    tree = bench.restored(slim, SUPERVISOR_PASSWORD, database="ha-recorder" not in rules)
    source = trees.snapshot(work / "homeassistant")
    bench.check("the source held what was left out", not rules or len(trees.without(source, *gone)) < len(source))
    back = [path for path, about in tree.items() if path not in trees.without(tree, *gone) and about[2] != "folder"]
    bench.check("no file of it comes back", not back, back[:8])
    bench.same("and everything else is as it was", trees.without(source, *gone), trees.without(tree, *gone), rounded=True)
    database = metadata(slim)["homeassistant"]["exclude_database"]
    bench.check("exclude_database says whether the database is gone", database is ("ha-recorder" in rules), database)


def predicted(bench, version, *options):
    """The predicted size is the size of the file, to a thousandth or to one record, whichever is more."""
    work = bench.scratch / "supervisor-tree"
    backup = rig.make_supervisor_backup(bench.scratch / f"predicted-{version}.tar", version, work, *options)
    cuts = [drops("media"), drops("database"), drops("homeassistant:nest/**"), drops("homeassistant:**/*.py"), drops("share:**"), ["--thorough"]]
    cuts += [["--thorough", "--allow", "history,user"], ["--limit", backup.stat().st_size * 88 // 100, "--allow", "history"], ["--limit", backup.stat().st_size // 3, "--allow", "history,user"]]
    for cut in cuts:
        plan = rig.plan(backup, *cut, password=SUPERVISOR_PASSWORD if version else None)
        slim = shrink(backup, bench.out("predicted.slim.tar"), "--force", *cut, password=SUPERVISOR_PASSWORD if version else None)
        size, expected = slim.stat().st_size, plan["predicted_size"]
        # What is cut and compressed for the first time is only estimated, and the plan says so.
        allowed = max(size // 1000, 10_240) if plan["predicted_exact"] else size // 20
        bench.check(f"{' '.join(map(str, cut))}: {expected} bytes predicted, {size} written", abs(size - expected) <= allowed)


def ha_to_the_cloud(bench):
    """`haslim ha` brings a backup to the cloud, and reports what the cloud refuses."""
    core = bench.core
    limit = (bench.clipless.stat().st_size + bench.encrypted.stat().st_size) // 2
    core.stop()
    (core.config / "cloudstub/index.json").unlink(missing_ok=True)  # other scenarios may have stored a copy of the same backup there
    os.environ["STUB_RETRY"] = "1,2"  # seconds between two tries of the cloud's agent, instead of 60 to 600
    core.start(cloud_limit=limit)
    original = metadata(bench.encrypted)["slug"]
    in_cloud = lambda: {slug: entry["agents"][CLOUD] for slug, entry in core.listed().items() if CLOUD in entry["agents"]}
    to_cloud, mode = ("--to", CLOUD, "--yes", "--wait"), core.config / "cloudstub/mode.json"

    status = json.loads(ha(core, "status", "--json"))
    bench.check("status names the version and both places", status["version"].startswith("2026.11") and {a["agent"] for a in status["agents"]} >= {LOCAL, CLOUD}, status)
    listed = json.loads(ha(core, "list", "--json", "--limit", limit))
    places = {b["id"]: b["places"] for b in listed["backups"]}.get(original, ())
    bench.check("list has the original with its size, too big", any(p["size"] == bench.encrypted.stat().st_size and not p["fits"] for p in places), places)

    fetched = bench.scratch / "fetched.tar"
    ha(core, "fetch", original, "-o", fetched)
    bench.check("fetch writes the same bytes", rig.digest(fetched) == rig.digest(bench.encrypted))

    folder = bench.scratch / "slim"
    folder.mkdir()
    slim = ("slim", original, *to_cloud, "--folder", folder, "--limit", limit, *CLIPS_ONLY)
    ha(core, *slim, password=PASSWORD)
    held = in_cloud()
    bench.check("slim brings a copy to the cloud", len(held) == 1 and original not in held and all(c["size"] <= limit for c in held.values()), held)
    bench.check("and leaves no file", not list(folder.iterdir()), list(folder.iterdir()))
    said = ha(core, *slim, password=PASSWORD, expect=3)
    bench.check("once more: the copy is there already", "already stores a copy" in said, said)

    said = ha(core, "upload", bench.encrypted, *to_cloud, password=PASSWORD, expect=9)
    bench.check("too large for the cloud: the reason is shown", "too large to be uploaded" in said, said)
    plain = shrink(bench.plain, bench.scratch / "ha-plain.tar", *CLIPS_ONLY)
    said = ha(core, "upload", plain, *to_cloud, expect=10)
    bench.check("not encrypted: refused before it is sent", "stores only encrypted" in said, said)
    bench.check("after the refusals the older backup is still in the cloud", in_cloud() == held, in_cloud())

    copy = lambda name: shrink(bench.encrypted, bench.scratch / name, "--limit", limit, *CLIPS_ONLY, password=PASSWORD)
    again, last = copy("again.tar"), copy("last.tar")
    mode.write_text(json.dumps({"mode": "expired"}))
    said = ha(core, "upload", again, *to_cloud, password=PASSWORD, expect=9)
    bench.check("an expired subscription: the reason is shown", "expired" in said, said)
    mode.write_text(json.dumps({"mode": "listfail"}))
    said = ha(core, "upload", again, *to_cloud, password=PASSWORD, expect=9)
    bench.check("the cloud cannot be listed: haslim says that it cannot confirm", "cannot be confirmed" in said, said)
    mode.write_text(json.dumps({"mode": "ok"}))
    ha(core, "upload", last, *to_cloud, password=PASSWORD)
    bench.check("after all of them an upload works", list(in_cloud()) == [metadata(last)["slug"]], in_cloud())
    left = list((core.config / "tmp_backups").glob("*"))
    bench.check("nothing is left in tmp_backups", not left, left)
    said = ha(core, "status", expect=8, env={"HASLIM_HA_TOKEN": "wrong"})
    bench.check("a wrong token is named", "does not know this token" in said, said)


class Cloud:
    """What the stand-in for the cloud holds and does, and what Core leaves behind."""

    def __init__(self, bench, limit):
        self.core = bench.core
        self.folder = self.core.config / "cloudstub"
        bench.core.stop()
        (self.folder / "index.json").unlink(missing_ok=True)  # other scenarios may have stored a copy of the same backup there
        os.environ["STUB_RETRY"] = "1,2"  # seconds between two tries of the cloud's agent, instead of 60 to 600
        bench.core.start(cloud_limit=limit)
        self.mood("ok")

    def mood(self, mode, **more):
        (self.folder / "mode.json").write_text(json.dumps({"mode": mode} | more))

    def tries(self):
        """How often the agent has begun to send a file since Core started."""
        log = (self.folder / "service.log").read_text() if (self.folder / "service.log").exists() else ""
        return [line for line in log.splitlines() if " PUT #" in line]

    def last_try(self):
        """The number of the last of them; the stand-in counts from its start."""
        tries = self.tries()
        return int(tries[-1].split("PUT #")[1].split()[0]) if tries else 0

    def held(self):
        return {slug: entry["agents"][CLOUD] for slug, entry in self.core.listed().items() if CLOUD in entry["agents"]}

    def file(self):
        """What it holds, as a file."""
        (slug,) = self.held()
        return self.folder / f"{slug}.tar"

    def left(self):
        """What uploads have left in Core's temporary folder."""
        return [path.name for path in (self.core.config / "tmp_backups").glob("*")]


def copies(bench, *names):
    """Copies without the clips, each with an id of its own."""
    return [shrink(bench.encrypted, bench.scratch / f"{name}.tar", *CLIPS_ONLY, password=PASSWORD) for name in names]


TO_CLOUD = ("--to", CLOUD, "--yes", "--wait")


def ha_moods(bench):
    """Whatever the cloud does, haslim says what became of the upload, and the older backup stays until another takes its place."""
    cloud = Cloud(bench, 5_000_000_000)
    first, second, third = copies(bench, "mood-first", "mood-second", "mood-third")
    send = lambda file, expect=0: ha(bench.core, "upload", file, *TO_CLOUD, "--progress", "plain", password=PASSWORD, expect=expect)
    send(first)
    before = cloud.held()
    bench.check("the cloud holds the first copy", list(before) == [metadata(first)["slug"]], before)
    for mode, says in (("403", "403"), ("500", "500"), ("reset", "reset")):
        cloud.mood(mode)
        tries = len(cloud.tries())
        said = send(second, 9)
        bench.check(f"{mode} at every try: haslim waits for all five", len(cloud.tries()) == tries + 5, cloud.tries()[tries:])
        bench.check("and shows the reason", says in said and "did not store" in said, said)
        bench.check("and the older backup is still there", cloud.held() == before, cloud.held())
    for mode in ("403", "500", "reset"):
        # So slow that Core's events, at most one a second, show some bytes. A connection that is reset at once shows none, so there is
        # nothing that could fall back.
        cloud.mood(mode, fail_times=cloud.last_try() + 1, rate=second.stat().st_size // 4)
        said = send(second)
        bench.check(f"{mode} once: the second try works", list(cloud.held()) == [metadata(second)["slug"]], cloud.held())
        if mode != "reset":
            bench.check("and is shown", "try 2 of 5" in said, said)
        first, second = second, shrink(bench.encrypted, bench.scratch / f"mood-after-{mode}.tar", *CLIPS_ONLY, password=PASSWORD)
    cloud.mood("ok", rate=second.stat().st_size // 6)
    send(second)
    bench.check("a slow line is waited for", list(cloud.held()) == [metadata(second)["slug"]], cloud.held())
    bench.check("nothing is left in tmp_backups", not cloud.left(), cloud.left())

    # Killed while Core sends the file on: Core keeps what it received, until the next upload.
    killed = in_the_cloud_leg(bench, cloud, third)
    killed.kill()
    killed.communicate()
    wait_until(bench, "Core gives up", lambda: bench.core.ask(type="backup/info")["result"]["state"] == "idle")
    bench.check("a killed upload leaves its file in tmp_backups", cloud.left() == ["haslim.tar"], cloud.left())
    bench.check("and the older backup in the cloud", list(cloud.held()) == [metadata(second)["slug"]], cloud.held())
    cloud.mood("ok")
    send(third)
    bench.check("the next upload removes it", not cloud.left(), cloud.left())
    bench.check("and is stored", list(cloud.held()) == [metadata(third)["slug"]], cloud.held())

    # Core is restarted while it sends the file on: the upload is lost, and haslim finds that out from the new Core.
    (fourth,) = copies(bench, "mood-fourth")
    running = in_the_cloud_leg(bench, cloud, fourth)
    bench.core.stop()
    cloud.mood("ok")
    bench.core.start()
    said, _ = running.communicate()
    bench.check("a restart in the cloud leg: haslim says that the connection was lost", running.returncode == 8 and "after everything was sent" in " ".join(said.split()), said)
    bench.check("and the older backup is still there", list(cloud.held()) == [metadata(third)["slug"]], cloud.held())
    send(fourth)
    bench.check("the next upload is stored, and leaves nothing", list(cloud.held()) == [metadata(fourth)["slug"]] and not cloud.left(), (cloud.held(), cloud.left()))

    secrets = json.loads((bench.core.config / "connection.json").read_text())["token"], PASSWORD
    log = (bench.core.config / "core.log").read_text()
    bench.check("neither the token nor the key is in Core's log", not any(secret in log for secret in secrets))


def in_the_cloud_leg(bench, cloud, file):
    """An upload that Core sends on very slowly; its output is one pipe."""
    cloud.mood("ok", rate=1000)
    tries = len(cloud.tries())
    command, clean = rig.ha_command(bench.core, "upload", file, *TO_CLOUD, password=PASSWORD)
    running = subprocess.Popen(command, env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(bench, "the cloud leg begins", lambda: len(cloud.tries()) > tries)
    return running


def wait_until(bench, what, holds):
    """Count one expectation that must come true within a minute."""
    until = time.monotonic() + 60
    while not (right := holds()) and time.monotonic() < until:
        time.sleep(0.1)
    bench.check(what, right)


def ha_slim(bench):
    """`haslim ha slim` with the key of Home Assistant, as a file and streamed: what the cloud holds restores, and a second run finds it."""
    core = bench.core
    limit = (bench.clipless.stat().st_size + bench.encrypted.stat().st_size) // 2
    cloud, original = Cloud(bench, limit), metadata(bench.encrypted)["slug"]
    reply = core.ask(type="backup/config/update", create_backup={"password": PASSWORD})
    bench.check("Core takes the key", reply["success"], reply)
    wanted = trees.without(bench.restored(bench.encrypted, PASSWORD), *DROPPED)
    for how in ((), ("--stream",)):
        folder = Path(tempfile.mkdtemp(dir=bench.scratch))
        slim = ("slim", original, *TO_CLOUD, "--folder", folder, "--limit", limit, "--password-from-ha", *CLIPS_ONLY, *how)
        cloud.mood("403")
        ha(core, *slim, secret=PASSWORD, expect=9)
        names = sorted(path.name for path in folder.iterdir())
        kept = [f"haslim-{original}.tar"] + ([] if how else [f"haslim-{original}.slim.tar"])
        bench.check(f"slim {' '.join(how)}: after a refusal the files for the next try are there", names == sorted(kept), names)
        cloud.mood("ok")
        said = ha(core, *slim, secret=PASSWORD)
        bench.check("the next try goes on with them", "Fetched before" in said and (how or "Made before" in said), said)
        bench.check("and leaves no file", not list(folder.iterdir()), list(folder.iterdir()))
        held = cloud.held()
        bench.check("the cloud holds one copy that fits", len(held) == 1 and original not in held and all(copy["size"] <= limit for copy in held.values()), held)
        (slug,) = held
        bench.check("which names its original, as Home Assistant lists it", core.listed()[slug]["extra_metadata"]["haslim"] == {"slim_of": {"slug": original}}, core.listed()[slug]["extra_metadata"])
        ask = lambda key: core.ask(type="backup/can_decrypt_on_download", backup_id=slug, agent_id=CLOUD, password=key)
        bench.check("Core opens it with the key", ask(PASSWORD)["success"], ask(PASSWORD))
        bench.check("and not with another one", ask(WRONG).get("error", {}).get("code") == "password_incorrect", ask(WRONG))
        rig.haslim("verify", cloud.file(), password=PASSWORD)
        bench.same("what the cloud holds restores to everything that was kept", wanted, trees.without(bench.restored(cloud.file(), PASSWORD), *DROPPED))
        said = ha(core, *slim, secret=PASSWORD, expect=3)
        bench.check("once more: it is there already", "already stores a copy" in said, said)
        (cloud.folder / "index.json").unlink()
        core.stop()
        core.start(cloud_limit=limit)
    core.ask(type="backup/config/update", create_backup={"password": WRONG})
    said = ha(core, "slim", original, *TO_CLOUD, "--folder", bench.scratch, "--limit", limit, "--password-from-ha", *CLIPS_ONLY, secret=WRONG, expect=12)
    bench.check("a key of another time is tried before anything is sent", "does not open this backup" in said and not cloud.held(), said)
    bench.check("nothing is left in tmp_backups", not cloud.left(), cloud.left())


def ha_proxy(bench):
    """Through nginx with a limit of 1 MB, with a read timeout of 4 s, without WebSockets, and with right settings."""
    core = bench.core
    cloud = Cloud(bench, 5_000_000_000)
    small, other = copies(bench, "proxy-small", "proxy-other")
    large = shrink(bench.encrypted, bench.scratch / "proxy-large.tar", *drops("database"), password=PASSWORD)
    bench.check("the large copy has more than 1 MB", large.stat().st_size > 1 << 20, large.stat().st_size)
    through = lambda proxy, *words, expect=0: ha(core, *words, password=PASSWORD, expect=expect, env={"HASLIM_HA_URL": proxy.url})
    with rig.nginx(core, bench.scratch, "") as proxy:
        said = through(proxy, "upload", large, *TO_CLOUD, expect=8)
        bench.check("the default limit of 1 MB: nginx is named, with the setting", "a proxy (nginx/" in said and "client_max_body_size 0" in said, said)
    with rig.nginx(core, bench.scratch, "client_max_body_size 0; proxy_read_timeout 4s;") as proxy:
        cloud.mood("ok", rate=small.stat().st_size // 12)
        said = through(proxy, "upload", small, *TO_CLOUD, expect=8)
        bench.check("a read timeout of 4 s: nginx is named, with the setting", "gave up waiting (504)" in said and "proxy_read_timeout 12h" in said, said)
        bench.check("nothing is stored", not cloud.held(), cloud.held())
        cloud.mood("ok")
    with rig.nginx(core, bench.scratch, "", upgrade="") as proxy:
        said = through(proxy, "status", expect=8)
        bench.check("without WebSockets: it is said, and that a proxy may be the cause", "with 400" in said and "without a proxy" in said, said)
    with rig.nginx(core, bench.scratch, "client_max_body_size 0; proxy_read_timeout 12h;") as proxy:
        cloud.mood("ok", rate=small.stat().st_size // 6)
        through(proxy, "upload", small, *TO_CLOUD)
        bench.check("with right settings an upload works, also if the cloud is slow", list(cloud.held()) == [metadata(small)["slug"]], cloud.held())
        cloud.mood("ok")
        fetched = bench.scratch / "proxy-fetched.tar"
        through(proxy, "fetch", metadata(bench.encrypted)["slug"], "-o", fetched)
        bench.check("and a download", rig.digest(fetched) == rig.digest(bench.encrypted))
    ha(core, "upload", other, *TO_CLOUD, password=PASSWORD)
    bench.check("and without a proxy", list(cloud.held()) == [metadata(other)["slug"]], cloud.held())
    bench.check("nothing is left in tmp_backups", not cloud.left(), cloud.left())


def ha_supervisor(bench):
    """As an app, through a pretended Supervisor: it can look and fetch; an upload that takes longer than the Supervisor waits fails, and says so."""
    core = bench.core
    cloud, original = Cloud(bench, 5_000_000_000), metadata(bench.encrypted)["slug"]
    small, other = copies(bench, "supervisor-small", "supervisor-other")
    with rig.supervisor(core, bench.scratch / "supervisor", "supervisor-canary", 4) as server:
        env = {"HASLIM_HA_URL": f"{server.url}/core", "HASLIM_HA_TOKEN": "supervisor-canary"}
        status = json.loads(ha(core, "status", "--json", env=env))
        bench.check("status works", {a["agent"] for a in status["agents"]} >= {LOCAL, CLOUD}, status)
        fetched = bench.scratch / "supervisor-fetched.tar"
        ha(core, "fetch", original, "-o", fetched, env=env)
        bench.check("and fetch", rig.digest(fetched) == rig.digest(bench.encrypted))
        ha(core, "upload", small, *TO_CLOUD, password=PASSWORD, env=env)
        bench.check("and an upload that is short", list(cloud.held()) == [metadata(small)["slug"]], cloud.held())
        cloud.mood("ok", rate=other.stat().st_size // 12)
        said = ha(core, "upload", other, *TO_CLOUD, password=PASSWORD, expect=8, env=env)
        bench.check("a longer one ends with 502, and haslim says what to do", "gave up waiting (502)" in said and "address of Home Assistant itself" in said, said)
        bench.check("the older backup is still there", list(cloud.held()) == [metadata(small)["slug"]], cloud.held())
    cloud.mood("ok")
    ha(core, "upload", other, *TO_CLOUD, password=PASSWORD)
    bench.check("at Core's own address it works", list(cloud.held()) == [metadata(other)["slug"]], cloud.held())
    bench.check("nothing is left in tmp_backups", not cloud.left(), cloud.left())


def ha_large(bench):
    """A backup that is far larger than the memory bound, to and fro; HASLIM_LARGE is its size. Its download is also shrunk at 200 MB/s, as over a fast line."""
    core, size = bench.core, os.environ.get("HASLIM_LARGE", "300MB")
    cloud, large = Cloud(bench, 10**12), bench.scratch / "large.tar"
    rig.haslim("bench", "--make", size, "--securetar", 3, large, password=PASSWORD)
    slug, length = metadata(large)["slug"], large.stat().st_size
    checked = json.loads(rig.haslim("verify", large, "--json", password=PASSWORD))
    # Their paths have 44 bytes on average.
    bound = (64 << 20) + (256 + 44) * sum(part.get("entries", 0) for part in checked["components"])

    def measured(what, *words, env=None):
        took, peak = rig.ha_measured(core, *words, password=PASSWORD, env=env)
        bench.check(f"{what}, {length / 1e9:.1f} GB: {took:.1f} s, {peak >> 20} of {bound >> 20} MiB", peak <= bound)
        return took

    fetched, folder = bench.scratch / "large-fetched.tar", bench.scratch / "large-slim"
    folder.mkdir()
    measured("upload", "upload", large, "--to", LOCAL, "--yes")
    measured("fetch", "fetch", slug, "-o", fetched)
    bench.check("the same bytes came back", rig.digest(fetched) == rig.digest(large))
    fetched.unlink()
    large.unlink()
    slim = ("slim", slug, *TO_CLOUD, "--folder", folder, "--limit", length - length // 10, "--allow", "history,user")
    for how in ((), ("--stream",)):
        measured(f"slim {' '.join(how)}", *slim, *how)
        bench.check("the cloud holds one copy", len(cloud.held()) == 1, cloud.held())
        (cloud.folder / "index.json").unlink()
        core.stop()
        core.start(cloud_limit=10**12)
    small = bench.scratch / "small-disk"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={length * 12 // 10}", "tmpfs", small], check=True)
    try:
        on_small = [small if word == folder else word for word in slim]
        said = ha(core, *on_small, password=PASSWORD, expect=7)
        bench.check("on a disk that is too small for the copy, --stream is named before anything is fetched", said.index("--stream") < said.index("the file needs"), said)
        measured("slim --stream on that disk, with what was fetched", *on_small, "--stream")
        bench.check("the cloud holds one copy", len(cloud.held()) == 1, cloud.held())
    finally:
        subprocess.run(["umount", small], check=True)
    with rig.nginx(core, bench.scratch, "client_max_body_size 0; proxy_read_timeout 12h; proxy_max_temp_file_size 0; limit_rate 200m;") as proxy:
        line = {"HASLIM_HA_URL": proxy.url}
        alone = measured("fetch at 200 MB/s", "fetch", slug, "-o", fetched, env=line)
        begun = time.monotonic()
        rig.haslim("plan", fetched, "--limit", length - length // 10, "--allow", "history,user", password=PASSWORD)
        print(f"  fetch and plan, one after the other: {1 + (time.monotonic() - begun) / alone:.2f} times the fetch", flush=True)
    bench.core.ask(type="backup/delete", backup_id=slug)


SCENARIOS = {
    "core-clips": clips_dropped,
    "core-database": database_dropped,
    "core-plain": unencrypted,
    "upload-local": listed_next_to_the_original,
    "rest": rest_beside_the_copy,
    "supervisor-v3": lambda bench: supervisor_backup(bench, 3),
    "supervisor-v2": lambda bench: supervisor_backup(bench, 2),
    "planned": planned,
    "predicted-v3": lambda bench: predicted(bench, 3),
    "predicted-v2": lambda bench: predicted(bench, 2),
    "predicted-plain": lambda bench: predicted(bench, 0),
    "predicted-uncompressed-v3": lambda bench: predicted(bench, 3, "--uncompressed"),
    "predicted-uncompressed-v2": lambda bench: predicted(bench, 2, "--uncompressed"),
    "predicted-uncompressed-plain": lambda bench: predicted(bench, 0, "--uncompressed"),
    "compress-v3": lambda bench: compressed(bench, 3),
    "compress-v2": lambda bench: compressed(bench, 2),
    "compress-plain": lambda bench: compressed(bench, 0),
    "live-restore": restored_by_a_running_core,
    "upload-cloud": fits_the_cloud,
    "ha-cloud": ha_to_the_cloud,
    "ha-moods": ha_moods,
    "ha-slim": ha_slim,
    "ha-proxy": ha_proxy,
    "ha-supervisor": ha_supervisor,
    "ha-large": ha_large,
}


def main(words):
    """Run the scenarios whose name contains one of the words, or all; return the exit code."""
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _: sys.exit(128 + number))  # so that Core is stopped on the way out
    chosen = {name: run for name, run in SCENARIOS.items() if not words or any(word in name for word in words)}
    if not chosen:
        sys.exit(f"no such scenario; there are: {', '.join(SCENARIOS)}")
    with tempfile.TemporaryDirectory(prefix="haslim-core-") as scratch, rig.Core() as core:
        bench = Bench(core, Path(scratch))
        core.start()
        for name, run in chosen.items():
            begun = time.monotonic()
            print(f"{name}", flush=True)
            try:
                run(bench)
            except Exception as problem:
                # A scenario that ends with an exception counts as one failure; the others still
                # run.
                where = "" if isinstance(problem, rig.Failed) else traceback.format_exc()
                bench.check("the scenario runs to its end", False, f"{problem}\n{where}".rstrip())
            print(f"  {time.monotonic() - begun:.1f} s", flush=True)
    print(f"{bench.passed} passed, {bench.failed} failed")
    return 1 if bench.failed or not bench.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
