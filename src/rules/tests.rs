//! Every rule with its own examples, the never-drop list with every rule, and a user's file on top.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

mod user_file;

use std::collections::BTreeMap;

use super::*;

fn builtin() -> &'static Catalogue {
    Catalogue::builtin().unwrap()
}

/// Every component that a component glob stands for, with `*` read as `x`.
fn components(glob: &str) -> Vec<String> {
    let Some((before, rest)) = glob.split_once('{') else {
        return vec![glob.replace('*', "x")];
    };
    let (inside, after) = rest.split_once('}').unwrap();
    inside
        .split(',')
        .flat_map(|choice| components(&format!("{before}{choice}{after}")))
        .collect()
}

/// A path of the catalogue: a trailing slash marks a directory.
fn example(text: &str) -> (&[u8], bool) {
    text.strip_suffix('/')
        .map_or((text.as_bytes(), false), |dir| (dir.as_bytes(), true))
}

fn id_of(catalogue: &Catalogue, index: Option<RuleIndex>) -> Option<&str> {
    index
        .and_then(|index| catalogue.rule(index))
        .map(|rule| rule.id.as_str())
}

fn matcher(component: &str) -> Matcher {
    Matcher::new(builtin(), component).unwrap()
}

/// True for a rule that needs only a path.
fn unconditional(catalogue: &Catalogue, index: RuleIndex) -> bool {
    catalogue
        .rule(index)
        .is_some_and(|rule| rule.condition == Condition::None)
}

fn rule_for(component: &str, path: &[u8]) -> Option<&'static str> {
    id_of(
        builtin(),
        matcher(component)
            .matching()
            .rule_where(path, false, |index| unconditional(builtin(), index)),
    )
}

#[test]
fn the_built_in_catalogue_loads() {
    if let Err(error) = Catalogue::builtin() {
        panic!("{error}");
    }
}

#[test]
fn every_rule_takes_what_it_says_and_spares_what_it_says() {
    for rule in builtin().rules() {
        for component in components(&rule.component) {
            let matcher = matcher(&component);
            for text in &rule.matches {
                let (path, is_dir) = example(text);
                // As if no other condition were met.
                let accept =
                    |index| unconditional(builtin(), index) || builtin().rule(index) == Some(rule);
                let found = id_of(
                    builtin(),
                    matcher.matching().rule_where(path, is_dir, accept),
                );
                assert_eq!(found, Some(rule.id.as_str()), "{component}: {text}");
            }
            for text in &rule.spares {
                let (path, is_dir) = example(text);
                let found = matcher
                    .matching()
                    .rule_where(path, is_dir, |index| builtin().rule(index) == Some(rule));
                assert_eq!(found, None, "{component}: {} takes {text}", rule.id);
            }
        }
    }
}

#[test]
fn every_rule_is_complete() {
    for rule in builtin().rules() {
        let id = &rule.id;
        assert!(
            !rule.matches.is_empty() && !rule.spares.is_empty(),
            "{id} has no examples"
        );
        assert!(rule.title != *id && !rule.added && rule.enabled, "{id}");
        assert!(
            !rule.source.is_empty() && !rule.source.contains("your rules"),
            "{id} has no source"
        );
        for sentence in [&rule.lost, &rule.prevent] {
            assert!(
                sentence.ends_with('.') && sentence.starts_with(char::is_uppercase),
                "{id}: {sentence}"
            );
        }
        for glob in &rule.globs {
            let used = rule.matches.iter().any(|text| {
                GlobSet::of([glob])
                    .unwrap()
                    .is_match(text.trim_end_matches('/').as_bytes())
            });
            assert!(used, "{id}: no example shows {glob}");
        }
    }
}

