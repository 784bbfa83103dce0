//! What a command has at hand, and how a run ends.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use haslim::error::Advice;
use haslim::open::Backup;
use haslim::pipe::{Control, Input};
use haslim::{Error, Kind, Result};

use super::render::terms::DOWNLOAD_AGAIN;
use super::settings::Settings;
use super::terminal::output::Screen;

/// The result of a command that ended as asked.
pub const DONE: u8 = 0;

/// The result of a question that was answered with no or quit: as after Ctrl-C.
pub const STOPPED: u8 = 130;

/// An error of the command line's own.
pub fn usage(message: impl Into<String>, advice: impl Into<Advice>) -> Error {
    Error::new(Kind::Usage, message).advice(advice)
}

/// Everything that a command is given besides its task.
pub struct Session {
    /// What the run goes by.
    pub settings: Settings,
    /// Progress, threads and the wish to stop.
    pub control: Control,
    /// Standard output and standard error.
    pub screen: Screen,
    input: OnceLock<Arc<Input>>,
    /// Set when there is a backup around what is damaged, so that `verify` can say more.
    opened: AtomicBool,
    /// Set when a file has got its name.
    published: AtomicBool,
}

impl Session {
    /// Nothing is open yet.
    pub fn new(settings: Settings, control: Control, screen: Screen) -> Self {
        Self {
            settings,
            control,
            screen,
            input: OnceLock::new(),
            opened: AtomicBool::new(false),
            published: AtomicBool::new(false),
        }
    }

    /// Opens the backup that the command is about.
    ///
    /// # Errors
    /// As [`Backup::open`]; `Refused` for `-`, as nothing can be read from a pipe.
    pub fn open(&self, path: &Path) -> Result<Backup> {
        let backup = self.open_repairable(path)?;
        backup.check_compression()?;
        Ok(backup)
    }

    /// As [`Session::open`], but also opens a backup whose parts Home Assistant would look for
    /// under other names.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_repairable(&self, path: &Path) -> Result<Backup> {
        let backup = Backup::read(self.input(path)?, &self.control)?;
        self.opened.store(true, Ordering::Relaxed);
        Ok(backup)
    }

    fn input(&self, path: &Path) -> Result<Arc<Input>> {
        if path.as_os_str() == "-" {
            return Err(Error::refused("a backup cannot be read from standard input")
                .advice("haslim reads it at many places at once: save it to a file first, and name that (./- if it is called so)."));
        }
        let input = Input::open(path)?;
        let _ = self.input.set(Arc::clone(&input));
        Ok(input)
    }

    /// Notes that a file has got its name: from then on the run has done what it was for.
    pub fn published(&self) {
        self.published.store(true, Ordering::Relaxed);
    }

    /// The code at the end, which also says whether what was printed reached its place.
    pub fn end(&self, code: u8) -> u8 {
        let Some(error) = self.screen.lost() else {
            return code;
        };
        if self.published.load(Ordering::Relaxed) {
            self.screen.shout(&format!(
                "{error}. The file that was to be made is complete all the same."
            ));
            return code;
        }
        self.screen.error(&error);
        if code == DONE {
            error.kind().code()
        } else {
            code
        }
    }

    /// Damage in a file that changed meanwhile is not what the user has to look into. What is
    /// sound, `verify` can say, unless it just `verified`.
    pub fn explain(&self, error: Error, verified: bool) -> Error {
        let Some(input) = self.input.get() else {
            return error;
        };
        let error = input.explain(error);
        let general =
            error.kind() == Kind::Damaged && error.next_step() == Some(&Advice::DownloadAgain);
        if general && !verified && self.opened.load(Ordering::Relaxed) {
            return error.advice(format!(
                "{DOWNLOAD_AGAIN} `haslim verify` lists every part that is intact."
            ));
        }
        error
    }
}
