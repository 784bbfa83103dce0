//! The code of the fuzz targets: one module each.
//!
//! A target must not panic, hang or take much memory, whatever the bytes; and if the library
//! accepts them, its promises about them must hold.

pub mod blocks;
pub mod inner;
pub mod manifest;
pub mod outer;
pub mod secure;
pub mod splice;
pub mod whole;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use haslim::pipe::Input;

/// Bytes as an input file, in memory; each call overwrites the previous one.
fn input(bytes: &[u8]) -> Arc<Input> {
    thread_local! {
        static FILE: File = rustix::fs::memfd_create("input", rustix::fs::MemfdFlags::CLOEXEC).unwrap().into();
    }
    FILE.with(|file| {
        file.set_len(bytes.len() as u64).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        Input::from_file(file.try_clone().unwrap(), Path::new("input.tar")).unwrap()
    })
}
