//! 1 to 25: the outer tar.

use crate::judge::Hostile;
use crate::make::*;
use crate::seal;
use crate::support::*;

/// A sound plain backup.
fn sound() -> Vec<u8> {
    plain(&around(&[]))
}

/// A plain backup with these blocks before `media`'s data.
fn with_header(header: &[u8]) -> Vec<u8> {
    let mut media = header.to_vec();
    media.extend(gzip(&around(&[])));
    media.resize(media.len().next_multiple_of(512), 0);
    tar(&[
        media,
        file("share.tar.gz", &share()),
        metadata_member(metadata(&["media", "share"], false)),
    ])
}

fn media_size() -> u64 {
    gzip(&around(&[])).len() as u64
}

#[test]
fn n01_an_empty_file_is_damaged() {
    Hostile::new(Vec::new()).never_opens(5, &["the file is empty (at byte 0)", "Download"]);
}

#[test]
fn n02_a_file_of_zeros_is_damaged() {
    for len in [1024, 10_240, 100_000] {
        Hostile::new(vec![0; len]).never_opens(5, &["no member", "at byte 0", "Download"]);
    }
}

#[test]
fn n03_other_formats_are_refused_by_name() {
    let zip = [b"PK\x03\x04".as_slice(), &[0; 100]].concat();
    let zstd = [[0x28, 0xb5, 0x2f, 0xfd].as_slice(), &[0; 100]].concat();
    for (bytes, name) in [
        (gzip(&sound()), "gzip"),
        (zip, "zip"),
        (zstd, "zstd"),
        (seal::v3(&share()), "SecureTar"),
    ] {
        Hostile::new(bytes).never_opens(10, &[name, "at byte 0", "uncompressed .tar"]);
    }
}

#[test]
fn n04_random_bytes_are_damaged() {
    for len in [1, 511, 512, 513, 20_000] {
        Hostile::new(noise(len)).never_opens(5, &["at byte 0", "Download"]);
    }
}

#[test]
fn n05_a_file_cut_inside_a_payload_is_damaged_with_both_sizes() {
    let bytes = sound();
    let data = data_of(&bytes, "share.tar.gz");
    let size = share().len();
    for there in [0, 1, size - 1] {
        let says = format!(
            "share.tar.gz: the file ends inside this member: {there} of {size} bytes are there (at byte {})",
            data + there
        );
        Hostile::new(bytes[..data + there].to_vec()).never_opens(5, &[&says, "Download"]);
    }
}

#[test]
fn n06_a_file_cut_inside_a_header_is_damaged() {
    let bytes = sound();
    let header = data_of(&bytes, "share.tar.gz") - 512;
    for there in [1, 300, 511] {
        let says = format!("{there} of 512 bytes are there (at byte {header})");
        Hostile::new(bytes[..header + there].to_vec())
            .never_opens(5, &["after media.tar.gz", &says]);
    }
}

#[test]
fn n07_a_wrong_checksum_in_a_later_header_is_damaged() {
    let mut bytes = sound();
    let header = data_of(&bytes, "share.tar.gz") - 512;
    bytes[header + 5] ^= 1;
    Hostile::new(bytes).never_opens(
        5,
        &[
            "after media.tar.gz",
            "checksum",
            &format!("at byte {header}"),
            "Download",
        ],
    );
}

#[test]
fn n08_a_zero_block_followed_by_data_is_damaged() {
    let mut bytes = sound();
    let header = data_of(&bytes, "share.tar.gz") - 512;
    bytes.splice(header..header, [0; 512]);
    Hostile::new(bytes).never_opens(
        5,
        &[
            "after media.tar.gz",
            "a zero block in the middle",
            &format!("at byte {}", header + 512),
        ],
    );
}

#[test]
fn n09_missing_end_blocks_are_warned_of() {
    let mut bytes = sound();
    let end = data_of(&bytes, "./backup.json")
        + metadata(&["media", "share"], false)
            .len()
            .next_multiple_of(512);
    bytes.truncate(end);
    for one_block in [false, true] {
        bytes.resize(end + if one_block { 512 } else { 0 }, 0);
        let output = Hostile::new(bytes.clone()).shrinks(
            "--drop media:gone",
            &[
                "blocks of zeros that end a tar are missing",
                "not encrypted",
            ],
        );
        assert!(std::fs::read(&*output).unwrap().ends_with(&[0; 1024]));
    }
}

