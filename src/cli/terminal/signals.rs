//! Ctrl-C, and what else asks a program to end, cancel the library's work.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use haslim::report::words::UNCHANGED;
use haslim::sys::Typing;

use super::{progress, prompt};
use crate::cli::system;

/// True while the program waits for the user to type. Then there is nothing to clean up, and a
/// signal ends the program at once.
static WAITING: AtomicBool = AtomicBool::new(false);

/// The terminal's state before a question.
static TERMINAL: Mutex<Option<Typing>> = Mutex::new(None);

/// What Ctrl-C does: one of the three below.
static INTERRUPT: AtomicU8 = AtomicU8::new(STOPS);
/// It stops the work.
const STOPS: u8 = 0;
/// It asks first.
const ASKS: u8 = 1;
/// The question is open, so it stops the work.
const HAS_ASKED: u8 = 2;

/// The question that Ctrl-C asks.
static QUESTION: Mutex<String> = Mutex::new(String::new());

/// Installs the handlers. The result holds zero until a signal is received, then its number. If a
/// run is ended while it waits for an answer, it says that nothing was written, provided that it
/// `writes` at all.
///
/// # Errors
/// If the system refuses the handlers.
pub fn listen(writes: bool) -> io::Result<Arc<AtomicUsize>> {
    let stop = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&stop);
    system::on_signal(move |signal| {
        if WAITING.load(Ordering::SeqCst) {
            restore();
            let _ = if writes {
                writeln!(io::stderr(), "\n{UNCHANGED}")
            } else {
                writeln!(io::stderr())
            };
            std::process::exit(128 + signal);
        }
        let stop = move |heard: &AtomicUsize| {
            let signal = usize::try_from(signal).unwrap_or(usize::MAX);
            heard.store(signal, Ordering::Relaxed);
        };
        if signal != system::INTERRUPT || !begins_to_ask() {
            return stop(&heard);
        }
        // On a thread of its own, so that the next signal is not kept waiting.
        let shared = Arc::clone(&heard);
        let ask = move || {
            if is_confirmed() {
                stop(&shared);
            }
        };
        let asking = std::thread::Builder::new().name("question".into());
        if asking.spawn(ask).is_err() {
            stop(&heard);
        }
    })?;
    Ok(stop)
}

/// From now on, Ctrl-C asks this question on the terminal, and stops the work only if the answer is
/// yes or at the next Ctrl-C. Work goes on meanwhile. Ends when dropped.
pub fn ask_first(question: String) -> AskingFirst {
    *QUESTION.lock().unwrap_or_else(PoisonError::into_inner) = question;
    INTERRUPT.store(ASKS, Ordering::SeqCst);
    AskingFirst
}

/// See [`ask_first`].
pub struct AskingFirst;

impl Drop for AskingFirst {
    fn drop(&mut self) {
        if INTERRUPT.swap(STOPS, Ordering::SeqCst) == HAS_ASKED {
            // The question has no answer yet, and needs none any more.
            prompt::tell("");
        }
    }
}

/// Whether Ctrl-C asks now. If so, the next one stops.
fn begins_to_ask() -> bool {
    changes(ASKS, HAS_ASKED)
}

/// Changes what Ctrl-C does, if it does the first now. Returns whether it did.
fn changes(from: u8, to: u8) -> bool {
    let changed = INTERRUPT.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    changed.is_ok()
}

/// Asks the question, and waits for the answer. An answer that comes too late counts as no.
fn is_confirmed() -> bool {
    let _hidden = progress::hide();
    let question = QUESTION
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let is_yes = prompt::ask_once(&question);
    let is_open = changes(HAS_ASKED, ASKS);
    is_yes && is_open
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
