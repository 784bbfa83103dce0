//! Progress for people: a bar on a terminal, or a line per stage if requested.

use std::io::{IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use haslim::pipe::{Progress, Silent};
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use super::{memory, output};
use crate::cli::settings::Settings;

const BAR: &str = "{msg:7} {wide_bar} {decimal_bytes}/{decimal_total_bytes}{pace}";

/// Chooses the kind that suits the options and the destination of standard error.
pub fn choose(settings: &Settings) -> Arc<dyn Progress> {
    if settings.quiet || settings.json {
        Arc::new(Silent)
    } else if stderr().is_terminal() {
        Arc::new(Bar {
            unicode: output::is_unicode(settings),
            current: Mutex::default(),
        })
    } else if settings.verbose {
        Arc::new(Lines)
    } else {
        Arc::new(Silent)
    }
}

/// One bar per stage, removed when the stage ends.
struct Bar {
    unicode: bool,
    current: Mutex<Option<ProgressBar>>,
}

impl Bar {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bar {
    fn begin(&self, stage: &str, total: u64) {
        let bar = ProgressBar::new(total);
        // The template is a constant. If it were wrong, the default bar would be used.
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            let style = style.with_key(
                "pace",
                |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = out.write_str(&pace(state.pos(), state.per_sec(), state.eta()));
                },
            );
            bar.set_style(if self.unicode {
                style
            } else {
                style.progress_chars("#>-")
            });
        }
        bar.set_message(stage.to_owned());
        // It needs a thread, and would panic without one.
        if memory::threads(2) > 1 {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        self.with(|current| *current = Some(bar));
    }

    fn advance(&self, bytes: u64) {
        self.with(|current| current.iter().for_each(|bar| bar.inc(bytes)));
    }

    fn end(&self) {
        self.with(|current| {
            current
                .take()
                .iter()
                .for_each(ProgressBar::finish_and_clear)
        });
    }
}

/// The speed and the remaining time; empty until they can be estimated.
fn pace(done: u64, rate: f64, left: Duration) -> String {
    if done == 0 || rate < 1.0 {
        return String::new();
    }
    format!(
        "  {}/s  {:#} left",
        DecimalBytes(rate as u64),
        HumanDuration(left)
    )
}

/// One line per stage, for logs.
struct Lines;

impl Progress for Lines {
    fn begin(&self, stage: &str, total: u64) {
        // `eprintln!` would panic if the reader has closed the pipe.
        let _ = writeln!(stderr(), "{stage}: {}", haslim::size::decimal(total));
    }

    fn advance(&self, _: u64) {}

    fn end(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_promised_before_anything_is_done() {
        assert_eq!(pace(0, 0.0, Duration::ZERO), "");
        assert_eq!(pace(1, 0.0, Duration::ZERO), "");
        assert_eq!(
            pace(5_000_000, 1_000_000.0, Duration::from_secs(7)),
            "  1.00 MB/s  7s left"
        );
    }
}
