//! How far a stage is, and how fast it gets on.

use std::time::{Duration, Instant};

use haslim::pipe::Stage;

/// The state of a stage at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub stage: Stage,
    /// The part that was begun last.
    pub part: Option<String>,
    pub bytes: u64,
    pub total: u64,
    /// How long the stage has been running.
    pub elapsed: Duration,
}

impl State {
    /// Bytes a second since the stage began; `None` before anything is done.
    pub fn rate(&self) -> Option<u64> {
        let seconds = self.elapsed.as_secs_f64();
        (self.bytes > 0 && seconds > 0.0).then(|| (self.bytes as f64 / seconds) as u64)
    }

    /// How many seconds the rest takes at this rate.
    pub fn seconds_left(&self) -> Option<u64> {
        let rate = self.rate().filter(|rate| *rate > 0)?;
        Some(self.total.saturating_sub(self.bytes).div_ceil(rate))
    }
}

/// Counts the bytes of the current stage.
#[derive(Debug)]
pub struct Meter {
    /// The shortest time between two reports.
    every: Duration,
    current: Option<(State, Instant)>,
    reported: Option<Instant>,
}

impl Meter {
    pub fn new(every: Duration) -> Self {
        Self {
            every,
            current: None,
            reported: None,
        }
    }

    /// A stage begins.
    pub fn begin(&mut self, stage: Stage, total: u64, now: Instant) -> State {
        let state = State {
            stage,
            part: None,
            bytes: 0,
            total,
            elapsed: Duration::ZERO,
        };
        self.current = Some((state.clone(), now));
        self.reported = Some(now);
        state
    }

    /// Work on a part begins.
    pub fn part(&mut self, id: &str) {
        if let Some((state, _)) = &mut self.current {
            state.part = Some(id.to_owned());
        }
    }

    /// More bytes are done. Returns the state if the last report is long enough ago.
    pub fn advance(&mut self, bytes: u64, now: Instant) -> Option<State> {
        let (state, begin) = self.current.as_mut()?;
        state.bytes += bytes;
        let last = self.reported.unwrap_or(*begin);
        if now.saturating_duration_since(last) < self.every {
            return None;
        }
        self.reported = Some(now);
        state.elapsed = now.saturating_duration_since(*begin);
        Some(state.clone())
    }

    /// The stage is over.
    pub fn end(&mut self, now: Instant) -> Option<State> {
        let (mut state, begin) = self.current.take()?;
        state.elapsed = now.saturating_duration_since(begin);
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_reported_at_most_once_in_the_time_between() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut meter = Meter::new(Duration::from_millis(100));
        assert_eq!(meter.advance(1, begin), None);
        meter.begin(Stage::Read, 1000, begin);
        meter.part("media");
        let times = [0, 50, 99, 100, 150, 199, 200, 500];
        let reports = times.map(|millis| meter.advance(10, at(millis)).is_some());
        assert_eq!(
            reports,
            [false, false, false, true, false, false, true, true]
        );
        let end = meter.end(at(800)).unwrap();
        assert_eq!(
            (end.bytes, end.rate(), end.seconds_left()),
            (80, Some(100), Some(10))
        );
        assert_eq!(end.part.as_deref(), Some("media"));
        assert_eq!(meter.end(at(900)), None);
    }

    #[test]
    fn no_time_is_promised_before_anything_is_done() {
        let now = Instant::now();
        let state = Meter::new(Duration::ZERO).begin(Stage::Write, 5, now);
        assert_eq!((state.rate(), state.seconds_left()), (None, None));
    }
}
