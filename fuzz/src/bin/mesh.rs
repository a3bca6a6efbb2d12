//! `cargo fuzz run mesh`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dreamitate_fuzz::mesh(data));
