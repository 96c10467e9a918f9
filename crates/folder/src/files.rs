//! Files and directories on this device that hold somebody's health data: their owner's alone, also
//! for a program whose umask is looser.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Result;
use std::path::Path;

/// A new file in place of what a crash left behind, or somebody laid there: that would keep its
/// owner and mode, or lead elsewhere.
pub(crate) fn new_file(path: &Path) -> Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A directory, with those above it, where there is none.
pub(crate) fn new_directory(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// What was renamed into a directory stays there, whatever happens.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    // Elsewhere a directory is no file that could be opened.
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
