//! `haslim ha`, with a pretended Home Assistant. `tests/core` has the same with a real one.

#[cfg(unix)] // Types into a terminal.
mod ask;
mod fake;
mod fetch;
mod key;
mod look;
mod slim;
mod stream;
mod upload;
