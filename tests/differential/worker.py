"""Reads archives as Home Assistant does and reports what it saw.

Requests come on standard input and are answered on standard output, all numbers little-endian: a count (u32), then so
many requests: kind (u8), length (u32), bytes. An answer is a length (u32) and bytes; the functions below say which.
"""

import functools
import gzip
import io
import os
import random
import signal
import struct
import sys
import tarfile
import time
import zlib

try:
    import securetar

    # Argon2 is slow on purpose; the same password and salt always lead to the same key.
    securetar.kdf = functools.lru_cache(64)(securetar.kdf)
except ImportError:
    # The suite of encrypted parts reports this itself.
    securetar = None

PASSWORD = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"
BUFFER = 10240  # securetar's
ENDLESS = 60  # seconds after which a reader counts as one that never ends

KINDS = {
    tarfile.REGTYPE: b"f",
    tarfile.AREGTYPE: b"f",
    tarfile.CONTTYPE: b"f",
    tarfile.LNKTYPE: b"h",
    tarfile.SYMTYPE: b"s",
    tarfile.DIRTYPE: b"d",
    tarfile.CHRTYPE: b"x",
    tarfile.BLKTYPE: b"x",
    tarfile.FIFOTYPE: b"x",
}
SCRATCH = os.memfd_create("scratch")


class Source(io.BytesIO):
    """Ends the loop in which Python before 3.14 seeks towards an end that it never reaches."""

    ends = 0

    def read(self, size=-1):
        data = super().read(size)
        self.ends += not data
        if self.ends > 100:
            raise EOFError("asked on and on behind the end")
        return data


def string(data):
    return struct.pack("<I", len(data)) + data


