//! What is wrong with how the program was called.

use haslim::error::Advice;
use haslim::{Error, Kind};

/// An error of the command line, its settings or its environment.
pub fn usage(message: impl Into<String>, advice: impl Into<Advice>) -> Error {
    Error::new(Kind::Usage, message).advice(advice)
}
