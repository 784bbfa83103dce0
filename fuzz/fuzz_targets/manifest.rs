#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| haslim_fuzz::manifest::run(data));
