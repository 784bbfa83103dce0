//! A run of the program that waits for its key: the backup is open, and none of its contents have
//! been read. Tests can act at that moment without a clock.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, OFlags};

use crate::support::*;

/// The program, blocked at a pipe from which it reads.
pub struct Paused {
    child: Option<Child>,
    folder: Scratch,
}

impl Paused {
    /// Starts the program with a pipe as its password file, and waits until the pipe is opened.
    pub fn at_the_key(args: impl IntoIterator<Item = String>) -> Self {
        Self::started_by(Command::new(crate::PROGRAM), args)
    }

    /// The same with a command that ends by running the program.
    pub fn started_by(mut command: Command, args: impl IntoIterator<Item = String>) -> Self {
        let folder = Scratch::new();
        let pipe = fifo(&folder.path("key"));
        let child = command
            .args(args)
            .args(["--password-file".into(), pipe])
            .env_remove("HASLIM_PASSWORD")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child: Some(child),
            folder,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits until the program reads its key. What is written then reaches the program.
    pub fn key(&mut self) -> Key {
        let child = self.child.as_mut().unwrap();
        loop {
            // Without a reader, opening the pipe fails at once.
            match rustix::fs::open(
                self.folder.path("key"),
                OFlags::WRONLY | OFlags::NONBLOCK,
                Mode::empty(),
            ) {
                Ok(pipe) => return Key(pipe),
                Err(rustix::io::Errno::NXIO) => {}
                Err(other) => panic!("{other}"),
            }
            assert!(
                child.try_wait().unwrap().is_none(),
                "the program ended before it asked for its key"
            );
            std::thread::yield_now();
        }
    }

    /// Writes the key and lets the program run to its end.
    pub fn release(self, key: Key) -> Run {
        key.give();
        self.end()
    }

    /// Waits for the program to end.
    pub fn end(mut self) -> Run {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The writing end of the key's pipe.
pub struct Key(OwnedFd);

impl Key {
    fn give(self) {
        File::from(self.0).write_all(PASSWORD.as_bytes()).unwrap();
    }
}

/// Makes a named pipe.
pub fn fifo(path: &Path) -> String {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    crate::text(&PathBuf::from(path))
}
