//! The `medfolder` binary.

fn main() {}
