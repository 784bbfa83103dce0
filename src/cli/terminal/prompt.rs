//! Questions, and the answers to them.

use std::io::{self, BufRead, Write, stdin, stdout};

use haslim::crypt::Password;
use haslim::pipe::Control;
use haslim::{Error, Kind, Result};

use super::{signals, wrap};
use crate::cli::system;

/// An answer to a question that can be declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
}

/// Asks until there is an answer. The end of the input, and quit, mean no.
///
/// # Errors
/// As [`ask_key`].
pub fn ask(control: &Control, text: &str) -> Result<Answer> {
    loop {
        match ask_key(control, text)?.as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" | "" | QUIT | "quit" => return Ok(Answer::No),
            _ => {}
        }
    }
}

/// Asks once, beside other work, and returns whether the answer was yes. The end of the input, and
/// a terminal that cannot be read, mean no.
pub fn ask_once(text: &str) -> bool {
    matches!(answer(text).ok().flatten().as_deref(), Some("y" | "yes"))
}

/// Shows the question, and returns the answer in lower case; `None` at the end of the input.
fn answer(text: &str) -> io::Result<Option<String>> {
    let mut out = stdout();
    out.write_all(wrap::wrap(text, wrap::width(stdout())).as_bytes())?;
    out.flush()?;
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer)?;
    Ok((read > 0).then(|| answer.trim().to_lowercase()))
}

/// What is returned at the end of the input.
const QUIT: &str = "q";

/// Asks once, and returns what was typed in lower case. The end of the input is the word for quit.
///
/// # Errors
/// `Interrupted` for a signal that was received before; `InputIo` if no answer can be read.
pub fn ask_key(control: &Control, text: &str) -> Result<String> {
    let _waiting = signals::waiting();
    // A signal that was received before must not wait for an answer.
    control.check()?;
    let answer = answer(text).map_err(|e| Error::input(e, "cannot read the answer"))?;
    Ok(answer.unwrap_or_else(|| {
        tell("");
        QUIT.to_owned()
    }))
}

/// Asks for a password, which is not shown while it is being typed.
///
/// # Errors
/// `Interrupted` for Ctrl-C; `Password` if nothing can be read.
pub fn ask_unseen(text: &str) -> Result<Password> {
    let _waiting = signals::waiting_unseen();
    let typed = rpassword::prompt_password(text);
    typed.map(Password::new).map_err(|e| match e.kind() {
        io::ErrorKind::Interrupted => {
            Error::new(Kind::Interrupted(system::INTERRUPT), "stopped on request")
        }
        _ => Error::new(Kind::Password, format!("cannot read the password: {e}")),
    })
}

/// Prints a line of a dialogue, even if quiet, because a question must be seen.
pub fn tell(text: &str) {
    // If the reader has gone away, no answer is expected either.
    let _ = writeln!(
        stdout().lock(),
        "{}",
        wrap::wrap(text, wrap::width(stdout()))
    );
}