#[test]
fn n10_zeros_of_any_length_may_follow_the_end() {
    let bytes = sound();
    let end = data_of(&bytes, "./backup.json")
        + metadata(&["media", "share"], false)
            .len()
            .next_multiple_of(512)
        + 1024;
    for more in [0, 1, 511, 512, 9216, 3_000_001] {
        let mut bytes = bytes[..end].to_vec();
        bytes.resize(end + more, 0);
        Hostile::new(bytes).works("info", &[]);
    }
}

#[test]
fn n11_other_bytes_behind_the_end_are_counted() {
    for (rest, count) in [
        (b"x".to_vec(), 1),
        (b"\0\0xyz\0".to_vec(), 4),
        (noise(5000), 5000),
    ] {
        let mut bytes = sound();
        bytes.extend(rest);
        let output = Hostile::new(bytes).shrinks(
            "--drop media:gone",
            &[
                &format!("{count} bytes that belong to nothing"),
                "not encrypted",
            ],
        );
        assert_eq!(std::fs::read(&*output).unwrap().len() % 10_240, 0);
    }
}

#[test]
fn n12_two_backups_in_one_file_are_refused() {
    let bytes = sound();
    for gap in [0, 512, 10_240] {
        let both = [bytes.clone(), vec![0; gap], bytes.clone()].concat();
        let second = format!("at byte {}", bytes.len() + gap);
        Hostile::new(both).never_opens(10, &["a second archive follows", &second, "split them"]);
    }
}

#[test]
fn n13_two_different_sizes_are_refused() {
    let size = media_size();
    for other in [1, size - 1, size + 1, size + 512] {
        let header = [
            pax(&[("size", other.to_string().as_bytes())]),
            Head::new("media.tar.gz", b'0', size).data(b""),
        ]
        .concat();
        let says = format!("{size} and, by PAX, {other}");
        Hostile::new(with_header(&header))
            .never_opens(10, &["two different sizes", &says, "at byte 1024"]);
    }
}

#[test]
fn n14_a_pax_size_over_an_empty_field_is_read() {
    let size = media_size();
    for field in [0, size] {
        let header = [
            pax(&[("size", size.to_string().as_bytes())]),
            Head::new("media.tar.gz", b'0', field).data(b""),
        ]
        .concat();
        let output =
            Hostile::new(with_header(&header)).shrinks("--drop media:gone", &["not encrypted"]);
        assert!(entries(&output, "media").iter().any(|e| e.name == b"kept"));
    }
}

#[test]
fn n15_a_pax_size_that_is_no_plain_number_is_refused() {
    let size = media_size().to_string();
    for text in [
        "",
        "-1",
        "+5",
        " 5",
        "5 ",
        "2_000",
        "2000.0",
        "0x10",
        "9223372036854775808",
        "99999999999999999999",
    ] {
        let header = [
            pax(&[("size", text.as_bytes())]),
            Head::new("media.tar.gz", b'0', 0).data(b""),
        ]
        .concat();
        Hostile::new(with_header(&header))
            .never_opens(10, &[&format!("a PAX size of '{text}'"), "at byte 1024"]);
    }
    let twice = [
        pax(&[("size", size.as_bytes()), ("size", size.as_bytes())]),
        Head::new("media.tar.gz", b'0', 0).data(b""),
    ]
    .concat();
    Hostile::new(with_header(&twice)).never_opens(10, &["two PAX sizes", "at byte 1024"]);
    let global = global(&[("size", size.as_bytes())]);
    let global = [global, Head::new("media.tar.gz", b'0', 0).data(b"")].concat();
    Hostile::new(with_header(&global)).never_opens(10, &["a global PAX header", "at byte"]);
}

#[test]
fn n16_a_pax_record_of_a_wrong_length_is_damaged() {
    for text in [
        "0 path=x\n",
        "8 path=x\n",
        "11 path=x\n",
        "path=x\n",
        "999 path=x\n",
        "10 path=x ",
        "10 path x\n",
    ] {
        let header = [
            extended(b'x', text.as_bytes()),
            Head::new("media.tar.gz", b'0', media_size()).data(b""),
        ]
        .concat();
        Hostile::new(with_header(&header))
            .never_opens(5, &["PAX record", "at byte 512", "Download"]);
    }
}

