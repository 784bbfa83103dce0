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
//! | [`job`] | [`job::Published`]: a copy with its name, after all of the above with threads, checks and another try |
//! | [`report`] | what people and programs read |
//!
//! The rooms [`mod@format`], [`crypt`], [`gzip`] and [`pipe`] serve every stage. The
//! library never talks to a terminal; only the binary does.

pub mod bench;
pub mod crypt;
pub mod error;
pub mod finding;
pub mod format;
pub mod gzip;
pub mod job;
pub mod open;
pub mod pipe;
pub mod plan;
pub mod report;
pub mod rewrite;
pub mod rules;
pub mod size;
pub mod survey;
pub mod verify;

pub use error::{Error, Kind, Result};
