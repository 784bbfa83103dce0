//! The home that the views were designed for, a thousandth of its size: camera recordings of five
//! days, two films of the owner, pictures that a rescan fetches again, three databases. What is said
//! about it, on every kind of screen.

use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::Value;

use crate::line;
use crate::screen::{beside, env};
use crate::support::draft::Draft;
use crate::support::*;
use crate::terminal::Terminal;

/// 1 November 2026, 00:00 UTC.
const NOVEMBER: u64 = 1_793_491_200;
const DAY: u64 = 86_400;

/// A file of this many kilobytes, last changed at this time. Its contents depend on its name.
fn file(name: &str, kilobytes: usize, time: u64) -> Vec<u8> {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| make::noise(8_000_000));
    let size = kilobytes * 1000;
    let mix = |sum: usize, byte: u8| (sum * 131 + usize::from(byte)) % (NOISE.len() - size);
    let begin = name.bytes().fold(7, mix);
    let head = make::Head::new(name, b'0', size as u64);
    head.with(136, format!("{time:011o}\0").as_bytes())
        .data(&NOISE[begin..begin + size])
}

fn recordings() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (day, hour) in (0..5).flat_map(|day| (0..24).step_by(3).map(move |hour| (day, hour))) {
        for minute in (0..60).step_by(8) {
            let name = format!(
                "frigate/recordings/2026-11-{:02}/{hour:02}/front/{minute:02}.00.mp4",
                day + 1
            );
            let time = NOVEMBER + day * DAY + hour * 3600 + minute * 60;
            all.push(file(&name, 12, time));
        }
    }
    all
}

fn home(scratch: &Scratch) -> PathBuf {
    let mut media = recordings();
    media.push(file("family/2024/wedding.mp4", 900, 1_717_858_800));
    media.push(file("family/2024/birthday.mp4", 300, 1_725_192_000));
    let picture = |at: u64| {
        let name = format!("jellyfin/data/metadata/library/{at:03}.jpg");
        file(&name, 20, 1_735_689_600 + at * DAY)
    };
    let mut share: Vec<Vec<u8>> = (0..30).map(picture).collect();
    share.push(file("notes.txt", 1, 1_740_960_000));
    let shards = (0..4).map(|at| {
        let name = format!("data/influxdb/data/homeassistant/autogen/{at}/1.tsm");
        file(&name, 25, NOVEMBER - 30 * DAY + at * DAY)
    });
    Draft::v3()
        .config(&[file("data/home-assistant_v2.db", 3, NOVEMBER)])
        .folder("media", &media)
        .folder("share", &share)
        .addon("a0d7b954_influxdb", &shards.collect::<Vec<_>>())
        .addon(
            "core_mariadb",
            &[file("data/databases/ibdata1", 40, NOVEMBER)],
        )
        .set("name", "Automatic backup 2026.11.0")
        .set("type", "full")
        .app_names(["InfluxDB", "MariaDB"])
        .write(scratch, "home.tar")
}

/// What a command prints, without the slug of the copy and the time that it took.
fn said(rest: &str, command: &str, more: &[(&str, &str)]) -> String {
    let scratch = Scratch::new();
    let run = beside(&line(command, &home(&scratch), rest), &env(more));
    without_chance(&run.out)
}

/// The text with `SLUG` for the slug of the copy and `TIME` for the seconds.
fn without_chance(text: &str) -> String {
    let one = |line: &str| {
        let line = match line
            .split_once("Done in ")
            .and_then(|(_, rest)| rest.split_once(" s:"))
        {
            Some((_, rest)) => format!("Done in TIME s:{rest}"),
            None => line.to_owned(),
        };
        match line
            .split_once("(slim ")
            .and_then(|(head, rest)| Some((head, rest.split_once(')')?)))
        {
            Some((head, (_, rest))) => format!("{head}(slim SLUG){rest}"),
            None => line,
        }
    };
    let lines: Vec<String> = text.lines().map(one).collect();
    lines.join("\n")
}

fn plan(rest: &str, columns: Option<&str>) -> String {
    let columns = columns.map(|columns| ("COLUMNS", columns));
    said(rest, "plan", columns.as_slice())
}

fn json(rest: &str) -> Value {
    serde_json::from_str(&said(&format!("{rest} --json"), "plan", &[])).unwrap()
}

