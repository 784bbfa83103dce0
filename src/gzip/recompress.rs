//! A stream with bytes taken out, compressed anew as one gzip member.

use std::io::{self, Read, Write};

use super::deflate::GzipWriter;
use super::edit::{EditBuffer, Filter};
use super::gunzip::{Gunzip, Trailer};

/// Bytes that are read at once from a stream that is not compressed.
const STEP: usize = 256 << 10;

/// Inflates `input`, lets `filter` edit the plaintext, and writes what stays as one
/// gzip member with flags 0. Gives the writer back.
///
/// # Errors
/// Those of the input (a [`super::GzipError`] inside), of the filter, of the output.
pub fn rewrite<R: Read, W: Write>(
    input: R,
    trailer: Trailer,
    output: W,
    filter: &mut dyn Filter,
    level: u32,
    threads: usize,
) -> io::Result<W> {
    inflate(
        input,
        trailer,
        GzipWriter::new(output, level, threads)?,
        filter,
    )?
    .finish()
}

/// The same without compressing what stays.
///
/// # Errors
/// As [`rewrite`].
pub fn inflate<R: Read, W: Write>(
    input: R,
    trailer: Trailer,
    mut output: W,
    filter: &mut dyn Filter,
) -> io::Result<W> {
    let mut gunzip = Gunzip::new(input, trailer);
    let mut edits = EditBuffer::default();
    while let Some(piece) = gunzip.next_piece()? {
        edits.feed(piece, filter, &mut output)?;
    }
    edits.finish(filter, &mut output)?;
    Ok(output)
}

/// The same for a stream that was not compressed before.
///
/// # Errors
/// As [`rewrite`].
pub fn compress<R: Read, W: Write>(
    input: R,
    output: W,
    filter: &mut dyn Filter,
    level: u32,
    threads: usize,
) -> io::Result<W> {
    copy_plain(input, GzipWriter::new(output, level, threads)?, filter)?.finish()
}

/// The same for a stream that is not compressed, neither before nor after.
///
/// # Errors
/// Those of the input, the filter and the output.
pub fn copy_plain<R: Read, W: Write>(
    mut input: R,
    mut output: W,
    filter: &mut dyn Filter,
) -> io::Result<W> {
    let mut edits = EditBuffer::default();
    let mut buffer = vec![0; STEP];
    loop {
        let got = input.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..got).filter(|b| !b.is_empty()) else {
            break;
        };
        edits.feed(bytes, filter, &mut output)?;
    }
    edits.finish(filter, &mut output)?;
    Ok(output)
}
