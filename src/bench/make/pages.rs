//! Contents like those of a recorder database.

use super::random::Random;

/// The page size of Home Assistant's database.
const PAGE: usize = 4096;
/// The types of b-tree pages with data (SQLite, "Database File Format", section 1.6).
const TABLE_LEAF: u8 = 0x0d;
const INDEX_LEAF: u8 = 0x0a;
/// Bytes of a leaf page's header.
const HEADER: usize = 8;
/// The number of entities, and the time of the first row.
const ENTITIES: u64 = 1080;
const BEGIN: f64 = 1_790_000_000.0;

/// Pages as the recorder fills them: rows of states and statistics, and the pages of three indexes.
/// The layout is a database's, including deleted rows, but it is not a valid database, because
/// there are no inner pages.
#[derive(Debug)]
pub(super) struct Pages {
    page: u64,
    row: u64,
    clock: f64,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            page: 0,
            row: 1,
            clock: BEGIN,
        }
    }
}

impl Pages {
    /// Pages from the middle of a database; each number is another place.
    pub fn later(number: u64) -> Self {
        Self {
            page: 1 + number * 16,
            row: 1 + number * 700,
            clock: BEGIN + number as f64 * 700.0,
        }
    }

    /// Appends the next page.
    pub fn more(&mut self, random: &mut Random, out: &mut Vec<u8>) {
        let page = match self.page % 8 {
            0 if self.page == 0 => first(),
            0..=3 => self.fill(TABLE_LEAF, random, Self::state),
            4 => self.fill(INDEX_LEAF, random, Self::by_time),
            5 => self.fill(INDEX_LEAF, random, Self::by_context),
            6 => self.fill(INDEX_LEAF, random, Self::by_old_state),
            _ => self.fill(TABLE_LEAF, random, Self::statistic),
        };
        self.page += 1;
        out.extend_from_slice(&page);
    }

    fn fill(
        &mut self,
        kind: u8,
        random: &mut Random,
        cell: fn(&mut Self, &mut Random, &mut Vec<u8>),
    ) -> [u8; PAGE] {
        let mut page = Page {
            bytes: [0; PAGE],
            cells: 0,
            top: PAGE,
        };
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            cell(self, random, &mut bytes);
            // Every fifth row was deleted; its bytes are still there.
            if !page.push(&bytes, kind == INDEX_LEAF || !self.row.is_multiple_of(5)) {
                return page.finish(kind);
            }
        }
    }

    /// A row of `states`: mostly empty columns, a reading, times, and a random context id.
    fn state(&mut self, random: &mut Random, out: &mut Vec<u8>) {
        const COLUMNS: [u8; 22] = [
            22, 0, 0, 23, 0, 0, 0, 0, 7, 0, 0, 7, 4, 2, 0, 0, 0, 8, 44, 0, 0, 2,
        ];
        self.clock += random.unit() * 2.0;
        out.push(75);
        varint(self.row, out);
        out.extend_from_slice(&COLUMNS);
        out.extend_from_slice(format!("{:.2}", random.around(21.0, 7.0)).as_bytes());
        out.extend_from_slice(&self.clock.to_be_bytes());
        out.extend_from_slice(&self.clock.to_be_bytes());
        out.extend_from_slice(&number(self.row - random.below(self.row.min(ENTITIES))));
        let entity = number(random.below(ENTITIES));
        out.extend_from_slice(&entity[2..]);
        random.noise(16, out);
        out.extend_from_slice(&entity[2..]);
        self.row += 1;
    }

    fn statistic(&mut self, random: &mut Random, out: &mut Vec<u8>) {
        const COLUMNS: [u8; 14] = [14, 0, 0, 7, 2, 0, 7, 7, 7, 7, 0, 0, 7, 7];
        out.push(66);
        varint(self.row, out);
        out.extend_from_slice(&COLUMNS);
        out.extend_from_slice(&self.clock.to_be_bytes());
        out.extend_from_slice(&number(random.below(900))[2..]);
        out.extend_from_slice(&(self.clock - self.row as f64 * 300.0).to_be_bytes());
        // Most sensors did not change within the five minutes of a row.
        let mean = random.around(20.0, 5.0);
        let spread = if random.below(4) == 0 {
            random.unit()
        } else {
            0.0
        };
        for value in [mean, mean - spread, mean + spread, mean] {
            out.extend_from_slice(&value.to_be_bytes());
        }
        out.extend_from_slice(&(self.row as f64 * 0.37).to_be_bytes());
        self.row += 1;
    }

    fn by_time(&mut self, random: &mut Random, out: &mut Vec<u8>) {
        out.extend_from_slice(&[18, 4, 2, 7, 4]);
        out.extend_from_slice(&number(self.page % ENTITIES)[2..]);
        self.clock += random.unit();
        out.extend_from_slice(&self.clock.to_be_bytes());
        out.extend_from_slice(&number(random.below(self.row)));
    }

    fn by_context(&mut self, random: &mut Random, out: &mut Vec<u8>) {
        out.extend_from_slice(&[23, 3, 44, 4]);
        random.noise(16, out);
        out.extend_from_slice(&number(random.below(self.row)));
    }

    fn by_old_state(&mut self, random: &mut Random, out: &mut Vec<u8>) {
        out.extend_from_slice(&[11, 3, 4, 4]);
        let row = random.below(self.row);
        out.extend_from_slice(&number(row));
        out.extend_from_slice(&number(row + random.below(ENTITIES)));
    }
}