/// The ways out of a plan with these options; at least one.
fn ways(options: &str) -> Vec<Value> {
    let ways = json(options)["ways_out"].as_array().unwrap().clone();
    assert!(!ways.is_empty(), "{options}");
    ways
}

#[track_caller]
fn is_one_screen(text: &str) {
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(
        text.lines().count() <= 24 && widest <= Some(80),
        "{widest:?} columns:\n{text}"
    );
}

const BIG: &str = "--limit 5MB";
const SMALL: &str = "--limit 5.6MB --allow history";
const HISTORY: &str = "--limit 5MB --allow history";

#[test]
fn plan_that_does_not_fit_on_80_columns() {
    let text = plan(BIG, Some("80"));
    is_one_screen(&text);
    assert!(text.starts_with("STILL TOO BIG: "), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn plan_that_does_not_fit_on_120_columns() {
    insta::assert_snapshot!(plan(BIG, Some("120")));
}

#[test]
fn plan_of_what_a_rescan_fetches_on_80_columns() {
    let text = plan(SMALL, Some("80"));
    is_one_screen(&text);
    assert!(text.starts_with("WOULD FIT: "), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn plan_with_consent_on_80_columns() {
    let text = plan(HISTORY, Some("80"));
    is_one_screen(&text);
    assert!(text.starts_with("WOULD FIT: "), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn plan_with_consent_on_120_columns() {
    insta::assert_snapshot!(plan(HISTORY, Some("120")));
}

#[test]
fn plan_with_consent_in_a_pipe() {
    let text = plan(HISTORY, None);
    assert_eq!(
        said(HISTORY, "plan", &[("NO_COLOR", "1")]),
        text,
        "a pipe has no colour anyway"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn plan_with_consent_in_ascii() {
    let text = plan(&format!("{HISTORY} --ascii"), Some("80"));
    assert!(text.is_ascii(), "{text}");
    is_one_screen(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn without_colour_a_terminal_shows_the_same() {
    let coloured = said(
        &format!("{HISTORY} --color always"),
        "plan",
        &[("COLUMNS", "80")],
    );
    let plain = plan(HISTORY, Some("80"));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped += before;
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    stripped += rest;
    assert_ne!(coloured, plain);
    assert_eq!(stripped.replace(" --color always", ""), plain);
}

#[test]
fn shrink_ends_with_what_was_done_and_how_to_upload_it() {
    let text = said(&format!("{HISTORY} --yes"), "shrink", &[("COLUMNS", "80")]);
    insta::assert_snapshot!(text);
}

#[test]
fn shrink_ends_the_same_way_in_ascii() {
    let text = said(
        &format!("{HISTORY} --yes --ascii"),
        "shrink",
        &[("COLUMNS", "80")],
    );
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn recordings_go_as_far_as_needed_the_oldest_first() {
    let value = json(HISTORY);
    let drops = value["drops"].as_array().unwrap();
    let of = |harm: &str| -> u64 {
        let rows = drops.iter().filter(|row| row["harm"] == harm);
        rows.map(|row| row["stored_bytes"].as_u64().unwrap()).sum()
    };
    let missing = value["size"].as_u64().unwrap() - 5_000_000 - of("remade");
    assert!(
        of("recordings") * 10 <= missing * 11,
        "{} for {missing}",
        of("recordings")
    );
    let row = drops
        .iter()
        .find(|row| row["harm"] == "recordings")
        .unwrap();
    assert_eq!(row["oldest_of"]["files"], 320);
    assert_eq!(row["lasting"]["first_mtime"], NOVEMBER);
    for harm in ["history", "irreplaceable", "emptied_on_restore"] {
        assert_eq!(of(harm), 0, "{harm}");
    }
}

#[test]
fn no_way_out_takes_a_film_without_naming_it() {
    for limit in ["5MB", "1.2MB", "300kB"] {
        for way in ways(&format!("--limit {limit}")) {
            let options = way["options"].as_str().unwrap();
            let planned = json(&format!("--limit {limit} {options}"));
            let drops = planned["drops"].as_array().unwrap();
            let mut named = drops
                .iter()
                .flat_map(|row| row["lasting"]["largest"].as_array().unwrap());
            let takes = named.any(|file| file["path"] == "family/2024/wedding.mp4");
            let title = way["title"].as_str().unwrap();
            assert_eq!(takes, title.contains("wedding.mp4"), "{limit}: {way}");
        }
    }
}

#[test]
fn no_way_out_with_much_else_hides_a_film_behind_a_number() {
    for options in [
        "--limit 5MB --thorough",
        "--limit 300kB --thorough --allow history",
    ] {
        for way in ways(options) {
            let options = way["options"].as_str().unwrap();
            let title = way["title"].as_str().unwrap();
            let takes = options.contains("user") || options.contains("family");
            assert!(!takes || title.contains(".mp4"), "{way}");
        }
    }
}

#[test]
fn two_ways_out_never_lose_the_same() {
    for options in [
        "--limit 5MB --keep share --keep media:frigate",
        "--limit 700kB --allow history",
    ] {
        let ways = ways(options);
        let lost: Vec<&Value> = ways.iter().map(|way| &way["title"]).collect();
        let mut once = lost.clone();
        once.dedup();
        assert_eq!(once, lost, "{options}");
    }
}

#[test]
fn every_answer_that_takes_a_film_names_it() {
    let scratch = Scratch::new();
    let input = home(&scratch);
    let rest = "--limit 5MB --keep share --keep media:frigate";
    let mut terminal = Terminal::sized(80, "shrink", &input, rest, Some(PASSWORD));
    let mut text = terminal.expect("[q]uit: ");
    while !text.contains("Videos in Media") {
        terminal.say("n\n");
        text = terminal.expect("[q]uit: ");
    }
    let lines: Vec<&str> = text.lines().collect();
    for answer in ["[o] ", "[a] "] {
        let at = lines.iter().position(|line| line.contains(answer));
        let at = at.unwrap_or_else(|| panic!("{answer}:\n{text}"));
        let shown = lines[at..].iter().take(2).copied().collect::<String>();
        assert!(shown.contains(".mp4"), "{answer}:\n{text}");
    }
    terminal.say("q\n");
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn a_question_about_a_whole_folder_comes_after_what_is_in_it() {
    let scratch = Scratch::new();
    let input = home(&scratch);
    let mut terminal = Terminal::sized(80, "shrink", &input, "--drop media", Some(PASSWORD));
    let before = terminal.expect("[y]es, [N]o: ");
    assert!(before.contains("family/2024/wedding.mp4"), "{before}");
    assert!(before.contains("322 files"), "{before}");
    terminal.say("n\n");
    terminal.end();
    assert_eq!(scratch.listing(), ["home.tar"]);
}

#[test]
fn the_questions_end_within_three_answers() {
    let scratch = Scratch::new();
    let input = home(&scratch);
    let mut terminal = Terminal::sized(80, "shrink", &input, BIG, Some(PASSWORD));
    let first = terminal.expect("[q]uit: ");
    let (_, first) = first.split_once("TOO BIG").expect(&first);
    terminal.say("y\n");
    let second = terminal.expect("[q]uit: ");
    insta::assert_snapshot!(format!("TOO BIG{first}\n> {second}"));
    assert!(
        second.contains("wedding.mp4 900 kB"),
        "the whole folder says what else is in it:\n{second}"
    );
    terminal.say("o\n");
    let before = terminal.expect("[y]es, [N]o: ");
    assert!(
        before.contains("WOULD FIT: ") && before.contains(" free)"),
        "{before}"
    );
    terminal.say("y\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("read back and compared, nothing differs."));
    let left = entries(&scratch.path("home.slim.tar"), "media");
    assert!(left.iter().any(|e| e.name.ends_with(b"wedding.mp4")));
}

#[test]
fn the_list_and_the_way_back_are_answers_too() {
    let scratch = Scratch::new();
    let input = home(&scratch);
    let mut terminal = Terminal::sized(80, "shrink", &input, BIG, Some(PASSWORD));
    terminal.expect("[q]uit: ");
    terminal.say("n\n");
    terminal.expect("[q]uit: ");
    terminal.say("l\n");
    let listed = terminal.expect("[q]uit: ");
    let files = listed
        .lines()
        .filter(|line| line.contains("front/"))
        .count();
    assert_eq!(files, 320, "{listed}");
    assert!(listed.contains("1 Nov 2026"), "{listed}");
    terminal.say("?\n");
    let help = terminal.expect("[q]uit: ");
    assert!(help.contains("nothing is written"), "{help}");
    terminal.say("b\n");
    let first = terminal.expect("[q]uit: ");
    assert!(first.contains("\n1  Jellyfin posters"), "{first}");
    terminal.say("q\n");
    assert_eq!(terminal.end().0, 130);
    assert_eq!(scratch.listing(), ["home.tar"]);
}