#[test]
fn a_glob_that_takes_a_folder_says_so_at_its_end() {
    for rule in builtin().rules() {
        for glob in rule.globs.iter().chain(&rule.except) {
            assert!(
                !glob.contains("/**,") && !glob.contains("/**}"),
                "{}: write {glob} as several globs",
                rule.id
            );
        }
    }
    for never in builtin().never() {
        for glob in &never.globs {
            let inside = glob
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .any(|(inside, _)| inside.contains('/'));
            assert!(!inside, "{}: a slash inside braces of {glob}", never.id);
        }
    }
}

#[test]
fn the_never_drop_list_holds_what_it_says_and_no_more() {
    for never in builtin().never() {
        assert!(never.reason.ends_with('.'), "{}", never.id);
        for component in components(&never.component) {
            let list = NeverList::new(builtin(), &component).unwrap();
            for path in &never.matches {
                assert_eq!(
                    list.reason(path.as_bytes()),
                    Some(never.reason.as_str()),
                    "{component}: {path}"
                );
                let dirs = path.match_indices('/').map(|(at, _)| &path[..at]);
                for dir in dirs.filter(|_| !never.unless_whole_folder) {
                    assert!(
                        list.guards_dir(dir.as_bytes()),
                        "{component}: {dir} holds {path}"
                    );
                }
            }
            for path in &never.spares {
                assert_ne!(
                    list.reason(path.as_bytes()),
                    Some(never.reason.as_str()),
                    "{component}: {path}"
                );
            }
        }
    }
}

/// A catalogue with rules that take everything, before all others.
fn greedy() -> Catalogue {
    let mut text = String::new();
    for (at, component) in ["*", "addon:*", "addons/local"].iter().enumerate() {
        for (kind, glob) in ["**", "**/*", "**/*.*", "**/*.log"].iter().enumerate() {
            text += &format!(
                "[[rule]]\nid = \"all-{at}-{kind}\"\ncomponent = \"{component}\"\nglobs = [\"{glob}\"]\nclass = \"user\"\n"
            );
        }
    }
    Catalogue::with_user_file(&text).unwrap()
}

#[test]
fn the_never_drop_list_beats_every_rule() {
    let greedy = greedy();
    for never in builtin().never() {
        for component in components(&never.component) {
            for catalogue in [builtin(), &greedy] {
                let matcher = Matcher::new(catalogue, &component).unwrap();
                for path in &never.matches {
                    let found = matcher.rule_for(path.as_bytes(), false);
                    assert_eq!(id_of(catalogue, found), None, "{component}: {path}");
                }
            }
        }
    }
    let media = Matcher::new(&greedy, "media").unwrap();
    assert_eq!(
        id_of(&greedy, media.rule_for(b"a/b.c", false)),
        Some("all-0-0"),
        "the greedy rules work where nothing is protected"
    );
}

#[test]
fn the_greedy_rules_take_no_protected_example_of_any_other_rule() {
    // Every path of the catalogue that the list protects stays, whichever rule takes it.
    let greedy = greedy();
    for rule in builtin().rules() {
        for component in components(&rule.component) {
            let matcher = Matcher::new(&greedy, &component).unwrap();
            let never = NeverList::new(&greedy, &component).unwrap();
            for text in rule.matches.iter().chain(&rule.spares) {
                let (path, is_dir) = example(text);
                let found = matcher
                    .rule_for(path, is_dir)
                    .and_then(|index| greedy.rule(index));
                let folder = found.is_some_and(|rule| {
                    rule.globs
                        .iter()
                        .any(|glob| Taking::by_glob(glob) == Taking::Folder)
                });
                let taking = if folder { Taking::Folder } else { Taking::File };
                assert!(
                    found.is_none() || never.reason_when(path, taking).is_none(),
                    "{component}: {text}"
                );
            }
        }
    }
}

