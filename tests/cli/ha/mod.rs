//! `haslim ha`, with a pretended Home Assistant. `tests/core` has the same with a real one.

mod fake;
mod fetch;
mod look;
mod slim;
mod upload;
