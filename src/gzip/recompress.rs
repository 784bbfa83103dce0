//! Removes bytes from a stream and compresses the rest again as one gzip member.

use std::io::{self, Read, Write};

use super::deflate::GzipWriter;
use super::edit::{EditBuffer, Filter};
use super::gunzip::{Gunzip, Trailer};

/// Bytes per read from an uncompressed stream.
const STEP: usize = 256 << 10;

/// Inflates `input`, applies `filter` to the plaintext, and writes the rest as one gzip member with
/// flags 0. Returns the writer.
///
/// # Errors
/// Errors of the input (a [`super::GzipError`] inside), of the filter, of the output.
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

/// The same without compressing the rest.
///
/// # Errors
/// The same as for [`rewrite`].
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
/// The same as for [`rewrite`].
pub fn compress<R: Read, W: Write>(
    input: R,
    output: W,
    filter: &mut dyn Filter,
    level: u32,
    threads: usize,
) -> io::Result<W> {
    copy_plain(input, GzipWriter::new(output, level, threads)?, filter)?.finish()
}

/// The same for a stream that is uncompressed before and after.
///
/// # Errors
/// Errors of the input, the filter and the output.
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
