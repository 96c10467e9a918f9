//! medfolder-wasm
