//! Runs the program on a real terminal. Tests wait for its output and never sleep.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::PASSWORD;
use crate::{PROGRAM, line};

/// Longer than any step takes on a busy machine. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running haslim on a terminal of its own.
pub struct Terminal {
    child: Child,
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
        let mut program = pty_process::blocking::Command::new(PROGRAM).args(words);
        program = program.env("NO_COLOR", "1").env("TERM", "xterm");
        program = program.envs(variables.iter().copied());
        for variable in ["HASLIM_PASSWORD", "LC_ALL", "LC_CTYPE", "LANG"] {
            program = program.env_remove(variable);
        }
        if let Some(password) = password {
            program = program.env("HASLIM_PASSWORD", password);
        }
        let child = program.spawn(pts).unwrap();
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
        Self {
            child,
            input: pty,
            pieces,
            seen: Vec::new(),
            passed: 0,
        }
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
            if let Some(at) = new.windows(text.len()).position(|w| w == text.as_bytes()) {
                let before = String::from_utf8_lossy(&new[..at]).replace('\r', "");
                self.passed += at + text.len();
                return Some(before);
            }
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.seen.extend(piece),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("'{text}' never came:\n{}", self.screen());
                }
            }
        }
    }

    /// Waits until the program prints this.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let found = self.until(text);
        found.unwrap_or_else(|| panic!("ended without '{text}':\n{}", self.screen()))
    }

    /// Types something.
    pub fn say(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end. Returns the exit code and the whole output.
    pub fn end(mut self) -> (i32, String) {
        // This text is never printed.
        assert_eq!(self.until("\0\0"), None);
        let status = self.child.wait().unwrap();
        (status.code().unwrap_or(-1), self.screen())
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace('\r', "")
    }
}
