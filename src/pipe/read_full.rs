//! Reads until the buffer is full.

use std::io::{self, Read};

/// Reads until `buffer` is full or the reader ends; returns the number of bytes.
///
/// # Errors
/// Errors of the reader. The bytes before an error are in the buffer, but their number is unknown.
pub(crate) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let (got, outcome) = read_until_error(reader, buffer);
    outcome.map(|()| got)
}

/// Like [`read_full`], but also returns the number of bytes before an error. An interruption is not
/// an error.
pub(crate) fn read_until_error(
    reader: &mut impl Read,
    buffer: &mut [u8],
) -> (usize, io::Result<()>) {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (got, Err(e)),
        }
    }
    (got, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a byte at a time, with an interruption before each, and an error or the end after
    /// the last.
    struct Dribble {
        left: u8,
        turn: bool,
        fails: bool,
    }

    impl Read for Dribble {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.turn = !self.turn;
            match out.first_mut() {
                _ if self.turn => Err(io::ErrorKind::Interrupted.into()),
                Some(byte) if self.left > 0 => {
                    *byte = self.left;
                    self.left -= 1;
                    Ok(1)
                }
                _ if self.fails => Err(io::Error::other("broken")),
                _ => Ok(0),
            }
        }
    }

    fn dribble(left: u8, fails: bool) -> Dribble {
        Dribble {
            left,
            turn: false,
            fails,
        }
    }

    #[test]
    fn a_buffer_is_filled_by_many_short_reads() {
        let (mut reader, mut buffer) = (dribble(7, true), [0; 5]);
        assert!(matches!(read_full(&mut reader, &mut buffer), Ok(5)));
        assert_eq!((buffer, reader.left), ([7, 6, 5, 4, 3], 2));
        assert!(
            matches!(read_full(&mut reader, &mut []), Ok(0)),
            "no room is no read"
        );
    }

    #[test]
    fn the_end_leaves_it_short() {
        let mut buffer = [0; 5];
        assert!(matches!(
            read_full(&mut dribble(3, false), &mut buffer),
            Ok(3)
        ));
        assert_eq!(buffer, [3, 2, 1, 0, 0]);
    }

    #[test]
    fn what_came_before_an_error_is_told_to_who_asks() {
        let mut buffer = [0; 5];
        assert!(matches!(
            read_until_error(&mut dribble(3, true), &mut buffer),
            (3, Err(_))
        ));
        assert_eq!(buffer, [3, 2, 1, 0, 0]);
        assert!(read_full(&mut dribble(3, true), &mut buffer).is_err());
    }
}
