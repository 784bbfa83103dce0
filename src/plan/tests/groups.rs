//! Files that are dropped together, the location of the database, and what a pattern that names a
//! folder drops.

use super::sketch::{Said, shown_of};
use super::*;
use crate::Kind;
use crate::format::tar::block::EntryKind;
use crate::report::terms::Terms;
use crate::report::tests::options::Options;
use crate::rules::Catalogue;

/// A plan and the sentences about it.
struct Planned {
    plan: Plan,
    said: Said,
}

/// What remains of a part, by path.
#[track_caller]
fn left(inside: &str, records: u64, wish: &str, id: &str) -> (Planned, Vec<String>) {
    left_by(Wish::new(wish), inside, records, id)
}

#[track_caller]
fn left_by(wish: Wish, inside: &str, records: u64, id: &str) -> (Planned, Vec<String>) {
    let (backup, surveys) = Sketch::new(inside).build();
    let request = wish.saving(&backup, records);
    let plan = make(&backup, &surveys, &request).unwrap();
    let at = backup.parts.iter().position(|part| part.id == id).unwrap();
    let survey = surveys.iter().find(|s| s.part == at).unwrap();
    let names: Vec<String> = match &plan.parts[at].action {
        Action::Drop => Vec::new(),
        Action::Edit(cut) => cut
            .kept(survey)
            .map(|(_, name)| String::from_utf8_lossy(name).into_owned())
            .collect(),
        _ => survey
            .entries
            .iter()
            .map(|e| String::from_utf8_lossy(&e.name).into_owned())
            .collect(),
    };
    let own = |name: String| {
        name.strip_prefix("data/")
            .map(str::to_owned)
            .or_else(|| (id != "homeassistant").then_some(name))
    };
    let said = said(&backup, &plan);
    (
        Planned { plan, said },
        names
            .into_iter()
            .filter_map(own)
            .filter(|name| name != "." && name != "./addon.json")
            .collect(),
    )
}

const CONFIG: &str = "homeassistant: home-assistant_v2.db 50, home-assistant_v2.db-wal 9, home-assistant_v2.db-shm 3, x.db 4, x.db-journal 2, \
    trip 1, trip-journal 1, configuration.yaml 1";

#[test]
fn a_side_file_never_takes_its_database() {
    // Report 11, point 6.
    let all = [
        "home-assistant_v2.db",
        "home-assistant_v2.db-wal",
        "home-assistant_v2.db-shm",
        "x.db",
        "x.db-journal",
        "trip",
        "trip-journal",
    ];
    let check = |drop: &str, gone: &[&str], without_database: bool| {
        let (plan, left) = left(
            CONFIG,
            0,
            &format!("drop=homeassistant:{drop}"),
            "homeassistant",
        );
        let expected: Vec<&str> = all
            .into_iter()
            .filter(|name| !gone.contains(name))
            .chain(["configuration.yaml"])
            .collect();
        assert_eq!(left, expected, "{drop}");
        assert_eq!(
            plan.plan.changes.without_database, without_database,
            "{drop}"
        );
        plan.said.notes.join("\n")
    };
    check("*.db-shm", &["home-assistant_v2.db-shm"], false);
    check(
        "home-assistant_v2.db-shm",
        &["home-assistant_v2.db-shm"],
        false,
    );
    let note = check("*.db-wal", &[], false);
    assert!(note.contains("--drop homeassistant:*.db-wal keeps home-assistant_v2.db-wal in homeassistant. The database home-assistant_v2.db needs this file"), "{note}");
    check("x.db-journal", &[], false);
    // Any user file may end in that word.
    check("trip-journal", &["trip-journal"], false);
    check(
        "home-assistant_v2.db",
        &[
            "home-assistant_v2.db",
            "home-assistant_v2.db-wal",
            "home-assistant_v2.db-shm",
        ],
        true,
    );
    check("x.db", &["x.db", "x.db-journal"], false);
    check(
        "*.db*",
        &[
            "home-assistant_v2.db",
            "home-assistant_v2.db-wal",
            "home-assistant_v2.db-shm",
            "x.db",
            "x.db-journal",
        ],
        true,
    );
}

#[test]
fn the_class_of_a_rule_never_spreads_to_the_database_beside_what_it_takes() {
    for (globs, gone) in [
        ("*.db-shm", &["home-assistant_v2.db-shm"][..]),
        ("*.db-wal", &[]),
    ] {
        let mut wish = Wish::new("thorough yes=homeassistant/mine");
        let rule = format!(
            "[[rule]]\nid=\"mine\"\ncomponent=\"homeassistant\"\nglobs=[\"{globs}\"]\nclass=\"user\"\nlost=\"x\"\n"
        );
        wish.0.catalogue = Catalogue::with_user_file(&rule).unwrap();
        let (_, left) = left_by(wish, CONFIG, 1, "homeassistant");
        assert!(
            left.contains(&"home-assistant_v2.db".into())
                && left.contains(&"home-assistant_v2.db-wal".into()),
            "{globs}: {left:?}"
        );
        assert!(
            gone.iter().all(|name| !left.contains(&(*name).into())),
            "{globs}: {left:?}"
        );
    }
}

