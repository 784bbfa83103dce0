//! Prints the events of a job as warnings.

use haslim::job::{Event, Observer};
use haslim::report::notes;

use crate::cli::render::terms::CommandLine;

use crate::cli::terminal::output::Screen;

impl Observer for Screen {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::PartDamaged { part, error } => self.warn(&format!(
                "{part} is damaged; a copy keeps it as it is. {error}"
            )),
            Event::PartUnchecked { part, error } => self.warn(&format!(
                "{part} could not be checked; a copy keeps it as it is. {error}"
            )),
            Event::Kept { backup, note } => {
                self.warn(&notes::note(backup, note, &CommandLine));
            }
            // The next attempt follows at once, so the user has nothing to do.
            Event::CopyTooLarge { .. } => {}
        }
    }
}
