"""Runs haslim for the tests: without a terminal, and with checks that it touches nothing else."""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import judge
from write import PASSWORD


@dataclass
class Done:
    """The result of a run."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON document on standard output."""
        return json.loads(self.out)


def fingerprint(path):
    """The bytes and the status of a file, neither of which may change."""
    about = os.stat(path)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest(), about.st_size, about.st_mtime_ns, about.st_mode, about.st_ino


def output_of(words):
    """The backup that this command line wrote, if the command writes one."""
    if words[1] == "extract":
        return None
    if "-o" in words and not {"-n", "--dry-run"} & set(words):
        return Path(words[words.index("-o") + 1])
    if words[1] == "bench" and "--make" in words:
        return Path(next(word for word in words if word.endswith(".tar")))
    return None


class Haslim:
    """Runs the program; `folder` is where outputs go. Everything it writes must pass Supervisor's password check."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def run(self, *args, password=PASSWORD, expect=0):
        """Run with the password in the environment (None for none) and check the exit code (None for any)."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("HASLIM")}
        if password is not None:
            clean["HASLIM_PASSWORD"] = password
        words = [os.environ["HASLIM"], *map(str, args)]
        done = subprocess.run(words, env=clean, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        said = f"haslim {' '.join(words[1:])}\nexit {result.code}\n{result.out}{result.err}"
        assert expect is None or result.code == expect, said
        if password:
            assert password not in result.out + result.err, "the password was printed"
        if result.code == 0 and (written := output_of(words)) is not None:
            judge.passes_password_check(written)
        return result

    def json(self, *args, **kwargs):
        """The same with --json; the document has the schema's number."""
        said = self.run(*args, "--json", **kwargs)
        document = said.json
        assert document["schema"] == 1
        return document

    def shrink(self, backup, *options, password=PASSWORD):
        """Shrink a backup; return the copy's path and the JSON. The input must stay as it is, and
        nothing else may be left."""
        out = self.folder / "copy.tar"
        before, others = fingerprint(backup), set(os.listdir(self.folder))
        said = self.json("shrink", backup, "-y", "-o", out, *options, password=password)
        assert fingerprint(backup) == before, "the input changed"
        assert set(os.listdir(self.folder)) == others | {out.name}, "something besides the output was left"
        assert said["output_size"] == out.stat().st_size
        assert said["verified"] is True
        return out, said

    def refuses(self, code, kind, *args, password=PASSWORD):
        """A shrink that must fail with this code, leaving nothing; return the error it prints."""
        out = self.folder / "copy.tar"
        before, others = fingerprint(args[0]), set(os.listdir(self.folder))
        error = self.json("shrink", args[0], "-y", "-o", out, *args[1:], password=password, expect=code)["error"]
        assert (error["code"], error["kind"]) == (code, kind)
        assert error["message"] and set(error) >= {"part", "offset", "advice"}
        assert fingerprint(args[0]) == before, "the input changed"
        assert set(os.listdir(self.folder)) == others, "a file was left"
        return error


def drops(*selectors):
    """The options that leave these out."""
    return [word for selector in selectors for word in ("--drop", selector)]
