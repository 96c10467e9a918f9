#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| medfolder_fuzz::knock("ledger", bytes));
