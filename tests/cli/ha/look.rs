//! `haslim ha status` and `haslim ha list`.

use serde_json::json;

use super::fake::*;
use crate::schema::check;
use crate::support::*;

fn home() -> Fake {
    Fake::with(|state| {
        state.backups = vec![
            listed(
                "0a1b2c3d",
                "Automatic backup 2026.11.0",
                "backup.local",
                5_650_000_000,
            ),
            listed("1b2c3d4e", "Old one\u{1b}[2J", "cloud.cloud", 27_000_000),
        ];
    })
}

#[test]
fn status_says_what_the_cloud_holds_and_that_the_last_backup_failed() {
    let run = home().haslim("status").code(0);
    for text in [
        "Home Assistant 2026.11.0 at http://127.0.0.1:",
        ": ready",
        "The cloud holds \"Old one\\u{1b}[2J\" of 22 Nov 2026, 05:00 UTC (id 1b2c3d4e), 27.0 MB.",
        "28 Nov 2026, 05:00 UTC; it did not reach every place",
        "The last one that did: on 22 Nov 2026, 05:00 UTC",
    ] {
        assert!(run.out.contains(text), "{text}\n{}", run.out);
    }
    let wide = run.out.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None);
}

#[test]
fn list_shows_what_fits_within_80_columns() {
    let run = home().haslim("list").code(0);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(
        lines[1].starts_with(" no    5.65 GB  22 Nov 2026  0a1b2c3d  backup.local Auto"),
        "{}",
        run.out
    );
    assert!(
        lines[2].starts_with(" yes   27.0 MB  22 Nov 2026  1b2c3d4e  cloud.cloud"),
        "{}",
        run.out
    );
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{}",
        run.out
    );
    assert!(
        run.out.ends_with("2 backups; 1 too big for 5.00 GB.\n"),
        "{}",
        run.out
    );
}

#[test]
fn the_json_follows_the_schema() {
    let home = home();
    for (line, name) in [("status --json", "ha status"), ("list --json", "ha list")] {
        check(name, &home.haslim(line).code(0).json());
    }
    let value = home.haslim("list --json --limit 1MB").code(0).json();
    assert_eq!(value["backups"][1]["places"][0]["fits"], json!(false));
    home.state().is_admin = false;
    let run = home.haslim("list --json").code(8);
    check("error alone", &run.json());
    assert_eq!(run.json()["error"]["kind"], "home_assistant");
}

#[test]
fn a_place_that_cannot_be_listed_is_named() {
    let home = home();
    home.state().agent_errors = json!({"cloud.cloud": "Failed to list backups"});
    let run = home.haslim("list").code(0);
    assert!(
        run.err
            .contains("Home Assistant Cloud cannot be listed: Failed to list backups"),
        "{}",
        run.err
    );
    let run = home.haslim("status").code(0);
    assert!(
        run.out.contains("cannot be listed: Failed to list backups"),
        "{}",
        run.out
    );
}

/// TRAP 401: the WebSocket tells a bad token from a user without rights, and HTTP is never asked.
#[test]
fn a_bad_token_and_a_missing_right_are_told_apart() {
    let home = home();
    let url = home.url.clone();
    let run = home
        .run(
            "status",
            &[("HASLIM_HA_URL", &url), ("HASLIM_HA_TOKEN", "wrong")],
        )
        .code(8);
    assert!(
        run.err.contains("does not know this token") && !run.err.contains("wrong"),
        "{}",
        run.err
    );
    home.state().is_admin = false;
    let run = home.haslim("status").code(8);
    assert!(
        run.err.contains("Ada, who is not an administrator"),
        "{}",
        run.err
    );
}

#[test]
fn a_banned_address_and_a_proxy_without_websockets_are_named() {
    let home = home();
    for (status, headers, says) in [
        (403, "Server: \r\n", "ip_bans.yaml"),
        (403, "", "a proxy answered with 403"),
        (
            403,
            "Server: nginx\r\n",
            "a proxy (nginx) answered with 403",
        ),
        (400, "Server: nginx\r\n", "with 400"),
        (502, "Server: nginx\r\n", "(nginx) cannot reach"),
    ] {
        home.state().no_websocket = Some((status, headers));
        let run = home.haslim("list").code(8);
        assert!(run.err.contains(says), "{}", run.err);
    }
}

