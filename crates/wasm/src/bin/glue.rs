//! Writes the JavaScript around the compiled browser module.
//!
//! `medfolder-wasm-glue MODULE.wasm OUT_DIR web|node`
//!
//! It is `wasm-bindgen`'s own generator as a library, at the version that Cargo.lock names, so that
//! no tool has to be fetched beside the crates.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(module), Some(out), Some(target), None) = (
        arguments.next(),
        arguments.next(),
        arguments.next(),
        arguments.next(),
    ) else {
        bail!("usage: medfolder-wasm-glue MODULE.wasm OUT_DIR web|node");
    };
    let mut bindgen = Bindgen::new();
    match target.to_str() {
        Some("web") => bindgen.web(true)?,
        Some("node") => bindgen.nodejs(true)?,
        _ => bail!("the target is `web` or `node`"),
    };
    bindgen
        .input_path(PathBuf::from(module))
        .out_name("medfolder");
    bindgen
        .remove_producers_section(true)
        .generate(PathBuf::from(out))
        .context("no glue was made")
}
