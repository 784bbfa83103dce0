//! Progress as lines on standard error: for people who read a log, or as JSON for programs.

use std::fmt::Write as _;
use std::io::{Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use haslim::error::printable;
use haslim::pipe::{Progress, Stage};
use haslim::size;
use serde_json::json;

use super::meter::{Meter, State};
use super::title;
use crate::cli::terminal::signals::printing;

/// What happened to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Begin,
    Progress,
    End,
}

/// How an event is written; the time is that since the start of the run.
type Form = fn(Event, &State, Duration) -> String;

/// Writes a line for each event.
pub struct Lines {
    start: Instant,
    form: Form,
    meter: Mutex<Meter>,
}

impl Lines {
    /// For people: a line when a stage begins and ends, and one every ten seconds.
    pub fn plain() -> Self {
        Self::new(Duration::from_secs(10), plain)
    }

    /// For programs: JSON, at most ten lines a second besides begin and end.
    pub fn json() -> Self {
        Self::new(Duration::from_millis(100), as_json)
    }

    fn new(every: Duration, form: Form) -> Self {
        Self {
            start: Instant::now(),
            form,
            meter: Mutex::new(Meter::new(every)),
        }
    }

    /// Writes the event under the lock, so that lines keep their order.
    fn on(&self, event: Event, step: impl FnOnce(&mut Meter, Instant) -> Option<State>) {
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(state) = step(&mut meter, now) {
            let line = (self.form)(event, &state, now.saturating_duration_since(self.start));
            // `eprintln!` would panic if the reader has closed the pipe.
            let _ = printing(|| stderr().lock().write_all(format!("{line}\n").as_bytes()));
        }
    }
}

impl Progress for Lines {
    fn begin(&self, stage: Stage, total: u64) {
        self.on(Event::Begin, |meter, now| {
            Some(meter.begin(stage, total, now))
        });
    }

    fn part(&self, id: &str) {
        self.on(Event::Progress, |meter, _| {
            meter.part(id);
            None
        });
    }

    fn advance(&self, bytes: u64) {
        self.on(Event::Progress, |meter, now| meter.advance(bytes, now));
    }

    fn end(&self) {
        self.on(Event::End, |meter, now| meter.end(now));
    }
}

fn plain(event: Event, state: &State, since: Duration) -> String {
    let total = size::decimal(state.total);
    let mut line = format!("[{:7.1} s] {}: ", since.as_secs_f64(), title(state.stage));
    // Writing into a string cannot fail.
    let _ = match event {
        Event::Begin => write!(line, "{total}"),
        Event::End => write!(line, "done, {:.1} s", state.elapsed.as_secs_f64()),
        Event::Progress => write!(line, "{} of {total}", size::decimal(state.bytes)),
    };
    if event == Event::Progress {
        if let (Some(rate), Some(left)) = (state.rate(), state.seconds_left()) {
            let _ = write!(line, ", {}/s, {left} s left", size::decimal(rate));
        }
        if let Some(part) = &state.part {
            let _ = write!(line, ", {}", printable(part));
        }
    }
    line
}

fn as_json(event: Event, state: &State, _: Duration) -> String {
    let stage = state.stage.name();
    let event = match event {
        Event::Begin => json!({"event": "begin", "stage": stage, "total": state.total}),
        Event::Progress => json!({
            "event": "progress",
            "stage": stage,
            "part": state.part,
            "bytes": state.bytes,
            "total": state.total,
            "rate": state.rate(),
            "seconds_left": state.seconds_left(),
        }),
        Event::End => json!({
            "event": "end",
            "stage": stage,
            "bytes": state.bytes,
            "total": state.total,
            "seconds": state.elapsed.as_secs_f64(),
        }),
    };
    event.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(bytes: u64, seconds: u64) -> State {
        State {
            stage: Stage::Write,
            part: Some("media".into()),
            bytes,
            total: 5_000_000,
            elapsed: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn lines_for_people_begin_with_the_time_since_the_start() {
        let since = Duration::from_millis(12_340);
        for (event, state, line) in [
            (Event::Begin, state(0, 0), "[   12.3 s] Writing: 5.00 MB"),
            (
                Event::Progress,
                state(2_000_000, 10),
                "[   12.3 s] Writing: 2.00 MB of 5.00 MB, 200.00 kB/s, 15 s left, media",
            ),
            (
                Event::End,
                state(5_000_000, 20),
                "[   12.3 s] Writing: done, 20.0 s",
            ),
        ] {
            assert_eq!(plain(event, &state, since), line);
        }
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        let line = as_json(Event::Progress, &state(2_000_000, 10), Duration::ZERO);
        assert_eq!(
            line,
            r#"{"event":"progress","stage":"write","part":"media","bytes":2000000,"total":5000000,"rate":200000,"seconds_left":15}"#
        );
        let line = as_json(Event::Progress, &state(0, 0), Duration::ZERO);
        assert!(
            line.ends_with(r#""rate":null,"seconds_left":null}"#),
            "{line}"
        );
    }
}
