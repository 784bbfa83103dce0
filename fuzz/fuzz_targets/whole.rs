#![no_main]

use haslim_fuzz::whole::PREFIX;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| haslim_fuzz::whole::run(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if size < PREFIX || seed.is_multiple_of(8) {
        return fuzzer_mutate(data, size, max_size);
    }
    // The options at the start are not part of the archive that follows.
    PREFIX
        + haslim_fuzz::blocks::mutate(
            &mut data[PREFIX..],
            size - PREFIX,
            max_size - PREFIX,
            seed,
            fuzzer_mutate,
        )
});