const MARIA: &str = "addon:core_mariadb: data/databases/, data/databases/ibdata1 60, data/databases/ha/, data/databases/ha/states.ibd 40, \
    data/databases/core.err 5, data/databases/ib_buffer_pool 1, data/x 5; homeassistant: x 1, db_url=//core-mariadb";

#[test]
fn what_mariadb_makes_again_goes_alone_and_everything_else_with_all_its_databases() {
    let files = |wish: &str| left(MARIA, 0, wish, "addon:core_mariadb");
    // Paths of an app also begin with data/.
    let all = [
        "databases",
        "databases/ibdata1",
        "databases/ha",
        "databases/ha/states.ibd",
        "databases/core.err",
        "databases/ib_buffer_pool",
        "x",
    ];
    let without = |gone: &[&str]| -> Vec<String> {
        all.iter()
            .filter(|name| !gone.contains(name))
            .map(|name| (*name).to_owned())
            .collect()
    };
    assert_eq!(
        files("drop=addon:core_mariadb:**/*.err").1,
        without(&["databases/core.err"])
    );
    assert_eq!(
        files("drop=addon:core_mariadb:data/databases/core.err").1,
        without(&["databases/core.err"])
    );
    for part in [
        "data/databases/ibdata1",
        "data/databases/ha",
        "**/*.ibd",
        "data/databases/ha/**",
    ] {
        let (plan, left) = files(&format!("drop=addon:core_mariadb:{part}"));
        assert_eq!(left, without(&[]), "{part}");
        assert!(
            plan.said
                .notes
                .iter()
                .any(|note| note.contains("MariaDB cannot start")),
            "{part}: {:?}",
            plan.said.notes
        );
    }
    for whole in [
        "addon:core_mariadb:data/databases",
        "addon:core_mariadb:data/databases/**",
        "addon:core_mariadb:data/databases/*",
        "database",
    ] {
        assert_eq!(files(&format!("drop={whole}")).1, ["x"], "{whole}");
    }
    // If some of the folder is kept, only files that MariaDB recreates are dropped.
    assert_eq!(
        files("drop=database keep=addon:core_mariadb:data/databases/core.err").1,
        without(&["databases/ib_buffer_pool"])
    );
}

#[test]
fn a_pipe_in_the_folder_of_mariadb_goes_alone() {
    let (backup, mut surveys) =
        Sketch::new("addon:core_mariadb: data/databases/, data/databases/ibdata1 60, data/databases/pipe 0, data/x 5").build();
    let entry = surveys[0]
        .entries
        .iter_mut()
        .find(|e| e.name.ends_with(b"pipe"))
        .unwrap();
    entry.kind = EntryKind::Special;
    let request = Wish::new("drop=addon:core_mariadb:data/databases/pipe").saving(&backup, 0);
    let plan = make(&backup, &surveys, &request).unwrap();
    let Action::Edit(cut) = &plan.parts[0].action else {
        panic!("{:?}", plan.parts[0].action)
    };
    assert_eq!(
        (0..cut.fates.len())
            .filter(|at| cut.drops_name(*at))
            .count(),
        1
    );
}

#[test]
fn the_database_is_where_db_url_puts_it() {
    let moved = "homeassistant: db/h.db 50, db/h.db-wal 9, home-assistant_v2.db 7, other.db 3, db_url=db/h.db; share: x 1";
    let (plan, files) = left(moved, 0, "drop=database", "homeassistant");
    assert_eq!(files, ["home-assistant_v2.db", "other.db"]);
    assert!(!plan.plan.changes.without_database);
    assert_eq!(plan.plan.drops[0].effect.name(), "moved_database");
    assert!(
        plan.said.drops[0].lost.starts_with("History, logbook"),
        "{:?}",
        plan.plan.drops
    );
    assert!(
        plan.said
            .notes
            .iter()
            .any(|note| note.contains("homeassistant:db/h.db (`db_url`)")),
        "{:?}",
        plan.said.notes
    );
    let elsewhere = "homeassistant: x 1, db_url=share:hass/h.db; share: hass/h.db 50, hass/h.db-shm 2, hass/y 1";
    let (plan, files) = left(elsewhere, 0, "drop=database", "share");
    assert_eq!(files, ["hass/y"]);
    assert_eq!(
        (
            plan.plan.drops[0].effect.name(),
            plan.said.drops[0].component.as_str()
        ),
        ("moved_database", "share")
    );
    let (_, files) = left(elsewhere, 0, "drop=share keep=database", "share");
    assert_eq!(files, ["hass/h.db", "hass/h.db-shm"]);
}

