//! What a plan says: why each part is treated as it is, about single paths, about ways out, and
//! about instructions that it could not follow.

use super::*;
use crate::report::explain;
use crate::report::tests::options::Options;

const HOME: &str = "homeassistant: configuration.yaml 1, home-assistant_v2.db 90, tts/0a4d55a8d778e5022fab701977c5d840bbc486d0_de_-_x.mp3 4, x/b 6; \
    share: old.tar! 40, photo.tar 20; media: frigate/recordings/a.mp4 200, frigate/exports/b.mp4 30, film.txt 15; \
    addon:deadbeef_x: image.tar 25, data/a 5; addon:local_y: image.tar 25, data/a 5";

fn reasons(records: u64, wish: &str) -> Vec<String> {
    let (backup, plan) = plan_of(&Sketch::new(HOME), records, wish);
    backup
        .parts
        .iter()
        .zip(said(&backup, &plan).reasons)
        .map(|(part, why)| format!("{}: {why}", part.id))
        .collect()
}

#[test]
fn each_part_says_why_it_is_treated_so() {
    assert_eq!(
        reasons(44, ""),
        [
            "homeassistant: tts",
            "share: old-backup",
            "media: 2.05 MB of history, 307.20 kB of user only with consent",
            "addon:deadbeef_x: no rule takes anything",
            "addon:local_y: no rule takes anything",
        ]
    );
    assert_eq!(
        reasons(4, "keep=media drop=addon:local_y")[1..],
        [
            "share: not needed",
            "media: --keep",
            "addon:deadbeef_x: no rule takes anything",
            "addon:local_y: --drop addon:local_y",
        ]
    );
    assert!(
        reasons(0, "")
            .iter()
            .all(|why| why.ends_with(": it fits as it is")),
        "{:?}",
        reasons(0, "")
    );
    assert_eq!(
        reasons(360, "allow=history,user")[2],
        "media: frigate-rec, frigate-export"
    );
    assert_eq!(
        reasons(440, "allow=history,user")[4],
        "addon:local_y: whole part"
    );
}

#[test]
fn what_somebody_declined_is_not_said_to_wait_for_consent() {
    let (backup, surveys) = Sketch::new(HOME).build();
    let mut request = Wish::new("").saving(&backup, 300);
    let why = |request: &Request, at: usize| {
        let plan = make(&backup, &surveys, request).unwrap();
        said(&backup, &plan).reasons[at].clone()
    };
    request
        .declined
        .push(("media".into(), Some("frigate-rec".into())));
    assert_eq!(
        why(&request, 2),
        "2.05 MB declined, 307.20 kB of user only with consent"
    );
    request
        .declined
        .push(("media".into(), Some("frigate-export".into())));
    request.declined.push(("addon:deadbeef_x".into(), None));
    assert_eq!(why(&request, 2), "2.36 MB declined");
    assert_eq!(
        (why(&request, 3), why(&request, 4)),
        ("declined".into(), "no rule takes anything".into())
    );
    // It is not offered again.
    let plan = make(&backup, &surveys, &request).unwrap();
    assert_eq!(said(&backup, &plan).ways_out, []);
    assert_ne!(ways(HOME, 300, ""), Vec::<String>::new());
}

#[test]
fn a_part_that_was_not_looked_into_says_so() {
    let (backup, mut surveys) = Sketch::new(HOME).build();
    surveys.retain(|s| s.part != 1);
    let plan = make(&backup, &surveys, &Wish::new("").saving(&backup, 4)).unwrap();
    assert_eq!(said(&backup, &plan).reasons[1], "not looked into");
}

