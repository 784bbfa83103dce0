//! Places in a backup that were asked about and are not there.

use crate::error::{Advice, Error, Kind, escape};
use crate::open::Backup;
use crate::pipe::Control;
use crate::plan::request::unmatched;
use crate::survey::PartSurvey;

/// The error for a place that is not in the backup, with what may have been meant; `Interrupted`
/// when the search for that is cancelled. Paths are compared with those of the parts that were
/// surveyed. A pattern is no place, whatever it matches.
pub fn no_such_place(
    backup: &Backup,
    surveys: &[PartSurvey],
    place: &str,
    control: &Control,
) -> Error {
    let message = format!("there is no '{}' in this backup", escape(place.as_bytes()));
    let error = Error::new(Kind::Usage, message);
    match unmatched::similar_to(place, backup, surveys, control) {
        Err(cancelled) => cancelled,
        Ok(selectors) if selectors.is_empty() => error.advice(Advice::ListAll),
        // As a pattern, it matches something.
        Ok(selectors) if selectors.iter().any(|selector| selector == place) => {
            error.advice(Advice::Find {
                pattern: place.to_owned(),
            })
        }
        Ok(selectors) => error.advice(Advice::DidYouMean {
            selectors,
            forms: false,
        }),
    }
}
