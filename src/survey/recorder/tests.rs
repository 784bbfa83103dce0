use super::*;
use crate::format::tar::block::EntryKind;

/// Where these files put the database; each is a name, with its text after `=`.
fn recorder(files: &[(&str, &str)]) -> Recorder {
    let mut read = Files::default();
    for (path, text) in files {
        read.begin(Some(path.as_bytes()), EntryKind::File);
        // In pieces, as they come from an archive.
        text.as_bytes().chunks(7).for_each(|piece| read.data(piece));
        read.end();
    }
    read.recorder()
}

fn at(component: &'static str, path: &str) -> Recorder {
    Recorder::File(vec![Place {
        component,
        path: path.to_owned(),
    }])
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: Recorder) {
    assert_eq!(recorder(files), expected, "{files:?}");
    let mut reversed = files.to_vec();
    reversed.reverse();
    assert_eq!(
        recorder(&reversed),
        expected,
        "in the other order: {files:?}"
    );
}

/// gui-recorder#11, core#26397.
#[test]
fn an_url_in_the_configuration_itself_is_read_however_it_is_written() {
    let history = || at("homeassistant", "db/history.db");
    for text in [
        "recorder:\n  db_url: sqlite:////config/db/history.db\n",
        "recorder: # history\r\n  purge_keep_days: 5\r\n  db_url: \"sqlite:////config/db/history.db\" # x\r\n",
        "\u{feff}recorder:\n    db_url: 'sqlite:////config/db/history.db'\n",
        "recorder: {purge_keep_days: 3, db_url: \"sqlite:////config/db/history.db\"}\n",
        "recorder:\n  db_url: >-\n    sqlite:////config/db/history.db\n",
        "recorder:\n  db_url:\n    sqlite:////config/db/history.db\n",
        "default: &db\n  db_url: sqlite:////config/db/history.db\nrecorder:\n  <<: *db\n  purge_keep_days: 1\n",
        "x: &url sqlite:////config/db/history.db\nrecorder:\n  db_url: *url\n",
        "recorder:\n  db_url: !env_var DB_URL sqlite:////config/db/history.db\n",
        "automation: !include automations.yaml\nx: !input y\nrecorder:\n  db_url: sqlite:////config/db/history.db?timeout=5\n",
        // Other readers may accept this as YAML.
        "x: {{ broken }}\nrecorder:\n  db_url: sqlite:////config/db/history.db\n",
    ] {
        check(&[("configuration.yaml", text)], history());
    }
    for text in [
        "",
        "# recorder:\n#   db_url: sqlite:////config/x.db\n",
        "default_config:\n",
        "recorder:\n",
        "recorder:\n  purge_keep_days: 3\n",
        "other:\n  db_url: sqlite:////config/x.db\n",
    ] {
        check(&[("configuration.yaml", text)], Recorder::Usual);
    }
    check(
        &[(
            "other.yaml",
            "recorder:\n  db_url: sqlite:////config/x.db\n",
        )],
        Recorder::Usual,
    );
}

