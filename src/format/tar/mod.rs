//! Tar entries byte for byte: one header block and its fields, PAX records, paths, the assembled
//! blocks of an entry's header, and the walk over all entries of an archive.

pub mod block;
pub mod header;
pub mod path;
pub mod pax;
pub mod walk;
