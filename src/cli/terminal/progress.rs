//! Progress: a bar on a terminal, or lines.

mod lines;
mod meter;

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use haslim::pipe::{Progress, Silent, Stage};
use indicatif::{
    DecimalBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
    WeakProgressBar,
};

use super::{memory, output};
use crate::cli::args::ProgressKind;
use crate::cli::settings::Settings;
use lines::Lines;

const BAR: &str = "{msg:8} {wide_bar} {decimal_bytes}/{decimal_total_bytes}{pace}";

/// The kind that was asked for, or else the one that suits the other options and the destination of
/// standard error.
pub fn choose(settings: &Settings) -> Arc<dyn Progress> {
    match kind(settings, stderr().is_terminal()) {
        ProgressKind::Bar => Arc::new(Bar {
            unicode: output::is_unicode(settings),
            current: Mutex::default(),
        }),
        ProgressKind::Plain => Arc::new(Lines::plain()),
        ProgressKind::Json => Arc::new(Lines::json()),
        ProgressKind::Auto | ProgressKind::None => Arc::new(Silent),
    }
}

fn kind(settings: &Settings, is_terminal: bool) -> ProgressKind {
    match settings.progress {
        ProgressKind::Auto if settings.quiet || settings.json => ProgressKind::None,
        ProgressKind::Auto if is_terminal => ProgressKind::Bar,
        ProgressKind::Auto if settings.verbose => ProgressKind::Plain,
        kind => kind,
    }
}

/// The stage for people.
fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Read => "Reading",
        Stage::Measure => "Measuring",
        Stage::Write => "Writing",
        Stage::Verify => "Checking",
        Stage::Make => "Making",
        Stage::Fetch => "Fetching",
        Stage::Send => "Sending",
        Stage::Prepare => "Preparing",
        Stage::Store => "Storing",
    }
}

/// The bar of the last stage, for a question that comes from a signal and must hide it.
static LAST: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// Whether bars are hidden.
static HIDDEN: AtomicBool = AtomicBool::new(false);

/// Draws the last bar there, if it is still in use.
fn draw_on(target: ProgressDrawTarget) {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bar) = last.as_ref().and_then(WeakProgressBar::upgrade) {
        bar.set_draw_target(target);
    }
}

/// Draws no bar until the result is dropped, so that a question stays to be seen.
pub fn hide() -> Hidden {
    HIDDEN.store(true, Ordering::SeqCst);
    draw_on(ProgressDrawTarget::hidden());
    Hidden
}

/// See [`hide`].
pub struct Hidden;

impl Drop for Hidden {
    fn drop(&mut self) {
        HIDDEN.store(false, Ordering::SeqCst);
        draw_on(ProgressDrawTarget::stderr());
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
    fn begin(&self, stage: Stage, total: u64) {
        let bar = ProgressBar::new(total);
        if HIDDEN.load(Ordering::SeqCst) {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
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
        bar.set_message(title(stage));
        // It needs a thread, and would panic without one.
        if memory::threads(2) > 1 {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
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
