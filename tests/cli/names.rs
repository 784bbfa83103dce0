//! Home Assistant's own names, where a component or a path is typed.

use crate::line;
use crate::support::*;

/// What people type, and the same in haslim's own names.
const MEANT: [(&str, &str); 9] = [
    ("/config/www", "homeassistant:www"),
    ("/media/frigate", "media:frigate"),
    ("media/frigate", "media:frigate"),
    ("/share", "share"),
    ("/ssl", "ssl"),
    ("/addons", "addons/local"),
    ("InfluxDB", "addon:a0d7b954_influxdb"),
    ("a0d7b954_influxdb", "addon:a0d7b954_influxdb"),
    ("influxdb", "addon:a0d7b954_influxdb"),
];

#[test]
fn drop_keep_ls_and_why_understand_them() {
    let (scratch, backup) = (Scratch::new(), fixture("demo.tar"));
    let scan = scratch.scan(&backup);
    for (typed, meant) in MEANT {
        for (command, option) in [
            ("plan", "--limit 1MB --json --drop"),
            ("plan", "--limit 1MB --json --drop media --keep"),
            ("ls", "--json"),
            ("plan", "--json --why"),
        ] {
            let told = |name: &str| {
                let rest = format!("--scan {} {option} {name}", scan.display());
                let run = keyless(line(command, &backup, &rest));
                let mut said = run.json();
                // The question is repeated as it was asked.
                said["path"] = "NAME".into();
                (run.code, said, run.err)
            };
            assert_eq!(told(typed), told(meant), "{command} {option} {typed}");
        }
    }
}

#[test]
fn the_file_of_the_database_means_the_database() {
    let backup = fixture("demo.tar");
    let plan = |name: &str| {
        let run = haslim(line("plan", &backup, &format!("--json --drop {name}"))).code(0);
        run.json()["predicted_size"].clone()
    };
    let database = plan("database");
    assert!(database.is_number(), "{database}");
    for name in ["home-assistant_v2.db", "/config/home-assistant_v2.db"] {
        assert_eq!(plan(name), database, "{name}");
    }
    let all = haslim(line("ls", &backup, "/config/home-assistant_v2.db")).code(0);
    assert!(all.out.contains("home-assistant_v2.db"), "{}", all.out);
}

#[test]
fn the_id_of_a_rule_leads_to_what_it_takes() {
    let run = haslim(line("plan", &fixture("demo.tar"), "--drop frigate-rec")).code(2);
    assert!(run.err.contains("Did you mean "), "{}", run.err);
}
