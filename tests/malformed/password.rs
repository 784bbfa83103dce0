//! 53 to 60: the password.

use crate::judge::Hostile;
use crate::make::*;
use crate::seal::{self, V2_HEADER, V3_HEADER};
use crate::support::*;

fn stream() -> Vec<u8> {
    gzip(&around(&[file("noise", &noise(20_000))]))
}

fn v3() -> Vec<u8> {
    seal::backup(&seal::v3(&stream()))
}

fn v2() -> Vec<u8> {
    seal::backup_v2(&seal::v2(&stream()))
}

#[test]
fn n53_a_missing_password_is_not_asked_for_off_a_terminal() {
    for bytes in [v3(), v2()] {
        let hostile = Hostile::new(bytes);
        for line in [
            "shrink --drop media:gone --yes",
            "verify",
            "ls",
            "plan --drop media:gone",
            "shrink --drop media --securetar 2 --yes",
        ] {
            hostile.fails(
                line,
                12,
                &["password", "--password-file", "--emergency-kit"],
            );
        }
        // A command that needs no password works without one.
        hostile.writes("shrink --drop media");
    }
}

#[test]
fn n54_a_wrong_password_is_told_before_anything_large_is_read() {
    for (mut bytes, header) in [(v3(), V3_HEADER), (v2(), V2_HEADER + 512)] {
        // If the data was read, it would be reported as damaged.
        bytes[512 + header + 600] ^= 1;
        let hostile = Hostile::new(bytes).given("wrong");
        for line in ["shrink --drop media:gone --yes", "verify", "ls"] {
            hostile.fails(line, 12, &["the password is wrong", "Encryption key"]);
        }
    }
    let large = gzip(&around(&[file("noise", &noise(8 << 20))]));
    for bytes in [
        seal::backup(&seal::v3(&large)),
        seal::backup_v2(&seal::v2(&large)),
    ] {
        let all = bytes.len() as u64;
        let hostile = Hostile::sealed(bytes);
        assert!(
            hostile.reading("verify").1 > all,
            "what is read is not counted"
        );
        let hostile = hostile.given("wrong");
        for line in ["shrink --drop media:gone --yes", "verify", "ls"] {
            let (run, read) = hostile.reading(line);
            assert!(read < all / 8, "{line}: {read} of {all} bytes were read");
            run.code(12);
        }
    }
}

#[test]
fn n55_in_v2_a_wrong_password_and_damage_look_alike_on_one_part_and_the_others_tell() {
    let mut bytes = v2();
    bytes[512 + V2_HEADER] ^= 1;
    Hostile::sealed(bytes.clone()).is_refused_inside(
        12,
        &[
            "media: the password opens 1 parts, but not media",
            "or their first bytes are damaged",
            "(at byte 512)",
        ],
    );
    // Without other parts, there is nothing to compare with.
    let mut alone = tar(&[
        file("media.tar.gz", &seal::v2(&stream())),
        metadata_member(metadata(&["media"], true)),
    ]);
    alone[512 + V2_HEADER] ^= 1;
    Hostile::sealed(alone).is_refused_inside(
        12,
        &["the password is wrong, or the first bytes of the one encrypted part are damaged"],
    );
}

#[test]
fn n56_parts_with_another_password_are_named() {
    for bytes in [
        seal::backup(&seal::v3_of("other", &stream())),
        seal::backup_v2(&seal::v2_of("other", &stream())),
    ] {
        Hostile::sealed(bytes).is_refused_inside(
            12,
            &[
                "media: the password opens 1 parts, but not media",
                "they have another password",
                "(at byte 512)",
                "need no password",
            ],
        );
    }
}

#[test]
fn n57_an_empty_password_is_no_password() {
    Hostile::new(v3())
        .given("")
        .is_refused_inside(12, &["the password is empty"]);
}

#[test]
fn n58_a_line_end_or_a_blank_behind_the_password_in_a_file_does_no_harm() {
    let hostile = Hostile::new(v3());
    let keys = Scratch::new();
    for (name, text) in [
        ("lf", "\n"),
        ("crlf", "\r\n"),
        ("none", ""),
        ("space", " \n"),
        ("blank", "\n\n"),
    ] {
        let key = keys.file(name, format!("{PASSWORD}{text}").as_bytes());
        hostile
            .run(&format!("verify --password-file {}", key.display()))
            .code(0);
    }
}

#[test]
fn n59_a_password_in_the_other_normal_form_is_tried_too() {
    let (composed, decomposed) = ("Z\u{fc}rich-\u{1e69}", "Zu\u{308}rich-s\u{323}\u{307}");
    let bytes = backup(
        &seal::v3_of(composed, &stream()),
        &seal::v3_of(composed, &share()),
        true,
    );
    for password in [composed, decomposed] {
        Hostile::new(bytes.clone())
            .given(password)
            .shrinks("--drop media:gone", &[]);
    }
    Hostile::new(bytes)
        .given("Zurich-s")
        .fails("verify", 12, &["the password is wrong"]);
}

#[test]
fn n60_a_password_for_a_plain_backup_is_noted() {
    let bytes = plain(&around(&[]));
    let hostile = Hostile::sealed(bytes);
    hostile.works("verify", &["not encrypted; the password was not needed"]);
    let output = hostile.shrinks(
        "--drop media:gone",
        &["The backup is not encrypted; the copy will be"],
    );
    assert_eq!(manifest(&output)["protected"], true);
}
