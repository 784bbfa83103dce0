//! Compares what the rows say about a restore with a model of a restore.

use std::collections::BTreeSet;

use super::sketch::{Said, is_whole};
use super::*;
use crate::rules::Effect;
use crate::survey::config_path;

/// A live system, or the contents of a copy: component and path of every file.
type Files = BTreeSet<(String, Vec<u8>)>;

fn all_files(
    backup: &Backup,
    surveys: &[PartSurvey],
    kept: impl Fn(usize, usize) -> bool,
) -> Files {
    let mut files = Files::new();
    for survey in surveys {
        let part = &backup.parts[survey.part];
        for (at, entry) in survey
            .entries
            .iter()
            .enumerate()
            .filter(|(at, _)| kept(survey.part, *at))
        {
            let path = config_path(part.kind, 2, &entry.name).map(<[u8]>::to_vec);
            files.extend(path.map(|path| (part.id.clone(), path)));
            let _ = at;
        }
    }
    files
}

/// Restores a copy over the system from which the original was made. Components that the copy does
/// not contain stay unchanged; the others are emptied and filled, except for the recorder's
/// database if the copy declares it excluded.
fn restore(backup: &Backup, surveys: &[PartSurvey], plan: &Plan) -> Files {
    let kept = |part: usize, at: usize| match &plan.parts[part].action {
        Action::Drop => false,
        Action::Edit(cut) => !cut.removes(at),
        _ => true,
    };
    let copy = all_files(backup, surveys, kept);
    let live = all_files(backup, surveys, |_, _| true);
    let absent = |id: &str| {
        backup
            .parts
            .iter()
            .zip(&plan.parts)
            .any(|(p, planned)| p.id == id && planned.action == Action::Drop)
    };
    let stays = |(id, path): &(String, Vec<u8>)| {
        absent(id)
            || id == "homeassistant"
                && plan.changes.without_database
                && crate::rules::is_recorder_file(path)
    };
    copy.into_iter()
        .chain(live.into_iter().filter(stays))
        .collect()
}

/// Whether a row says that what it drops stays on the live system.
fn says_it_stays(effect: Effect) -> bool {
    match effect {
        Effect::WholeFolder
        | Effect::WholeConfig
        | Effect::WholeAddon
        | Effect::RecorderDatabase
        | Effect::UnusedDatabase => true,
        Effect::PartOfFolder
        | Effect::PartOfConfig
        | Effect::MovedDatabase
        | Effect::ConfigBackups
        | Effect::PartOfAddon => false,
        Effect::MariaDb | Effect::ImageTar | Effect::ImageLost => false,
        Effect::Supervisor | Effect::Unknown | Effect::OuterGarbage => {
            panic!("not in these cases: {effect:?}")
        }
    }
}

#[track_caller]
fn check(inside: &str, records: u64, wish: &str, expected: &[(&str, Effect)]) -> Said {
    let (backup, surveys) = Sketch::new(inside).build();
    let plan = make(&backup, &surveys, &Wish::new(wish).saving(&backup, records)).unwrap();
    let words = said(&backup, &plan);
    let titles = words.drops.iter().map(|row| row.title.as_str());
    let effects = plan.drops.iter().map(|row| row.effect);
    let mut rows: Vec<(&str, Effect)> = titles.zip(effects).collect();
    rows.sort_by_key(|row| row.0);
    assert_eq!(
        rows, expected,
        "{inside}, {records} too many, said '{wish}'"
    );
    let after = restore(&backup, &surveys, &plan);
    for (row, said) in plan.drops.iter().zip(&words.drops) {
        assert_eq!(said.on_restore, row.effect.sentence());
        let gone: Files = all_files(&backup, &surveys, |part, at| {
            let reason = |cut: &PartEdit| {
                cut.removes(at) && reason_of(&plan, cut, at) == Some(said.title.clone())
            };
            match &plan.parts[part].action {
                Action::Drop => is_whole(row) && Some(part) == row.part,
                Action::Edit(cut) => {
                    Some(part) == row.part && (reason(cut) || !row.is_chosen() && cut.removes(at))
                }
                _ => false,
            }
        });
        let of_row = |path: &[u8]| {
            row.is_chosen()
                || (row.effect == Effect::RecorderDatabase) == crate::rules::is_recorder_file(path)
        };
        for file in gone
            .iter()
            .filter(|(_, path)| of_row(path) && !path.is_empty())
        {
            let stays = after.contains(file);
            assert_eq!(
                stays,
                says_it_stays(row.effect),
                "{}: {} {:?}",
                said.title,
                file.1.escape_ascii(),
                row.effect
            );
        }
    }
    words
}

/// The title of the unit that drops an entry.
fn reason_of(plan: &Plan, cut: &PartEdit, at: usize) -> Option<String> {
    let reason = usize::from(cut.reason(at)?);
    plan.units
        .get(reason)?
        .rule
        .as_ref()
        .map(|rule| rule.title.clone())
}

#[test]
fn part_of_a_folder_is_deleted_there_and_a_whole_folder_stays() {
    let media = "media: frigate/recordings/a.mp4 50, film.txt 5; share: x 1";
    check(
        media,
        10,
        "allow=history",
        &[("Frigate recordings", Effect::PartOfFolder)],
    );
    check(
        "media: frigate/recordings/a.mp4 50; share: x 1",
        10,
        "allow=history",
        &[("Frigate recordings", Effect::WholeFolder)],
    );
    check(media, 10, "drop=media", &[("media", Effect::WholeFolder)]);
    check(
        media,
        10,
        "drop=media:frigate",
        &[("media:frigate", Effect::PartOfFolder)],
    );
    check(
        media,
        10,
        "drop=media:**",
        &[("media", Effect::WholeFolder)],
    );
    check(
        media,
        10,
        "drop=media keep=media:film.txt",
        &[("media", Effect::PartOfFolder)],
    );
}

