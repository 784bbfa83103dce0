//! What people read, as snapshots of the demo backup.

use crate::line;
use crate::support::*;

/// Standard output without the folder of the repository.
fn text(run: &Run) -> String {
    let folder = fixture("demo.tar").parent().unwrap().display().to_string();
    run.out
        .replace(&folder, "fixtures")
        .replace("fixtures\\", "fixtures/")
        .replace("\u{1b}", "ESC")
}

#[test]
fn info_says_what_is_inside_and_whether_it_fits() {
    insta::assert_snapshot!(text(&keyless(line(
        "info",
        &fixture("demo.tar"),
        "--limit 3MB"
    ))));
}

#[test]
fn ls_shows_the_biggest_first() {
    insta::assert_snapshot!(text(&haslim(line(
        "ls",
        &fixture("demo.tar"),
        "--depth 2 --top 4"
    ))));
}

#[test]
fn plan_of_named_selectors() {
    insta::assert_snapshot!(text(
        &haslim(line(
            "plan",
            &fixture("demo.tar"),
            "--drop media --drop database"
        ))
        .code(0)
    ));
}

#[test]
fn plan_that_needs_consent_shows_the_ways_out() {
    insta::assert_snapshot!(text(&haslim(line(
        "plan",
        &fixture("demo.tar"),
        "--limit 1MB"
    ))));
}

#[test]
fn verify_says_what_was_checked() {
    insta::assert_snapshot!(text(
        &haslim(line("verify", &fixture("demo.tar"), "")).code(0)
    ));
}

#[test]
fn rules_list() {
    insta::assert_snapshot!(text(&keyless(["rules"])));
}
