//! Make a Home Assistant backup smaller without making it worse.
//!
//! A backup is an outer, uncompressed tar of *members*: `backup.json` and one
//! archive per *part* (the configuration, each folder, each add-on), each part
//! compressed and usually encrypted. This library reads such a file, tells what
//! every path inside it costs in stored bytes, plans what to leave out, and
//! writes a second file that restores.
//!
//! Data flows one way, and each stage has one product:
//!
//! | stage | product |
//! |---|---|
//! | [`open`] | [`open::Backup`]: members, parts and metadata of one file |
//! | [`survey`] | [`survey::PartSurvey`]: every entry of a part and what it costs |
//! | [`plan`] | [`plan::Plan`]: what is kept, dropped and rewritten, and the size to expect |
//! | [`rewrite`] | [`rewrite::Written`]: a finished, unpublished file |
//! | [`verify`] | [`verify::Verified`]: the proof that it holds what was planned |
//! | [`rest`] | [`rest::Joined`]: an original, put together again from a copy and what it lacks |
//! | [`job`] | [`job::Published`]: a copy that has its name; the others put together |
//! | [`extract`] | [`extract::Extracted`]: files, or an archive, taken out of a backup |
//! | [`report`] | what people and programs read |
//!
//! The rooms [`mod@format`], [`crypt`], [`gzip`] and [`pipe`] serve every stage; what differs
//! between systems is in [`sys`]; [`rules`] is what
//! is known about the things that make backups large; `homeassistant` (a feature) talks to Home
//! Assistant over the network; [`finding`] is what is wrong with a backup;
//! [`mod@bench`] measures and makes backups to measure. The library never talks to a terminal; only the
//! binary does.
//!
//! # Example
//!
//! How large would a copy without the media folder be?
//!
//! ```
//! use haslim::open::Backup;
//! use haslim::plan::{self, Request};
//!
//! # fn main() -> haslim::Result<()> {
//! let backup = Backup::open("fixtures/plain.tar".as_ref())?;
//! let request = Request {
//!     drops: vec![plan::parse("media", &backup)?],
//!     ..Request::new(5_000_000_000)?
//! };
//! let plan = plan::make(&backup, &[], &request)?;
//! assert!(plan.predicted_size < backup.input.len());
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! | word | what it is |
//! |---|---|
//! | backup | one file, an uncompressed tar |
//! | member | one file in that tar |
//! | part | a component of the backup in the member that holds it; most are archives |
//! | component | what a user names: `homeassistant`, `media`, `addon:SLUG`; see [`component`] |
//! | entry | one file, folder or link in a part |
//! | stored bytes | what an entry or a part costs in the backup, compressed |
//! | selector | what a user leaves out or keeps: `media`, `homeassistant:www/**` |
//! | rule | what the catalogue knows about some paths, and its class |
//! | candidate | what a plan may leave out: a rule's finds in a part, or a whole part |
//! | copy | the smaller backup that is written |
//! | rest | a backup of everything that a copy lacks |

pub mod bench;
pub mod component;
pub mod crypt;
pub mod dates;
pub mod error;
pub mod extract;
pub mod finding;
pub mod format;
pub mod gzip;
#[cfg(feature = "homeassistant")]
pub mod homeassistant;
pub mod job;
pub mod open;
pub mod pipe;
pub mod plan;
pub mod report;
pub mod rest;
pub mod rewrite;
pub mod rules;
pub mod size;
pub mod survey;
pub mod sys;
pub mod verify;

pub use error::{Error, Kind, Result};
