//! What the user asks for, and which of it is allowed.

pub mod database;
pub mod locate;
pub mod names;
pub mod pattern;
pub mod selector;
pub mod selector_set;
pub mod unmatched;

use crate::error::{Error, Kind, Result};
use crate::format::outer::RECORD;
use crate::open::Part;
use crate::pipe::Control;
use crate::plan::compression::{CompressionChoice, Level, Packing};
use crate::plan::encryption::EncryptionChoice;
use crate::plan::request::database::Located;
use crate::plan::request::selector::Selector;
use crate::rules::{Catalogue, Class};

/// What the user asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Selectors of what to leave out.
    pub drops: Vec<Selector>,
    /// Selectors of what to keep; these override everything else.
    pub keeps: Vec<Selector>,
    /// The maximum size of the copy, in bytes.
    pub limit: u64,
    /// How the copy is encrypted.
    pub encryption: EncryptionChoice,
    /// Whether parts that are stored uncompressed are compressed.
    pub compression: CompressionChoice,
    /// What was decided about that. A job sets it once it has measured; the planner follows it.
    pub packing: Packing,
    /// The levels for parts that are compressed again as a whole, as far as a job tried some.
    pub levels: Vec<Level>,
    /// Whether there is a key.
    pub has_key: bool,
    /// The rules, and what no rule may drop.
    pub catalogue: Catalogue,
    /// Classes that may be dropped in addition to the free ones.
    pub allow: Vec<Class>,
    /// Single units that may also be dropped, by component and rule (`None`: the whole part).
    pub consent: Vec<(String, Option<String>)>,
    /// Single units that are dropped with everything in them, even if less would be enough, if
    /// anything must be dropped at all; identified in the same way.
    pub forced: Vec<(String, Option<String>)>,
    /// Single units that the user declined to drop, identified in the same way. They are not
    /// dropped, whatever else is allowed, and not offered again.
    pub declined: Vec<(String, Option<String>)>,
    /// Leave out everything that may be dropped, even if less would be enough.
    pub thorough: bool,
    /// Bytes by which a copy was larger than predicted. The plan stays below the limit by this
    /// margin.
    pub margin: u64,
    /// Lets planning be cancelled.
    pub control: Control,
    /// Where the recorder's database is. The planner determines this itself.
    pub database: Located,
}

impl Request {
    /// A request that only has to fit the limit.
    ///
    /// # Errors
    /// `Internal` if the built-in catalogue is broken.
    pub fn new(limit: u64) -> Result<Self> {
        Ok(Self {
            drops: Vec::new(),
            keeps: Vec::new(),
            limit,
            encryption: EncryptionChoice::AsIs,
            compression: CompressionChoice::AsNeeded,
            packing: Packing::AsStored,
            levels: Vec::new(),
            has_key: false,
            catalogue: builtin_catalogue()?,
            allow: Vec::new(),
            consent: Vec::new(),
            forced: Vec::new(),
            declined: Vec::new(),
            thorough: false,
            margin: 0,
            control: Control::default(),
            database: Located::default(),
        })
    }

    /// Whether the user drops a component as a whole. A glob does not drop anything irreplaceable:
    /// that must be named.
    pub fn drops_component(&self, id: &str) -> bool {
        self.drops
            .iter()
            .any(|s| s.takes_component(id) && !self.spares_component(s, id))
    }

    /// Why a selector that matches a component by a glob does not drop it.
    pub(crate) fn spared_component(&self, selector: &Selector, id: &str) -> Option<&str> {
        (selector.takes_component(id) && !selector.is_typed_in_full())
            .then(|| self.catalogue.irreplaceable(id))?
    }

    pub(crate) fn spares_component(&self, selector: &Selector, id: &str) -> bool {
        self.spared_component(selector, id).is_some()
    }

    /// The user's selectors that drop a part or something in it.
    pub fn selectors_into<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Selector> {
        self.drops.iter().filter(|selector| {
            let id = &part.id;
            let whole = selector.takes_component(id) && !self.spares_component(selector, id);
            selector.looks_into(id) || whole
        })
    }

    /// Whether the user drops paths inside a component.
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

    /// The largest size that the plan aims for, in bytes, before the last record is filled up.
    pub(crate) fn most(&self) -> u64 {
        (self.limit - self.limit % RECORD).saturating_sub(self.margin)
    }
}

/// The default catalogue of a plan.
///
/// # Errors
/// `Internal`; the catalogue's tests rule this out.
pub fn builtin_catalogue() -> Result<Catalogue> {
    Catalogue::builtin()
        .cloned()
        .map_err(|e| Error::new(Kind::Internal, e.to_string()))
}
