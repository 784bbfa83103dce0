//! Last stage: what programs and people read about the products of the others.

pub mod json;
pub mod words;
