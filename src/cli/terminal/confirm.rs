//! The question that Ctrl-C asks while stopping would do harm.

use super::signals::{self, AskingFirst};
use super::{progress, prompt};

/// From now on, Ctrl-C asks this question on the terminal, and stops the work only if the answer is
/// yes or at the next Ctrl-C. Ends when dropped.
pub fn before_stopping(question: String) -> Confirming {
    Confirming(signals::ask_first(move || {
        let _hidden = progress::hide();
        prompt::ask_once(&question)
    }))
}

/// See [`before_stopping`].
pub struct Confirming(AskingFirst);

impl Drop for Confirming {
    fn drop(&mut self) {
        if self.0.is_asking() {
            // The question has no answer yet, and needs none any more.
            prompt::tell("");
        }
    }
}
