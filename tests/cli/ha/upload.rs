//! `haslim ha upload`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::fake::*;
use crate::exit_codes::damaged;
use crate::schema::check;
use crate::support::draft::Draft;
use crate::support::*;

/// A copy with an id and a name of its own, as haslim makes it.
fn slim(scratch: &Scratch) -> PathBuf {
    let (input, output) = (scratch.copy("v2.tar"), scratch.path("slim.tar"));
    haslim(shrink(&input, &output, "--drop media")).code(0);
    output
}

fn to_cloud(file: &Path) -> String {
    format!("upload {} --to cloud.cloud --yes", file.display())
}

#[test]
fn a_slim_copy_is_sent_as_it_is_and_confirmed() {
    let (home, scratch) = (Fake::new(), Scratch::new());
    let file = slim(&scratch);
    home.state().backups = vec![listed("00000001", "Older", "cloud.cloud", 5)];
    let run = home.haslim(&to_cloud(&file)).code(0);
    assert!(
        run.out.contains("Replaces \"Older\" of 22 Nov 2026"),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("Home Assistant Cloud stores it"),
        "{}",
        run.out
    );
    let state = home.state();
    let (path, part, bytes) = &state.received[0];
    assert_eq!(path, "/api/backup/upload?agent_id=cloud.cloud");
    // TRAP "closing": always the same name.
    assert_eq!(part, "haslim.tar");
    assert!(*bytes == std::fs::read(&file).unwrap());
}

#[test]
fn the_json_of_an_upload_follows_the_schema() {
    let (home, scratch) = (Fake::new(), Scratch::new());
    let file = slim(&scratch);
    home.state().backups = vec![listed("00000001", "Older", "cloud.cloud", 5)];
    let line = format!("{} --json", to_cloud(&file));
    let value = home.haslim(&line).code(0).json();
    check("ha upload", &value);
    assert_eq!(value["replaced"][0]["id"], "00000001");
    let again = home.haslim(&line).code(3);
    check("error alone", &again.json());
    assert_eq!(again.json()["error"]["kind"], "already_stored");
    assert_eq!(home.state().received.len(), 1);
    // Progress in events.
    let home = Fake::with(|state| state.upload = Upload::Retry);
    let run = home
        .haslim(&format!("{} --progress json", to_cloud(&file)))
        .code(0);
    let events = run
        .err
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut stages = Vec::new();
    for event in events {
        check("event", &event);
        if event["event"] == "begin" {
            stages.push(event["stage"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(stages, ["verify", "send", "prepare", "store", "store"]);
    assert!(run.err.contains("try 2 of 5"), "{}", run.err);
}

/// TRAP 201, and every row of the table whose proof is the log.
#[test]
fn a_201_without_the_backup_in_the_list_is_no_success() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    for (message, says, step) in [
        (
            "Upload failed for cloud.cloud: The backup size of 6.5GB is too large to be uploaded to Home Assistant Cloud",
            "too large",
            "smaller copy",
        ),
        (
            "Upload failed for cloud.cloud: Cloud backups must be protected",
            "must be protected",
            "encrypted copy",
        ),
        (
            "Upload failed for cloud.cloud: Cloud subscription has expired",
            "has expired",
            "Renew",
        ),
        (
            "Unexpected error for cloud.cloud: 'cloud.cloud'",
            "Unexpected error",
            "Logs",
        ),
        (
            "Upload failed for cloud.cloud: Failed to upload backup Failed to fetch: (403) https://r2.example/x?X-Amz-Signature=canary-signature",
            "(403)",
            "another hour",
        ),
        (
            "Upload failed for cloud.cloud: (400) The MD5 checksum you specified did not match what we received",
            "MD5",
            "memory",
        ),
        (
            "Upload failed for cloud.cloud: Indicated size 1 does not match actual size 2",
            "Indicated size",
            "Try again",
        ),
    ] {
        let home = Fake::with(|state| state.upload = Upload::Refuse(message));
        let run = home.haslim(&to_cloud(&file)).code(9);
        assert!(
            run.err.contains("did not store") && run.err.contains(says) && run.err.contains(step),
            "{}",
            run.err
        );
    }
    let home = Fake::with(|state| state.upload = Upload::OtherSize(1));
    let run = home.haslim(&to_cloud(&file)).code(9);
    assert!(run.err.contains("instead of"), "{}", run.err);
}

#[test]
fn an_upload_that_cannot_be_confirmed_says_so() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    let home = Fake::with(|state| {
        state.upload = Upload::Refuse("late");
        state.agent_errors = json!({"cloud.cloud": "Failed to list backups"});
    });
    let run = home.haslim(&format!("{} --json", to_cloud(&file))).code(9);
    let error = &run.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("cannot be confirmed: Failed to list backups"),
        "{message}"
    );
    assert_eq!(error["kind"], "not_stored");
}

/// The rows of the table that a reply shows; TRAP "early answers" and "proxies".
#[test]
fn a_refusal_names_its_cause_wherever_it_comes_from() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    let html = "<html><h1>413</h1></html>";
    for (how, says) in [
        (
            Upload::Early(
                "413 Too Large\r\nServer: nginx/1.22.1\r\nContent-Type: text/html",
                html,
            ),
            "client_max_body_size",
        ),
        (
            Upload::Early(
                "413 Too Large\r\nServer: cloudflare\r\nContent-Type: text/html",
                html,
            ),
            "Cloudflare",
        ),
        (
            Upload::Early(
                "413 Too Large\r\nServer: ",
                "Maximum request body size 16777216 exceeded",
            ),
            "2026.9.1",
        ),
        (
            Upload::Early("401 Unauthorized\r\nServer: ", "401: Unauthorized"),
            "refuses the token",
        ),
        (
            Upload::Early("403 Forbidden\r\nServer: ", "403: Forbidden"),
            "ip_bans.yaml",
        ),
        (
            Upload::Answer(
                "504 Timeout\r\nServer: nginx/1.22.1\r\nContent-Type: text/html",
                html,
            ),
            "proxy_read_timeout",
        ),
        (
            Upload::Answer(
                "524 Timeout\r\nServer: cloudflare\r\nContent-Type: text/html",
                html,
            ),
            "in your own network",
        ),
        (
            Upload::Answer("502 Bad Gateway\r\nServer: ", "502: Bad Gateway"),
            "Supervisor",
        ),
        (
            Upload::Answer(
                "500 Error\r\nServer: ",
                "Can't write backup file: [Errno 28] No space left on device",
            ),
            "is full; it needs",
        ),
        (
            Upload::Answer(
                "500 Error\r\nServer: ",
                "Can't upload backup file: Backup manager busy: blocked",
            ),
            "busy: blocked",
        ),
        (
            Upload::Answer(
                "500 Error\r\nServer: ",
                "500 Internal Server Error\n\nServer got itself in trouble",
            ),
            "could not read the file",
        ),
        (
            Upload::Answer("503 Unavailable\r\nServer: ", ""),
            "is stopping",
        ),
    ] {
        let home = Fake::with(|state| state.upload = how.clone());
        let run = home.haslim(&to_cloud(&file)).code(8);
        assert!(run.err.contains(says), "{how:?}: {}", run.err);
        assert_eq!(run.err.trim_end().lines().count(), 1, "{}", run.err);
    }
}

