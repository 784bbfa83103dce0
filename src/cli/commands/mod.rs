//! The commands, one file each.

pub mod bench;
pub mod guide;
pub mod info;
pub mod ls;
pub mod repair;
pub mod rules;
pub mod shrink;
pub mod verify;