def raised(error):
    return b"\1" + string(f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace"))


def checksum(file):
    """Of the data of a file, in pieces: a sparse one can have any size, all of it zeros."""
    crc, left = 0, 1 << 30
    while piece := file.read(1 << 20):
        crc, left = zlib.crc32(piece, crc), left - len(piece)
        if left < 0:
            raise EOFError("a sparse file of more than a gibibyte")
    return crc


def entry(tar, member):
    """One member, with its data read as in an extraction."""
    kind = KINDS.get(member.type, b"?")
    crc = checksum(tar.extractfile(member)) if kind in b"f?" else 0
    # Values on which an extraction would fail: numbers that the system does not accept.
    if not 0 <= member.mtime < 1 << 33:
        os.utime(SCRATCH, (member.mtime, member.mtime))
    if not 0 <= member.mode < 1 << 21:
        os.chmod(SCRATCH, member.mode)
    link = member.linkname.encode("utf-8", "surrogateescape") if kind in b"hs" else b""
    numbers = struct.pack("<QQQI", member.mode, member.size, member.offset_data, crc)
    return kind + numbers + string(member.name.encode("utf-8", "surrogateescape")) + string(link)


def listing(data, mode):
    """The contents of a tar, and whether anything follows the position where reading stopped."""
    try:
        with tarfile.open(fileobj=Source(data), mode=mode, bufsize=BUFFER) as tar:
            entries = [entry(tar, member) for member in tar]
            rest = data[tar.offset :]
    except Exception as error:
        return raised(error)
    state = 0 if not rest.strip(b"\0") else 1 if not rest[:1024].strip(b"\0") else 2
    return struct.pack("<BBI", 0, state, len(entries)) + b"".join(entries)


def inner(data):
    return listing(data, "r|")


def outer(data):
    return listing(data, "r:")


def plaintext(read):
    try:
        data = read()
    except Exception as error:
        return raised(error)
    return struct.pack("<BQI", 0, len(data), zlib.crc32(data))


def stream(data):
    """The whole plaintext that tarfile's `r|gz` takes its blocks from."""
    more = (9, None) if sys.version_info >= (3, 12) else ()
    source = tarfile._Stream(None, "r", "gz", io.BytesIO(data), BUFFER, *more)
    return b"".join(iter(lambda: source.read(BUFFER), b""))


def gz(data):
    """The plaintext of a gzip stream, as two readers see it."""
    return plaintext(lambda: stream(data)) + plaintext(gzip.GzipFile(fileobj=io.BytesIO(data)).read)


def decrypt(data):
    """The plaintext of an encrypted part, as securetar reads it for tarfile, piece by piece."""
    key = securetar.SecureTarRootKeyContext(PASSWORD)
    with securetar.SecureTarDecryptStream(io.BytesIO(data), ciphertext_size=len(data), root_key_context=key) as stream:
        while piece := stream.read(BUFFER):
            yield piece


def secure(data):
    """The plaintext of an encrypted part, and the contents of the tar in it."""
    compressed, data = data[0], data[1:]
    try:
        with securetar.SecureTarFile(fileobj=io.BytesIO(data), gzip=bool(compressed), bufsize=BUFFER, password=PASSWORD) as tar:
            entries = [entry(tar, member) for member in tar]
        found = struct.pack("<BBI", 0, 0, len(entries)) + b"".join(entries)
    except Exception as error:
        found = raised(error)
    return plaintext(lambda: b"".join(decrypt(data))) + found


class PaddedWrites:
    """Pads each write separately, as securetar did when it wrote version 1."""

    def __init__(self):
        self.written = b""

    def write(self, data):
        missing = -len(data) % 16
        self.written += data + bytes([missing]) * missing


def make(data):
    """A correct stream of one version with files of these sizes; or one that a faulty writer could have made."""
    version, compressed, odd, seed, *sizes = struct.unpack(f"<BBBI{(len(data) - 7) // 4}I", data)
    numbers = random.Random(seed)
    sink = PaddedWrites() if version == 1 else io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w|gz" if compressed else "w|", bufsize=BUFFER) as tar:
        for at, size in enumerate(sizes):
            info = tarfile.TarInfo(f"data/{at}")
            info.size = size
            tar.addfile(info, io.BytesIO(numbers.randbytes(size)))
    if version == 3:
        return make_v3(sink.getvalue(), odd, numbers)
    return make_cbc(sink.written if version == 1 else sink.getvalue(), version, odd, numbers)


def make_cbc(plain, version, odd, numbers):
    material = securetar.KeyDerivationV2(PASSWORD).get_key_material(numbers.randbytes(16))
    aes = securetar.Cipher(securetar.algorithms.AES(material.key), securetar.modes.CBC(material.iv)).encryptor()
    missing = 16 - len(plain) % 16
    right = bytes([missing])
    paddings = [right * missing, bytes(missing), right.rjust(missing, b"\0"), right * (missing + 16), b"\x11" * missing, b"\xff" * missing]
    padding = paddings[odd] if version == 2 else b""
    ciphertext = aes.update(plain + padding)
    if version == 1:
        return material.cipher_initialization + ciphertext
    return securetar.SecureTarHeader(material.cipher_initialization, len(plain), 2).to_bytes() + ciphertext


def make_v3(plain, odd, numbers):
    root_salt, validation_salt = b"root" * 4, b"validate" * 2
    root_key, validation_key = securetar.KeyDerivationV3._derive_keys(PASSWORD, root_salt, validation_salt)
    strategy = securetar.KeyDerivationV3(root_key, root_salt, validation_salt, validation_key)
    material = strategy.get_key_material(root_salt + validation_salt + validation_key + numbers.randbytes(16 + 24))
    state = securetar.nss.crypto_secretstream_xchacha20poly1305_state()
    securetar.nss.crypto_secretstream_xchacha20poly1305_init_pull(state, material.iv, material.key)
    size = securetar.V3_SECRETSTREAM_CHUNK_SIZE
    chunks = [plain[at : at + size] for at in range(0, len(plain), size)]
    message, push, rekey, final = 0, 1, 2, 3
    tags = [message] * (len(chunks) - 1) + [final]
    if odd == 1:  # no end
        tags[-1] = message
    elif odd == 2:  # an early end
        tags[0] = final
    elif odd == 3:  # tags that libsodium supports and securetar does not write
        tags[0] = rekey
    elif odd == 4:
        tags[0] = push
    elif odd == 5:  # an additional chunk
        chunks, tags = chunks + [b""], tags[:-1] + [message, final]
    elif odd == 6:  # chunks of another size
        chunks, tags = [plain[:1000], plain[1000:]], [message, final]
    pushed = [securetar.nss.crypto_secretstream_xchacha20poly1305_push(state, chunk, None, tag) for chunk, tag in zip(chunks, tags)]
    return securetar.SecureTarHeader(material.cipher_initialization, len(plain), 3).to_bytes() + b"".join(pushed)


def endless(*_):
    raise TimeoutError("no end in sight")


def serve(handlers):
    signal.signal(signal.SIGALRM, endless)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(4):
        answers = []
        for _ in range(*struct.unpack("<I", head)):
            kind, length = struct.unpack("<BI", source.read(5))
            request = source.read(length)
            # Some archives send tarfile round in a circle, until the memory is full.
            signal.alarm(ENDLESS)
            answers.append(string(handlers[kind](request)))
            signal.alarm(0)
        sink.write(b"".join(answers))
        sink.flush()


if __name__ == "__main__":
    time.time = lambda: 1_700_000_000.0
    serve({ord("i"): inner, ord("o"): outer, ord("g"): gz, ord("s"): secure, ord("m"): make})
