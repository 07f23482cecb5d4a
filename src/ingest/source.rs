//! Where an ingest reads its bytes: an upload in the spool, or a person's own file.

use super::IngestError;
use crate::catalog::Source;
use crate::spool::Spool;
use std::path::PathBuf;

/// The path to read, of a file that had so many `bytes` when it was accepted.
///
/// # Errors
/// `Refused` when the file is not there any more, or is another one now.
pub(super) async fn open(spool: &Spool, source: &Source, bytes: u64) -> Result<PathBuf, IngestError> {
    let path = match source {
        Source::Upload(upload) => spool.upload_path(*upload),
        Source::File(path) => path.clone(),
    };
    match tokio::fs::metadata(&path).await {
        Ok(found) if found.is_file() && found.len() == bytes => Ok(path),
        Ok(found) if found.is_file() => Err(changed()),
        _ => Err(IngestError::refused(match source {
            Source::Upload(_) => {
                "The uploaded file is not on the server any more. Delete this entry and add the film again."
            }
            Source::File(_) => "The file is not where it was any more. Put it back and try again.",
        })),
    }
}

/// What is made already belongs to another file.
pub(super) fn changed() -> IngestError {
    IngestError::refused("The file was changed after it was added. Delete this entry and add the film again.")
}

/// Frees the source's bytes if they are ours: the video is stored. What cannot be removed now is a
/// stray that the next start removes.
pub(super) async fn let_go(spool: &Spool, source: &Source) {
    let Source::Upload(upload) = source else { return };
    if let Err(error) = spool.remove_upload(*upload).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the upload of a ready video was not removed");
    }
}