#[test]
fn the_live_database_stays_and_the_rest_of_the_configuration_does_not() {
    let config = "homeassistant: home-assistant_v2.db 50, home-assistant_v2.db-wal 9, tts/0a4d55a8d778e5022fab701977c5d840bbc486d0_de_-_x.mp3 4, old/home-assistant_v2.db 6, x 1";
    let plan = check(
        config,
        10,
        "allow=history",
        &[
            ("Recorder database", Effect::RecorderDatabase),
            ("Spoken messages", Effect::PartOfConfig),
        ],
    );
    assert!(plan.without_database);
    let plan = check(config, 2, "", &[("Spoken messages", Effect::PartOfConfig)]);
    assert!(!plan.without_database);
    check(
        config,
        10,
        "drop=database",
        &[("database", Effect::RecorderDatabase)],
    );
    // A file that only has the same name is not the recorder's database.
    let plan = check(
        config,
        5,
        "drop=homeassistant:old/**",
        &[("homeassistant:old/**", Effect::PartOfConfig)],
    );
    assert!(!plan.without_database);
    check(
        config,
        5,
        "drop=homeassistant:old/*.db",
        &[("homeassistant:old/*.db", Effect::PartOfConfig)],
    );
}

#[test]
fn a_selector_that_takes_the_database_and_more_says_both() {
    let config = "homeassistant: home-assistant_v2.db 50, home-assistant_v2.db-wal 9, www/a.png 4, configuration.yaml 1";
    let rows = [
        ("homeassistant:**", Effect::PartOfConfig),
        (
            "homeassistant:** (Recorder database)",
            Effect::RecorderDatabase,
        ),
    ];
    let plan = check(config, 10, "drop=homeassistant:**", &rows);
    let lost: Vec<&str> = plan.drops.iter().map(|row| row.lost.as_str()).collect();
    assert_eq!(
        lost,
        [
            "History, logbook, the energy dashboard's past and long-term statistics.",
            "1 file of the configuration."
        ]
    );
}

#[test]
fn parts_of_addons_are_deleted_there_and_whole_addons_stay() {
    let addons = "addon:core_whisper: data/models--rhasspy--a/b 50, data/x 5; addon:core_mariadb: data/databases/, data/databases/a 70, data/y 5";
    check(
        addons,
        10,
        "",
        &[("Whisper speech models", Effect::PartOfAddon)],
    );
    check(
        addons,
        70,
        "allow=history",
        &[
            ("MariaDB databases", Effect::MariaDb),
            ("Whisper speech models", Effect::PartOfAddon),
        ],
    );
    check(
        addons,
        10,
        "drop=addon:core_whisper",
        &[("addon:core_whisper", Effect::WholeAddon)],
    );
    check(
        addons,
        10,
        "drop=addon:core_whisper:data",
        &[("addon:core_whisper:data", Effect::PartOfAddon)],
    );
    let name = "addon:core_mariadb:data/**";
    check(
        addons,
        10,
        &format!("drop={name}"),
        &[
            (name, Effect::PartOfAddon),
            (
                "addon:core_mariadb:data/** (MariaDB databases)",
                Effect::MariaDb,
            ),
        ],
    );
}

#[test]
fn an_image_that_nothing_can_build_again_is_called_that() {
    let local = "addon:local_mine: image.tar 50, data/x 5";
    check(
        local,
        10,
        "drop=addon:local_mine:image.tar",
        &[("addon:local_mine:image.tar", Effect::ImageLost)],
    );
    let listed = "addon:a0d7b954_x: image.tar 50, data/x 5";
    check(
        listed,
        10,
        "drop=addon:a0d7b954_x:image.tar",
        &[("addon:a0d7b954_x:image.tar", Effect::ImageTar)],
    );
    check(
        listed,
        10,
        "allow=history",
        &[("Image of an add-on that was built here", Effect::ImageTar)],
    );
}

#[test]
fn backups_in_the_config_directory_have_a_sentence_of_their_own() {
    let config = "homeassistant: backups/a.tar! 50, x 5";
    let plan = check(
        config,
        10,
        "",
        &[("Backups inside the config directory", Effect::ConfigBackups)],
    );
    assert!(
        plan.drops[0]
            .on_restore
            .contains("Only Home Assistant Container leaves its folder `backups` alone")
    );
}

#[test]
fn metadata_that_cannot_exclude_the_database_do_not_promise_to_keep_it() {
    let (mut backup, surveys) = Sketch::new("homeassistant: home-assistant_v2.db 50, x 5").build();
    let text = backup.manifest.text().to_owned();
    let old = text.replace(
        r#"{"version":"2026.10.3","exclude_database":false}"#,
        "null",
    );
    assert_ne!(old, text);
    backup.manifest = crate::format::manifest::Manifest::parse(old.as_bytes()).unwrap();
    let plan = make(
        &backup,
        &surveys,
        &Wish::new("allow=history").saving(&backup, 10),
    )
    .unwrap();
    let effects: Vec<Effect> = plan.drops.iter().map(|row| row.effect).collect();
    assert_eq!(effects, [Effect::PartOfConfig]);
}
