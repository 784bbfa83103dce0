//! The context of a command, and how a run ends.

use std::io::{IsTerminal, stdin, stdout};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use haslim::crypt::Password;
use haslim::error::Advice;
use haslim::open::Backup;
use haslim::pipe::{Control, Input};
use haslim::{Error, Kind, Result};

use super::render::terms::DOWNLOAD_AGAIN;
use super::settings::Settings;
use super::terminal::output::Screen;
use super::terminal::signals;

/// The result of a command that ended as asked.
pub const DONE: u8 = 0;

/// The result when a question is answered with no or quit: the same as after Ctrl-C.
pub const STOPPED: u8 = 130;

/// Everything that a command receives besides its task.
pub struct Session {
    /// The settings of the run.
    pub settings: Settings,
    /// Progress, threads and cancellation.
    pub control: Control,
    /// Standard output and standard error.
    pub screen: Screen,
    /// The file that was opened last.
    input: Mutex<Option<Arc<Input>>>,
    /// Set when a backup is open, so that `verify` can report more about damage.
    opened: AtomicBool,
    /// The key that Home Assistant uses, if it was asked for it.
    home_key: OnceLock<Password>,
}

impl Session {
    /// A new session; no backup is open yet.
    pub fn new(settings: Settings, control: Control, screen: Screen) -> Self {
        Self {
            settings,
            control,
            screen,
            input: Mutex::default(),
            opened: AtomicBool::new(false),
            home_key: OnceLock::new(),
        }
    }

    /// Opens the backup for the command.
    ///
    /// # Errors
    /// As [`Backup::open`]; `Refused` for `-`, because a backup cannot be read from a pipe.
    pub fn open(&self, path: &Path) -> Result<Backup> {
        let backup = self.open_repairable(path)?;
        backup.check_compression()?;
        Ok(backup)
    }

    /// Like [`Session::open`], but also opens a backup whose parts have other names than Home
    /// Assistant expects.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_repairable(&self, path: &Path) -> Result<Backup> {
        let backup = Backup::read(self.input(path)?, &self.control)?;
        self.opened.store(true, Ordering::Relaxed);
        Ok(backup)
    }

    /// Opens what is left of a file that [`Session::open`] cannot open.
    ///
    /// # Errors
    /// As [`Backup::salvage`].
    pub fn salvage(&self, path: &Path) -> Result<Backup> {
        Backup::salvage(self.input(path)?, &self.control)
    }

    fn input(&self, path: &Path) -> Result<Arc<Input>> {
        self.opened.store(false, Ordering::Relaxed);
        if path.as_os_str() == "-" {
            return Err(Error::refused("a backup cannot be read from standard input")
                .advice("haslim reads a backup at several places at once: save it to a file first, and name that file (./- if it is called -)."));
        }
        let input = Input::open(path)?;
        *self.input.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&input));
        Ok(input)
    }

    /// Keeps the key that Home Assistant uses. The first one stays.
    pub fn keep_home_key(&self, key: Password) {
        let _ = self.home_key.set(key);
    }

    /// The key that Home Assistant uses, if it was asked for it.
    pub fn home_key(&self) -> Option<&Password> {
        self.home_key.get()
    }

    /// Records that a file has got its name. From then on the run has achieved its purpose.
    pub fn published(&self) {
        signals::PUBLISHED.store(true, Ordering::SeqCst);
    }

    /// Whether the user can be asked: both sides are a terminal, and no program reads the output.
    pub fn may_ask(&self) -> bool {
        stdin().is_terminal() && stdout().is_terminal() && !self.settings.json
    }

    /// The final exit code, which also reports whether the printed output was lost.
    pub fn end(&self, code: u8) -> u8 {
        let Some(error) = self.screen.lost() else {
            return code;
        };
        if signals::PUBLISHED.load(Ordering::SeqCst) {
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

    /// If the file changed meanwhile, its damage is not the user's concern. `verify` can show which
    /// parts are intact, unless the run just `verified`.
    pub fn explain(&self, error: Error, verified: bool) -> Error {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(input) = input.as_ref() else {
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
