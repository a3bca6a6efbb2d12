//! `cargo fuzz run mesh`.

#![no_main]

libfuzzer_sys::fuzz_target!(
    // A reader of others may panic, which ours catches; one that gets through ends the run still.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |data: &[u8]| dreamitate_fuzz::mesh(data)
);
