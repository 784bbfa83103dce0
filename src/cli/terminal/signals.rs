//! Ctrl-C, and what else asks a program to end, cancel the library's work.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haslim::report::words::UNCHANGED;
use haslim::sys::Typing;

use crate::cli::system;

/// True while the program waits for the user to type. Then there is nothing to clean up, and a
/// signal ends the program at once.
static WAITING: AtomicBool = AtomicBool::new(false);

/// The terminal's state before a question.
static TERMINAL: Mutex<Option<Typing>> = Mutex::new(None);

/// Asks whether to stop, and returns the answer.
type Ask = Arc<dyn Fn() -> bool + Send + Sync>;

/// What Ctrl-C asks before it stops the work.
static ASK: Mutex<Option<Ask>> = Mutex::new(None);

/// True while that question is open. Then Ctrl-C stops the work.
static ASKING: AtomicBool = AtomicBool::new(false);

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
            let number = usize::try_from(signal).unwrap_or(usize::MAX);
            heard.store(number, Ordering::Relaxed);
            end_if_stuck(signal);
        };
        let ask = question().filter(|_| signal == system::INTERRUPT);
        let Some(ask) = ask.filter(|_| !ASKING.swap(true, Ordering::SeqCst)) else {
            return stop(&heard);
        };
        // On a thread of its own, so that the next signal is not kept waiting.
        let shared = Arc::clone(&heard);
        let begin = move || {
            let is_confirmed = ask();
            ASKING.store(false, Ordering::SeqCst);
            // An answer that comes too late counts as no.
            if is_confirmed && question().is_some() {
                stop(&shared);
            }
        };
        let asking = std::thread::Builder::new().name("question".into());
        if asking.spawn(begin).is_err() {
            stop(&heard);
        }
    })?;
    Ok(stop)
}

/// How many texts were given to standard output and standard error so far.
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// How many of them were taken, or refused.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Whether the run has achieved its purpose: a file has got its name. A run that only has to report
/// that is then done, even if nobody reads the report.
pub static PUBLISHED: AtomicBool = AtomicBool::new(false);

/// How long a reader of the output may take nothing before a signal ends the program. Everything
/// that cancels the library's work takes less time, so that a run that still works ends in order.
const STUCK: Duration = Duration::from_millis(500);

/// Prints something. If that waits for a reader who takes nothing, such as a pager, a signal still
/// ends the program.
pub fn printing<T>(print: impl FnOnce() -> T) -> T {
    GIVEN.fetch_add(1, Ordering::SeqCst);
    let outcome = print();
    TAKEN.fetch_add(1, Ordering::SeqCst);
    outcome
}

/// From now on, ends the program if it cannot go on because nobody reads what it prints. Work that
/// has not ended by then leaves what a killed run leaves: no output, or a partial file that the next
/// run removes.
fn end_if_stuck(signal: i32) {
    let watch = move || {
        let (mut seen, mut since) = (TAKEN.load(Ordering::SeqCst), Instant::now());
        loop {
            std::thread::sleep(STUCK / 5);
            let taken = TAKEN.load(Ordering::SeqCst);
            if taken != seen || GIVEN.load(Ordering::SeqCst) == taken {
                (seen, since) = (taken, Instant::now());
            } else if since.elapsed() >= STUCK {
                let is_done = PUBLISHED.load(Ordering::SeqCst);
                std::process::exit(if is_done { 0 } else { 128 + signal });
            }
        }
    };
    // Without a thread to spare, the program ends when the reader goes away.
    let _ = std::thread::Builder::new()
        .name("stuck".into())
        .spawn(watch);
}

fn question() -> Option<Ask> {
    ASK.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// From now on, Ctrl-C asks first, and stops the work only if the answer is yes or at the next
/// Ctrl-C. Work goes on meanwhile. Ends when dropped.
pub fn ask_first(ask: impl Fn() -> bool + Send + Sync + 'static) -> AskingFirst {
    *ASK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(ask));
    AskingFirst
}

/// See [`ask_first`].
pub struct AskingFirst;

impl AskingFirst {
    /// Whether the question is open.
    pub fn is_asking(&self) -> bool {
        ASKING.load(Ordering::SeqCst)
    }
}

impl Drop for AskingFirst {
    fn drop(&mut self) {
        *ASK.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
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