#[test]
fn secrets_includes_and_packages_are_followed() {
    let history = || at("homeassistant", "db/history.db");
    let url = "sqlite:////config/db/history.db";
    let (db_url, recorder_yaml) = (
        format!("db_url: {url}\n"),
        format!("recorder:\n  db_url: {url}\n"),
    );
    let secret = format!("other: x\ndb: {url}\n");
    let cases: &[&[(&str, &str)]] = &[
        &[
            ("configuration.yaml", "recorder:\n  db_url: !secret db\n"),
            ("secrets.yaml", &secret),
        ],
        &[
            ("configuration.yaml", "recorder: !include recorder.yaml\n"),
            ("recorder.yaml", &db_url),
        ],
        &[
            (
                "configuration.yaml",
                "recorder: !include conf/recorder.yaml\n",
            ),
            ("conf/recorder.yaml", "db_url: !secret db\n"),
            ("conf/secrets.yaml", &secret),
            ("secrets.yaml", "db: sqlite:////config/wrong.db\n"),
        ],
        &[
            (
                "configuration.yaml",
                "recorder: !include /config/conf/recorder.yaml\n",
            ),
            ("conf/recorder.yaml", "db_url: !secret db\n"),
            ("secrets.yaml", &secret),
        ],
        &[
            (
                "configuration.yaml",
                "recorder:\n  db_url: !include url.yaml\n",
            ),
            ("url.yaml", url),
        ],
        &[
            (
                "configuration.yaml",
                "homeassistant:\n  packages: !include_dir_named packages\n",
            ),
            ("packages/db.yaml", &recorder_yaml),
            ("packages/a.yaml", "recorder:\n"),
        ],
        &[
            (
                "configuration.yaml",
                "homeassistant:\n  packages: !include_dir_named packages/\n",
            ),
            ("packages/deep/er/db.yaml", &recorder_yaml),
        ],
        &[
            (
                "configuration.yaml",
                "homeassistant:\n  packages: !include_dir_merge_named packages\n",
            ),
            (
                "packages/all.yaml",
                "one:\n  recorder:\n    db_url: sqlite:////config/db/history.db\n",
            ),
        ],
        &[(
            "configuration.yaml",
            "homeassistant:\n  packages:\n    one:\n      recorder:\n        db_url: sqlite:////config/db/history.db\n",
        )],
        &[
            (
                "configuration.yaml",
                "homeassistant:\n  packages:\n    one: !include packages/db.yaml\n",
            ),
            ("packages/db.yaml", &recorder_yaml),
        ],
        &[
            (
                "configuration.yaml",
                "homeassistant: !include homeassistant.yaml\n",
            ),
            ("homeassistant.yaml", "packages: !include_dir_named p\n"),
            ("p/db.yaml", "recorder: !include ../recorder.yaml\n"),
            ("recorder.yaml", &db_url),
        ],
        &[
            (
                "configuration.yaml",
                "recorder: !include_dir_merge_named recorder\n",
            ),
            ("recorder/a.yaml", "purge_keep_days: 3\n"),
            ("recorder/b.yaml", &db_url),
        ],
    ];
    for files in cases {
        check(files, history());
    }
}

#[test]
fn files_that_say_nothing_change_nothing() {
    check(
        &[
            ("configuration.yaml", "recorder: !include recorder.yaml\n"),
            ("recorder.yaml", "purge_keep_days: 3\n"),
        ],
        Recorder::Usual,
    );
    // Hidden folders, secrets and other folders are not packages.
    let db = "recorder:\n  db_url: sqlite:////config/x.db\n";
    check(
        &[
            (
                "configuration.yaml",
                "homeassistant:\n  packages: !include_dir_named packages\n",
            ),
            ("packages/.old/a.yaml", db),
            ("packages/secrets.yaml", db),
            ("packages2/a.yaml", db),
        ],
        Recorder::Usual,
    );
}

#[test]
fn what_cannot_be_followed_is_unknown_and_says_why_without_a_secret() {
    for (files, why) in [
        (
            &[
                ("configuration.yaml", "recorder:\n  db_url: !secret db\n"),
                ("secrets.yaml", "other: hunter2\n"),
            ][..],
            "the secret db is not in secrets.yaml",
        ),
        (
            &[("configuration.yaml", "recorder: !include gone.yaml\n")],
            "gone.yaml is not in this backup, or was not looked into",
        ),
        (
            &[("configuration.yaml", "recorder: !include ../gone.yaml\n")],
            "../gone.yaml lies outside the configuration",
        ),
        (
            &[(
                "configuration.yaml",
                "recorder:\n  db_url: !env_var DB_URL\n",
            )],
            "`db_url` comes from the environment (!env_var)",
        ),
        (
            &[
                (
                    "configuration.yaml",
                    "recorder:\n  db_url: !include a.yaml\n",
                ),
                ("a.yaml", "!include a.yaml"),
            ],
            "the configuration includes too much to look for `db_url`",
        ),
        (
            &[("configuration.yaml", "recorder: [unclosed\n")],
            "configuration.yaml could not be read as YAML",
        ),
        (
            &[(
                "configuration.yaml",
                "recorder:\n  db_url: nonsense hunter2\n",
            )],
            "`db_url` is no URL",
        ),
    ] {
        check(files, Recorder::Unknown(why.to_owned()));
    }
}

