//! The user's own rules file: what it can do, and which errors are reported.

use super::*;

const MINE: &str = r#"
disable = ["tts", "pycache"]

[[rule]]
id = "my-timelapse"
component = "media"
globs = ["frigate/recordings/timelapse/**"]
class = "user"
"#;

fn refused(text: &str) -> String {
    match Catalogue::with_user_file(text) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn rules_are_added_in_front_and_switched_off() {
    let catalogue = Catalogue::with_user_file(MINE).unwrap();
    assert_eq!(catalogue.version, builtin().version);
    assert_eq!(catalogue.rules().len(), builtin().rules().len() + 1);
    let media = Matcher::new(&catalogue, "media").unwrap();
    assert_eq!(
        id_of(
            &catalogue,
            media.rule_for(b"frigate/recordings/timelapse/a.mp4", false)
        ),
        Some("my-timelapse")
    );
    let other = media
        .matching()
        .rule_where(b"frigate/recordings/a.mp4", false, |index| {
            unconditional(&catalogue, index)
        });
    assert_eq!(id_of(&catalogue, other), Some("frigate-rec"));
    let config = Matcher::new(&catalogue, "homeassistant").unwrap();
    for path in [&b"__pycache__/a.pyc"[..], b"tts/a_b_c_d.mp3"] {
        assert_eq!(
            config
                .matching()
                .rule_where(path, false, |index| unconditional(&catalogue, index)),
            None
        );
    }
    assert!(
        catalogue
            .by_id("my-timelapse")
            .is_some_and(|rule| rule.added && rule.enabled)
    );
    assert!(
        catalogue
            .by_id("tts")
            .is_some_and(|rule| !rule.added && !rule.enabled),
        "it is still listed"
    );
}

#[test]
fn an_empty_file_changes_nothing() {
    assert_eq!(&Catalogue::with_user_file("").unwrap(), builtin());
}

#[test]
fn a_rule_of_the_users_does_not_beat_the_never_drop_list() {
    let text = "[[rule]]\nid = \"x\"\ncomponent = \"homeassistant\"\nglobs = [\"secrets.yaml\", \".storage/**\"]\nclass = \"cache\"\n";
    let catalogue = Catalogue::with_user_file(text).unwrap();
    let matcher = Matcher::new(&catalogue, "homeassistant").unwrap();
    assert_eq!(matcher.rule_for(b"secrets.yaml", false), None);
    assert_eq!(matcher.rule_for(b".storage/auth", false), None);
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_rule() {
    let message = refused(
        "disable = []\n[[rule]]\nid = \"mine\"\ncomponent = \"media\"\nglob = [\"x\"]\nclass = \"user\"\n",
    );
    assert!(
        message.starts_with("line 5, rule 'mine': unknown field `glob`"),
        "{message}"
    );
    assert!(refused("disabled = [\"tts\"]\n").starts_with("line 1: unknown field `disabled`"));
    assert!(refused("\n[[never]]\nid = \"x\"\n").contains("unknown field `never`"));
}

#[test]
fn a_missing_key_and_a_wrong_value_are_told_with_their_rule() {
    let missing = refused("[[rule]]\nid = \"mine\"\ncomponent = \"media\"\nglobs = [\"x\"]\n");
    assert!(
        missing.starts_with("line 1, rule 'mine': missing field `class`"),
        "{missing}"
    );
    let wrong = refused(
        "[[rule]]\nid = \"mine\"\ncomponent = \"media\"\nglobs = [\"x\"]\nclass = \"junk\"\n[[rule]]\nid = \"other\"\n",
    );
    assert!(
        wrong.starts_with("line 5, rule 'mine': unknown variant `junk`"),
        "{wrong}"
    );
}

#[test]
fn a_second_rule_of_the_same_id_is_told_with_its_line() {
    let text = MINE.replace("my-timelapse", "frigate-rec");
    assert!(
        refused(&text).starts_with("line 5: there is a rule 'frigate-rec' already"),
        "{}",
        refused(&text)
    );
    let twice = format!("{MINE}{}", MINE.split_once("\n\n").unwrap().1);
    assert!(
        refused(&twice).starts_with("line 10: there is a rule 'my-timelapse' already"),
        "{}",
        refused(&twice)
    );
}

#[test]
fn switching_off_what_does_not_exist_is_told() {
    assert!(
        refused("disable = [\n  \"tts\",\n  \"no-such\",\n]\n")
            .starts_with("line 3: there is no rule 'no-such'")
    );
}

#[test]
fn rules_that_could_never_work_are_told() {
    let rule = |component: &str, glob: &str| {
        refused(&format!(
            "[[rule]]\nid = \"x\"\ncomponent = \"{component}\"\nglobs = [{glob}]\nclass = \"user\"\n"
        ))
    };
    for (component, glob, part) in [
        ("folder", "\"a\"", "no component 'folder'"),
        ("media", "", "`globs` is empty"),
        ("media", "\"/frigate\"", "must be relative"),
        ("media", "\"./frigate\"", "must be relative"),
        ("media", "\"frigate/\"", "must be relative"),
        ("media", "\"a[b\"", "is no glob"),
        ("addon:{a", "\"a\"", "is no glob"),
    ] {
        let message = rule(component, glob);
        assert!(
            message.starts_with("line 2, rule 'x': ") && message.contains(part),
            "{message}"
        );
    }
}

/// A rule for the parser: only these three lines differ.
fn rule(component: &str, globs: &str, rest: &str) -> String {
    format!("[[rule]]\nid = \"x\"\ncomponent = \"{component}\"\nglobs = [{globs}]\n{rest}\n")
}

/// Issue 11, point 7: the limits of the built-in rules also apply to user rules.
#[test]
fn a_rule_of_the_users_takes_no_database_unasked() {
    for (component, globs) in [
        ("homeassistant", "\"*.db-shm\""),
        ("homeassistant", "\"**/*.{tmp,sqlite3}\""),
        ("homeassistant", "\"home-assistant_v2.db*\""),
        ("homeassistant", "\"home-assistant_v?.*\""),
        ("homeassistant", "\"**\""),
        ("*", "\"**/*\""),
        ("addon:core_mariadb", "\"data/databases/homeassistant/**\""),
        ("addon:*", "\"data/**\""),
        ("addon:*_influxdb", "\"data/influxdb/**\""),
        (
            "addon:a0d7b954_influxdb",
            "\"data/influxdb/data/homeassistant/**\"",
        ),
        ("addon:77b2833f_timescaledb", "\"data/postgres/base/**\""),
        ("addon:d5369777_music_assistant", "\"data/cache.db\""),
        ("media", "\"photos/index.DB\""),
    ] {
        for class in ["cache", "log", "nested"] {
            let message = refused(&rule(component, globs, &format!("class = \"{class}\"")));
            assert!(
                message.contains("takes files of a database")
                    && message.contains("write history or user"),
                "{globs}: {message}"
            );
        }
        for class in ["history", "user"] {
            assert!(
                Catalogue::with_user_file(&rule(component, globs, &format!("class = \"{class}\"")))
                    .is_ok(),
                "{globs} as {class}"
            );
        }
    }
    for (component, globs, rest) in [
        ("homeassistant", "\"www/**\"", "class = \"cache\""),
        ("homeassistant", "\"**/*.tmp\"", "class = \"log\""),
        (
            "homeassistant",
            "\"home-assistant_v2.*\"",
            "class = \"log\"\nexcept = [\"home-assistant_v2.db\", \"home-assistant_v2.db-*\"]",
        ),
        (
            "addon:a0d7b954_influxdb",
            "\"data/influxdb/data/_internal/**\"",
            "class = \"log\"",
        ),
        ("media", "\"timelapse/**\", \"dbz/**\"", "class = \"cache\""),
    ] {
        assert!(
            Catalogue::with_user_file(&rule(component, globs, rest)).is_ok(),
            "{globs}"
        );
    }
}

#[test]
fn a_rule_of_the_users_that_goes_unasked_is_made_again_and_sure() {
    let load = |rest: &str| Catalogue::with_user_file(&rule("media", "\"a/**\"", rest));
    let made_by = |rest: &str| load(rest).unwrap().by_id("x").unwrap().remade_by;
    assert_eq!(made_by("class = \"cache\""), RemadeBy::Itself);
    assert_eq!(made_by("class = \"user\""), RemadeBy::Nobody);
    assert_eq!(
        made_by("class = \"history\"\nremade_by = \"scan\""),
        RemadeBy::Scan
    );
    let nobody = refused(&rule(
        "media",
        "\"a\"",
        "class = \"log\"\nremade_by = \"nobody\"",
    ));
    assert!(
        nobody.contains("what nobody makes again is not of the class log"),
        "{nobody}"
    );
    let inferred = refused(&rule(
        "media",
        "\"a\"",
        "class = \"cache\"\nconfidence = \"inferred\"",
    ));
    assert!(inferred.contains("only inferred"), "{inferred}");
    let network = load("class = \"cache\"\nremade_by = \"network\"\nlost = \"Pictures.\"").unwrap();
    assert_eq!(
        network.by_id("x").unwrap().lost,
        "Pictures. They are fetched again from the internet."
    );
}

#[test]
fn only_a_path_without_wildcards_is_typed_in_full() {
    assert!(typed_in_full("secrets.yaml") && typed_in_full(".storage/auth"));
    for glob in ["*.yaml", "secrets.yam?", "{secrets}.yaml", "[s]ecrets.yaml"] {
        assert!(!typed_in_full(glob), "{glob}");
    }
}
