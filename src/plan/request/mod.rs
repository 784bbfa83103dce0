//! What the user wants, and what of it may be followed.

pub mod database;
pub mod locate;
pub mod pattern;
pub mod selector;
pub mod selector_set;
pub mod unmatched;

use crate::error::{Error, Kind, Result};
use crate::open::Part;
use crate::pipe::Control;
use crate::plan::encryption::EncryptionChoice;
use crate::plan::request::database::Located;
use crate::plan::request::selector::Selector;
use crate::rules::{Catalogue, Class};

/// What the user wants.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to leave out, as named.
    pub drops: Vec<Selector>,
    /// What to keep all the same; wins over everything else.
    pub keeps: Vec<Selector>,
    /// The copy must not be larger, in bytes.
    pub limit: u64,
    /// How the copy is encrypted.
    pub encryption: EncryptionChoice,
    /// Whether there is a key.
    pub has_key: bool,
    /// The rules, and what no rule may take.
    pub catalogue: Catalogue,
    /// Classes that may go besides the free ones.
    pub allow: Vec<Class>,
    /// Single units that may go besides, by component and rule (`None`: the whole part).
    pub consent: Vec<(String, Option<String>)>,
    /// Single units that somebody was asked about and wants to keep, named likewise. They stay
    /// because nobody consents to them; this is only what they are called then.
    pub declined: Vec<(String, Option<String>)>,
    /// Leave out all that may go, even if less would be enough.
    pub thorough: bool,
    /// Bytes by which a copy turned out larger than predicted; the plan stays below the limit by
    /// them.
    pub margin: u64,
    /// Where planning hears that somebody wants it to stop.
    pub control: Control,
    /// Where the recorder's database is. The planner finds that out by itself.
    pub database: Located,
}

impl Request {
    /// A request for nothing but to fit the limit.
    ///
    /// # Errors
    /// `Internal`, when the built-in catalogue is broken.
    pub fn new(limit: u64) -> Result<Self> {
        Ok(Self {
            drops: Vec::new(),
            keeps: Vec::new(),
            limit,
            encryption: EncryptionChoice::AsIs,
            has_key: false,
            catalogue: builtin_catalogue()?,
            allow: Vec::new(),
            consent: Vec::new(),
            declined: Vec::new(),
            thorough: false,
            margin: 0,
            control: Control::default(),
            database: Located::default(),
        })
    }

    /// Whether the user leaves a component out as a whole. A glob does not take what
    /// cannot be replaced: that has to be named.
    pub fn drops_component(&self, id: &str) -> bool {
        self.drops
            .iter()
            .any(|s| s.takes_component(id) && !self.spares_component(s, id))
    }

    /// Why a selector that takes a component by a glob does not take this one.
    pub(crate) fn spared_component(&self, selector: &Selector, id: &str) -> Option<&str> {
        (selector.takes_component(id) && !selector.is_typed_in_full())
            .then(|| self.catalogue.irreplaceable(id))?
    }

    pub(crate) fn spares_component(&self, selector: &Selector, id: &str) -> bool {
        self.spared_component(selector, id).is_some()
    }

    /// The user's selectors that take a part or something out of it.
    pub fn selectors_into<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Selector> {
        self.drops.iter().filter(|selector| {
            let id = &part.id;
            let whole = selector.takes_component(id) && !self.spares_component(selector, id);
            selector.looks_into(id) || whole
        })
    }

    /// Whether the user leaves paths inside a component out.
    pub fn drops_within(&self, id: &str) -> bool {
        self.drops.iter().any(|s| s.looks_into(id))
    }

    /// Whether the user keeps a component as a whole.
    pub fn keeps_component(&self, id: &str) -> bool {
        self.keeps.iter().any(|s| s.takes_component(id))
    }

    /// Whether the user keeps paths inside a component.
    pub fn keeps_within(&self, id: &str) -> bool {
        self.keeps.iter().any(|s| s.looks_into(id))
    }

    pub(crate) fn class_may_go(&self, class: Class) -> bool {
        class.is_free() || self.allow.contains(&class)
    }

    /// What the plan aims at, in bytes.
    pub(crate) fn target_size(&self) -> u64 {
        self.limit.saturating_sub(self.margin)
    }
}

/// The catalogue that a plan uses when nothing else is said.
///
/// # Errors
/// `Internal`, which the tests of the catalogue rule out.
pub fn builtin_catalogue() -> Result<Catalogue> {
    Catalogue::builtin()
        .cloned()
        .map_err(|e| Error::new(Kind::Internal, e.to_string()))
}
