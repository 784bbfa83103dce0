//! The name of a file that a command writes.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// Takes any path but `-`, which elsewhere means standard output: what haslim writes it also reads
/// back, so it needs a file. `./-` is a file of that name.
pub(super) fn new_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        if path.as_os_str() == "-" {
            Err("this is not written to standard output; give the name of a file")
        } else {
            Ok(path)
        }
    })
}
