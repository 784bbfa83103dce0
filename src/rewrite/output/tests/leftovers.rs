//! Hidden files of killed runs.

use super::*;

const LEFT: &str = ".haslim-0123456789abcdef.tmp";

fn target(folder: &Path, input: &Input) -> Target {
    Target::check(&folder.join("out.tar"), false, input).unwrap()
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    std::fs::write(folder.path().join(LEFT), b"left").unwrap();
    target(folder.path(), &input).remove_leftovers();
    assert_eq!(listing(folder.path()), ["in.tar"]);
}

#[test]
fn the_file_of_a_run_that_lives_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let path = folder.path().join("out.tar");
    let mut output = hidden_output(&path, false, &input);
    output.append(b"alive").unwrap();
    target(folder.path(), &input).remove_leftovers();
    assert_eq!(listing(folder.path()).len(), 2);
    output.publish().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"alive");
}

#[test]
fn nothing_else_is_taken_for_a_leftover() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let names = [
        ".haslim-0123456789abcdef",
        ".haslim-0123456789ABCDE0.tmp",
        ".haslim-0123.tmp",
        "haslim-0123456789abcdef.tmp",
        ".haslim-.tmp",
    ];
    names
        .iter()
        .for_each(|name| std::fs::write(folder.path().join(name), b"precious").unwrap());
    std::fs::create_dir(folder.path().join(LEFT)).unwrap();
    let before = listing(folder.path());
    target(folder.path(), &input).remove_leftovers();
    assert_eq!(listing(folder.path()), before);
}

#[test]
#[cfg_attr(windows, ignore = "wine makes no symbolic links")]
fn a_link_is_not_taken_for_a_leftover() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    symlink("in.tar", folder.path().join(LEFT)).unwrap();
    let before = listing(folder.path());
    target(folder.path(), &input).remove_leftovers();
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn the_input_is_spared_even_with_the_name_of_a_leftover() {
    let folder = tempfile::tempdir().unwrap();
    drop(input(folder.path()));
    std::fs::rename(folder.path().join("in.tar"), folder.path().join(LEFT)).unwrap();
    let input = Input::open(&folder.path().join(LEFT)).unwrap();
    target(folder.path(), &input).remove_leftovers();
    assert_eq!(listing(folder.path()), [LEFT]);
}

#[test]
fn a_file_taken_for_a_leftover_before_it_was_locked_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    for error in [ErrorKind::WouldBlock, ErrorKind::NotFound] {
        let call = if error == ErrorKind::NotFound {
            Call::Look
        } else {
            Call::Lock
        };
        let faults = Faults::default().always(Call::CreateNameless, ErrorKind::Unsupported);
        let target = Target::check_by(
            System {
                faults: faults.clone(),
            },
            &folder.path().join("out.tar"),
            false,
            Some(&input),
        )
        .unwrap();
        faults.next(call, error);
        let output = target.create().unwrap();
        assert_eq!(listing(folder.path()).len(), 2, "the first one is left");
        output.publish().unwrap();
        assert_eq!(listing(folder.path()), ["in.tar", "out.tar"]);
        std::fs::remove_file(folder.path().join("out.tar")).unwrap();
    }
}