/// The first page: the file header (SQLite, "Database File Format", section 1.3).
fn first() -> [u8; PAGE] {
    let mut page = [0; PAGE];
    for (to, from) in page
        .iter_mut()
        .zip(b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20")
    {
        *to = *from;
    }
    page
}

/// The low four bytes, as SQLite stores integers.
fn number(value: u64) -> [u8; 4] {
    let [.., a, b, c, d] = value.to_be_bytes();
    [a, b, c, d]
}

/// A row id (SQLite, "Database File Format", section 1.6, "varint").
fn varint(value: u64, out: &mut Vec<u8>) {
    let groups = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let [low, ..] = (value >> (7 * group)).to_le_bytes();
        out.push(if group > 0 { low | 0x80 } else { low & 0x7f });
    }
}

/// A leaf page being filled: cells from the end, pointers to them from the start.
struct Page {
    bytes: [u8; PAGE],
    cells: usize,
    top: usize,
}

impl Page {
    /// False when there is no room left.
    fn push(&mut self, cell: &[u8], live: bool) -> bool {
        let pointer = HEADER + 2 * self.cells;
        let Some(begin) = self
            .top
            .checked_sub(cell.len())
            .filter(|&begin| begin >= pointer + 2)
        else {
            return false;
        };
        self.put(begin, cell);
        self.top = begin;
        if live {
            self.put(pointer, &short(begin));
            self.cells += 1;
        }
        true
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }

    fn finish(mut self, kind: u8) -> [u8; PAGE] {
        let ([a, b], [c, d]) = (short(self.cells), short(self.top));
        self.put(0, &[kind, 0, 0, a, b, c, d, 0]);
        self.bytes
    }
}

fn short(value: usize) -> [u8; 2] {
    let [.., a, b] = value.to_be_bytes();
    [a, b]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_full_and_whole() {
        let (mut pages, mut random, mut out) = (Pages::default(), Random::new(1, 1), Vec::new());
        for count in 1..50 {
            pages.more(&mut random, &mut out);
            assert_eq!(out.len(), count * PAGE);
            let zeros = out
                .rchunks(PAGE)
                .next()
                .unwrap()
                .iter()
                .filter(|&&b| b == 0)
                .count();
            assert!(
                count == 1 || zeros < PAGE * 3 / 5,
                "page {count} has {zeros} zeros"
            );
        }
    }

    #[test]
    fn row_ids_are_written_as_sqlite_does() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x81, 0]),
            (300, &[0x82, 0x2c]),
            (16_384, &[0x81, 0x80, 0]),
        ] {
            let mut out = Vec::new();
            varint(value, &mut out);
            assert_eq!(out, bytes, "{value}");
        }
    }
}
