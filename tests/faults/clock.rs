//! No result depends on a clock. Clippy prevents the program from reading the time of day; these
//! tests use files with unusual times.

use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::*;

/// A copy without the values that differ between runs: its slug, which is also in its name.
fn comparable(path: &Path) -> Vec<OuterMember> {
    let slug = manifest(path)["slug"].as_str().unwrap().to_owned();
    let mut members = members(path);
    for member in members.iter_mut().filter(|m| m.name == "./backup.json") {
        member.data = String::from_utf8(member.data.clone())
            .unwrap()
            .replace(&slug, "SLUG")
            .into_bytes();
    }
    members
}

#[test]
fn a_backup_from_1970_1905_or_2100_gives_the_same_copy() {
    const YEAR: u64 = 31_556_952;
    let times = [
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH + Duration::from_secs(130 * YEAR),
        SystemTime::UNIX_EPOCH - Duration::from_secs(65 * YEAR),
        SystemTime::UNIX_EPOCH + Duration::from_secs(56 * YEAR),
    ];
    let copies = times.map(|time| {
        let place = Place::new("v3.tar");
        File::open(&place.input)
            .unwrap()
            .set_modified(time)
            .unwrap();
        keyless(shrink(&place.input, &place.output(), "--drop media")).code(0);
        assert_eq!(
            std::fs::metadata(&place.input).unwrap().modified().unwrap(),
            time,
            "the file system keeps no such time"
        );
        comparable(&place.output())
    });
    assert!(copies[0].len() > 5);
    assert!(copies.iter().all(|copy| *copy == copies[0]));
}
