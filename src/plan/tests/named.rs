//! What plans say about selectors of the user.

use super::*;
use crate::error::Advice;

const HOME: &str = "homeassistant: configuration.yaml 1, www/Photos/a.jpg 5, custom_components/x/y 5, brackets[1]/z 3; media: film.txt 15; \
    addon:a0d7b954_influxdb: data/build/a 5; addon:core_mosquitto: data/a 5; addon:deadbeef_influxdb2: data/b 5";

/// The last word of each sentence in a warning.
#[track_caller]
fn warned(wish: &str) -> Vec<String> {
    said_of(&Sketch::new(HOME), 0, wish).warnings
}

#[track_caller]
fn guess(wish: &str) -> String {
    let [warning] = warned(wish)
        .try_into()
        .unwrap_or_else(|all| panic!("{wish}: {all:?}"));
    let rest = warning
        .strip_prefix("Nothing in this backup matches --")
        .unwrap_or_else(|| panic!("{warning}"));
    rest.split_once(". ")
        .map_or(String::new(), |(_, guess)| guess.to_owned())
}

#[test]
fn a_slip_in_a_component_is_told_with_what_may_have_been_meant() {
    for (named, meant) in [
        ("addon:Influxdb", "addon:a0d7b954_influxdb"),
        ("addon:influxdb", "addon:a0d7b954_influxdb"),
        ("addon:*Influxdb", "addon:a0d7b954_influxdb"),
        ("addon:a0d7b954_inflxdb", "addon:a0d7b954_influxdb"),
        ("addon:mosquito", "addon:core_mosquitto"),
        (
            "addon:flux",
            "addon:a0d7b954_influxdb or addon:deadbeef_influxdb2",
        ),
        (
            "addon:Influxdb:data/build",
            "addon:a0d7b954_influxdb:data/build",
        ),
    ] {
        assert_eq!(
            guess(&format!("drop=media drop={named}")),
            format!("Did you mean {meant}?"),
            "{named}"
        );
        assert_eq!(
            guess(&format!("keep={named}")),
            format!("Did you mean {meant}?"),
            "{named}"
        );
    }
    for far in [
        "share",
        "addon:grafana",
        "addon:zz",
        "unknown:x.bin",
        "supervisor",
    ] {
        assert_eq!(guess(&format!("drop=media drop={far}")), "", "{far}");
    }
}

#[test]
fn a_slip_in_a_path_is_told_with_what_may_have_been_meant() {
    for (named, meant) in [
        (
            "homeassistant:data/custom_components/x",
            "homeassistant:custom_components/x",
        ),
        ("homeassistant:data/**/y", "homeassistant:**/y"),
        ("homeassistant:WWW/Photos/*", "homeassistant:www/Photos/*"),
        ("homeassistant:data/Www", "homeassistant:www"),
        ("media:Film.txt", "media:film.txt"),
        (
            "addon:a0d7b954_influxdb:build/**",
            "addon:a0d7b954_influxdb:data/build/**",
        ),
    ] {
        assert_eq!(
            guess(&format!("drop=media:film.txt drop={named}")),
            format!("Did you mean {meant}?"),
            "{named}"
        );
    }
    for far in [
        "homeassistant:WWW/photos/*",
        "homeassistant:nothing",
        "homeassistant:data/nothing/**",
    ] {
        assert_eq!(
            guess(&format!("drop=media:film.txt drop={far}")),
            "",
            "{far}"
        );
    }
}

#[test]
fn what_is_there_is_no_slip() {
    for wish in [
        "drop=media",
        "drop=media keep=media",
        "drop=addon:*",
        "drop=homeassistant:*.yaml",
        "drop=media drop=media:film.txt",
        "keep=media:film.txt",
    ] {
        assert_eq!(warned(wish), Vec::<String>::new(), "{wish}");
    }
}

#[test]
fn what_could_not_be_looked_into_is_no_slip() {
    let (backup, surveys) = Sketch::new(HOME).build();
    let surveys: Vec<PartSurvey> = surveys.into_iter().filter(|s| s.part != 1).collect();
    let request = Wish::new("drop=media:Film.txt").saving(&backup, 0);
    assert!(check_named(&backup, &surveys, &request).is_ok());
    let plan = make(&backup, &surveys, &request).unwrap();
    assert_eq!(
        (said(&backup, &plan).warnings, said(&backup, &plan).notes),
        (
            vec![],
            vec!["Nothing in this backup matches --drop media:Film.txt.".to_owned()]
        )
    );
}