#[test]
fn an_url_names_a_file_of_a_component_a_server_or_nothing_that_is_known() {
    for (url, expected) in [
        (
            "sqlite:////config/db/ha.db",
            at("homeassistant", "db/ha.db"),
        ),
        (
            "sqlite:////config//db/./x/../ha.db",
            at("homeassistant", "db/ha.db"),
        ),
        ("sqlite:///ha.db", at("homeassistant", "ha.db")),
        (
            "sqlite:///db/ha.db?check_same_thread=false",
            at("homeassistant", "db/ha.db"),
        ),
        (
            "sqlite:///config/ha.db",
            at("homeassistant", "config/ha.db"),
        ),
        (
            "sqlite+pysqlite:////share/hass/ha.db",
            at("share", "hass/ha.db"),
        ),
        ("sqlite:////config/../media/ha.db", at("media", "ha.db")),
        ("sqlite:////ssl/ha.db", at("ssl", "ha.db")),
        ("sqlite:////config/home-assistant_v2.db", Recorder::Usual),
        ("sqlite:///home-assistant_v2.db", Recorder::Usual),
        (
            "sqlite:////tmp/ha.db",
            Recorder::Elsewhere("/tmp/ha.db".into()),
        ),
        (
            "mysql://core-mariadb/homeassistant?charset=utf8mb4",
            Recorder::Server("core-mariadb".into()),
        ),
        (
            "mysql+pymysql://user:p%40ss/w@Core-MariaDB:3306/ha",
            Recorder::Server("core-mariadb".into()),
        ),
        (
            "mariadb+pymysql://u:hunter2@10.0.0.2/ha",
            Recorder::Server("10.0.0.2".into()),
        ),
        (
            "postgresql://u:hunter2@[fd00::1]:5432/ha",
            Recorder::Server("fd00::1".into()),
        ),
        (
            "sqlite://",
            Recorder::Unknown("`db_url` names no file".into()),
        ),
        (
            "sqlite:///:memory:",
            Recorder::Unknown("`db_url` names no file".into()),
        ),
        (
            "mysql:///ha?unix_socket=/x",
            Recorder::Unknown("`db_url` names no server".into()),
        ),
    ] {
        assert_eq!(url::read(url), expected, "{url}");
        assert!(
            !format!("{:?}", url::read(url)).contains("hunter2"),
            "{url}"
        );
    }
    // SQLAlchemy does not decode the name, so the literal one is more likely.
    let Recorder::File(places) = url::read("sqlite:////config/my%20db/ha.db") else {
        panic!()
    };
    assert_eq!(
        places
            .iter()
            .map(|place| place.path.as_str())
            .collect::<Vec<_>>(),
        ["my%20db/ha.db", "my db/ha.db"]
    );
    let Recorder::File(places) = url::read("sqlite:///file:/config/my%20db/ha.db?mode=rw&uri=true")
    else {
        panic!()
    };
    assert_eq!(places[0].path, "my db/ha.db");
}

#[test]
fn a_configuration_made_to_take_time_ends_in_time() {
    let many: String = (0..60_000).map(|n| format!("k{n}: &a{n} x\n")).collect();
    let loops = "homeassistant: &h\n  packages: &p\n    a: *h\n    b: *p\n  <<: [*h, *h]\n";
    for text in [
        "[".repeat(1 << 20),
        "- ".repeat(1 << 19),
        many,
        "x: 1\n".repeat(1 << 18),
        loops.into(),
    ] {
        let mut files = vec![("configuration.yaml", text.as_str())];
        let again = "recorder: !include_dir_merge_named .\nhomeassistant:\n  packages: !include_dir_merge_named .\n";
        files.push(("p/again.yaml", again));
        recorder(&files);
    }
    let around = "homeassistant:\n  packages: !include_dir_named p\n";
    let packages: Vec<(String, String)> = (0..40)
        .map(|n| {
            (
                format!("p/{n}.yaml"),
                format!(
                    "recorder: !include_dir_merge_named ../p\n# {}\n",
                    "x".repeat(n)
                ),
            )
        })
        .collect();
    let mut files = vec![("configuration.yaml", around)];
    files.extend(
        packages
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    );
    assert_eq!(recorder(&files), Recorder::Usual);
}