#[test]
fn n17_an_extended_header_over_a_mebibyte_is_refused_before_it_is_read() {
    for flag in [b'x', b'L', b'K', b'g'] {
        for size in [(1 << 20) + 1, 1 << 32, 1 << 40] {
            // None of its data exists: an attempt to read it finds the file truncated.
            let header = Head::new("././@Extended", flag, size).data(b"");
            Hostile::new(with_header(&header))
                .never_opens(10, &[&format!("{size} bytes"), "1 MiB", "at byte 0"]);
        }
    }
}

#[test]
fn n18_binary_sizes_are_read_unless_negative_or_absurd() {
    let size = media_size();
    let binary = [[0x80, 0, 0, 0].as_slice(), &size.to_be_bytes()].concat();
    let header = Head::new("media.tar.gz", b'0', 0).sized(&binary).data(b"");
    Hostile::new(with_header(&header)).shrinks("--drop media:gone", &["not encrypted"]);
    let huge = [0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];
    for field in [[0xff; 12], huge, [0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let header = Head::new("media.tar.gz", b'0', 0).sized(&field).data(b"");
        Hostile::new(with_header(&header)).never_opens(
            5,
            &["the size field of a tar header", "too large", "at byte 0"],
        );
    }
}

#[test]
fn n19_sizes_that_are_not_octal_are_damaged() {
    for field in [
        "0000_0017640",
        "0o17640",
        "-0017640",
        "00000017649",
        "17 640",
        "+17640",
        "0x1f",
    ] {
        let header = Head::new("media.tar.gz", b'0', 0)
            .sized(field.as_bytes())
            .data(b"");
        Hostile::new(with_header(&header)).never_opens(
            5,
            &[
                "the size field of a tar header is not an octal number",
                "at byte 0",
            ],
        );
    }
}

#[test]
fn n20_of_a_pax_and_a_gnu_name_the_first_counts_as_for_python() {
    let (by_pax, by_gnu) = (pax(&[("path", b"media.tar.gz")]), long_name("ssl.tar.gz"));
    for (order, found, other) in [
        ([&by_pax, &by_gnu], "media", "ssl"),
        ([&by_gnu, &by_pax], "ssl", "media"),
    ] {
        let header = [
            order[0].clone(),
            order[1].clone(),
            Head::new("plain.tar.gz", b'0', media_size()).data(b""),
        ]
        .concat();
        let hostile = Hostile::new(with_header(&header));
        let seen = hostile.run("info --json").code(0).json();
        let ids: Vec<&str> = seen["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["id"].as_str().unwrap())
            .collect();
        assert!(ids.contains(&found) && !ids.contains(&other), "{ids:?}");
        let warns: &[&str] = if found == "media" {
            &["not encrypted"]
        } else {
            &["not encrypted", "lists media", "ssl is in the file"]
        };
        let output = hostile.shrinks("--drop share", warns);
        assert!(
            std::fs::read(&*output).unwrap().starts_with(&header),
            "the copy has another header"
        );
    }
}

#[test]
fn n21_data_behind_a_directory_or_a_link_are_refused() {
    for flag in [b'1', b'2', b'5'] {
        let header = Head::new("odd", flag, 512).data(b"");
        Hostile::new(with_header(&header))
            .never_opens(10, &["with 512 bytes of data", "at byte 0"]);
    }
}

#[test]
fn n22_a_member_over_8_gib_is_read_and_its_size_written_so_that_all_read_it() {
    let size = (9u64 << 30) + 5;
    let binary = [[0x80, 0, 0, 0].as_slice(), &size.to_be_bytes()].concat();
    let by_pax = [
        pax(&[("size", size.to_string().as_bytes())]),
        Head::new("media.tar.gz", b'0', 0).data(b""),
    ]
    .concat();
    for header in [
        by_pax,
        Head::new("media.tar.gz", b'0', 0).sized(&binary).data(b""),
    ] {
        let scratch = Scratch::new();
        let begin = [header.as_slice(), &[0x1f, 0x8b, 8, 0]].concat();
        let rest = tar(&[
            file("share.tar.gz", &share()),
            metadata_member(metadata(&["media", "share"], false)),
        ]);
        let input = scratch.with_hole(
            "in.tar",
            &begin,
            header.len() as u64 + size.next_multiple_of(512),
            &rest,
        );
        let info = keyless(line("info", &input, "--json")).code(0).json();
        assert_eq!(
            info["components"][0]["stored_bytes"],
            header.len() as u64 + size.next_multiple_of(512)
        );
        let output = scratch.path("out.tar");
        keyless(shrink(&input, &output, "--drop media")).code(0);
        assert_eq!(
            members(&output)
                .iter()
                .map(|m| m.name.as_str())
                .collect::<Vec<_>>(),
            ["share.tar.gz", "./backup.json"]
        );
        // The header that a copy of such a member would get, as another reader reads it. The copies
        // themselves are made by `tests/faults/run --long large-member`.
        let backup = haslim::open::Backup::open(&input).unwrap();
        let written = backup.members[0].header_with_size(size + 1).unwrap();
        let mut archive = tar::Archive::new(written.as_slice());
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(
            (entry.size(), entry.path_bytes().as_ref()),
            (size + 1, b"media.tar.gz".as_slice())
        );
    }
}

/// supervisor#7034.
#[test]
fn n23_a_stale_pax_size_is_named_and_recovered_or_else_damage() {
    let part = seal::v3(&gzip(&around(&[file("noise", &noise(5000))])));
    let stale = part.len() - 17 - 136;
    let with_size = |size: usize, part: &[u8]| {
        let mut media = [
            pax(&[("size", size.to_string().as_bytes())]),
            Head::new("media.tar.gz", b'0', 0).data(b""),
            part.to_vec(),
        ]
        .concat();
        media.resize(media.len().next_multiple_of(512), 0);
        tar(&[
            media,
            file("share.tar.gz", &seal::v3(&share())),
            metadata_member(metadata(&["media", "share"], true)),
        ])
    };
    // Wrong by the bytes that encryption adds to one chunk, and by more than a block.
    for size in [stale, part.len() - 1200, part.len() - 1] {
        let named = format!(
            "its header says {size} bytes, but it has {} (Home Assistant wrote such headers, supervisor#7034)",
            part.len()
        );
        let hostile = Hostile::sealed(with_size(size, &part));
        let output = hostile.shrinks("--drop share", &["media.tar.gz", &named]);
        assert!(
            member(&output, "media.tar.gz") == part,
            "a copy that lost bytes of {size}"
        );
        hostile.shrinks("--drop media:gone", &[&named]);
    }
    // Nothing states its real length.
    let unknown = noise(6000);
    Hostile::new(with_size(unknown.len() - 1200, &unknown))
        .never_opens(5, &["after media.tar.gz", "checksum", "at byte"]);
}

#[test]
fn n24_a_part_that_is_a_link_a_device_or_a_directory_is_refused() {
    for (flag, kind) in [
        (b'1', "hardlink"),
        (b'2', "symlink"),
        (b'3', "special"),
        (b'4', "special"),
        (b'5', "directory"),
        (b'6', "special"),
    ] {
        let header = Head::new("ssl.tar.gz", flag, 0)
            .to("share.tar.gz")
            .data(b"");
        let bytes = tar(&[
            header,
            file("share.tar.gz", &share()),
            metadata_member(metadata(&["ssl", "share"], false)),
        ]);
        Hostile::new(bytes).never_opens(
            10,
            &[&format!(
                "ssl.tar.gz: the member is a {kind}, not a file (at byte 0)"
            )],
        );
    }
}

#[test]
fn n25_sparse_files_and_unknown_types_are_refused() {
    let size = media_size();
    Hostile::new(with_header(
        &Head::new("media.tar.gz", b'S', size).data(b""),
    ))
    .never_opens(10, &["sparse", "at byte 0"]);
    for flag in [b'V', b'D', b'Z', b'8', 0xff] {
        let header = Head::new("media.tar.gz", flag, size).data(b"");
        Hostile::new(with_header(&header)).never_opens(10, &["unknown type", "at byte 0"]);
    }
    let sparse = pax(&[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"99"),
    ]);
    let header = [sparse, Head::new("media.tar.gz", b'0', size).data(b"")].concat();
    Hostile::new(with_header(&header))
        .never_opens(10, &["sparse file in PAX form", "at byte 1024"]);
}