#[test]
fn special_rules_win_over_broad_ones() {
    assert_eq!(
        rule_for("homeassistant", b".git/logs/x.log"),
        Some("git-history")
    );
    assert_eq!(
        rule_for("homeassistant", b"home-assistant.log.1"),
        Some("system-log")
    );
    assert_eq!(
        rule_for(
            "addon:a0d7b954_plex",
            b"data/Plex Media Server/Metadata/a/Uploads/b.jpg"
        ),
        Some("plex-uploads")
    );
    assert_eq!(
        rule_for("media", b"frigate/clips/faces/Anna/1.webp"),
        Some("frigate-faces")
    );
    assert_eq!(
        rule_for("addon:a0d7b954_influxdb", b"data/influxdb/data/_internal/x"),
        Some("influxdb-own-metrics")
    );
    assert_eq!(
        rule_for("media", b"frigate/recordings/a.mp4"),
        Some("frigate-rec")
    );
    assert_eq!(
        rule_for("media", b"llmvision/snapshots/a.mp4"),
        Some("llmvision-media")
    );
}

#[test]
fn logs_inside_addons_have_no_broad_rule() {
    for path in [
        &b"data/x.log"[..],
        b"data/scrypted.db/000003.log",
        b"config/app.log",
    ] {
        assert_eq!(rule_for("addon:09e60fb6_scrypted", path), None);
    }
}

#[test]
fn a_condition_that_does_not_hold_lets_later_rules_speak() {
    let matcher = matcher("share");
    let path = b"downloads/old.tar";
    assert_eq!(
        id_of(builtin(), matcher.rule_for(path, false)),
        Some("old-backup")
    );
    assert_eq!(rule_for("share", path), Some("downloads"));
}

#[test]
fn paths_are_bytes() {
    assert_eq!(
        rule_for("media", b"frigate/recordings/\xff\xfe\n\x1b[2J.mp4"),
        Some("frigate-rec")
    );
    assert_eq!(rule_for("media", b"\xff\nx/\xe4.mp4"), Some("media-video"));
    assert_eq!(rule_for("media", b""), None);
    assert_eq!(
        rule_for("media", b"frigate/RECORDINGS/a"),
        None,
        "case counts"
    );
}

