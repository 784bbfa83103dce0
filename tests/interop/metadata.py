"""backup.json: read without losing the spelling of numbers or the order of keys, and checked as
Supervisor checks it."""

import json
import re
import tarfile
from datetime import datetime
from decimal import Decimal

FOLDERS = ("share", "addons/local", "ssl", "media")
SLUG = re.compile(r"[0-9a-f]{8}")


class Number(str):
    """A number as it is written."""


def read(text):
    """Parse JSON; numbers stay text of the class Number."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))


def of(backup):
    """The text of a backup's metadata."""
    with tarfile.open(backup, "r:") as outer:
        name = next(name for name in outer.getnames() if name in ("./backup.json", "./snapshot.json"))
        return outer.extractfile(name).read()


def spell(value):
    """A value in one form of JSON, with its order and its numbers unchanged."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {spell(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spell, value)) + "]"
    return json.dumps(value)


def differences(wanted, got, at="$", *, spelling=True):
    """Where two documents differ in a value, in the order of keys, or (on request) in how a number is written."""
    if isinstance(wanted, dict) and isinstance(got, dict) and list(wanted) == list(got):
        return [line for key in wanted for line in differences(wanted[key], got[key], f"{at}.{key}", spelling=spelling)]
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return [line for index, pair in enumerate(zip(wanted, got)) for line in differences(*pair, f"{at}[{index}]", spelling=spelling)]
    if isinstance(wanted, Number) and isinstance(got, Number) and not spelling and Decimal(wanted) == Decimal(got):
        return []
    if spell(wanted) == spell(got):
        return []
    if isinstance(wanted, dict) and isinstance(got, dict):
        return [f"{at} has the keys {list(got)}, not {list(wanted)}"]
    return [f"{at} is {spell(got)}, not {spell(wanted)}"]


def slimmed(source, slug, *, without=(), exclude_database=None, protected):
    """What the metadata of a copy must be. `without` names folders and add-ons that are left out,
    `homeassistant` among them."""
    copy = read(source)
    # A separate name, because Core would store an upload with the same name and date over the
    # original.
    name = re.sub(r" \(slim [0-9a-f]{8}\)$", "", re.sub(r"[/\\]", "-", copy["name"]))
    copy |= {"slug": slug, "protected": protected, "name": f"{name} (slim {slug})"}
    if without:
        copy["type"] = "partial"
    if "folders" in copy:
        copy["folders"] = [folder for folder in copy["folders"] if folder not in without]
    if "addons" in copy:
        copy["addons"] = [addon for addon in copy["addons"] if addon["slug"] not in without]
    if "homeassistant" in without:
        copy["homeassistant"] = None
    elif exclude_database:
        copy["homeassistant"]["exclude_database"] = True
    if copy.get("extra", {}).get("with_automatic_settings") is True:
        copy["extra"]["with_automatic_settings"] = False
    if not isinstance(copy.get("extra"), dict):
        copy["extra"] = {}
    copy["extra"]["haslim"] = {"slim_of": {"slug": read(source)["slug"]}}
    return copy


def problems(about):
    """The faults that Supervisor's schema, rewritten from its description, finds in the metadata.
    Unknown keys are allowed."""
    found = []

    def need(ok, what):
        if not ok:
            found.append(what)

    def texts(where, value, *keys):
        for key in keys:
            need(isinstance(value.get(key), str) and not isinstance(value.get(key), Number), f"{where}{key} is no text")

    def flags(where, value, *keys):
        for key in keys:
            need(key not in value or isinstance(value[key], bool), f"{where}{key} is neither true nor false")

    texts("", about, "slug", "name", "date")
    flags("", about, "compressed", "protected")
    need(str(about.get("version", "1")) in ("1", "2"), "version is not 1 or 2")
    need(about.get("type") in ("full", "partial"), "type is neither full nor partial")
    need(about.get("crypto") in (None, "aes128"), "crypto is unknown")
    need(about.get("name") not in ("", ".", "..") and not set("/\\") & set(str(about.get("name"))), "name is no part of a file name")
    need("supervisor_version" not in about or isinstance(about["supervisor_version"], str), "supervisor_version is no text")
    try:
        datetime.fromisoformat(about.get("date", ""))
    except (TypeError, ValueError):
        found.append("date is no date")
    old = about.get("version") == "1"
    home = about.get("homeassistant")
    if isinstance(home, dict):
        texts("homeassistant.", home, "version")
        flags("homeassistant.", home, "exclude_database")
        need(isinstance(home.get("size", Number("0")), Number), "homeassistant.size is no number")
    else:
        need(home is None or old and isinstance(home, str), "homeassistant is neither an object nor null")
    folders, addons = about.get("folders", []), about.get("addons", [])
    known = FOLDERS + ("homeassistant",) if old else FOLDERS
    need(isinstance(folders, list) and set(folders) <= set(known) and len(set(folders)) == len(folders), "folders has an unknown one, or one twice")
    need(isinstance(addons, list) and len({addon.get("slug") for addon in addons}) == len(addons), "addons has one twice")
    for addon in addons:
        texts(f"addon {addon.get('slug')}: ", addon, "slug", "name", "version")
        need(isinstance(addon.get("size", Number("0")), Number), "an add-on's size is no number")
    need(isinstance(about.get("repositories", []), list), "repositories is no list")
    for key in ("extra", "docker"):
        need(isinstance(about.get(key, {}), dict), f"{key} is no object")
    return found
