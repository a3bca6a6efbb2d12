//! `cargo fuzz run tool`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dreamitate_fuzz::tool(data));
