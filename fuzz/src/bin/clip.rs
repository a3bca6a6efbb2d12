//! `cargo fuzz run clip`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dreamitate_fuzz::clip(data));
