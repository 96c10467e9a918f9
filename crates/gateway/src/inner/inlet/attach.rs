//! Files beside a bundle: found below its folder only, checked, and stored encrypted.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use medfolder_fhir::AttachmentRef;
use medfolder_record::Attachment;
use medfolder_record::limits::{MAX_ATTACHMENT, MAX_CODE, MAX_TEXT};

use super::InletError;
use crate::inner::draft::line;
use crate::inner::folder::{Folder, Stamp};
use crate::inner::vault_file;
use crate::inner::zone::Zone;

const BUFFER: usize = 64 * 1024;

/// A file that was stored for a record.
pub(super) struct Loaded {
    pub(super) described: Attachment,
    pub(super) file: String,
    pub(super) source: Copied,
}

/// Where the files that a bundle names lie: in its folder, of the watched one.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) root: &'a Folder,
    pub(crate) folder: &'a Path,
}

/// A delivered file, and which one it was.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
}

/// Stores the file that `named` describes.
///
/// # Errors
/// [`InletError::AttachmentMissing`] or [`InletError::AttachmentDiffers`].
pub(super) fn load(
    zone: &Zone,
    beside: Option<Beside<'_>>,
    named: &AttachmentRef,
) -> Result<Loaded, InletError> {
    let (path, file) = open_below(beside, &named.path)?;
    let stamp = Stamp::of_file(&file)?;
    if stamp.size() > MAX_ATTACHMENT {
        return Err(InletError::AttachmentDiffers);
    }
    let mut sha1 = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    let seen = |part: &[u8]| sha1.update(part);
    let stored = vault_file::store(&zone.key, zone.suite(), &zone.files, file, seen)?;
    let size_holds = named.size.is_none_or(|size| size == stored.size);
    let hash = STANDARD.encode(sha1.finish());
    if !size_holds || named.hash.as_ref().is_some_and(|stated| *stated != hash) {
        vault_file::shred(&zone.files, &stored.name)?;
        return Err(InletError::AttachmentDiffers);
    }
    let described = Attachment {
        digest: stored.digest,
        size: stored.size,
        name: name_of(named),
        media_type: line(&named.content_type, MAX_CODE),
    };
    Ok(Loaded {
        described,
        file: stored.name,
        source: Copied { path, stamp },
    })
}

/// The file that `named` describes by size and hash; none when it lies there no more, is another one,
/// or is not described so.
pub(super) fn described(beside: Option<Beside<'_>>, named: &AttachmentRef) -> Option<Copied> {
    let (path, mut file) = open_below(beside, &named.path).ok()?;
    let stamp = Stamp::of_file(&file).ok()?;
    if stamp.size() != named.size? {
        return None;
    }
    let mut sha1 = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = file.read(&mut buffer).ok()?;
        match buffer.get(..read)? {
            [] => break,
            part => sha1.update(part),
        }
    }
    let same = *named.hash.as_ref()? == STANDARD.encode(sha1.finish());
    same.then_some(Copied { path, stamp })
}

fn name_of(named: &AttachmentRef) -> String {
    let file_name = named.path.rsplit('/').next().unwrap_or(&named.path);
    line(file_name, MAX_TEXT)
}

/// Opens a file below the bundle's folder; no link on the way is followed.
fn open_below(beside: Option<Beside<'_>>, relative: &str) -> Result<(PathBuf, File), InletError> {
    let beside = beside.ok_or(InletError::AttachmentMissing)?;
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    if !relative.split('/').all(plain) || relative.contains(['\\', '\0']) {
        return Err(InletError::AttachmentDiffers);
    }
    let path = beside.folder.join(relative);
    let file = beside
        .root
        .file(&path)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => InletError::AttachmentDiffers,
            _ => InletError::AttachmentMissing,
        })?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_regular_files_below_the_folder_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("visit");
        fs::create_dir_all(folder.join("attachments")).unwrap();
        fs::write(folder.join("attachments/a.png"), b"a").unwrap();
        fs::write(dir.path().join("secret"), b"s").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), folder.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), folder.join("up")).unwrap();
        let root = Folder::open(dir.path()).unwrap();
        let beside = Beside {
            root: &root,
            folder: Path::new("visit"),
        };
        let open = |path: &str| {
            open_below(Some(beside), path)
                .map(|_| ())
                .map_err(|e| e.code())
        };
        assert_eq!(open("attachments/a.png"), Ok(()));
        assert_eq!(open("attachments/b.png"), Err("inlet.attachment_missing"));
        for path in [
            "../secret",
            "link",
            "up/secret",
            "attachments",
            "/etc/passwd",
            "a\\b",
        ] {
            assert_eq!(open(path), Err("inlet.attachment_differs"), "{path}");
        }
    }
}
