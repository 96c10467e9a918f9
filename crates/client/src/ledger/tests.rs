//! Tests follow below.
