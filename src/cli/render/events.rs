//! Prints the events of a job as warnings.

use haslim::job::{Event, Observer};
use haslim::report::{notes, summary};
use haslim::size;

use crate::cli::render::terms::CommandLine;
use crate::cli::system::quoted;
use crate::cli::terminal::output::Screen;

impl Observer for Screen {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::PartDamaged { part, error } => self.warn(&format!(
                "{part} is damaged; a copy keeps it as it is. {error}"
            )),
            Event::PartUnusable { part, error } => self.warn(&format!(
                "{part} is damaged, and a copy would need all of it: leave it out with --drop {}. {error}",
                quoted(part)
            )),
            Event::PartUnchecked { part, error } => self.warn(&format!(
                "{part} could not be checked; a copy keeps it as it is. {error}"
            )),
            Event::Kept { backup, note } => {
                self.warn(&notes::note(backup, note, &CommandLine));
            }
            Event::Replanned {
                excess,
                backup,
                plan,
            } => {
                let rows = summary::rows(backup, plan);
                let titles: Vec<&str> = rows.iter().map(|row| row.title.as_str()).collect();
                let why = excess.map_or_else(
                    || "Some parts have to be written anew, and the copy would not fit".to_owned(),
                    |excess| {
                        let excess = size::decimal(excess);
                        format!("The copy was {excess} larger than planned and did not fit")
                    },
                );
                self.warn(&format!(
                    "{why}, so haslim planned again. Now left out: {}.",
                    titles.join(", ")
                ));
            }
        }
    }
}
