//! Records which commit and which target a program is made from, for `haslim --version`.
//!
//! The commit comes from the variable `SOURCE_COMMIT`, which `dist/build` sets; else from git, if this
//! folder is the top of a checkout; else from the file that `cargo package` puts into a package. In a
//! source archive without any of these, no commit is recorded. Nothing here can fail a build.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The number of digits of a commit that are recorded. Git's own short form has as many as a checkout
/// happens to need.
const DIGITS: usize = 12;

/// The variable with the commit.
const VARIABLE: &str = "SOURCE_COMMIT";

/// The file that `cargo package` adds (The Cargo Book, `cargo package`, ".cargo_vcs_info.json").
const PACKAGED: &str = ".cargo_vcs_info.json";

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let is_release = std::env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    // A build for development usually has changes that no commit has, and would otherwise be linked
    // again after every commit.
    let commit = if is_release { commit(&here) } else { None };
    let commit = commit.unwrap_or_else(|| "not recorded".to_owned());
    println!("cargo::rustc-env=HASLIM_COMMIT={commit}");
    let target = std::env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo::rustc-env=HASLIM_TARGET={target}");
}

fn commit(here: &Path) -> Option<String> {
    std::env::var(VARIABLE)
        .ok()
        .and_then(|commit| shortened(&commit))
        .or_else(|| checked_out(here))
        .or_else(|| packaged(here))
}

/// The first digits of a commit, if this is one.
fn shortened(commit: &str) -> Option<String> {
    let digits = commit.trim().get(..DIGITS)?;
    let is_commit = digits.chars().all(|digit| digit.is_ascii_hexdigit());
    is_commit.then(|| digits.to_owned())
}

/// The commit that is checked out here, and whether the files differ from it.
fn checked_out(here: &Path) -> Option<String> {
    // A source archive may have been unpacked inside the checkout of something else.
    if !git(here, &["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let commit = shortened(&git(here, &["rev-parse", "HEAD"])?)?;
    // The build is repeated after a commit, and after a change to what the program is made of.
    let log = git(here, &["rev-parse", "--git-path", "logs/HEAD"])?;
    let made_of = [&*log, "src", "Cargo.toml", "Cargo.lock"];
    for path in made_of.iter().filter(|path| here.join(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
    let changes = git(
        here,
        &[
            "status",
            "--porcelain",
            "--",
            "src",
            "Cargo.toml",
            "Cargo.lock",
            "build.rs",
        ],
    )?;
    Some(if changes.is_empty() {
        commit
    } else {
        format!("{commit}, with changes")
    })
}

/// What git prints, if it is installed and succeeds.
fn git(here: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("--no-optional-locks")
        .arg("-C")
        .arg(here)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The commit that a package was made from.
fn packaged(here: &Path) -> Option<String> {
    let text = std::fs::read_to_string(here.join(PACKAGED)).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    shortened(rest.split('"').nth(1)?)
}
