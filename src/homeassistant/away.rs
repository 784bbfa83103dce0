//! Waits for a Home Assistant that is out of reach.

use std::time::{Duration, Instant};

use crate::error::{Advice, Error, Kind, Result};
use crate::pipe::Control;

/// How long Home Assistant may be out of reach, because it restarts.
const AWAY: Duration = Duration::from_secs(180);
/// How often the same is asked, or a connection attempted, at most.
const ATTEMPTS: u32 = 3;
/// The first pause between two tries to reach it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The part of a pause between two looks for cancellation.
const NAP: Duration = Duration::from_millis(100);

/// Waits for a Home Assistant that is out of reach, longer each time.
pub(super) struct Away {
    since: Option<Instant>,
    pause: Duration,
}

impl Default for Away {
    fn default() -> Self {
        Self {
            since: None,
            pause: FIRST_PAUSE,
        }
    }
}

impl Away {
    /// Waits before the next try. Returns the error if no further one is of use: Home Assistant
    /// answered that it never will, or it has been away for [`AWAY`].
    ///
    /// # Errors
    /// `Interrupted`, and errors of other kinds than `HomeAssistant`.
    pub fn wait(&mut self, error: Error, control: &Control) -> Result<Option<Error>> {
        if error.kind() != Kind::HomeAssistant {
            return Err(error);
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if is_final(&error) || since.elapsed() >= AWAY {
            return Ok(Some(error));
        }
        pause(self.pause, control)?;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(None)
    }
}

/// Asks something that changes nothing again if the connection is lost meanwhile.
///
/// # Errors
/// Those of the last time; `Interrupted`.
pub(super) fn ask_again<T>(control: &Control, ask: impl Fn() -> Result<T>) -> Result<T> {
    let is_lost = |error: &Error| error.next_step() == Some(&Advice::Reconnect);
    again(control, is_lost, || Ok(ask()))?
}

/// Attempts something up to [`ATTEMPTS`] times as long as it fails in a way that may pass, and waits
/// longer each time. Returns the last outcome.
///
/// # Errors
/// Those that end all attempts; `Interrupted`.
pub(super) fn again<T, E>(
    control: &Control,
    may_pass: impl Fn(&E) -> bool,
    attempt: impl Fn() -> Result<Result<T, E>>,
) -> Result<Result<T, E>> {
    let mut wait = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match attempt()? {
            Err(error) if may_pass(&error) => pause(wait, control)?,
            other => return Ok(other),
        }
        wait *= 2;
    }
    attempt()
}

/// Whether the same request would fail again: each one with a wrong token counts as a failed login.
pub(super) fn is_final(error: &Error) -> bool {
    matches!(
        error.next_step(),
        Some(Advice::NewToken | Advice::UpdateHomeAssistant)
    )
}

/// Waits, unless the work is cancelled.
pub(super) fn pause(time: Duration, control: &Control) -> Result<()> {
    let mut left = time;
    while !left.is_zero() {
        control.check()?;
        let nap = left.min(NAP);
        std::thread::sleep(nap);
        left -= nap;
    }
    control.check()
}
