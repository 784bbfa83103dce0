#![no_main]

use haslim_fuzz::splice::{Wish, run};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wish: Wish| run(&wish));