#[test]
fn what_is_missing_or_wrong_in_the_connection_is_named() {
    let home = home();
    let (url, token) = (
        ("HASLIM_HA_URL", home.url.as_str()),
        ("HASLIM_HA_TOKEN", TOKEN),
    );
    for (variables, line, says) in [
        (vec![token], "list", "HASLIM_HA_URL"),
        (vec![url], "list", "HASLIM_HA_TOKEN"),
        (
            vec![url, ("HASLIM_HA_TOKEN", "a b")],
            "list",
            "no token has",
        ),
        (vec![token], "list --url homeassistant.local", "http://"),
        (
            vec![url],
            "list --token-file no/such/file",
            "cannot read the token",
        ),
        (
            vec![token],
            "list --url https://127.0.0.1:1 --ca-file Cargo.toml",
            "no certificate",
        ),
    ] {
        let run = home.run(line, &variables).code(2);
        assert!(run.err.contains(says), "{line}: {}", run.err);
    }
    let run = home.run("list --url http://127.0.0.1:1", &[token]).code(8);
    assert!(
        run.err.contains("cannot connect to http://127.0.0.1:1"),
        "{}",
        run.err
    );
    // Plain HTTP where TLS was expected.
    let secure = home.url.replace("http", "https");
    let run = home.run(&format!("list --url {secure}"), &[token]).code(8);
    assert!(run.err.contains("no encrypted connection"), "{}", run.err);
}

#[test]
fn a_lost_connection_is_asked_again() {
    let home = home();
    home.state().answers_cut = 2;
    home.haslim("list").code(0);
    home.state().answers_cut = 3;
    let run = home.haslim("list").code(8);
    assert!(run.err.contains("was lost"), "{}", run.err);
}

/// Each token that is wrong counts as a failed login.
#[test]
fn a_token_is_presented_once() {
    let home = home();
    let (url, wrong) = (home.url.clone(), ("HASLIM_HA_TOKEN", "wrong"));
    home.run("list", &[("HASLIM_HA_URL", &url), wrong]).code(8);
    assert_eq!(home.state().tokens, 1);
    home.state().loses_tokens = true;
    home.haslim("list").code(8);
    assert_eq!(home.state().tokens, 2);
}

#[test]
fn a_certificate_needs_its_authority() {
    let home = Fake::with_certificate();
    home.state().backups = vec![listed("0a1b2c3d", "Old", "cloud.cloud", 5)];
    let run = home.haslim("list").code(8);
    assert!(
        run.err.contains("no encrypted connection") && run.err.contains("its authority"),
        "{}",
        run.err
    );
    let known = "--ca-file tests/cli/ha/tls/authority.pem";
    let run = home.haslim(&format!("list {known}")).code(0);
    assert!(run.out.contains("0a1b2c3d"), "{}", run.out);
    // The certificate is for the address alone.
    let other = home.url.replace("127.0.0.1", "localhost");
    let token = ("HASLIM_HA_TOKEN", TOKEN);
    let run = home
        .run(&format!("list {known} --url {other}"), &[token])
        .code(8);
    assert!(run.err.contains("no encrypted connection"), "{}", run.err);
    // Without TLS, this Home Assistant ends the connection.
    let plain = home.url.replace("https", "http");
    let run = home.run(&format!("list --url {plain}"), &[token]).code(8);
    assert!(
        run.err.contains("was lost") && run.err.contains("begins with https://"),
        "{}",
        run.err
    );
}

#[test]
fn the_token_can_come_from_a_file() {
    let (home, scratch) = (home(), Scratch::new());
    let file = scratch.file("token", format!("\u{feff}{TOKEN}\r\nmore\n").as_bytes());
    let line = format!("list --url {} --token-file {}", home.url, file.display());
    home.run(&line, &[("HASLIM_HA_TOKEN", "wrong")]).code(0);
}
