//! Ctrl-C, TERM and HUP become a wish to stop that the library hears; two signals that would end
//! the program with a code of the system's become one of its own. What whoever started the program
//! wants ignored, as `nohup` does and a shell for what runs behind it, stays so.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use haslim::Kind;
use haslim::report::words::UNCHANGED;
use haslim::sys::{Typing, ignored_signals};
use signal_hook::consts::{SIGABRT, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// True while the program waits for somebody to type: then there is nothing to
/// clean up, and the program ends at once.
static WAITING: AtomicBool = AtomicBool::new(false);

/// What the terminal was like before somebody was asked.
static TERMINAL: Mutex<Option<Typing>> = Mutex::new(None);

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
    let ignored = ignored_signals();
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

/// Marks the time in which somebody is asked something; ends when dropped.
pub fn waiting() -> Waiting {
    *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = Typing::now();
    WAITING.store(true, Ordering::SeqCst);
    Waiting
}

/// As [`waiting`], for something that must not be seen: the terminal shows nothing that is
/// typed, not even in the moment between the question and the reading of the answer.
pub fn waiting_unseen() -> Waiting {
    let waiting = waiting();
    if let Some(now) = Typing::now() {
        // Where that fails, the reading itself tries again and tells.
        now.unseen().apply();
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
        before.apply();
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