/// Much more than the buffers of a connection hold.
fn large(scratch: &Scratch) -> PathBuf {
    let large = [make::file("a", &make::noise(24 << 20))];
    let draft = Draft::v2().config(&[]).folder("media", &large);
    draft.write(scratch, "large.tar")
}

/// TRAP "early answers": the write fails, and the reason is there.
#[test]
fn the_reason_is_read_although_home_assistant_takes_no_more_bytes() {
    let scratch = Scratch::new();
    let file = large(&scratch);
    let known = "--ca-file tests/cli/ha/tls/authority.pem";
    for (home, more) in [(Fake::new(), ""), (Fake::with_certificate(), known)] {
        for (head, says) in [
            ("401 Unauthorized\r\nServer: ", "refuses the token"),
            ("413 Too Large\r\nServer: nginx", "client_max_body_size"),
        ] {
            home.state().upload = Upload::Early(head, "no");
            let run = home.haslim(&format!("{} {more}", to_cloud(&file))).code(8);
            assert!(run.err.contains(says), "{head} {more}: {}", run.err);
        }
    }
}

#[test]
fn an_upload_over_tls_arrives_whole() {
    let (home, scratch) = (Fake::with_certificate(), Scratch::new());
    let file = large(&scratch);
    let known = "--ca-file tests/cli/ha/tls/authority.pem";
    home.haslim(&format!("{} {known}", to_cloud(&file))).code(0);
    assert!(home.state().received[0].2 == std::fs::read(&file).unwrap());
}