#[test]
fn the_parts_to_look_into_follow_the_database() {
    let (backup, surveys) =
        Sketch::new("homeassistant: x 1, db_url=share:h.db; share: h.db 50; media: y 1").build();
    for wish in ["drop=database", "drop=share keep=database"] {
        let request = Wish::new(wish).saving(&backup, 0);
        let first = to_survey(&backup, &request);
        assert!(
            first.contains(&0) && !first.contains(&2),
            "{wish}: {first:?}"
        );
        let seen: Vec<PartSurvey> = surveys
            .iter()
            .filter(|s| first.contains(&s.part))
            .cloned()
            .collect();
        let then = to_survey_then(&backup, &seen, &request);
        assert_eq!(
            first.into_iter().chain(then).collect::<Vec<_>>(),
            [0, 1],
            "{wish}"
        );
    }
}

#[test]
fn a_database_that_is_not_in_the_backup_is_told_with_the_reason() {
    for (inside, why) in [
        (
            "homeassistant: home-assistant_v2.db 5, db_url=//db.lan",
            "on the server db.lan, which is no app in this backup",
        ),
        (
            "homeassistant: home-assistant_v2.db 5, db_url=db/gone.db",
            "at homeassistant:db/gone.db, which is not in this backup",
        ),
        (
            "homeassistant: home-assistant_v2.db 5, db_url=share:gone.db",
            "at share:gone.db, which is not in this backup",
        ),
        (
            "homeassistant: x 5, db_url=//77b2833f-timescaledb; addon:77b2833f_timescaledb: data/postgres/x 4",
            "--drop addon:77b2833f_timescaledb leaves",
        ),
    ] {
        let (backup, surveys) = Sketch::new(inside).build();
        let request = Wish::new("drop=database").saving(&backup, 0);
        let error = check_named(&backup, &surveys, &request).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{inside}");
        assert!(
            error
                .next_step()
                .is_some_and(|step| Options.advice(step).contains(why)),
            "{inside}: {error:?}"
        );
        let plan = make(&backup, &surveys, &request).unwrap();
        assert!(
            plan.drops.is_empty()
                && said(&backup, &plan)
                    .warnings
                    .iter()
                    .any(|w| w.contains(why)),
            "{inside}: {:?}",
            said(&backup, &plan).warnings
        );
    }
}

#[test]
fn a_pattern_that_names_its_folder_takes_what_rules_never_take_and_says_what() {
    // Report 11, point 8.
    let inside = "homeassistant: .storage/auth 2, .storage/core.area_registry 2, .storage/lovelace.home 2, www/a.yaml 2, www/b.png 2, x 1";
    for all in [".storage", ".storage/**", ".storage/*"] {
        let (plan, left) = left(
            inside,
            0,
            &format!("drop=homeassistant:{all}"),
            "homeassistant",
        );
        assert_eq!(left, ["www/a.yaml", "www/b.png", "x"], "{all}");
        let lost = &plan.said.drops[0].lost;
        assert!(
            lost.contains("They hold: areas, dashboards, users.")
                && lost.contains("No rule would take these. 3 files: "),
            "{lost}"
        );
    }
    let (_, files) = left(inside, 0, "drop=homeassistant:www/**", "homeassistant");
    assert!(
        !files.iter().any(|name| name.starts_with("www")),
        "{files:?}"
    );
    let (plan, files) = left(inside, 0, "drop=homeassistant:**", "homeassistant");
    assert_eq!(files.len(), 4, "{files:?}");
    let notes: Vec<&String> = plan
        .said
        .notes
        .iter()
        .filter(|note| note.starts_with("--drop homeassistant:** keeps "))
        .collect();
    assert!(
        notes[0].contains(".storage/auth and 2 more") && notes[1].contains("keeps www/a.yaml in"),
        "{notes:?}"
    );
}

#[test]
fn a_symbolic_link_is_no_configuration() {
    let (backup, mut surveys) = Sketch::new("homeassistant: a.yaml 2, b.yaml 2, x 1").build();
    let entry = surveys[0]
        .entries
        .iter_mut()
        .find(|e| e.name.ends_with(b"b.yaml"))
        .unwrap();
    (entry.kind, entry.link) = (EntryKind::Symlink, Some(b"a.yaml"[..].into()));
    let plan = make(
        &backup,
        &surveys,
        &Wish::new("drop=homeassistant:*.yaml").saving(&backup, 0),
    )
    .unwrap();
    assert_eq!(
        plan.drops.iter().map(|row| row.files).collect::<Vec<_>>(),
        [Some(1)],
        "{}",
        shown_of(&backup, &plan)
    );
}
