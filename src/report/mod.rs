//! Last stage: what programs and people read about the products of the others.

pub mod ask;
pub mod json;
pub mod largest;
pub mod words;
