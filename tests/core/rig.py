"""Runs Home Assistant Core and haslim for the scenarios."""

import asyncio
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import securetar

SCRIPTS = Path(os.environ["HASLIM_RIG"])
INSTALLED = Path(os.environ["RIG"])
HASLIM = os.environ["HASLIM"]
MEASURED = Path(__file__).resolve().parent.parent / "support/measured.py"
INSIDE = INSTALLED / "core/ha"  # /ha in Core's own root file system
LOCAL, CLOUD = "backup.local", "cloud.cloud"


class Failed(Exception):
    """A command ended in an unexpected way."""


def haslim(*args, password=None, expect=0):
    """Run haslim without a terminal; return what it printed.

    Raises Failed when the exit code is not `expect`.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HASLIM_")}
    if password is not None:
        clean["HASLIM_PASSWORD"] = password
    done = subprocess.run([HASLIM, *map(str, args)], env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != expect:
        words = " ".join(map(str, args))
        raise Failed(f"haslim {words}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def ha_command(core, *args, password=None, env=None):
    """The words and the variables of a `haslim ha` against a running Core."""
    connection = json.loads((core.config / "connection.json").read_text())
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HASLIM_")}
    clean |= {"HASLIM_HA_URL": connection["url"], "HASLIM_HA_TOKEN": connection["token"]} | (env or {})
    if password is not None:
        clean["HASLIM_PASSWORD"] = password
    return [HASLIM, "ha", *map(str, args)], clean


def ha(core, *args, password=None, secret=None, expect=0, env=None):
    """Run `haslim ha` against a running Core; return what it printed on both streams. Neither the
    token nor the password, nor this other secret, may be in it."""
    command, clean = ha_command(core, *args, password=password, env=env)
    done = subprocess.run(command, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    printed = done.stdout + done.stderr
    if any(text and text in printed for text in (clean["HASLIM_HA_TOKEN"], password, secret)):
        raise Failed(f"haslim ha {args[0]} printed a secret")
    if done.returncode != expect:
        raise Failed(f"haslim ha {' '.join(map(str, args))}: exit {done.returncode}, not {expect}\n{printed}".rstrip())
    return printed


def ha_measured(core, *args, password=None, env=None):
    """Run `haslim ha` against a running Core; return the seconds it took and its peak memory in bytes.

    Raises Failed when the exit code is not 0.
    """
    command, clean = ha_command(core, *args, password=password, env=env)
    with tempfile.NamedTemporaryFile("r") as report:
        words = [sys.executable, "-I", "-S", MEASURED, report.name, *command]
        done = subprocess.run(words, env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
        seconds, _, _, peak, code = map(float, report.read().split())
    if code:
        raise Failed(f"haslim ha {' '.join(map(str, args))}: exit {code:.0f}\n{done.stderr}".rstrip())
    return seconds, int(peak) << 10


class Behind:
    """A server in front of Core, on a port of its own. Leaving the `with` block ends it."""

    def __init__(self, command):
        self.port, self.command, self.process = free_port(), command, None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.process = subprocess.Popen([str(word) for word in self.command(self.port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.__exit__()
                    raise Failed(f"{self.process.args[0]} does not answer") from None
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


UPGRADE = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;"


def nginx(core, scratch, settings, upgrade=UPGRADE):
    """nginx in front of Core, with these settings for its server."""

    def command(port):
        folder = scratch / f"nginx-{port}"
        folder.mkdir()
        temporary = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"user root; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary}\n"
            "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
            f"server {{ listen 127.0.0.1:{port}; {settings}\n"
            f"location / {{ proxy_pass http://127.0.0.1:{core.port}; proxy_http_version 1.1; {upgrade} proxy_request_buffering off; }} }} }}\n"
        )
        return [shutil.which("nginx", path="/usr/sbin:" + os.environ["PATH"]), "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"]

    return Behind(command)


def supervisor(core, folder, token, seconds):
    """A pretended Supervisor in front of Core, whose proxy gives up after this many seconds."""
    about = json.loads((core.config / "connection.json").read_text())
    script = [sys.executable, SCRIPTS / "supervisor_stub.py", "--folder", folder, "--core", about["url"], "--core-token", about["token"]]
    return Behind(lambda port: [*script, "--port", port, "--token", token, "--proxy-timeout", seconds])


def shrink(backup, out, *options, password=None, expect=0):
    """Shrink `backup` into `out` without questions; return `out`."""
    haslim("shrink", backup, "--yes", "-o", out, *options, password=password, expect=expect)
    return out


def drops(*selectors):
    """The options that leave out these selectors."""
    return [word for selector in selectors for word in ("--drop", selector)]


def plan(backup, *options, password=None, expect=0):
    """The output of `haslim plan --json`."""
    return json.loads(haslim("plan", backup, "--json", *options, password=password, expect=expect))


def facts(backup, password=None):
    """The output of `haslim info --json`."""
    return json.loads(haslim("info", backup, "--json", password=password))


def digest(file):
    """SHA-256 of a file's bytes."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _core_py(*args, expect=0):
    done = subprocess.run([sys.executable, SCRIPTS / "core.py", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if expect is not None and done.returncode != expect:
        # The arguments may hold a password.
        raise Failed(f"core.py {args[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def restore(file, password, out, database=True):
    """Run Core's own restore of `file` into the new folder `out`; return Core's verdict as a dict."""
    command = [sys.executable, SCRIPTS / "core.py", "restore", file, password or "-", out]
    run = subprocess.Popen(command + ([] if database else ["--no-db"]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, complaint = run.communicate()
    finally:
        run.kill()
        shutil.rmtree(INSIDE / f"restore-{run.pid}", ignore_errors=True)
    try:
        return json.loads(said)
    except json.JSONDecodeError:
        raise Failed(f"restore left no verdict\n{said}{complaint}".rstrip()) from None


def entries(backup, password=None):
    """Type, link target, mode, time and size of every entry of homeassistant.tar.gz, as the
    reference library reads them."""
    with securetar.SecureTarArchive(Path(backup), "r", password=password) as outer:
        member = outer.tar.getmember("homeassistant.tar.gz")
        with securetar.SecureTarFile(fileobj=outer.tar.extractfile(member), gzip=True, password=password) as inner:
            return {entry.name: (entry.type, entry.linkname, entry.mode, entry.mtime, entry.size) for entry in inner}


def make_supervisor_backup(out, version, work, *options):
    """Make a small Supervisor backup with every kind of part; its file tree stays in `work`.
    Version 0 is not encrypted."""
    command = [sys.executable, SCRIPTS / "make_backup.py", out, "--version", version, "--scale", "0.02", "--work", work, *options]
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"make_backup.py: exit {done.returncode}\n{done.stderr}")
    return out


def free_port():
    """A port that is currently free on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Core:
    """A running Home Assistant Core with a configuration folder of its own. Leaving the `with`
    block stops it and removes the folder."""

    def __init__(self):
        self.name = f"haslim-test-{os.getpid()}"
        self.port = free_port()
        self.config = INSIDE / "cfg" / self.name
        self.pid = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.config, ignore_errors=True)

    def start(self, cloud_limit=5_000_000_000, expect=0):
        """Start Core, with a stand-in for the cloud that refuses more than `cloud_limit` bytes."""
        try:
            _core_py("start", self.name, "--port", self.port, "--limit", cloud_limit, expect=expect)
        finally:
            # Read now, because the file is in the configuration folder, which a restore replaces.
            noted = self.config / "pid"
            self.pid = int(noted.read_text()) if noted.exists() else None
        if expect == 0:
            self._wait_for_token()

    def _wait_for_token(self):
        """Wait until Core has written the access token to disk. Only then does a backup of Core
        contain it, so that it works after a restore."""
        until = time.monotonic() + 20
        auth = self.config / ".storage/auth"
        while not (auth.exists() and '"client_name": "rig"' in auth.read_text()):
            if time.monotonic() > until:
                raise Failed("Core did not save its access token")
            time.sleep(0.1)

    def start_and_restore(self):
        """Start Core as after a restore request: it restores, ends, and is started again."""
        self.start(expect=None)
        verdict = json.loads((self.config / ".HA_RESTORE_RESULT").read_text())
        if not verdict["success"] or not self.wait_for_end(10):
            raise Failed(f"Core did not restore while starting: {verdict}")
        self.start()
        return verdict

    def stop(self):
        """End Core and wait for it. Does nothing if it is not running."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.pid is None or not _alive(self.pid):
                return
            os.killpg(self.pid, sign)
            self.wait_for_end(20)

    def wait_for_end(self, seconds):
        """Wait until the process has ended; return whether it has."""
        until = time.monotonic() + seconds
        while _alive(self.pid) and time.monotonic() < until:
            time.sleep(0.1)
        return not _alive(self.pid)

    def create(self, password):
        """Have Core make a backup of itself; return the file."""
        return Path(_core_py("create", self.name, password or "-").strip())

    def listed(self):
        """The backups Core lists, by their ids."""
        return {entry["backup_id"]: entry for entry in json.loads(_core_py("info", self.name))["backups"]}

    def upload(self, file, agent=LOCAL):
        """Upload a file as the web interface does; return the HTTP status."""
        return int(_core_py("upload", self.name, file, agent).split()[0])

    def can_decrypt(self, backup_id, password):
        """Core's own check of a password: None if it fits, else the error code."""
        reply = json.loads(_core_py("can-decrypt", self.name, backup_id, password))
        return None if reply["success"] else reply["error"]["code"]

    def ask(self, **message):
        """Send one WebSocket command; return its reply, or None if Core closed the connection instead."""
        connection = json.loads((self.config / "connection.json").read_text())
        return asyncio.run(_ask(connection, message))


async def _ask(connection, message):
    async with aiohttp.ClientSession() as session, session.ws_connect(connection["url"] + "/api/websocket", max_msg_size=0) as sock:
        await sock.receive_json()
        await sock.send_json({"type": "auth", "access_token": connection["token"]})
        await sock.receive_json()
        await sock.send_json({"id": 1, **message})
        async for received in sock:
            if (reply := received.json()).get("type") == "result":
                return reply
    return None
