//! 26 to 38: `backup.json`.

use serde_json::Value;

use crate::judge::{Hostile, READERS};
use crate::make::*;
use crate::seal;
use crate::support::*;

/// A backup of `media` and `share` with this text as its metadata.
fn saying(text: impl AsRef<[u8]>) -> Vec<u8> {
    tar(&[
        file("media.tar.gz", &gzip(&around(&[]))),
        file("share.tar.gz", &share()),
        metadata_member(text),
    ])
}

/// The sound metadata with one text replaced by another.
fn with(old: &str, new: &str) -> String {
    let text = metadata(&["media", "share"], false);
    assert_eq!(text.matches(old).count(), 1, "{old}");
    text.replace(old, new)
}

/// The position of the metadata in such a backup.
fn place(bytes: &[u8]) -> String {
    format!("(at byte {})", data_of(bytes, "./backup.json"))
}

#[test]
fn n26_metadata_that_are_missing_or_called_otherwise_are_damage() {
    let parts = [
        file("media.tar.gz", &gzip(&around(&[]))),
        file("share.tar.gz", &share()),
    ];
    Hostile::new(tar(&parts)).never_opens(5, &["there is no ./backup.json", "Download"]);
    let without_dot = [
        &parts[..],
        &[file(
            "backup.json",
            metadata(&["media", "share"], false).as_bytes(),
        )],
    ]
    .concat();
    Hostile::new(tar(&without_dot)).never_opens(
        5,
        &["is called backup.json here", "./backup.json", "Download"],
    );
}

#[test]
fn n27_two_copies_of_the_metadata_are_refused() {
    for second in ["./backup.json", "backup.json"] {
        let text = metadata(&["media", "share"], false);
        let bytes = tar(&[
            metadata_member(&text),
            file("media.tar.gz", &gzip(&around(&[]))),
            file(second, text.as_bytes()),
        ]);
        let place = format!("{second}: two members have this name");
        Hostile::new(bytes).never_opens(10, &[&place, "at byte", "make a new one"]);
    }
}

#[test]
fn n28_a_snapshot_json_is_read() {
    let text = metadata(&["media", "share"], false);
    let bytes = tar(&[
        file("media.tar.gz", &gzip(&around(&[]))),
        file("share.tar.gz", &share()),
        file("./snapshot.json", text.as_bytes()),
    ]);
    let output = Hostile::new(bytes).shrinks("--drop media:gone", &["not encrypted"]);
    let written: Value = serde_json::from_slice(&member(&output, "./snapshot.json")).unwrap();
    assert_eq!(written["type"], "full");
}

