//! Numbers and texts in a row of bytes.

use super::ScanError;

/// Appends a number: seven bits a byte, the lowest first; all but the last have the highest bit.
pub fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends the length of a text, and the text.
pub fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// The position of a value in the table of its kind, as one byte. Every value is in its table.
pub fn code<T: PartialEq>(table: &[T], value: &T) -> u8 {
    let at = table.iter().position(|known| known == value);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// Bytes that are read from front to back. Nothing is copied or allocated.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, ScanError> {
        let (first, rest) = self.0.split_first().ok_or(ENDS)?;
        self.0 = rest;
        Ok(*first)
    }

    /// The next number.
    pub fn number(&mut self) -> Result<u64, ScanError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(ScanError::Damaged("a number in it is too large"))
    }

    /// The next number, which must be less than `limit`.
    pub fn index(&mut self, limit: usize) -> Result<usize, ScanError> {
        let number = usize::try_from(self.number()?).ok();
        number
            .filter(|&number| number < limit)
            .ok_or(ScanError::Damaged("it names something that is not there"))
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], ScanError> {
        let len = usize::try_from(len).map_err(|_| ENDS)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(ENDS)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next text, by the length before it.
    pub fn text(&mut self) -> Result<&'a [u8], ScanError> {
        let len = self.number()?;
        self.take(len)
    }

    /// The next value, by its code in the table of its kind.
    pub fn value<T: Copy>(&mut self, table: &[T]) -> Result<T, ScanError> {
        let at = self.byte()?;
        table.get(usize::from(at)).copied().ok_or(UNKNOWN)
    }

    /// Checks that everything was read.
    pub fn end(self) -> Result<(), ScanError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ScanError::Damaged("it has more than it should"))
        }
    }
}

const ENDS: ScanError = ScanError::Damaged("something in it ends too early");
/// The error for a code that is not in its table.
pub const UNKNOWN: ScanError = ScanError::Damaged("it has a code without a meaning");

/// The memory that reading may still take, in bytes.
#[derive(Debug)]
pub struct Budget {
    left: u64,
    spent: u64,
}

impl Budget {
    /// A budget of this many bytes.
    pub fn of(bytes: u64) -> Self {
        Self {
            left: bytes,
            spent: 0,
        }
    }

    /// Spends memory for `count` things of `each` bytes. Called before they are allocated.
    pub fn spend(&mut self, count: u64, each: usize) -> Result<(), ScanError> {
        let bytes = count.saturating_mul(each as u64);
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(ScanError::Damaged("it would take more memory than it says"))?;
        self.spent += bytes;
        Ok(())
    }

    /// Bytes that were spent.
    pub fn spent(&self) -> u64 {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_texts_read_back_as_they_were(numbers: Vec<u64>, text: Vec<u8>) {
            let mut out = Vec::new();
            numbers.iter().for_each(|&number| put_number(&mut out, number));
            put_text(&mut out, &text);
            let mut bytes = Bytes(&out);
            for number in numbers {
                prop_assert_eq!(bytes.number().unwrap(), number);
            }
            prop_assert_eq!(bytes.text().unwrap(), text);
            prop_assert!(bytes.end().is_ok());
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_and_a_text_beyond_the_end_are_errors() {
        for bytes in [
            &[0xff; 10][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x80],
        ] {
            assert!(Bytes(bytes).number().is_err(), "{bytes:x?}");
        }
        assert!(Bytes(&[4, b'a', b'b', b'c']).text().is_err());
        assert!(Bytes(&[3]).index(3).is_err());
        assert_eq!(Bytes(&[2]).index(3).unwrap(), 2);
    }

    #[test]
    fn no_more_than_the_budget_is_spent() {
        let mut budget = Budget::of(100);
        assert!(budget.spend(3, 30).is_ok());
        assert!(budget.spend(u64::MAX, 30).is_err());
        assert!(budget.spend(2, 30).is_err());
        assert_eq!(budget.spent(), 90);
    }
}
