//! Bytes as a description: what is read is analysed, expanded and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cnnstat_fuzz::read(bytes));
