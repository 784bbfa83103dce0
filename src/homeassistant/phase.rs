//! How far an upload is, as Home Assistant's events show it.
//!
//! Events (tried, Core 2026.11.0): `receive_backup` with the stages `receive_file` and
//! `upload_to_agents`; then for each place 0 bytes, during which the cloud's agent reads the whole
//! file for its MD5, and its progress at most once a second; then `completed` or `failed`, and
//! `idle`. A try of the cloud's agent that failed shows only as bytes that fall back; it tries up to
//! five times, 60 to 600 seconds apart. No event says whether the place stored the backup.

use super::answers::Event;

/// How often the cloud's agent tries (Core, `components/cloud/backup.py`).
pub const TRIES: u32 = 5;

/// The state of one upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phase {
    /// Whether the last event said that Home Assistant is receiving a backup.
    pub is_receiving: bool,
    /// Whether it has been receiving since the upload began.
    pub has_received: bool,
    /// How often the place has begun, as far as the events show.
    pub tries: u32,
    /// The bytes that the place has sent on.
    pub bytes: u64,
}

/// What an event changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing that a user would see.
    None,
    /// The place begins, for this time, with a backup of so many bytes.
    Begins {
        /// 1 for the first.
        attempt: u32,
        /// The bytes of the backup.
        total: u64,
    },
    /// This many more bytes were sent on.
    Moves(u64),
}

impl Phase {
    /// Takes an event into account. `agent` is the place that the backup is for.
    pub fn take(&mut self, event: &Event, agent: &str) -> Step {
        if !event.manager_state.is_empty() {
            self.is_receiving = event.manager_state == "receive_backup";
            self.has_received |= self.is_receiving;
        }
        if event.agent_id.as_deref() != Some(agent) {
            return Step::None;
        }
        let bytes = event.uploaded_bytes.unwrap_or_default();
        let total = event.total_bytes.unwrap_or_default();
        if self.tries == 0 || bytes < self.bytes {
            self.tries += 1;
            self.bytes = 0;
            let attempt = self.tries;
            // The bytes of the new try follow with its next event.
            return Step::Begins { attempt, total };
        }
        let more = bytes - self.bytes;
        self.bytes = bytes;
        match more {
            0 => Step::None,
            more => Step::Moves(more),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(agent: &str, uploaded: u64) -> Event {
        Event {
            manager_state: "receive_backup".into(),
            agent_id: Some(agent.into()),
            uploaded_bytes: Some(uploaded),
            total_bytes: Some(100),
            ..Event::default()
        }
    }

    #[test]
    fn bytes_that_fall_back_are_the_next_try() {
        let mut phase = Phase::default();
        let mut steps = Vec::new();
        for bytes in [0, 0, 40, 90, 0, 10, 100] {
            steps.push(phase.take(&progress("cloud.cloud", bytes), "cloud.cloud"));
        }
        let begins = |attempt| Step::Begins {
            attempt,
            total: 100,
        };
        assert_eq!(
            steps,
            [
                begins(1),
                Step::None,
                Step::Moves(40),
                Step::Moves(50),
                begins(2),
                Step::Moves(10),
                Step::Moves(90)
            ]
        );
    }

    #[test]
    fn other_places_do_not_count() {
        let mut phase = Phase::default();
        assert_eq!(
            phase.take(&progress("backup.local", 5), "cloud.cloud"),
            Step::None
        );
        assert!(phase.is_receiving && phase.tries == 0);
        let idle = Event {
            manager_state: "idle".into(),
            ..Event::default()
        };
        phase.take(&idle, "cloud.cloud");
        assert!(!phase.is_receiving && phase.has_received);
    }
}
