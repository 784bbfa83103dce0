//! Measurements, and backups to measure on.

pub mod make;