#[test]
fn what_an_upload_replaces_is_looked_up_once_more_before_it() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    let home = Fake::new();
    home.state().backups = vec![listed("00000001", "Older", "cloud.cloud", 5)];
    home.state().arrives = Some(listed("00000002", "Newer", "cloud.cloud", 6));
    let run = home.haslim(&to_cloud(&file)).code(0);
    assert!(
        run.out.contains("Replaces \"Older\"") && run.out.contains("Replaces \"Newer\""),
        "{}",
        run.out
    );
    assert!(run.err.contains("has changed"), "{}", run.err);
    let home = Fake::new();
    home.state().backups = vec![listed("00000001", "Older", "cloud.cloud", 5)];
    home.state().arrives = Some(listed("00000002", "Newer", "cloud.cloud", 6));
    let value = home.haslim(&format!("{} --json", to_cloud(&file))).code(0);
    assert_eq!(value.json()["replaced"][0]["id"], "00000002");
}

#[test]
fn a_lost_connection_says_how_far_it_was_and_what_to_do() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    let home = Fake::with(|state| state.upload = Upload::Cut(4096));
    let run = home.haslim(&to_cloud(&file)).code(8);
    assert!(
        run.err.contains("was lost") && run.err.contains("run the same command again"),
        "{}",
        run.err
    );
    let file = large(&scratch);
    let home = Fake::with(|state| state.upload = Upload::Cut(12 << 20));
    let run = home.haslim(&to_cloud(&file)).code(8);
    let (_, rest) = run.err.split_once(", at ").expect(&run.err);
    let percent: u32 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!((40..100).contains(&percent), "{}", run.err);
}

/// A restart of Home Assistant: the reply is lost, and the backup is stored all the same.
#[test]
fn a_lost_reply_is_no_failure_if_the_backup_is_listed() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    let home = Fake::with(|state| state.upload = Upload::StoreAndVanish);
    home.haslim(&to_cloud(&file)).code(0);
}

#[test]
fn a_lost_reply_and_a_place_that_cannot_list_is_not_called_a_failure() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    let home = Fake::with(|state| {
        state.upload = Upload::StoreAndVanish;
        state.agents = vec!["backup.local", "cloud.cloud"];
        state.agent_errors = json!({"cloud.cloud": "Failed to list backups"});
        state.lists_nothing = true;
    });
    let run = home.haslim(&to_cloud(&file)).code(9);
    assert!(run.err.contains("cannot be confirmed"), "{}", run.err);
    assert!(run.err.contains("what the upload replaces"), "{}", run.err);
}

#[test]
fn what_would_fail_is_refused_before_a_byte_is_sent() {
    let scratch = Scratch::new();
    let (file, plain) = (slim(&scratch), scratch.copy("plain.tar"));
    let bad = scratch.file("bad.tar", &damaged("v2.tar", "media"));
    type Case<'a> = (&'a Path, &'a str, fn(&mut State), i32, &'a str);
    let cases: [Case<'_>; 8] = [
        (&file, "--limit 1kB", |_| {}, 4, "over the limit of 1.00 kB"),
        (&plain, "", |_| {}, 10, "only encrypted"),
        (&bad, "", |_| {}, 5, "media"),
        (
            &file,
            "",
            |s| s.agents = vec!["backup.local"],
            8,
            "only backup.local",
        ),
        (
            &file,
            "",
            |s| s.manager = "create_backup",
            8,
            "making a backup",
        ),
        (&file, "", |s| s.manager = "blocked", 8, "still starting"),
        (&file, "", |s| s.is_admin = false, 8, "administrator"),
        (
            &scratch.file("no.tar", b"no backup"),
            "",
            |_| {},
            5,
            "no Home Assistant backup",
        ),
    ];
    for (path, rest, change, code, says) in cases {
        let home = Fake::with(change);
        let run = home
            .haslim(&format!("{} {rest}", to_cloud(path)))
            .code(code);
        assert!(run.err.contains(says), "{}", run.err);
        assert!(home.state().received.is_empty(), "{says}");
    }
    // No terminal to ask on.
    let home = Fake::new();
    let run = home
        .haslim(&format!("upload {} --to cloud.cloud", file.display()))
        .code(2);
    assert!(run.err.contains("--yes"), "{}", run.err);
    assert!(home.state().asked.is_empty());
}

