//! Ctrl-C, TERM and HUP cancel the library's work. Two signals that would end the program with an
//! exit code of the system end it with one of its own codes. Signals that the parent process set to
//! be ignored, as `nohup` and a shell's background jobs do, stay ignored.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use haslim::Kind;
use haslim::report::words::UNCHANGED;
use haslim::sys::{Typing, ignored_signals};
use signal_hook::consts::{SIGABRT, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// True while the program waits for the user to type. Then there is nothing to clean up, and a
/// signal ends the program at once.
static WAITING: AtomicBool = AtomicBool::new(false);

/// The terminal's state before a question.
static TERMINAL: Mutex<Option<Typing>> = Mutex::new(None);

/// Installs the handlers. The result holds zero until a signal is received, then its number. If a
/// run is ended while it waits for an answer, it says that nothing was written, provided that it
/// `writes` at all.
///
/// # Errors
/// If the system refuses the handlers.
pub fn listen(writes: bool) -> io::Result<Arc<AtomicUsize>> {
    let stop = Arc::new(AtomicUsize::new(0));
    // A file that reaches its size limit then causes a failed write.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    // Rust raises this signal if memory runs out.
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
    let (ready, started) = mpsc::channel();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let _ = ready.send(());
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
    // A thread needs some memory of its own to begin, and panics if there is none. So nothing else
    // may take what is left before it has begun.
    started
        .recv()
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    Ok(stop)
}

/// Marks the time during which a question is asked; ends when dropped.
pub fn waiting() -> Waiting {
    *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = Typing::now();
    WAITING.store(true, Ordering::SeqCst);
    Waiting
}

/// As [`waiting`], for hidden input: the terminal shows nothing that is typed, even between the
/// question and the reading of the answer.
pub fn waiting_unseen() -> Waiting {
    let waiting = waiting();
    if let Some(now) = Typing::now() {
        // If that fails, reading the answer tries again and reports the error.
        now.unseen().apply();
    }
    waiting
}

/// Restores the terminal to its state before the question.
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
