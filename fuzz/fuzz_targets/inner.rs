#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| haslim_fuzz::inner::run(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    haslim_fuzz::blocks::mutate(data, size, max_size, seed, fuzzer_mutate)
});
