//! Packs the sample family into the binary: one ZIP file, the same bytes from the same files.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const FAMILY: &str = "../../tests/data/family";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FAMILY}");
    println!("cargo::rerun-if-changed=build.rs");
    let target = PathBuf::from(std::env::var("OUT_DIR")?).join("family.zip");
    let mut files = Vec::new();
    collect(Path::new(FAMILY), &mut files)?;
    files.sort();
    let mut archive = ZipWriter::new(fs::File::create(target)?);
    for file in files {
        let name = file
            .strip_prefix(FAMILY)?
            .to_str()
            .ok_or("a name that is not UTF-8")?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        archive.start_file(name, options)?;
        archive.write_all(&fs::read(&file)?)?;
    }
    archive.finish()?;
    Ok(())
}

/// The persons' folders: what a hospital would deliver, without the description beside them.
fn collect(directory: &Path, into: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if directory != Path::new(FAMILY) {
            into.push(path);
        }
    }
    Ok(())
}
