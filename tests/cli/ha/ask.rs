//! Ctrl-C while Home Assistant sends a backup on to the cloud, on a terminal.

use super::fake::*;
use crate::support::*;
use crate::terminal::Terminal;

const QUESTION: &str = "Stop? [y]es, [N]o: ";

/// An upload that Home Assistant has received and sends on, until it is released.
fn uploading(home: &Fake, scratch: &Scratch) -> Terminal {
    let (input, output) = (scratch.copy("v2.tar"), scratch.path("slim.tar"));
    haslim(shrink(&input, &output, "--drop media")).code(0);
    let words = [
        "ha",
        "upload",
        &text(&output),
        "--to",
        "cloud.cloud",
        "--yes",
    ];
    let words = words.map(str::to_owned).to_vec();
    let variables = [
        ("HASLIM_HA_URL", home.url.as_str()),
        ("HASLIM_HA_TOKEN", TOKEN),
    ];
    let mut terminal = Terminal::spawn(250, words, Some(PASSWORD), &variables);
    terminal.expect("Storing");
    terminal
}

#[test]
fn ctrl_c_asks_before_it_ends_an_upload_and_no_goes_on() {
    let (home, scratch) = (Fake::new(), Scratch::new());
    let release = home.hold();
    let mut terminal = uploading(&home, &scratch);
    for answer in ["n\n", "\n"] {
        terminal.say("\x03");
        let before = terminal.expect(QUESTION);
        assert!(before.contains("Home Assistant stops as well"), "{before}");
        terminal.say(answer);
        terminal.expect("Storing");
    }
    release.send(()).unwrap();
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("Home Assistant Cloud stores it"),
        "{screen}"
    );
}

#[test]
fn yes_or_another_ctrl_c_ends_the_upload() {
    for answer in ["y\n", "\x03"] {
        let (home, scratch) = (Fake::new(), Scratch::new());
        let _release = home.hold();
        let mut terminal = uploading(&home, &scratch);
        terminal.say("\x03");
        terminal.expect(QUESTION);
        terminal.say(answer);
        let (code, screen) = terminal.end();
        assert_eq!(code, 130, "{screen}");
        assert!(
            screen.contains("stopped on request, and Home Assistant stops the upload"),
            "{screen}"
        );
    }
}

#[test]
fn an_upload_that_ends_while_the_question_is_open_needs_no_answer() {
    let (home, scratch) = (Fake::new(), Scratch::new());
    let release = home.hold();
    let mut terminal = uploading(&home, &scratch);
    terminal.say("\x03");
    terminal.expect(QUESTION);
    release.send(()).unwrap();
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
}