#[test]
fn n29_metadata_that_are_too_large_or_too_deep_are_refused() {
    let large = saying(with(
        r#""name":"hostile""#,
        &format!(r#""name":"{}""#, "x".repeat(16 << 20)),
    ));
    Hostile::new(large.clone()).fails("info", 10, &["16 MiB", &place(&large), "make a new one"]);
    let deep = saying(with(
        r#""repositories":[]"#,
        &format!(r#""repositories":{}{}"#, "[".repeat(129), "]".repeat(129)),
    ));
    Hostile::new(deep.clone()).never_opens(10, &["128 levels", &place(&deep)]);
    // Far deeper: without a limit, recursion could overflow the stack.
    let deepest = saying(with(
        r#""repositories":[]"#,
        &format!(
            r#""repositories":{}{}"#,
            "[".repeat(90_000),
            "]".repeat(90_000)
        ),
    ));
    Hostile::new(deepest).fails("info", 10, &["128 levels"]);
    // Each has few bytes, but takes far more memory.
    let many = saying(with(
        r#""repositories":[]"#,
        &format!(r#""repositories":[{}0]"#, "0,".repeat(4 << 20)),
    ));
    Hostile::new(many).fails("info", 10, &["200000 values"]);
    let named = saying(with(
        r#""name":"hostile""#,
        &format!(r#""name":"{}""#, "x".repeat(1 << 20)),
    ));
    Hostile::new(named.clone()).never_opens(10, &["1 MiB of names", &place(&named)]);
    // A backup within both limits takes no more memory than any other.
    let long = format!(
        r#""odd":"{}","repositories":[]"#,
        "x".repeat((16 << 20) - 1000)
    );
    let keys: Vec<String> = (0..190_000)
        .map(|at| format!(r#""\u0061{at:06}{}":0"#, "x".repeat(60)))
        .collect();
    let keys = format!(r#""extra":{{{}}},"repositories":[]"#, keys.join(","));
    for field in [long, keys] {
        let hostile = Hostile::new(saying(with(r#""repositories":[]"#, &field)));
        for line in [
            "info",
            "plan --drop media:gone",
            "verify",
            "shrink --drop media:gone --yes",
        ] {
            hostile.within_memory(64 << 20, line).code(0);
        }
    }
}

#[test]
fn n30_text_that_is_no_json_is_damaged() {
    let sound = metadata(&["media", "share"], false);
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(sound.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let invalid = [
        sound.as_bytes().strip_suffix(b"}").unwrap(),
        b",\"x\":\"\xff\xfe\"}",
    ]
    .concat();
    for text in [
        invalid,
        utf16,
        [sound.as_bytes(), b" x"].concat(),
        with(r#""version":2"#, r#""version":NaN"#).into_bytes(),
        with(r#""name":"hostile""#, r#""name":"\ud800""#).into_bytes(),
        sound.as_bytes()[..sound.len() - 1].to_vec(),
        Vec::new(),
        b"[]".to_vec(),
    ] {
        let bytes = saying(&text);
        Hostile::new(bytes.clone()).never_opens(
            5,
            &["./backup.json: backup.json", &place(&bytes), "Download"],
        );
    }
}

#[test]
fn n31_a_key_that_stands_twice_is_refused_at_any_depth() {
    for (text, key) in [
        (
            with(r#""name":"hostile""#, r#""name":"a","name":"b""#),
            "name",
        ),
        (
            with(
                r#""repositories":[]"#,
                r#""extra":{"deep":[{"k\u001bey":1,"k\u001bey":1}]}"#,
            ),
            "k\\u{1b}ey",
        ),
        (
            with(
                r#""slug":"0a1b2c3d""#,
                r#""slug":"0a1b2c3d","\u0073lug":"ffffffff""#,
            ),
            "slug",
        ),
    ] {
        let bytes = saying(&text);
        Hostile::new(bytes.clone())
            .never_opens(10, &[&format!("has the key '{key}' twice"), &place(&bytes)]);
    }
}

#[test]
fn n32_unknown_keys_and_the_spelling_of_numbers_are_kept() {
    let odd = r#""odd":{"z":1E400,"a":[-0.0,1.50,123456789012345678901234567890],"text":"\u00e9\/"},"repositories":[]"#;
    let output = Hostile::new(saying(with(r#""repositories":[]"#, odd)))
        .shrinks("--drop media:gone", &["not encrypted"]);
    let text = String::from_utf8(member(&output, "./backup.json")).unwrap();
    assert!(
        text.contains(odd.strip_suffix(r#","repositories":[]"#).unwrap()),
        "{text}"
    );
}

#[test]
fn n33_of_a_flag_and_the_bytes_the_bytes_count() {
    let sealed = |flag| backup(&seal::v3(&gzip(&around(&[]))), &seal::v3(&share()), flag);
    let hostile = Hostile::sealed(sealed(false));
    let output = hostile.shrinks(
        "--drop media:gone",
        &["says unprotected, but the parts are encrypted; the bytes count"],
    );
    assert_eq!(manifest(&output)["protected"], true);
    let hostile = Hostile::new(saying(with(r#""protected":false"#, r#""protected":true"#)));
    let output = hostile.shrinks(
        "--drop media:gone",
        &[
            "says protected, but the parts are not encrypted; the bytes count",
            "not encrypted",
        ],
    );
    assert_eq!(manifest(&output)["protected"], false);
}

#[test]
fn n34_names_that_disagree_about_compression_are_damage() {
    let bytes = saying(with(r#""compressed":true"#, r#""compressed":false"#));
    let hostile = Hostile::new(bytes);
    for line in READERS {
        let says = [
            "media: backup.json says that the backup is not compressed",
            "at byte 0",
            "`haslim repair` writes a copy",
        ];
        hostile.fails(line, 5, &says);
    }
    hostile.works(
        "info",
        &["says not compressed, but by their names the parts are compressed"],
    );
    assert_eq!(manifest(&hostile.writes("repair"))["compressed"], true);
    // Names that contradict each other: one part is at fault, and only that one is fixed (34a).
    for flag in ["true", "false"] {
        let text = with(r#""compressed":true"#, &format!(r#""compressed":{flag}"#));
        let bytes = tar(&[
            file("media.tar.gz", &gzip(&around(&[]))),
            file("share.tar", &around(&[])),
            metadata_member(text),
        ]);
        let part = if flag == "true" { "share" } else { "media" };
        let hostile = Hostile::new(bytes);
        hostile.works("ls", &[&format!("{part} is ")]);
        hostile.fails(
            "verify",
            5,
            &[&format!("{part} is "), "`haslim repair` writes a copy"],
        );
        let output = hostile.writes("repair");
        assert_eq!(manifest(&output)["compressed"].to_string(), flag);
        assert_eq!(run(["verify".as_ref(), output.as_os_str()], None).code, 0);
    }
}

#[test]
fn n35_parts_that_are_listed_and_absent_or_present_and_unlisted_are_warned_of_and_kept() {
    let absent = saying(with(
        r#""folders":["media","share"]"#,
        r#""folders":["media","share","ssl"]"#,
    ));
    let output = Hostile::new(absent).shrinks(
        "--drop media:gone",
        &["lists ssl, but it is not in the file", "not encrypted"],
    );
    assert_eq!(
        manifest(&output)["folders"],
        serde_json::json!(["media", "share", "ssl"])
    );
    for unlisted in ["share.tar.gz", "core_ssh.tar.gz", "note\n.bin"] {
        let members = [
            file("media.tar.gz", &gzip(&around(&[]))),
            file(unlisted, &share()),
            metadata_member(metadata(&["media"], false)),
        ];
        let output = Hostile::new(tar(&members)).shrinks(
            "--drop media:gone",
            &["backup.json does not list it", "not encrypted"],
        );
        assert_eq!(member(&output, unlisted), share(), "{unlisted}");
    }
}

#[test]
fn n36_addons_and_folders_that_are_listed_twice_are_damage() {
    let addons = saying(with(
        r#""addons":[]"#,
        r#""addons":[{"slug":"core_ssh"},{"slug":"x"},{"slug":"core_ssh"}]"#,
    ));
    Hostile::new(addons.clone()).never_opens(
        5,
        &[
            "lists the add-on core_ssh twice",
            &place(&addons),
            "Download",
        ],
    );
    let folders = saying(with(
        r#""folders":["media","share"]"#,
        r#""folders":["media","share","media"]"#,
    ));
    Hostile::new(folders).never_opens(5, &["lists the folder media twice"]);
}

#[test]
fn n37_slugs_that_are_paths_are_refused() {
    for (slug, shown) in [
        ("../x", "../x"),
        ("/etc", "/etc"),
        ("..", ".."),
        ("", ""),
        (r"a\u001bb", "a\\u{1b}b"),
        ("a/b", "a/b"),
    ] {
        let bytes = saying(with(
            r#""addons":[]"#,
            &format!(r#""addons":[{{"slug":"{slug}"}}]"#),
        ));
        Hostile::new(bytes.clone()).never_opens(
            10,
            &[&format!("an add-on is called '{shown}'"), &place(&bytes)],
        );
    }
    // The names of members are also used as paths.
    for name in [
        "../x.tar.gz",
        "/etc/x.tar.gz",
        "a/../../x.tar.gz",
        "a//x.tar.gz",
    ] {
        let bytes = tar(&[file(name, &share()), metadata_member(metadata(&[], false))]);
        Hostile::new(bytes).never_opens(10, &[&format!("{name}: the member's name"), "at byte 0"]);
    }
}

#[test]
fn n38_unknown_versions_and_types_are_refused() {
    for (text, says) in [
        (with(r#""version":2"#, r#""version":3"#), "version 3"),
        (with(r#""version":2"#, r#""version":0"#), "version 0"),
        (
            with(r#""version":2"#, r#""version":"two""#),
            "version unknown",
        ),
        (
            with(r#""type":"full""#, r#""type":"f\u001bull""#),
            "unknown type 'f\\u{1b}ull'",
        ),
    ] {
        let bytes = saying(&text);
        Hostile::new(bytes.clone()).never_opens(10, &[says, &place(&bytes)]);
    }
}
