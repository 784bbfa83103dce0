//! 61 to 69: the gzip streams of parts.

use crate::judge::Hostile;
use crate::make::*;
use crate::seal;
use crate::support::*;

/// The tar of a part.
fn part() -> Vec<u8> {
    around(&[
        file("noise", &noise(9000)),
        file("text", &b"again and ".repeat(3000)),
    ])
}

/// The same stream in a plain backup and in one encrypted with v3 and v2.
fn wrapped(stream: &[u8]) -> [Hostile; 3] {
    [
        Hostile::new(backup(stream, &share(), false)),
        Hostile::sealed(seal::backup(&seal::v3(stream))),
        Hostile::sealed(seal::backup_v2(&seal::v2(stream))),
    ]
}

/// The positions in the file of the byte at `offset` of such a stream.
const fn places(offset: usize) -> [usize; 3] {
    [
        512 + offset,
        512 + seal::V3_HEADER + 1 + offset,
        512 + seal::V2_HEADER + offset,
    ]
}

/// Each of the three is damaged at this byte of the stream.
#[track_caller]
fn damaged(stream: &[u8], says: &str, offset: usize) {
    for (hostile, place) in wrapped(stream).iter().zip(places(offset)) {
        hostile.is_refused_inside(
            5,
            &["media: ", says, &format!("(at byte {place})"), "Download"],
        );
    }
}

#[test]
fn n61_what_is_not_gzip_is_damaged() {
    let xz = [&[0xfd, b'7', b'z', b'X', b'Z', 0], noise(4000).as_slice()].concat();
    for stream in [noise(5000), xz, part()] {
        let plain = Hostile::new(backup(&stream, &share(), false));
        if stream == part() {
            // A tar under the name of a gzip archive is recognised by its bytes; a repair
            // compresses it (supervisor#3838).
            plain.works("ls", &["media is not compressed"]);
            plain.fails(
                "verify",
                5,
                &["media is not compressed", "`haslim repair` writes a copy"],
            );
            assert_eq!(
                member(&plain.writes("repair"), "media.tar.gz")[..2],
                [0x1f, 0x8b]
            );
        } else {
            // Plain bytes without a mark could be SecureTar v1 if the backup did not state that it
            // is plain.
            plain.never_reads_media(
                5,
                &[
                    "media: ",
                    "neither plain nor encrypted",
                    "(at byte 512)",
                    "Download",
                ],
            );
        }
        let sealed = Hostile::sealed(seal::backup(&seal::v3(&stream)));
        let sealed_v2 = Hostile::sealed(seal::backup_v2(&seal::v2(&stream)));
        if stream == part() {
            // So it is in an encrypted part, once the key has opened it.
            for sealed in [sealed, sealed_v2] {
                sealed.works("ls", &["media is not compressed"]);
                sealed.fails("verify", 5, &["media is not compressed"]);
                let names = entries(&sealed.writes("repair"), "media");
                assert_eq!(names.len(), 5);
            }
            continue;
        }
        sealed.is_refused_inside(
            5,
            &[
                "media: the part is not compressed with gzip",
                "at byte",
                "Download",
            ],
        );
        // v2 can check a key only by the result of decryption.
        sealed_v2.is_refused_inside(12, &["media: ", "or their first bytes are damaged"]);
    }
}

#[test]
fn n62_a_wrong_or_missing_trailer_is_damaged() {
    let sound = gzip(&part());
    let trailer = sound.len() - 8;
    for (at, what) in [
        (trailer, "checksum"),
        (trailer + 3, "checksum"),
        (trailer + 4, "size"),
        (trailer + 7, "size"),
    ] {
        let mut stream = sound.clone();
        stream[at] ^= 1;
        damaged(
            &stream,
            &format!("the contents do not match their {what}"),
            trailer,
        );
    }
    // The last bytes of a short stream are zeros, like the padding that replaces them.
    for missing in [4, 8] {
        damaged(
            &sound[..sound.len() - missing],
            "the compressed data end too early",
            sound.len() - missing,
        );
    }
    // SecureTar v1 wrote its trailer differently; it is still read.
    haslim(["verify".as_ref(), fixture("v1.tar").as_os_str()]).code(0);
}

#[test]
fn n63_deflate_data_that_are_cut_are_damaged_inside_an_entry_and_between_two() {
    let tar = part();
    let sound = gzip(&tar);
    for end in [10, 11, sound.len() / 2, sound.len() - 9] {
        damaged(&sound[..end], "the compressed data end too early", end);
    }
    // Cut between two entries by a flush, so that the remaining data looks complete.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    std::io::Write::write_all(&mut encoder, &tar[..512 + 512 + 3072]).unwrap();
    std::io::Write::flush(&mut encoder).unwrap();
    let cut = encoder.get_ref().clone();
    damaged(&cut, "the compressed data end too early", cut.len());
    // A complete gzip stream of half a tar.
    Hostile::new(plain(&tar[..2000])).is_refused_inside(
        5,
        &[
            "media: the inner tar ends in the middle of an entry",
            "(at byte 512)",
        ],
    );
}

#[test]
fn n64_several_members_are_read_and_one_is_written() {
    let tar = part();
    let (first, second) = tar.split_at(4321);
    let stream = [gzip(first), gzip(second)].concat();
    for hostile in wrapped(&stream) {
        reads_all(
            &hostile,
            "media: 2 gzip members in one archive; of an encrypted archive, Home Assistant would restore only the first one",
        );
    }
}

