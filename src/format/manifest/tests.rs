//! What is read from `backup.json`, and what a copy says.

#![allow(clippy::unwrap_used)]
use super::changes::copy_name;
use super::*;

const SAMPLE: &str = r#"{"zeta":1e3,"slug":"0a1b2c3d","version":2,"name":"a/b","date":"2026","type":"full","protected":true,
    "homeassistant":{"version":"2026.10.3","exclude_database":false,"size":1.50},"folders":["share","media","addons/local"],
    "addons":[{"slug":"core_mosquitto","size":0.0},{"slug":"local_x","odd":1E400}],
    "extra":{"with_automatic_settings":true,"big":123456789012345678901234567890},"crypto":"aes128","new_key":{"b":1,"a":2}}"#;

fn changes(without: &[&str]) -> Changes {
    Changes {
        slug: "ffffffff".into(),
        without: without.iter().map(|s| (*s).to_owned()).collect(),
        also: Vec::new(),
        partial: true,
        without_database: true,
        protected: true,
        compressed: None,
        made: Made::Slim,
        about: None,
    }
}

fn copy_of(text: &str, changes: &Changes) -> Manifest {
    Manifest::parse(Manifest::parse(text).unwrap().changed(changes).unwrap()).unwrap()
}

#[test]
fn a_copy_changes_what_it_must_and_keeps_the_rest_as_spelled() {
    let text = Manifest::parse(SAMPLE)
        .unwrap()
        .changed(&changes(&["media", "core_mosquitto"]))
        .unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        r#"{"zeta":1e3,"slug":"ffffffff","version":2,"name":"a-b (slim ffffffff)","date":"2026","type":"partial","protected":true,"homeassistant":{"version":"2026.10.3","exclude_database":true,"size":1.50},"folders":["share","addons/local"],"addons":[{"slug":"local_x","odd":1E400}],"extra":{"with_automatic_settings":false,"big":123456789012345678901234567890},"crypto":"aes128","new_key":{"b":1,"a":2}}"#
    );
}

