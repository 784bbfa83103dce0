//! Runs the program on a real terminal. Tests wait for its output and never sleep.
//!
//! As in a shell, the program does not lead its session: [`lead`] does, in a process of its own, which
//! outlives it. When the leader ends, Linux hangs the terminal up and drops what it has not passed on
//! yet (`tty_ldisc_hangup`), and that can be the last lines of the program.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::PASSWORD;
use crate::{PROGRAM, line};

/// Longer than any step takes on a busy machine. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// The variable with the words of the command line, as JSON.
const WORDS: &str = "HASLIM_TEST_WORDS";
/// What the leader prints before the program starts. The program itself prints no such character.
const BEGIN: &str = "\u{1}begin\u{1}";
/// What it prints before and after the exit code of the program.
const END: &str = "\u{1}end\u{1}";

/// Leads the session of a program: starts it, and stays until all its output was read.
#[test]
#[ignore = "no test: Terminal starts this in a process of its own"]
fn lead() {
    let words = std::env::var(WORDS).expect("Terminal gives the words");
    let words: Vec<String> = serde_json::from_str(&words).unwrap();
    // Ctrl-C is for the program. It gets the default again when it starts.
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default()).unwrap();
    print!("{BEGIN}");
    std::io::stdout().flush().unwrap();
    let status = Command::new(PROGRAM).args(words).env_remove(WORDS).status();
    print!("{END}{}{END}", status.unwrap().code().unwrap_or(-1));
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

/// A running haslim on a terminal of its own.
pub struct Terminal {
    leader: Child,
    input: pty_process::blocking::Pty,
    pieces: Receiver<Vec<u8>>,
    /// The whole output.
    seen: Vec<u8>,
    /// How much of it was already waited for.
    passed: usize,
}

impl Terminal {
    /// Starts a command line on a terminal wide enough that nothing is wrapped.
    pub fn start(command: &str, backup: &Path, rest: &str, password: Option<&str>) -> Self {
        Self::sized(250, command, backup, rest, password)
    }

    /// The same on a terminal with this many columns.
    pub fn sized(
        columns: u16,
        command: &str,
        backup: &Path,
        rest: &str,
        password: Option<&str>,
    ) -> Self {
        Self::spawn(columns, line(command, backup, rest), password, &[])
    }

    /// Starts these words, with these variables, on a terminal with this many columns.
    pub fn spawn(
        columns: u16,
        words: Vec<String>,
        password: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(50, columns)).unwrap();
        let this = std::env::current_exe().unwrap();
        let mut program = pty_process::blocking::Command::new(this)
            .args(["terminal::lead", "--exact", "--ignored", "--nocapture"])
            .env(WORDS, serde_json::to_string(&words).unwrap());
        program = program.env("NO_COLOR", "1").env("TERM", "xterm");
        program = program.envs(variables.iter().copied());
        for variable in ["HASLIM_PASSWORD", "LC_ALL", "LC_CTYPE", "LANG"] {
            program = program.env_remove(variable);
        }
        if let Some(password) = password {
            program = program.env("HASLIM_PASSWORD", password);
        }
        let leader = program.spawn(pts).unwrap();
        let mut output =
            std::fs::File::from(std::os::fd::AsFd::as_fd(&pty).try_clone_to_owned().unwrap());
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The terminal returns an error once the program has ended.
            while let Ok(got @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..got].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Self {
            leader,
            input: pty,
            pieces,
            seen: Vec::new(),
            passed: 0,
        };
        terminal.expect(BEGIN);
        terminal.seen.drain(..terminal.passed);
        terminal.passed = 0;
        terminal
    }

    /// Starts `shrink` with the key of the fixtures.
    pub fn shrink(backup: &Path, rest: &str) -> Self {
        Self::start("shrink", backup, rest, Some(PASSWORD))
    }

    /// Waits until the program prints this, and returns the output before it since the last wait.
    /// Returns `None` if the program ends without printing it.
    pub fn until(&mut self, text: &str) -> Option<String> {
        loop {
            let new = &self.seen[self.passed..];
            if let Some(at) = find(new, text) {
                let before = shown(&new[..at]);
                self.passed += at + text.len();
                return Some(before);
            }
            if self.code().is_some() {
                return None;
            }
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.seen.extend(piece),
                Err(_) => {
                    let _ = self.leader.kill();
                    panic!("'{text}' never came:\n{}", shown(&self.seen));
                }
            }
        }
    }

    /// The exit code, once the program has ended and all its output was read.
    fn code(&self) -> Option<i32> {
        let end = &self.seen[find(&self.seen, END)? + END.len()..];
        Some(shown(&end[..find(end, END)?]).parse().unwrap())
    }

    /// Waits until the program prints this.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let found = self.until(text);
        found.unwrap_or_else(|| panic!("ended without '{text}':\n{}", shown(&self.seen)))
    }

    /// Types something.
    pub fn say(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end. Returns the exit code and the whole output.
    pub fn end(mut self) -> (i32, String) {
        // This text is never printed.
        assert_eq!(self.until("\0\0"), None);
        let (code, end) = (self.code().unwrap(), find(&self.seen, END).unwrap());
        self.leader.kill().unwrap();
        self.leader.wait().unwrap();
        (code, shown(&self.seen[..end]))
    }
}

/// Where the text begins.
fn find(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).position(|w| w == text.as_bytes())
}

/// What a terminal shows of these bytes.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}
