//! Progress for people: a bar on a terminal, a line per stage when asked for.

use std::io::{IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use haslim::pipe::{Progress, Silent};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::Common;

const BAR: &str = "{msg:7} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";

/// What fits the options and the place where standard error goes.
pub fn choose(common: &Common) -> Arc<dyn Progress> {
    if common.quiet || common.json {
        Arc::new(Silent)
    } else if stderr().is_terminal() {
        Arc::new(Bar::default())
    } else if common.verbose {
        Arc::new(Lines)
    } else {
        Arc::new(Silent)
    }
}

/// One bar per stage, gone when the stage is over.
#[derive(Default)]
struct Bar {
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
        // The template is a constant; should it be wrong, the default bar does.
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        bar.set_message(stage.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|current| *current = Some(bar));
    }

    fn advance(&self, bytes: u64) {
        self.with(|current| current.iter().for_each(|bar| bar.inc(bytes)));
    }

    fn end(&self) {
        self.with(|current| current.take().iter().for_each(ProgressBar::finish_and_clear));
    }
}

/// One line per stage, for logs.
struct Lines;

impl Progress for Lines {
    fn begin(&self, stage: &str, total: u64) {
        // `eprintln!` would panic when the reader is gone.
        let _ = writeln!(stderr(), "{stage}: {}", haslim::size::decimal(total));
    }

    fn advance(&self, _: u64) {}

    fn end(&self) {}
}
