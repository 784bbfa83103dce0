//! Runs the program on a hostile input, and checks its messages, its files and that the input is
//! unchanged.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::support::*;

/// Commands that require a backup to be correct outside its parts.
pub const READERS: [&str; 4] = [
    "ls",
    "plan --drop share",
    "verify",
    "shrink --drop share --yes",
];

/// A backup that is alone in its folder.
pub struct Hostile {
    scratch: Rc<Scratch>,
    input: PathBuf,
    bytes: Vec<u8>,
    password: Option<String>,
}

/// A copy. Its folder exists as long as this value.
pub struct Written {
    path: PathBuf,
    _folder: Rc<Scratch>,
}

impl Deref for Written {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Hostile {
    /// A backup of these bytes, read without a password.
    pub fn new(bytes: Vec<u8>) -> Self {
        let scratch = Rc::new(Scratch::new());
        let input = scratch.file("in.tar", &bytes);
        Self {
            scratch,
            input,
            bytes,
            password: None,
        }
    }

    /// The same with the password of the fixtures.
    pub fn sealed(bytes: Vec<u8>) -> Self {
        Self::new(bytes).given(PASSWORD)
    }

    /// The same with this password.
    pub fn given(self, password: &str) -> Self {
        Self {
            password: Some(password.into()),
            ..self
        }
    }

    /// Asserts that every command ends with this code and prints all these texts.
    #[track_caller]
    pub fn never_opens(&self, code: i32, says: &[&str]) -> &Self {
        for line in READERS {
            self.fails(line, code, says);
        }
        self.fails("info", code, says)
    }

    /// Asserts that `media` cannot be read: commands that must read it end with this code and print
    /// all these texts. `info` prints them too, and the part can be left out.
    #[track_caller]
    pub fn never_reads_media(&self, code: i32, says: &[&str]) -> &Self {
        for line in READERS {
            self.fails(line, code, says);
        }
        assert!(self.run("info").code(0).err.contains("warning: media: "));
        self.run("plan --drop media").code(0);
        self
    }

    /// Asserts that a `shrink` that drops `gone` from `media`, and `verify`, end with this code and
    /// print all these texts.
    #[track_caller]
    pub fn is_refused_inside(&self, code: i32, says: &[&str]) -> &Self {
        self.fails("shrink --drop media:gone --yes", code, says)
            .fails("verify", code, says)
    }

    /// Asserts that one command ends with this code, prints all these texts with `--verbose`, and
    /// changes nothing.
    #[track_caller]
    pub fn fails(&self, line: &str, code: i32, says: &[&str]) -> &Self {
        let run = self.run(&format!("{line} -v")).code(code);
        let error = run
            .err
            .split_once("error: ")
            .unwrap_or_else(|| panic!("{line}: no error in\n{}", run.err))
            .1;
        let command = line.split(' ').next().unwrap_or_default();
        assert!(
            says_what_did_not_happen(command, error),
            "{line}: the end of\n{error}"
        );
        let told = error.trim_end().trim_end_matches(UNCHANGED);
        // First what happened, then what to do.
        assert!(
            told.trim_end().trim_end_matches('.').contains(". "),
            "{line}: no advice in\n{error}"
        );
        for text in says {
            assert!(told.contains(text), "{line}: '{text}' is not in\n{error}");
        }
        assert_eq!(self.scratch.listing(), ["in.tar"], "{line}");
        self
    }

    /// Asserts that one command succeeds, prints all these warnings and does not change the input.
    /// Returns its output.
    #[track_caller]
    pub fn works(&self, line: &str, warns: &[&str]) -> Run {
        let run = self.run(line).code(0);
        for text in warns {
            assert!(
                run.err.contains(text),
                "{line}: '{text}' is not in\n{}",
                run.err
            );
        }
        assert!(
            warns.is_empty() != run.err.contains("warning:"),
            "{line}: other warnings in\n{}",
            run.err
        );
        run
    }

    /// Asserts that `shrink` with these options succeeds with these warnings, and that the copy is
    /// correct. Returns the copy.
    #[track_caller]
    pub fn shrinks(&self, rest: &str, warns: &[&str]) -> Written {
        let output = self.scratch.path("out.tar");
        self.works(
            &format!("shrink {rest} --yes --force -o {}", output.display()),
            warns,
        );
        assert_eq!(self.scratch.listing(), ["in.tar", "out.tar"]);
        let run = run(
            ["verify".as_ref(), output.as_os_str()],
            self.password.as_deref(),
        );
        assert_eq!(run.code, 0, "the copy is not sound:\n{}", run.err);
        Written {
            path: output,
            _folder: Rc::clone(&self.scratch),
        }
    }

    /// Runs one command that writes a copy, with any warnings. Returns the copy.
    #[track_caller]
    pub fn writes(&self, line: &str) -> Written {
        let output = self.scratch.path("out.tar");
        self.run(&format!("{line} --yes --force -o {}", output.display()))
            .code(0);
        Written {
            path: output,
            _folder: Rc::clone(&self.scratch),
        }
    }

    /// The backup.
    pub fn path(&self) -> &Path {
        &self.input
    }

    /// Whether the program is given a password.
    pub fn has_key(&self) -> bool {
        self.password.is_some()
    }

    /// Runs one command line with this many bytes of memory, stacks included.
    #[track_caller]
    pub fn within_memory(&self, bytes: usize, line: &str) -> Run {
        // The limit of the data segment counts all private writable memory (getrlimit(2)).
        self.under(
            "ulimit -d \"$1\" && shift && exec \"$@\"",
            &(bytes / 1024).to_string(),
            line,
        )
    }

    /// Runs one command line. Also returns how many bytes it read, by any system call.
    #[track_caller]
    pub fn reading(&self, line: &str) -> (Run, u64) {
        // A process's count includes that of its children, once it has waited for them
        // (proc_pid_io(5)).
        let mut run = self.under(
            "shift; \"$@\"; code=$?; cat /proc/$$/io >&2; exit $code",
            "",
            line,
        );
        let at = run.err.rfind("rchar: ").expect("the kernel counts");
        let read = run.err[at..].lines().next().unwrap()["rchar: ".len()..]
            .parse()
            .unwrap();
        run.err.truncate(at);
        (run, read)
    }

    /// Runs one command line from a shell script with one argument of its own.
    fn under(&self, script: &str, argument: &str, line: &str) -> Run {
        let program = Path::new(env!("CARGO_BIN_EXE_haslim"));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, "sh", argument]);
        command
            .arg(program)
            // Before the command, because not every command has this option.
            .args(["--threads", "2"])
            .args(self.args(line))
            .env_remove("HASLIM_PASSWORD");
        if let Some(password) = &self.password {
            command.env("HASLIM_PASSWORD", password);
        }
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The words of a command line, with the input after the command.
    fn args<'a>(&'a self, line: &'a str) -> Vec<&'a str> {
        let mut args: Vec<&str> = line.split_whitespace().collect();
        args.insert(1, self.input.to_str().unwrap());
        args
    }

    /// Runs one command line.
    #[track_caller]
    pub fn run(&self, line: &str) -> Run {
        let run = run(self.args(line), self.password.as_deref());
        for text in [&run.out, &run.err] {
            assert!(
                !text.contains("panicked") && !text.contains("mistake in haslim"),
                "{line}:\n{text}"
            );
            assert!(
                text.chars().all(|c| c == '\n' || !c.is_control()),
                "{line}: a control character in\n{text:?}"
            );
        }
        assert!(
            std::fs::read(&self.input).unwrap() == self.bytes,
            "{line}: the input was changed"
        );
        run
    }
}