#[test]
fn all_or_nothing_rules_and_whole_directories_are_those_that_need_it() {
    let ids = |of: fn(&Rule) -> bool| {
        builtin()
            .rules()
            .iter()
            .filter(|r| of(r))
            .map(|r| r.id.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(|r| r.all_or_nothing),
        [
            "git-history",
            "ha-recorder",
            "ha-recorder-moved",
            "local-git",
            "mariadb",
            "influx",
            "timescale",
            "music-assistant-queues"
        ]
    );
    assert_eq!(
        ids(|r| r.whole_directory),
        [
            "git-history",
            "pycache",
            "local-git",
            "mariadb",
            "timescale"
        ]
    );
}

#[test]
fn only_these_rules_take_what_somebody_may_miss() {
    // The class decides what is dropped without asking: a change here changes a promise.
    let of = |class: Class| {
        let mut ids: Vec<&str> = builtin()
            .rules()
            .iter()
            .filter(|r| r.class == class)
            .map(|r| r.id.as_str())
            .collect();
        ids.sort_unstable();
        ids.join(" ")
    };
    assert_eq!(
        of(Class::History),
        "birdnet deconz-firmware deps dot-cache-other frigate-clips frigate-models frigate-rec git-history \
         ha-db-leftover ha-recorder ha-recorder-moved image-tar influx jellyfin-in-config jellyfin-meta \
         llmvision-media llmvision-snap local-git local-src lyrion-cache mariadb motioneye \
         music-assistant-library-copy music-assistant-queues nest-media netdata nodered-legacy ollama-legacy \
         other-logs plex-meta scrypted-nvr ssh-vscode-extensions storage-corrupt timescale traces \
         unknown-backup vscode"
    );
    assert_eq!(
        of(Class::User),
        "downloads foreign-backup frigate-export frigate-faces frigate-own-models ha-db-copies media-video other-backups photo-libs \
         plex-uploads www-camera"
    );
    assert_eq!(
        of(Class::Nested),
        "config-backups old-backup onedrive-tmp radarr-sonarr-backups"
    );
}

/// Issue 11, point 7: files that are dropped without asking are recreated automatically.
#[test]
fn what_needs_no_consent_is_made_again_and_says_where_that_takes_the_internet() {
    let files = |rule: &&Rule| rule.condition != Condition::OuterGarbage;
    for rule in builtin().rules().iter().filter(files) {
        let id = &rule.id;
        if rule.class.is_free() {
            assert_ne!(
                rule.remade_by,
                RemadeBy::Nobody,
                "{id} goes unasked, and nobody makes it again"
            );
            assert_ne!(
                rule.confidence,
                Confidence::Inferred,
                "{id} goes unasked, and its paths are only inferred"
            );
            assert!(!rule.database, "{id} takes a database unasked");
            for words in ["are gone", "is gone", "by hand", "installed again"] {
                assert!(
                    !rule.lost.contains(words),
                    "{id} goes unasked, and says: {}",
                    rule.lost
                );
            }
        }
        if rule.remade_by == RemadeBy::Network {
            assert!(
                rule.lost.contains("internet"),
                "{id} does not say that it takes the internet: {}",
                rule.lost
            );
        }
        assert!(
            !rule.database || rule.all_or_nothing,
            "{id}: a database goes as a whole or not at all"
        );
    }
}

#[test]
fn classes_are_ordered_from_expendable_to_precious() {
    let all = [
        Class::Cache,
        Class::Log,
        Class::Nested,
        Class::History,
        Class::User,
    ];
    assert!(all.is_sorted());
    assert_eq!(all.map(Class::is_free), [true, true, true, false, false]);
}

#[test]
fn a_component_without_rules_has_an_empty_matcher() {
    assert!(matcher("ssl").is_empty());
    assert!(matcher("supervisor").is_empty());
    assert!(
        !matcher("addon:anything").is_empty(),
        "image.tar may be in any add-on"
    );
}

#[test]
fn a_million_paths_are_matched_right() {
    let matcher = matcher("homeassistant");
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let mut path = Vec::new();
    for at in 0..1_000_000u32 {
        use std::io::Write;
        path.clear();
        match at % 10 {
            0 => write!(path, ".git/objects/{:02x}/{at:x}", at % 256).unwrap(),
            1 => write!(path, "custom_components/c{}/__pycache__/m{at}.pyc", at % 97).unwrap(),
            2 => write!(path, "packages/room{at}.yaml").unwrap(),
            _ => write!(path, "www/community/card{}/file{at}.js", at % 53).unwrap(),
        }
        let rule = matcher
            .matching()
            .rule_where(&path, false, |index| unconditional(builtin(), index));
        let id = id_of(builtin(), rule).unwrap_or("kept");
        *found.entry(id).or_default() += 1;
    }
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [
            ("git-history", 100_000),
            ("kept", 800_000),
            ("pycache", 100_000)
        ]
    );
}

#[test]
fn the_catalogue_goes_to_json_with_the_words_of_the_file() {
    let json = serde_json::to_value(builtin()).unwrap();
    let rule = json["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["id"] == "image-tar")
        .unwrap();
    assert_eq!(
        (&rule["class"], &rule["condition"], &rule["confidence"]),
        (&"history".into(), &"image_tar".into(), &"high".into())
    );
    assert_eq!(&rule["remade_by"], "network");
    for remade_by in [
        RemadeBy::Itself,
        RemadeBy::Scan,
        RemadeBy::Network,
        RemadeBy::Nobody,
    ] {
        assert_eq!(serde_json::to_value(remade_by).unwrap(), remade_by.name());
    }
    for class in [
        Class::Cache,
        Class::Log,
        Class::Nested,
        Class::History,
        Class::User,
    ] {
        assert_eq!(serde_json::to_value(class).unwrap(), class.name());
    }
}
