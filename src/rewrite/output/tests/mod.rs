//! An output from its path to its name, and every way in which that can fail.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
pub(super) mod faults;
mod leftovers;

use super::system::System;
use super::*;
use crate::error::Kind;
use faults::Faults;
use std::io::ErrorKind;
use system::Call;

fn input(folder: &Path) -> Arc<Input> {
    let path = folder.join("in.tar");
    std::fs::write(&path, vec![5u8; 100_000]).unwrap();
    Input::open(&path).unwrap()
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether only its owner may read a file, as far as the system has modes.
pub(crate) fn is_private(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).unwrap().mode() & 0o777 == 0o600
    }
    #[cfg(windows)]
    path.exists()
}

/// Makes a link to a file. Its tests are not run under wine, whose version 10 reports success and
/// makes none (`CreateSymbolicLinkW` is a stub there); Windows makes links for administrators only,
/// or in its developer mode. `dist/check` shows the same with links that Linux made.
fn symlink(target: &str, link: PathBuf) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, link);
    #[cfg(windows)]
    return std::os::windows::fs::symlink_file(target, link);
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux has files without a name"
)]
fn an_output_has_no_name_before_it_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let path = folder.path().join("out.tar");
    let mut output = Target::check(&path, false, &input)
        .unwrap()
        .create()
        .unwrap();
    output.append(b"head").unwrap();
    output
        .copy(&input, 10, 50_000, &Control::default())
        .unwrap();
    output.patch(0, b"HEAD").unwrap();
    assert_eq!(listing(folder.path()), ["in.tar"]);
    output.publish().unwrap();
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!((meta.len(), is_private(&path)), (50_004, true));
    assert!(std::fs::read(&path).unwrap().starts_with(b"HEAD\x05"));
}

/// A file that has a name from the start, as on a file system without nameless files.
fn hidden_output(path: &Path, force: bool, input: &Input) -> Output {
    let system = System {
        faults: Faults::default().always(Call::CreateNameless, ErrorKind::Unsupported),
    };
    let output = Target::check_by(system, path, force, Some(input))
        .unwrap()
        .create()
        .unwrap();
    assert!(output.hidden.is_some());
    output
}

#[test]
fn a_hidden_file_is_removed_or_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    for publish in [false, true] {
        let mut output = hidden_output(&folder.path().join("out.tar"), false, &input);
        output.append(b"x").unwrap();
        let names = listing(folder.path());
        assert_eq!(
            (
                names.len(),
                names[0].starts_with(".haslim-"),
                is_private(&folder.path().join(&names[0]))
            ),
            (2, true, true)
        );
        if publish {
            output.publish().unwrap();
            assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
        } else {
            drop(output);
            assert_eq!(listing(folder.path()), ["in.tar"]);
        }
    }
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let path = folder.path().join("out.tar");
    let nameless = Target::check(&path, false, &input)
        .unwrap()
        .create()
        .unwrap();
    let hidden = hidden_output(&path, false, &input);
    std::fs::write(&path, b"other").unwrap();
    for output in [nameless, hidden] {
        assert_eq!(output.publish().unwrap_err().kind(), Kind::OutputIo);
        assert_eq!(std::fs::read(&path).unwrap(), b"other");
    }
    assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
}

#[test]
fn of_two_outputs_with_one_name_the_first_wins() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let path = folder.path().join("out.tar");
    let mut outputs = [
        Target::check(&path, false, &input)
            .unwrap()
            .create()
            .unwrap(),
        hidden_output(&path, false, &input),
    ];
    outputs[0].append(b"first").unwrap();
    outputs[1].append(b"second").unwrap();
    let results = outputs.map(Output::publish);
    assert_eq!(results[0].as_ref().unwrap(), &path);
    assert_eq!(results[1].as_ref().unwrap_err().kind(), Kind::OutputIo);
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
    assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
}

#[test]
fn force_replaces_a_file_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let path = folder.path().join("out.tar");
    for hidden in [false, true] {
        std::fs::write(&path, b"old").unwrap();
        assert_eq!(
            Target::check(&path, false, &input).unwrap_err().kind(),
            Kind::OutputIo
        );
        let mut output = if hidden {
            hidden_output(&path, true, &input)
        } else {
            Target::check(&path, true, &input)
                .unwrap()
                .create()
                .unwrap()
        };
        output.append(b"new").unwrap();
        output.publish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
    }
}

#[test]
fn a_file_system_without_no_replace_gets_a_link_instead() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let path = folder.path().join("out.tar");
    for (before, published) in [(None, true), (Some(b"other"), false)] {
        let faults = Faults::default()
            .always(Call::CreateNameless, ErrorKind::Unsupported)
            .always(Call::Rename, ErrorKind::InvalidInput);
        let output = Target::check_by(System { faults }, &path, false, Some(&input))
            .unwrap()
            .create()
            .unwrap();
        before
            .iter()
            .for_each(|bytes| std::fs::write(&path, bytes).unwrap());
        assert_eq!(output.publish().is_ok(), published);
        assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
        assert_eq!(
            std::fs::read(&path).unwrap(),
            before.map_or(b"".as_slice(), |b| b)
        );
        std::fs::remove_file(&path).unwrap();
    }
}

/// Asserts that no output may have these names, not even with `--force`.
#[track_caller]
fn refused(folder: &Path, input: &Input, names: &[&str]) {
    for name in names {
        let error = Target::check(&folder.join(name), true, input).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{name}");
    }
}

#[test]
fn the_input_under_any_name_is_refused_even_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    std::fs::hard_link(folder.path().join("in.tar"), folder.path().join("hard")).unwrap();
    refused(folder.path(), &input, &["in.tar", "hard"]);
    #[cfg(windows)]
    refused(folder.path(), &input, &["IN.tar", "Hard"]);
}

#[test]
#[cfg_attr(windows, ignore = "wine makes no symbolic links")]
fn the_input_behind_a_link_is_refused_even_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    symlink("in.tar", folder.path().join("soft")).unwrap();
    refused(folder.path(), &input, &["soft"]);
}

#[test]
fn a_folder_is_refused_as_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    refused(folder.path(), &input, &["dir"]);
}

#[test]
#[cfg_attr(windows, ignore = "wine makes no symbolic links")]
fn a_link_to_nothing_is_refused_as_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    refused(folder.path(), &input, &["dangling"]);
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux has files without a name"
)]
fn a_scratch_file_is_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut output = Output::scratch(folder.path()).unwrap();
    output.write_all(b"measured").unwrap();
    assert_eq!(listing(folder.path()), [""; 0]);
    let mut read = [0u8; 8];
    output
        .read_back()
        .unwrap()
        .read_exact_at(0, &mut read)
        .unwrap();
    assert_eq!(&read, b"measured");
    drop(output);
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[test]
fn an_output_without_input_replaces_nothing_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    std::fs::write(&path, b"old").unwrap();
    assert_eq!(
        Target::check_alone(&path, false).unwrap_err().kind(),
        Kind::OutputIo
    );
    assert!(Target::check_alone(&path, true).is_ok());
}