#[track_caller]
fn why(inside: &str, records: u64, wish: &str, place: &str) -> String {
    let (backup, surveys) = Sketch::new(inside).build();
    let request = Wish::new(wish).saving(&backup, records);
    let plan = make(&backup, &surveys, &request).unwrap();
    match explain::why(&backup, &surveys, &request, &plan, place, &Options) {
        Ok(said) => said.join("\n"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn every_path_has_its_reason() {
    let nothing_left_to_say = "stays: no rule takes it.";
    let rows = [
        (
            4,
            "",
            "homeassistant:tts/0a4d55a8d778e5022fab701977c5d840bbc486d0_de_-_x.mp3",
            "would be left out: it belongs to \"Spoken messages\" [tts], class cache. Lost: Nothing: a message is rendered again when it is spoken. A restore empties the config directory first",
        ),
        (4, "", "homeassistant:x/b", nothing_left_to_say),
        (
            4,
            "",
            "homeassistant:configuration.yaml",
            "stays: no rule ever drops it. These files hold the configuration",
        ),
        (
            4,
            "",
            "homeassistant:home-assistant_v2.db",
            "stays: it may go as \"Recorder database\" [ha-recorder] only with your consent (--allow history). Lost then: History, logbook",
        ),
        (
            4,
            "allow=history",
            "homeassistant:home-assistant_v2.db",
            "stays: it may go as \"Recorder database\" [ha-recorder], but the limit does not demand it.",
        ),
        (
            4,
            "",
            "share:old.tar",
            "stays: it may go as \"Old Home Assistant backup\" [old-backup], but the limit does not demand it.",
        ),
        (4, "", "share:photo.tar", nothing_left_to_say),
        (
            4,
            "",
            "addon:deadbeef_x:image.tar",
            "stays: it could go as \"Image of an add-on that was built here\" [image-tar], but the backup does not list the repository",
        ),
        (
            4,
            "",
            "addon:local_y:image.tar",
            "stays: it could go as \"Image of an add-on that was built here\" [image-tar], but this add-on was built from the local add-ons folder",
        ),
        (
            4,
            "keep=homeassistant:x",
            "homeassistant:x/b",
            "stays: --keep names it.",
        ),
        (4, "keep=media", "media:film.txt", "stays: --keep names it."),
        (
            0,
            "drop=homeassistant:x",
            "homeassistant:x/b",
            "would be left out: --drop homeassistant:x names it",
        ),
        (
            0,
            "drop=homeassistant:*.yaml",
            "homeassistant:configuration.yaml",
            "stays: --drop homeassistant:*.yaml matches it, but patterns leave it alone. These files hold",
        ),
        (
            0,
            "drop=addon:*:image.tar",
            "addon:local_y:image.tar",
            "stays: --drop addon:*:image.tar matches it, but patterns leave it alone. Nothing could build",
        ),
        (
            0,
            "drop=media",
            "media:film.txt",
            "would be left out, with all of media: --drop media names it. What is on your system stays there: a restore leaves the live folder as it is.",
        ),
        (
            0,
            "drop=media:*",
            "media:frigate/recordings/a.mp4",
            "would be left out, with all of media: --drop media:* names it.",
        ),
    ];
    for (records, wish, place, expected) in rows {
        let said = why(HOME, records, wish, place);
        let said = said
            .strip_prefix(&format!("{place} "))
            .unwrap_or_else(|| panic!("{said}"));
        assert!(
            said.starts_with(expected),
            "{place}, {records} too many, said '{wish}':\n{said}"
        );
    }
}

#[test]
fn a_folder_that_goes_because_of_one_find_says_which() {
    let said = why(
        "media: frigate/recordings/a.mp4 50; share: x 1",
        10,
        "allow=history",
        "media:frigate/recordings/a.mp4",
    );
    assert!(
        said.contains("would be left out, with all of media: it belongs to \"Frigate recordings\" [frigate-rec], class history."),
        "{said}"
    );
    assert!(
        said.ends_with("On a new system there is nothing to fill it with."),
        "{said}"
    );
}

#[test]
fn a_component_alone_is_explained_and_what_does_not_exist_is_refused() {
    let share = why(HOME, 4, "", "share");
    assert!(share.starts_with("All of share (615.42 kB, 2 files) stays.\n409.60 kB (1 file, old.tar) stays: it may go as "), "{share}");
    assert!(
        share.ends_with("\n204.80 kB (1 file, photo.tar) stays: no rule takes it."),
        "{share}"
    );
    let share = why(HOME, 4, "drop=share", "share:");
    assert!(
        share.starts_with("share (615.42 kB, 2 files) would be left out, with all of share: --drop share names it. What is"),
        "{share}"
    );
    assert_eq!(
        why(HOME, 4, "", "share:no/such"),
        "error: there is no 'share:no/such' in this backup"
    );
    assert_eq!(
        why(HOME, 4, "", "nothing"),
        "error: there is no 'nothing' in this backup"
    );
    assert_eq!(
        why(HOME, 4, "", "sharefold:x"),
        "error: there is no 'sharefold:x' in this backup"
    );
}

#[test]
fn a_folder_says_what_of_it_goes_and_what_stays_and_why() {
    let restore = "A restore empties the config directory first";
    let inside = "homeassistant: a/, a/tts.txt 3, frontend_development_pr/, frontend_development_pr/x/, \
        frontend_development_pr/x/a.js 4, frontend_development_pr/b.js 5, a/__pycache__/b.pyc 7, a/__pycache__/c.pyc 8, a/k/deep/w 2; \
        media: frigate/recordings/a.mp4 200, frigate/recordings/b.mp4 100, frigate/exports/b.mp4 30, frigate/x 1, film.txt 15";
    let whole = why(inside, 20, "", "homeassistant:frontend_development_pr");
    assert!(
        whole.starts_with(
            "homeassistant:frontend_development_pr (92.16 kB, 2 files) would be left out: it belongs to \"Frontend version under test\" [frontend-pr]"
        ),
        "{whole}"
    );
    assert!(whole.contains(restore) && !whole.contains('\n'), "{whole}");
    let some = why(inside, 20, "", "homeassistant:a/");
    let lines: Vec<&str> = some.lines().collect();
    assert_eq!(
        lines[0],
        "Of homeassistant:a (204.80 kB, 4 files) 153.60 kB would be left out; the rest stays."
    );
    assert!(
        lines[1].starts_with(
            "153.60 kB (2 files, the largest: a/__pycache__/c.pyc) would be left out: it belongs to \"Compiled Python files\" [pycache]"
        ),
        "{some}"
    );
    assert_eq!(
        lines[2],
        "51.20 kB (2 files, the largest: a/tts.txt) stays: no rule takes it."
    );
    assert_eq!(lines.len(), 3, "{some}");
    assert_eq!(
        why(inside, 20, "", "homeassistant:a/k/deep"),
        "homeassistant:a/k/deep (20.48 kB, 1 file) stays: no rule takes it."
    );
    let asked = why(inside, 20, "", "media:frigate");
    assert!(
        asked.starts_with(
            "All of media:frigate (3.39 MB, 4 files) stays.\n3.07 MB (2 files, the largest: frigate"
        ),
        "{asked}"
    );
    assert!(
        asked.contains("only with your consent (--allow history)")
            && asked.contains("(--allow user)"),
        "{asked}"
    );
    let named = why(
        inside,
        0,
        "drop=media:frigate keep=media:frigate/exports",
        "media:frigate",
    );
    assert_eq!(
        named,
        "Of media:frigate (3.39 MB, 4 files) 3.08 MB would be left out; the rest stays.\n\
        3.08 MB (3 files, the largest: frigate/recordings/a.mp4) would be left out: --drop media:frigate names it.\n\
        307.20 kB (1 file, frigate/exports/b.mp4) stays: --keep names it."
    );
    assert_eq!(
        why(inside, 0, "", "homeassistant:tt"),
        "error: there is no 'homeassistant:tt' in this backup"
    );
}

#[test]
fn a_folder_whose_files_all_go_while_it_stays_itself_is_not_said_to_stay() {
    let said = why(
        "homeassistant: x/ 1, x/__pycache__/a.pyc 7, x/__pycache__/b.pyc 8, y 1",
        10,
        "",
        "homeassistant:x",
    );
    assert!(said.starts_with("homeassistant:x (153.60 kB, 2 files) would be left out: it belongs to \"Compiled Python files\""), "{said}");
    assert!(!said.contains('\n'), "{said}");
    let said = why(
        "homeassistant: esphome/ 1, esphome/.esphome/build/a 7, esphome/__pycache__/b.pyc 8, y 1",
        14,
        "",
        "homeassistant:esphome",
    );
    assert!(
        said.starts_with(
            "All files of homeassistant:esphome (163.84 kB, 2 files) would be left out.\n81.92 kB (1 file, esphome/__pycache__/b.pyc)"
        ),
        "{said}"
    );
}

#[test]
fn a_part_that_goes_as_a_whole_says_so_and_what_the_rules_know_of_it() {
    let inside = "media: frigate/recordings/a.mp4 300, old.tar! 9; share: x 1";
    let said = why(inside, 250, "allow=history", "media");
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("media (3.17 MB, 2 files) would be left out, with all of media: all that is in it may go. What"),
        "{said}"
    );
    assert!(
        lines[1].starts_with(
            "3.07 MB (1 file, frigate/recordings/a.mp4): it belongs to \"Frigate recordings\""
        ),
        "{said}"
    );
    assert!(
        lines[2]
            .starts_with("92.16 kB (1 file, old.tar): it belongs to \"Old Home Assistant backup"),
        "{said}"
    );
    let said = why("share: x 50; media: y 1", 45, "allow=user", "share");
    assert!(
        said.starts_with("share (513.02 kB, 1 file)")
            && said.contains("the limit demands it, and whole folders and add-ons may go"),
        "{said}"
    );
}

#[test]
fn a_part_that_nobody_looked_into_says_so_and_how_to_look() {
    let (backup, surveys) = Sketch::new("share: x 50; media: y 1").build();
    let request = Request {
        has_key: false,
        ..Wish::new("keep=media").saving(&backup, 0)
    };
    let plan = make(&backup, &surveys, &request).unwrap();
    let said = |place: &str| {
        explain::why(&backup, &[], &request, &plan, place, &Options)
            .unwrap()
            .join("\n")
    };
    assert!(
        said("share").starts_with("All of share (513.02 kB)")
            && said("share").contains("not looked into. Give the key"),
        "{}",
        said("share")
    );
    assert!(
        said("media:y").ends_with(" stays: --keep names it."),
        "{}",
        said("media:y")
    );
    assert!(explain::why(&backup, &[], &request, &plan, "share:x", &Options).is_err());
}

#[test]
fn a_path_can_be_asked_about_as_it_is_shown() {
    let (backup, surveys) = Sketch::new("")
        .part("media", [("a\nb\u{1b}[31m.mp4".to_owned(), 50 * RECORD)])
        .build();
    let request = Wish::new("").saving(&backup, 10);
    let plan = make(&backup, &surveys, &request).unwrap();
    let said = explain::why(
        &backup,
        &surveys,
        &request,
        &plan,
        "media:a\\nb\\u{1b}[31m.mp4",
        &Options,
    )
    .unwrap();
    assert!(
        said[0]
            .starts_with("media:a\\nb\\u{1b}[31m.mp4 stays: it may go as \"Videos\" [media-video]"),
        "{said:?}"
    );
}

fn ways(inside: &str, records: u64, wish: &str) -> Vec<String> {
    let words = said_of(&Sketch::new(inside), records, wish);
    words
        .ways_out
        .iter()
        .map(|way| way.options.clone())
        .collect()
}

#[test]
fn the_ways_out_are_the_least_consent_and_the_fewest_whole_parts() {
    assert_eq!(
        ways(HOME, 50, ""),
        ["--allow history", "--drop media:film.txt", "--drop share"]
    );
    assert_eq!(ways(HOME, 200, ""), ["--allow history", "--drop media"]);
    assert_eq!(
        ways(HOME, 308, ""),
        ["--allow history", "--drop share --drop media"]
    );
    assert_eq!(
        ways(HOME, 340, ""),
        [
            "--allow history,user",
            "--drop media --drop addon:deadbeef_x --drop addon:local_y"
        ]
    );
    assert_eq!(
        ways(HOME, 200, "allow=history"),
        Vec::<String>::new(),
        "it fits"
    );
    assert_eq!(
        ways(HOME, 340, "allow=history"),
        ["--drop media:film.txt", "--allow user", "--drop share"]
    );
    assert_eq!(ways(HOME, 50, "allow=user"), Vec::<String>::new());
    assert_eq!(
        ways(HOME, 460, ""),
        Vec::<String>::new(),
        "nothing can make it fit"
    );
    assert_eq!(
        ways("addon:core_a: data/x 50; share: y 20", 30, ""),
        ["--drop addon:core_a"],
        "both ways lose the same: it is named"
    );
    assert_eq!(
        ways(
            "addon:core_a: data/x 50; ssl: y 20",
            30,
            "keep=addon:core_a"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn a_way_out_is_planned_as_its_command_will_be() {
    for records in [50, 120, 200, 260] {
        let sketch = Sketch::new(HOME);
        let plan = said_of(&sketch, records, "");
        assert!(!plan.ways_out.is_empty(), "{records}");
        for way in &plan.ways_out {
            let wish = way
                .options
                .replace("--allow ", "allow=")
                .replace("--drop ", "drop=");
            let (_, taken) = plan_of(&sketch, records, &wish);
            assert_eq!(
                (taken.outcome, taken.predicted_size),
                (Outcome::Fits, way.predicted_size),
                "{records}: {}",
                way.options
            );
        }
    }
}

#[test]
fn a_way_out_says_what_a_restore_will_do() {
    let plan = said_of(&Sketch::new(HOME), 150, "drop=homeassistant:x");
    let [history, whole] = plan.ways_out.as_slice() else {
        panic!("{:?}", plan.ways_out)
    };
    assert!(
        history.lost[0].starts_with(
            "Frigate recordings (2.05 MB): The recorded footage of your cameras. A restore empties"
        ),
        "{history:?}"
    );
    assert!(
        whole.lost[0].starts_with(
            "media (2.51 MB): Everything in media. What is on your system stays there"
        ),
        "{whole:?}"
    );
    // What is dropped anyway, and what the user already named, is not counted against the
    // alternative.
    let others: Vec<&str> = history.lost.iter().skip(1).map(String::as_str).collect();
    assert_eq!(
        others,
        ["And caches, logs and old backups that may go anyway (450.56 kB)."]
    );
    let plan = said_of(&Sketch::new(HOME), 240, "");
    assert_eq!(
        plan.ways_out[0].lost[1],
        "And caches, logs and old backups that may go anyway (450.56 kB)."
    );
}

#[test]
fn a_row_names_the_globs_that_found_something_and_no_others() {
    let inside = "addon:5c53de3b_esphome: data/build/a 20, data/x 1; homeassistant: home-assistant.log 20, home-assistant.log.1 20, x 1; share: old/a.tar! 50, x 1";
    let plan = said_of(&Sketch::new(inside), 0, "thorough");
    let targets: Vec<&str> = plan.drops.iter().map(|row| row.target.as_str()).collect();
    let logs = "homeassistant:home-assistant.log homeassistant:home-assistant.log.[0-9]";
    assert_eq!(
        targets,
        [
            "addon:5c53de3b_esphome:data/build/**",
            logs,
            "share:old/a.tar"
        ]
    );
}

fn notes(inside: &str, wish: &str) -> Vec<String> {
    said_of(&Sketch::new(inside), 0, wish).notes
}

#[test]
fn what_a_glob_did_not_take_is_told_with_its_reason() {
    let config = "homeassistant: secrets.yaml 1, a.yaml 1, b.yaml 1, x 5; addon:core_mosquitto: data/a 5; addon:core_b: data/b 5";
    let [note] = notes(config, "drop=homeassistant:*.yaml")
        .try_into()
        .unwrap();
    assert!(note.starts_with("--drop homeassistant:*.yaml keeps secrets.yaml and 2 more in homeassistant. These files hold"), "{note}");
    let [note] = notes(config, "drop=addon:*").try_into().unwrap();
    assert!(
        note.starts_with("--drop addon:* keeps addon:core_mosquitto. The retained messages"),
        "{note}"
    );
    let plan = said_of(&Sketch::new(config), 0, "drop=homeassistant:no\u{1b}such");
    assert_eq!(
        plan.warnings,
        ["Nothing in this backup matches --drop homeassistant:no\\u{1b}such."]
    );
    assert_eq!(
        notes(config, "drop=homeassistant:secrets.yaml"),
        Vec::<String>::new()
    );
}

#[test]
fn a_name_that_goes_while_its_contents_stay_is_listed_too() {
    let inside = "homeassistant: a/1.mp4 10, b/2.mp4=a/1.mp4, c/3.mp4=a/1.mp4, x 1, a/4.mp4 5";
    let rows = |wish: &str| {
        let plan = said_of(&Sketch::new(inside), 0, wish);
        assert_eq!(plan.notes, Vec::<String>::new(), "{wish}");
        plan.drops
            .into_iter()
            .map(|row| (row.files, row.stored_bytes / RECORD, row.lost))
            .collect::<Vec<_>>()
    };
    let row = |files: u64, records: u64, lost: &str| vec![(Some(files), records, lost.to_owned())];
    assert_eq!(
        rows("drop=homeassistant:a/1.mp4"),
        row(1, 0, "Only the name a/1.mp4: its contents stay as b/2.mp4.")
    );
    assert_eq!(
        rows("drop=homeassistant:a"),
        row(
            2,
            5,
            "2 files of the configuration. Of a/1.mp4 only the name: its contents stay as b/2.mp4."
        )
    );
    assert_eq!(rows("drop=homeassistant:{a,b}/?.mp4")[0].0, Some(3));
    // No name remains.
    assert_eq!(
        rows("drop=homeassistant:{a,b,c}"),
        row(4, 15, "4 files of the configuration.")
    );
}

#[test]
fn a_rule_says_which_of_its_files_stay_under_another_name() {
    let plan = said_of(
        &Sketch::new(
            "homeassistant: tts/0a4d55a8d778e5022fab701977c5d840bbc486d0_de_-_x.mp3 3, keep/b.mp3=tts/0a4d55a8d778e5022fab701977c5d840bbc486d0_de_-_x.mp3, tts/1a4d55a8d778e5022fab701977c5d840bbc486d0_de_-_x.mp3 4, x 1",
        ),
        4,
        "",
    );
    let rows: Vec<(Option<u64>, u64)> = plan
        .drops
        .iter()
        .map(|row| (row.files, row.stored_bytes / RECORD))
        .collect();
    assert_eq!(rows, [(Some(2), 4)]);
    assert!(
        plan.drops[0]
            .lost
            .ends_with(" Of tts/0a4d55a8d778e5022fab701977c5d840bbc486d0_de_-_x.mp3 only the name: its contents stay as keep/b.mp3."),
        "{}",
        plan.drops[0].lost
    );
}

#[test]
fn a_database_whose_contents_stay_under_another_name_is_excluded_all_the_same() {
    let (backup, plan) = plan_of(
        &Sketch::new("homeassistant: home-assistant_v2.db 9, old.db=home-assistant_v2.db, x 1"),
        0,
        "drop=database",
    );
    assert!(plan.changes.without_database);
    assert_eq!(
        said(&backup, &plan).drops[0].lost,
        "Only the name home-assistant_v2.db: its contents stay as old.db."
    );
}