#[test]
fn naming_only_what_is_not_there_is_refused() {
    let (backup, surveys) = Sketch::new(HOME).build();
    let check = |wish: &str, surveys: &[PartSurvey]| {
        check_named(&backup, surveys, &Wish::new(wish).saving(&backup, 0))
    };
    let error = check("drop=addon:Influxdb drop=share", &[]).unwrap_err();
    assert_eq!(error.kind(), crate::Kind::Usage);
    assert_eq!(
        error.message(),
        "nothing in this backup matches addon:Influxdb or share"
    );
    let meant = Advice::DidYouMean {
        selectors: vec!["addon:a0d7b954_influxdb".into()],
        forms: false,
    };
    assert_eq!(error.next_step(), Some(&meant));
    let error = check("drop=media:gone keep=media", &surveys).unwrap_err();
    assert_eq!(error.next_step(), Some(&Advice::ListAll));
    // One match is enough. In a part that was not read, a path may exist. Naming nothing is not a
    // mistake.
    for (wish, surveys) in [
        ("drop=addon:Influxdb drop=media", &surveys[..]),
        ("drop=media:gone", &[]),
        ("keep=share", &surveys),
        ("", &surveys),
    ] {
        assert!(check(wish, surveys).is_ok(), "{wish}");
    }
}

#[test]
fn a_word_that_is_no_selector_is_refused_with_what_may_have_been_meant() {
    let (backup, _) = Sketch::new(HOME).build();
    for (text, meant) in [
        ("core_mosquito", "addon:core_mosquitto"),
        ("Media", "media"),
        ("medai:film.txt", "media:film.txt"),
        ("databse", "database"),
        ("HomeAssistant:www", "homeassistant:www"),
    ] {
        let error = parse(text, &backup).unwrap_err();
        let step = Advice::DidYouMean {
            selectors: vec![meant.into()],
            forms: true,
        };
        assert_eq!(error.next_step(), Some(&step), "{text}");
    }
    let error = parse("nonsense", &backup).unwrap_err();
    assert_eq!(error.next_step(), Some(&Advice::SelectorForms));
}

#[test]
fn what_is_kept_all_the_same_is_not_said_to_be_missing() {
    let plan = said_of(&Sketch::new(HOME), 0, "drop=media keep=media");
    assert!(
        plan.notes
            .iter()
            .any(|n| n.starts_with("--drop media takes nothing: all that it matches stays.")),
        "{:?}",
        plan.notes
    );
}

/// The rows about the user's selectors: title, what is lost, and the advice.
fn rows(inside: &str, wish: &str) -> Vec<(String, String, String)> {
    let rows = said_of(&Sketch::new(inside), 0, wish).drops.into_iter();
    rows.map(|row| (row.title, row.lost, row.advice.unwrap_or_default()))
        .collect()
}

#[test]
fn what_the_catalogue_knows_of_things_that_were_named_is_told() {
    let inside = "homeassistant: configuration.yaml 1, nest/, nest/event_media/, nest/event_media/a/1.mp4 5, nest/event_media/2.jpg 5, \
        zigbee2mqtt/log/2025-01-01.00-00-00/log.txt 4, zigbee2mqtt/y 1, backups/ 0, backups/old.tar! 9, home-assistant_v2.db 20; media: frigate/recordings/a.mp4 20";
    let (nest, log) = (
        "The local copies of camera clips and pictures; what Google keeps in its cloud is not touched.",
        "Old log messages of Zigbee2MQTT.",
    );
    for all in [
        "drop=homeassistant:nest/event_media/**",
        "drop=homeassistant:nest",
    ] {
        let [(_, lost, advice)] = rows(inside, all).try_into().unwrap();
        assert_eq!(lost, nest);
        assert!(
            advice.contains("delete clips that you don't need"),
            "{advice}"
        );
    }
    // If two rules match, each is named; files that no rule matches are only counted.
    let [(_, lost, advice)] = rows(inside, "drop=homeassistant:{nest,zigbee2mqtt/log}/**")
        .try_into()
        .unwrap();
    assert_eq!(
        lost,
        format!("Nest camera clips: {nest} Zigbee2MQTT logs: {log}")
    );
    assert!(
        advice.contains("delete clips") && advice.contains("`log_output`"),
        "{advice}"
    );
    let [(_, lost, advice)] = rows(inside, "drop=homeassistant:zigbee2mqtt")
        .try_into()
        .unwrap();
    assert_eq!(
        (lost.as_str(), advice.as_str()),
        ("2 files of the configuration.", "")
    );
    // A restore treats these differently, so each has a row.
    let both = rows(inside, "drop=homeassistant:{home-assistant_v2.db,nest/**}");
    let titles: Vec<&str> = both
        .iter()
        .map(|(title, ..)| title.rsplit_once(" (").unwrap().1)
        .collect();
    assert_eq!(titles, ["Recorder database)", "Nest camera clips)"]);
    // A rule that is switched off is not mentioned.
    let [(_, lost, _)] = rows(inside, "drop=homeassistant:nest off=nest-media")
        .try_into()
        .unwrap();
    assert_eq!(lost, "2 files of the configuration.");
    let [(_, lost, _)] = rows(inside, "drop=media:frigate").try_into().unwrap();
    assert_eq!(lost, "The recorded footage of your cameras.");
}
