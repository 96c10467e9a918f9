//! Tests across crates: story, interop, conformance, faults.