#[test]
fn n65_an_empty_first_member_hides_nothing() {
    let stream = [gzip(b""), gzip(&part())].concat();
    for hostile in wrapped(&stream) {
        let members = "media: 2 gzip members in one archive";
        if hostile.has_key() {
            hostile.fails("verify", 5, &["Invalid password"]);
            keeps_all(&hostile, &[ODD, members]);
        } else {
            reads_all(&hostile, members);
        }
    }
}

const ODD: &str = "media: its compressed data begins in a way that Home Assistant does not read";

/// With this warning all entries are read, and the copy holds one member with all of them.
#[track_caller]
fn reads_all(hostile: &Hostile, warning: &str) {
    let warns: &[&str] = if hostile.has_key() {
        &[warning]
    } else {
        &[warning, "not encrypted"]
    };
    hostile.works("verify", &[warning]);
    keeps_all(hostile, warns);
}

#[track_caller]
fn keeps_all(hostile: &Hostile, warns: &[&str]) {
    let output = hostile.shrinks("--drop media:gone", warns);
    // Reads only the first member, as Home Assistant does.
    let names: Vec<Vec<u8>> = entries(&output, "media")
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(
        names,
        [b".".as_slice(), b"noise", b"text", b"kept"].map(<[u8]>::to_vec)
    );
}

#[test]
fn n66_bytes_behind_the_stream_are_warned_of() {
    for (rest, says) in [
        (vec![0; 1000], "1000 bytes of zeros"),
        (b"\0\0rest".to_vec(), "6 bytes that belong to nothing"),
        (vec![0x1f], "1 bytes that"),
    ] {
        for hostile in wrapped(&[gzip(&part()), rest.clone()].concat()) {
            reads_all(&hostile, &format!("media: {says}"));
        }
    }
}

#[test]
fn n67_optional_header_fields_are_read_and_never_written() {
    let sound = gzip(&part());
    // FHCRC, FEXTRA, FNAME and FCOMMENT together (RFC 1952).
    let header = [
        &[0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3],
        b"\x05\0extra".as_slice(),
        b"name\0comment\0\x12\x34",
    ]
    .concat();
    for hostile in wrapped(&[header, sound[10..].to_vec()].concat()) {
        let output = hostile.shrinks(
            "--drop media:gone",
            if hostile.has_key() {
                &[ODD]
            } else {
                &["not encrypted"]
            },
        );
        let stream = stream_of(&output);
        assert_eq!(stream[..4], [0x1f, 0x8b, 8, 0]);
    }
}

/// The decrypted stream of `media`.
fn stream_of(path: &std::path::Path) -> Vec<u8> {
    let backup = haslim::open::Backup::open(path).unwrap();
    let part = backup.parts.iter().find(|p| p.id == "media").unwrap();
    let mut stream = Vec::new();
    std::io::Read::read_to_end(
        &mut haslim::open::source(&backup, part, Some(&seal::ring(PASSWORD))).unwrap(),
        &mut stream,
    )
    .unwrap();
    stream
}

/// The zeros in a bomb.
const ZEROS: usize = 64 << 20;

/// A stream that expands a thousand times.
fn bomb() -> Vec<u8> {
    let stream = gzip(&around(&[file("zeros", &vec![0; ZEROS])]));
    assert!(ZEROS > 900 * stream.len());
    stream
}

#[test]
fn n68_a_bomb_takes_fixed_memory_and_can_be_refused() {
    for hostile in wrapped(&bomb()) {
        // Less than the expanded size. A third of it is for deriving the key.
        hostile.within_memory(48 << 20, "verify").code(0);
        for line in [
            "verify --max-expanded 40MB",
            "ls --max-expanded 1MB",
            "shrink --drop media:gone --yes --max-expanded 40MB",
        ] {
            hostile.fails(
                line,
                10,
                &[
                    "media: the data expand to more than",
                    "(at byte 512)",
                    "--max-expanded",
                ],
            );
        }
        // A part that is not opened is not unpacked.
        hostile.run("info").code(0);
        if !hostile.has_key() {
            hostile.works(
                "shrink --drop share --yes --max-expanded 40MB --force",
                &[
                    "media could not be checked",
                    "expand to more than",
                    "not encrypted",
                ],
            );
        }
    }
    // A v1 part is converted without being surveyed.
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v1.tar"), scratch.path("out.tar"));
    let args = |limit: &str| -> Vec<String> {
        let words = [
            "shrink",
            input.to_str().unwrap(),
            "-o",
            output.to_str().unwrap(),
            "--yes",
            "--drop",
            "media",
            "--max-expanded",
            limit,
        ];
        words.iter().map(|w| (*w).to_owned()).collect()
    };
    haslim(args("1kB")).code(10);
    haslim(args("10MB")).code(0);
}

/// supervisor#7247.
#[test]
fn n69_parts_that_home_assistant_restores_slowly_are_noted() {
    let stream = gzip(&around(&[file("zeros", &vec![0; 4 << 20])]));
    for hostile in wrapped(&stream) {
        let slowly = "times as large as what is stored; Home Assistant restores such a part slowly";
        let warns: &[&str] = if hostile.has_key() {
            &[slowly, "supervisor#7247"]
        } else {
            &[slowly, "not encrypted"]
        };
        hostile.works("verify", &[slowly]);
        hostile.shrinks("--drop media:gone", warns);
    }
}
