//! Files beside a bundle: found below its folder only, checked, and stored encrypted.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use medfolder_fhir::AttachmentRef;
use medfolder_record::Attachment;
use medfolder_record::limits::{MAX_ATTACHMENT, MAX_CODE, MAX_TEXT};

use super::InletError;
use crate::inner::draft::line;
use crate::inner::vault_file;
use crate::inner::zone::Zone;

const BUFFER: usize = 64 * 1024;

/// A file that was stored for a record.
pub(super) struct Loaded {
    pub(super) described: Attachment,
    pub(super) file: String,
    pub(super) source: PathBuf,
}

/// Stores the file that `named` describes.
///
/// # Errors
/// [`InletError::AttachmentMissing`] or [`InletError::AttachmentDiffers`].
pub(super) fn load(
    zone: &Zone,
    folder: Option<&Path>,
    named: &AttachmentRef,
) -> Result<Loaded, InletError> {
    let (source, file) = open_below(folder, &named.path)?;
    if file.metadata()?.len() > MAX_ATTACHMENT {
        return Err(InletError::AttachmentDiffers);
    }
    let mut sha1 = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    let seen = |part: &[u8]| sha1.update(part);
    let stored = vault_file::store(&zone.key, zone.suite(), &zone.files, file, seen)?;
    let size_holds = named.size.is_none_or(|size| size == stored.size);
    let hash = STANDARD.encode(sha1.finish());
    if !size_holds || named.hash.as_ref().is_some_and(|stated| *stated != hash) {
        vault_file::shred(&zone.files.join(&stored.name))?;
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
        source,
    })
}

/// Where the file lies that `named` describes by size and hash; none when it lies there no more, is
/// another one, or is not described so.
pub(super) fn described(folder: Option<&Path>, named: &AttachmentRef) -> Option<PathBuf> {
    let (path, mut file) = open_below(folder, &named.path).ok()?;
    if file.metadata().ok()?.len() != named.size? {
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
    (*named.hash.as_ref()? == STANDARD.encode(sha1.finish())).then_some(path)
}

fn name_of(named: &AttachmentRef) -> String {
    let file_name = named.path.rsplit('/').next().unwrap_or(&named.path);
    line(file_name, MAX_TEXT)
}

/// Opens a file below `folder`; a symbolic link that leads out of it is not followed.
fn open_below(folder: Option<&Path>, relative: &str) -> Result<(PathBuf, File), InletError> {
    let missing = |_| InletError::AttachmentMissing;
    let folder = folder.ok_or(InletError::AttachmentMissing)?;
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    if !relative.split('/').all(plain) || relative.contains(['\\', '\0']) {
        return Err(InletError::AttachmentDiffers);
    }
    let path = folder.join(relative);
    let real = fs::canonicalize(&path).map_err(missing)?;
    if !real.starts_with(fs::canonicalize(folder).map_err(missing)?) || !real.is_file() {
        return Err(InletError::AttachmentDiffers);
    }
    let file = File::open(&real).map_err(missing)?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_below_the_folder_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("visit");
        fs::create_dir_all(folder.join("attachments")).unwrap();
        fs::write(folder.join("attachments/a.png"), b"a").unwrap();
        fs::write(dir.path().join("secret"), b"s").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), folder.join("link")).unwrap();
        let open = |path: &str| {
            open_below(Some(&folder), path)
                .map(|_| ())
                .map_err(|e| e.code())
        };
        assert_eq!(open("attachments/a.png"), Ok(()));
        assert_eq!(open("attachments/b.png"), Err("inlet.attachment_missing"));
        for path in ["../secret", "link", "attachments", "/etc/passwd", "a\\b"] {
            assert_eq!(open(path), Err("inlet.attachment_differs"), "{path}");
        }
    }
}