/// Found by fuzzing: serde_json gives this key a special meaning where it keeps numbers as text.
#[test]
fn a_key_that_serde_json_takes_for_its_own_is_kept_as_it_is() {
    let text = SAMPLE.replace("\"b\":1", "\"$serde_json::private::Number\":true");
    let copy = Manifest::parse(text.as_str())
        .unwrap()
        .changed(&changes(&[]))
        .unwrap();
    assert!(
        String::from_utf8(copy)
            .unwrap()
            .contains(r#""new_key":{"$serde_json::private::Number":true,"a":2}"#)
    );
}

#[test]
fn a_copy_has_a_name_of_its_own_and_one_mark_only() {
    let first = copy_name("Automatic backup", "0a1b2c3d", Made::Slim);
    assert_eq!(first, "Automatic backup (slim 0a1b2c3d)");
    assert_eq!(
        copy_name(&first, "ffffffff", Made::Slim),
        "Automatic backup (slim ffffffff)"
    );
    let repaired = copy_name(&first, "ffffffff", Made::Repaired);
    assert_eq!(repaired, "Automatic backup (repaired ffffffff)");
    assert_eq!(copy_name(&repaired, "0a1b2c3d", Made::Slim), first);
    assert_eq!(
        copy_name("..", "ffffffff", Made::Slim),
        "Backup (slim ffffffff)"
    );
    assert_eq!(
        copy_name("a (slim x)", "ffffffff", Made::Slim),
        "a (slim x) (slim ffffffff)"
    );
}

/// Home Assistant refuses a drive in a name, and cannot make a file whose name is too long.
#[test]
fn the_name_of_a_copy_is_one_that_home_assistant_takes() {
    for name in ["C:\\x", "1:x", "é:x"] {
        let name = copy_name(name, "ffffffff", Made::Slim);
        assert_ne!(name.chars().nth(1), Some(':'), "{name}");
    }
    for made in Made::ALL {
        let name = copy_name(&"é".repeat(200), "ffffffff", made);
        assert!(
            name.len() + "_2026-11-30_12.00_00000000.tar".len() <= 255,
            "{name}"
        );
        let again = copy_name(&name, "00000000", made);
        assert_eq!(again.replace("00000000", "ffffffff"), name);
    }
}

#[test]
fn without_homeassistant_its_entry_is_null() {
    let copy = copy_of(SAMPLE, &changes(&["homeassistant"]));
    assert!(
        copy.text().contains(r#""homeassistant":null,"#),
        "{}",
        copy.text()
    );
    assert_eq!(
        (copy.homeassistant_version(), copy.can_exclude_database()),
        (None, false)
    );
}

#[test]
fn an_unprotected_copy_names_no_cipher() {
    let copy = copy_of(
        SAMPLE,
        &Changes {
            protected: false,
            ..changes(&[])
        },
    );
    assert!(copy.text().contains(r#""crypto":null,"#), "{}", copy.text());
    assert_eq!((copy.protected(), copy.claims_encryption()), (false, false));
}

#[test]
fn what_readers_would_read_differently_is_refused_or_damaged() {
    let kind = |text: &[u8]| Manifest::parse(text).map(|_| ()).unwrap_err().kind();
    let deep = format!(
        r#"{{"slug":"a","x":{}{}}}"#,
        "[".repeat(300),
        "]".repeat(300)
    );
    for text in [
        &br#"{"slug":"a","slug":"b"}"#[..],
        br#"{"slug":"a","extra":{"x":1,"x":2}}"#,
        br#"{"slug":"a","version":3}"#,
        br#"{"slug":"a","type":"odd"}"#,
        br#"{"slug":"a","addons":[{"slug":"../x"}]}"#,
        deep.as_bytes(),
        [
            br#"{"slug":"a","x":["#.as_slice(),
            &b"0,".repeat(200_000),
            b"0]}",
        ]
        .concat()
        .as_slice(),
    ] {
        assert_eq!(kind(text), crate::Kind::Refused, "{}", escape(text));
    }
    for text in [
        &b""[..],
        b"[]",
        b"{}",
        br#"{"slug":"a"} x"#,
        br#"{"slug":NaN}"#,
        b"{\"slug\":\"\xff\"}",
        br#"{"slug":"\ud800"}"#,
        br#"{"slug":"a","addons":[{"slug":"x"},{"slug":"x"}]}"#,
        br#"{"slug":"a","folders":["ssl","ssl"]}"#,
    ] {
        assert_eq!(kind(text), crate::Kind::Damaged, "{}", escape(text));
    }
}

#[test]
fn what_a_copy_changes_is_added_where_it_is_missing() {
    let original = Manifest::parse(r#"{ "slug": "a" , "folders": [ "ssl" ] }"#).unwrap();
    let also = vec!["share".to_owned()];
    let changes = Changes {
        slug: "b".into(),
        also: also.clone(),
        compressed: Some(false),
        ..Changes::default()
    };
    let text = original.changed(&changes).unwrap();
    let expected = r#"{"slug":"b","folders":["ssl","share"],"name":"Backup (slim b)","protected":false,"compressed":false}"#;
    assert_eq!(String::from_utf8(text).unwrap(), expected);
    // An unchanged list keeps its spelling, and a value that is not a list becomes one.
    let kept = Changes {
        slug: "b".into(),
        ..Changes::default()
    };
    assert!(
        original
            .changed(&kept)
            .unwrap()
            .starts_with(br#"{"slug":"b","folders":[ "ssl" ],"name""#)
    );
    let odd = copy_of(
        r#"{"slug":"a","folders":{"x":1},"addons":null,"homeassistant":"2022.6.1"}"#,
        &Changes {
            without_database: true,
            ..kept
        },
    );
    assert!(
        odd.text()
            .contains(r#""folders":[],"addons":[],"homeassistant":{"version":"2022.6.1","exclude_database":true}"#),
        "{}",
        odd.text()
    );
    assert_eq!(
        (odd.homeassistant_version(), odd.excludes_database()),
        (Some("2022.6.1"), true)
    );
    let none = copy_of(
        r#"{"slug":"a","addons":[{"slug":"x"},["x"]]}"#,
        &Changes {
            slug: "b".into(),
            without: vec!["x".into()],
            also,
            ..Changes::default()
        },
    );
    assert!(
        none.text().contains(r#""addons":[],"#) && none.text().contains(r#""folders":["share"]"#),
        "{}",
        none.text()
    );
}

#[test]
fn a_copy_is_compared_with_what_it_should_be_to_the_last_byte() {
    let original = Manifest::parse(SAMPLE).unwrap();
    let changes = changes(&["media"]);
    let text = original.changed(&changes).unwrap();
    assert_eq!(original.changed_len(&changes).unwrap(), text.len() as u64);
    let is_right = |text: Vec<u8>| {
        original
            .changes_to(&changes, &Manifest::parse(text).unwrap())
            .unwrap()
    };
    assert!(is_right(text.clone()));
    assert!(!is_right([text.as_slice(), b" "].concat()));
    assert!(!is_right(
        String::from_utf8(text.clone())
            .unwrap()
            .replace("1E400", "2E400")
            .into_bytes()
    ));
    assert!(!is_right(
        original
            .changed(&Changes {
                slug: "eeeeeeee".into(),
                ..changes.clone()
            })
            .unwrap()
    ));
}

#[test]
fn what_is_kept_in_memory_of_a_text_is_bounded() {
    let kind = |text: String| Manifest::parse(text).map(|_| ()).map_err(|e| e.kind());
    let long = "x".repeat(MAX_KNOWN);
    for text in [
        format!(r#"{{"slug":"a","name":"{long}"}}"#),
        format!(r#"{{"slug":"a","homeassistant":{{"version":"{long}"}}}}"#),
        format!(r#"{{"slug":"a","addons":[{{"slug":"{long}"}}]}}"#),
        format!(r#"{{"slug":"a","addons":[{{"slug":"x","name":"{long}"}}]}}"#),
        format!(
            r#"{{"slug":"a","repositories":[{}""]}}"#,
            "\"\",".repeat(20_000)
        ),
    ] {
        assert_eq!(kind(text), Err(crate::Kind::Refused));
    }
    assert_eq!(
        kind(format!(
            r#"{{"slug":"a","odd":"{long}","extra":{{"{long}":"{long}"}}}}"#
        )),
        Ok(())
    );
}