/// Supervisor, `api/host.py`. Without a Supervisor, Core does not know the question.
#[test]
fn the_free_space_is_asked_for_where_a_supervisor_can_tell() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    let home = Fake::with(|s| s.free = Some(12.3));
    let status = home.haslim("status").code(0);
    assert!(
        status.out.contains("Free on its disk: 13.2 GB"),
        "{}",
        status.out
    );
    let value = home.haslim("status --json").code(0).json();
    check("ha status", &value);
    assert_eq!(value["free_bytes"], 13_207_024_435_u64);
    home.haslim(&to_cloud(&file)).code(0);
    let home = Fake::with(|s| s.free = Some(f64::NAN));
    home.haslim(&to_cloud(&file)).code(0);
    let home = Fake::new();
    home.haslim(&to_cloud(&file)).code(0);
    assert!(
        !home
            .state()
            .asked
            .iter()
            .any(|kind| kind == "supervisor/api")
    );
}

/// TRAP "same name and date".
#[test]
fn a_name_and_date_that_are_there_are_refused() {
    let scratch = Scratch::new();
    let file = scratch.copy("v2.tar");
    let (home, own) = (Fake::new(), manifest(&file));
    let line = format!("upload {} --to backup.local --yes", file.display());
    // In Core, each stretch of white space becomes one underscore.
    let name = own["name"].as_str().unwrap();
    for name in [
        name.to_owned(),
        name.replace(' ', "_"),
        name.replace(' ', "  "),
    ] {
        let mut other = listed("00000001", &name, "backup.local", 5);
        other["date"] = own["date"].clone();
        home.state().backups = vec![other];
        let run = home.haslim(&line).code(10);
        assert!(run.err.contains("would replace"), "{}", run.err);
    }
    assert!(home.state().received.is_empty());
}

#[test]
fn a_rest_is_not_sent_to_the_cloud_whose_copy_it_would_replace() {
    let scratch = Scratch::new();
    let (input, rest) = (scratch.copy("v2.tar"), scratch.path("rest.tar"));
    let options = format!("--drop media --rest {}", rest.display());
    haslim(shrink(&input, &scratch.path("slim.tar"), &options)).code(0);
    let home = Fake::new();
    let run = home.haslim(&to_cloud(&rest)).code(10);
    assert!(run.err.contains("would replace the copy"), "{}", run.err);
    let line = format!("upload {} --to backup.local --yes", rest.display());
    home.haslim(&line).code(0);
}

/// Core lists the date of the request as that of the backup.
#[test]
fn the_date_of_the_request_counts_if_there_is_one() {
    let scratch = Scratch::new();
    let requested = "2026-11-03T01:02:03.400000+00:00";
    let file = Draft::v3()
        .folder("media", &[make::file("a", b"x")])
        .metadata(|metadata| {
            metadata["extra"] = json!({"supervisor.backup_request_date": requested});
        })
        .write(&scratch, "in.tar");
    let (home, own) = (Fake::new(), manifest(&file));
    let line = format!("upload {} --to backup.local --yes", file.display());
    for (date, code) in [(requested, 10), (own["date"].as_str().unwrap(), 0)] {
        let mut other = listed("00000001", own["name"].as_str().unwrap(), "backup.local", 5);
        other["date"] = date.into();
        home.state().backups = vec![other];
        home.haslim(&line).code(code);
    }
}

#[test]
fn with_wait_a_busy_manager_is_waited_for() {
    let scratch = Scratch::new();
    let file = slim(&scratch);
    for (state, said) in [
        ("create_backup", "is making a backup"),
        ("blocked", "is still starting"),
    ] {
        for cut in [0, 2] {
            let home = Fake::with(|fake| (fake.manager, fake.events_cut) = (state, cut));
            let run = home.haslim(&format!("{} --wait", to_cloud(&file))).code(0);
            let told = format!("Waiting: Home Assistant {said}");
            assert_eq!(run.out.matches(&told).count(), 1, "{}", run.out);
        }
    }
}

/// core#177999: TRAP "old Core".
#[test]
fn a_version_that_refuses_large_uploads_is_named_by_status() {
    let home = Fake::with(|state| state.version = "2026.8.2");
    let status = home.haslim("status").code(0);
    assert!(
        status.out.contains("uploads over 16 MiB fail"),
        "{}",
        status.out
    );
    let value = home.haslim("status --json").code(0).json();
    assert_eq!(value["upload_capped"], true);
}

#[test]
fn a_copy_without_the_configuration_is_warned_about() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v2.tar"), scratch.path("bare.tar"));
    haslim(shrink(&input, &output, "--drop homeassistant")).code(0);
    let run = Fake::new().haslim(&to_cloud(&output)).code(0);
    assert!(
        run.err.contains("without Home Assistant's configuration"),
        "{}",
        run.err
    );
}
