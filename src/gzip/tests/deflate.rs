//! Output of [`GzipWriter`], read by other libraries.

use std::io::{self, Read, Write};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::deflate::BLOCK;
use super::super::{GzipWriter, Stretch};
use super::{gzip, sample};

/// Reads one member with flate2; nothing may follow it.
fn only_member(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let mut plaintext = Vec::new();
    decoder.read_to_end(&mut plaintext).unwrap();
    assert!(
        decoder.into_inner().is_empty(),
        "something follows the first member"
    );
    plaintext
}

#[test]
fn every_size_around_a_block_is_one_member_that_others_read() {
    for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 17] {
        let plaintext = sample(len);
        let written = gzip(&plaintext, 6, 2);
        assert_eq!(
            written[..10],
            [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff],
            "{len}"
        );
        assert!(only_member(&written) == plaintext, "{len}: flate2");
        let mut second = vec![0; len];
        let outcome = libdeflater::Decompressor::new().gzip_decompress(&written, &mut second);
        assert_eq!(outcome, Ok(len));
        assert!(second == plaintext, "{len}: libdeflate");
    }
}

#[test]
fn every_level_is_read_back_and_more_than_nine_is_nine() {
    let plaintext = sample(BLOCK + 100_000);
    for level in 0..=9 {
        assert!(
            only_member(&gzip(&plaintext, level, 2)) == plaintext,
            "{level}"
        );
    }
    assert!(gzip(&plaintext, 10, 2) == gzip(&plaintext, 9, 2));
}

/// With level 6, zlib-rs had a compressor whose output after a reset depended on earlier data.
#[test]
fn the_number_of_threads_changes_no_byte() {
    let plaintext = sample(9 * BLOCK + 5);
    for level in [1, 6, 9] {
        let one = gzip(&plaintext, level, 1);
        for threads in [0, 2, 7] {
            assert!(
                gzip(&plaintext, level, threads) == one,
                "level {level}, {threads} threads"
            );
        }
    }
}

#[test]
fn the_cut_into_writes_changes_no_byte() {
    let plaintext = sample(2 * BLOCK);
    let whole = gzip(&plaintext, 6, 2);
    for step in [777, BLOCK / 2, BLOCK] {
        let mut writer = GzipWriter::new(Vec::new(), 6, 2).unwrap();
        for chunk in plaintext.chunks(step) {
            writer.write_all(chunk).unwrap();
            writer.write_all(&[]).unwrap();
            assert_eq!(writer.write(&[]).unwrap(), 0);
            writer.flush().unwrap();
        }
        assert!(writer.finish().unwrap() == whole, "{step}");
    }
}

#[test]
fn what_cannot_be_compressed_grows_by_less_than_a_thousandth() {
    let mut state = 7u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(3 * BLOCK)
    .collect();
    let written = gzip(&noise, 9, 2);
    assert!(
        written.len() < noise.len() + noise.len() / 1000,
        "{}",
        written.len()
    );
    assert!(only_member(&written) == noise);
}

#[test]
fn blocks_refer_back_into_the_block_before() {
    let unit = sample(24 << 10);
    let repeated: Vec<u8> = unit.iter().copied().cycle().take(4 * BLOCK).collect();
    let written = gzip(&repeated, 9, 2).len();
    // Without the dictionary each of the later three would contain the unit again.
    let (alone, once) = (
        4 * gzip(&repeated[..BLOCK], 9, 1).len(),
        gzip(&unit, 9, 1).len(),
    );
    assert!(written + 2 * once < alone, "{written}, {alone}, {once}");
}

/// Accepts this many bytes, then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let now = bytes.len().min(self.0);
        self.0 -= now;
        Ok(now)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_output_comes_through_wherever_it_happens() {
    let plaintext = sample(8 * BLOCK);
    let len = gzip(&plaintext, 1, 1).len();
    for room in [0, 5, 10, 11, len / 2, len - 5, len - 1] {
        let outcome = GzipWriter::new(Full(room), 1, 1).and_then(|mut writer| {
            writer.write_all(&plaintext)?;
            writer.finish().map(drop)
        });
        assert_eq!(
            outcome.unwrap_err().kind(),
            io::ErrorKind::StorageFull,
            "{room}"
        );
    }
}

#[test]
fn a_writer_dropped_halfway_leaves_no_work_behind_that_holds_its_output() {
    let shared = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Sink(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = GzipWriter::new(Sink(shared.clone()), 9, 4).unwrap();
    writer.write_all(&sample(5 * BLOCK)).unwrap();
    drop(writer);
    let written = std::sync::Arc::into_inner(shared)
        .unwrap()
        .into_inner()
        .unwrap();
    assert!(
        flate2::read::GzDecoder::new(&written[..])
            .read_to_end(&mut Vec::new())
            .is_err()
    );
}

#[test]
fn a_pool_of_one_thread_can_run_the_writer_itself() {
    let plaintext = sample(6 * BLOCK);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let written = pool.install(|| gzip(&plaintext, 1, 1));
    assert!(only_member(&written) == plaintext);
}

/// Bytes that are written, or appended as a stretch: compressed, stored, or stored on another thread.
#[derive(Debug, Clone, Copy)]
enum Step {
    Write,
    Compressed,
    Stored,
    Later,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn stretches_can_stand_anywhere_in_any_order(
        steps in prop::collection::vec((prop_oneof![Just(Step::Write), Just(Step::Compressed), Just(Step::Stored), Just(Step::Later)], 0usize..200_000), 0..9),
        level in 1u32..10,
    ) {
        let plaintext = sample(1_800_000);
        let (mut wanted, mut written) = (Vec::new(), Vec::new());
        for threads in [1, 3] {
            wanted.clear();
            let mut gzip = GzipWriter::new(Vec::new(), level, threads).unwrap();
            for (step, len) in &steps {
                let from = len * 7 % (plaintext.len() - len);
                let bytes = plaintext[from..from + len].to_vec();
                wanted.extend_from_slice(&bytes);
                match step {
                    Step::Write => gzip.write_all(&bytes).unwrap(),
                    Step::Compressed => gzip.append(Arc::new(Stretch::compress(bytes, level).unwrap())).unwrap(),
                    Step::Stored => gzip.append(Arc::new(Stretch::store(bytes))).unwrap(),
                    Step::Later => gzip.append_later(move || Stretch::store(bytes)).unwrap(),
                }
            }
            written.push(gzip.finish().unwrap());
        }
        prop_assert!(written[0] == written[1], "the number of threads shows");
        prop_assert!(only_member(&written[0]) == wanted, "flate2");
        let mut second = vec![0; wanted.len()];
        let outcome = libdeflater::Decompressor::new().gzip_decompress(&written[0], &mut second);
        prop_assert_eq!(outcome, Ok(wanted.len()));
        prop_assert!(second == wanted, "libdeflate");
    }
}
