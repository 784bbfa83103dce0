//! Ctrl-C, TERM and HUP become a wish to stop that the library hears; two signals that would end
//! the program with a code of the system's become one of its own. What whoever started the program
//! wants ignored, as `nohup` does and a shell for what runs behind it, stays so.

use std::io::{self, Write, stdin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use haslim::Kind;
use haslim::report::words::UNCHANGED;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGABRT, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// True while the program waits for somebody to type: then there is nothing to
/// clean up, and the program ends at once.
static WAITING: AtomicBool = AtomicBool::new(false);

/// What the terminal was like before somebody was asked.
static TERMINAL: Mutex<Option<Termios>> = Mutex::new(None);

/// Starts listening; the result holds zero until a signal came, then its number. A run that is
/// ended while it waits for an answer says that nothing was written, if it `writes` at all.
///
/// # Errors
/// When the system refuses the handlers.
pub fn listen(writes: bool) -> io::Result<Arc<AtomicUsize>> {
    let stop = Arc::new(AtomicUsize::new(0));
    // A file that reaches the limit of its size is then a write that fails.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    // What Rust does when memory runs out.
    flag::register_conditional_shutdown(
        SIGABRT,
        i32::from(Kind::Internal.code()),
        Arc::new(AtomicBool::new(true)),
    )?;
    let heard = Arc::clone(&stop);
    let ignored = ignored(&std::fs::read("/proc/self/status").unwrap_or_default());
    let mut signals = Signals::new(
        [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|signal| !ignored(*signal)),
    )?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if WAITING.load(Ordering::SeqCst) {
                    restore();
                    let _ = if writes {
                        writeln!(io::stderr(), "\n{UNCHANGED}")
                    } else {
                        writeln!(io::stderr())
                    };
                    std::process::exit(128 + signal);
                }
                heard.store(
                    usize::try_from(signal).unwrap_or(usize::MAX),
                    Ordering::Relaxed,
                );
            }
        })?;
    Ok(stop)
}

/// Which signals a process ignores, by its status (proc_pid_status(5)); none where that does not
/// tell.
fn ignored(status: &[u8]) -> impl Fn(i32) -> bool + use<> {
    let status = String::from_utf8_lossy(status);
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok())
        .unwrap_or(0);
    move |signal| {
        u32::try_from(signal - 1)
            .ok()
            .and_then(|bit| mask.checked_shr(bit))
            .is_some_and(|mask| mask & 1 == 1)
    }
}

/// Marks the time in which somebody is asked something; ends when dropped.
pub fn waiting() -> Waiting {
    *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = tcgetattr(stdin()).ok();
    WAITING.store(true, Ordering::SeqCst);
    Waiting
}

/// As [`waiting`], for something that must not be seen: the terminal shows nothing that is
/// typed, not even in the moment between the question and the reading of the answer.
pub fn waiting_unseen() -> Waiting {
    let waiting = waiting();
    if let Ok(mut silent) = tcgetattr(stdin()) {
        silent.local_modes -= LocalModes::ECHO;
        // Where that fails, the reading itself tries again and tells.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &silent);
    }
    waiting
}

/// Makes the terminal as it was before somebody was asked.
fn restore() {
    if let Some(before) = TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// See [`waiting`].
pub struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        restore();
        WAITING.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_process_tells_what_it_ignores() {
        // The first is `nohup`, the second what a shell runs behind it.
        let hup = ignored(b"Name:\t\xff\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000004002\n");
        assert_eq!([SIGHUP, SIGINT, SIGTERM].map(hup), [true, false, false]);
        let int = ignored(b"SigIgn:\t0000000000000006\n");
        assert_eq!([SIGHUP, SIGINT, SIGTERM].map(int), [false, true, false]);
        for unclear in [b"".as_slice(), b"SigIgn:\n", b"SigIgn:\tnonsense"] {
            assert_eq!(
                [0, SIGHUP, SIGINT, SIGTERM, 64, 65].map(ignored(unclear)),
                [false; 6]
            );
        }
    }
}
