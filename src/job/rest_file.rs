//! A rest on its way to its name, and with it.

use std::path::PathBuf;

use super::prepared::Prepared;
use crate::error::Result;
use crate::pipe::Control;
use crate::rewrite::Output;

/// A published rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRest {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Its id in Home Assistant.
    pub slug: String,
    /// Its name in Home Assistant.
    pub name: String,
}

/// A rest that is complete, but has no name yet.
pub(super) struct UnnamedRest {
    pub(super) output: Output,
    pub(super) size: u64,
    pub(super) slug: String,
    pub(super) name: String,
}

impl UnnamedRest {
    /// Gives the rest its name.
    ///
    /// # Errors
    /// `OutputIo`.
    pub(super) fn publish(self) -> Result<PublishedRest> {
        let Self {
            output,
            size,
            slug,
            name,
        } = self;
        Ok(PublishedRest {
            path: output.publish()?,
            size,
            slug,
            name,
        })
    }
}

/// Writes the rest of the copy that is planned.
pub(super) type RestWriter<'a> = &'a (dyn Fn(&Prepared, &Control) -> Result<UnnamedRest> + Sync);
