//! Uploads that were sent in parts, side by side, and become one film.

use super::seat::Taken;
use super::{UploadError, Uploads};
use crate::catalog::{Accepted, Labels, Resumable, ResumableKind};
use crate::media::id::UploadId;
use crate::media::range::ByteRange;
use futures::TryStreamExt;

/// A complete part that nobody else has now.
struct Part {
    id: UploadId,
    bytes: u64,
    taken: Taken,
}

impl Uploads {
    /// Joins complete parts, in this order, to a film. Costs their room once more until it is done; they
    /// are gone then. When it fails they stay, and it can be asked for again. Asked for again though it was
    /// done, as the answer was lost, it answers what it answered.
    ///
    /// # Errors
    /// `NotParts`, `TooLarge`, `Busy`, or when there is no room.
    pub async fn join(&self, parts: Vec<UploadId>, labels: Labels) -> Result<(UploadId, Accepted), UploadError> {
        self.to_its_end("join the parts of an upload", self.clone().joined(parts, labels)).await
    }

    async fn joined(self, parts: Vec<UploadId>, labels: Labels) -> Result<(UploadId, Accepted), UploadError> {
        // In one order, so that two who want the same parts do not wait for each other.
        let mut ordered = parts.clone();
        ordered.sort_unstable();
        ordered.dedup();
        if ordered.len() != parts.len() || parts.is_empty() {
            return Err(UploadError::NotParts("each part must be named once, and there must be one at least".into()));
        }
        let taken = self.take_parts(ordered).await;
        // Asked when nobody is joining them any more.
        if let Some((id, video)) = self.shared.catalog.joined_of(labels.parts.clone()).await? {
            return Ok((id, Accepted::Known(video)));
        }
        let mut taken = taken?;
        taken.sort_by_key(|part| parts.iter().position(|id| *id == part.id));
        let joined = self.copy(&taken, labels).await?;
        for part in taken {
            self.forget_part(part).await;
        }
        Ok(joined)
    }

    async fn take_parts(&self, ids: Vec<UploadId>) -> Result<Vec<Part>, UploadError> {
        let mut taken = Vec::with_capacity(ids.len());
        for id in ids {
            taken.push(self.take_part(id).await?);
        }
        Ok(taken)
    }

    async fn take_part(&self, id: UploadId) -> Result<Part, UploadError> {
        let gone = |error| match error {
            UploadError::NoSuchUpload => {
                UploadError::NotParts(format!("there is no upload {id} to join; it may have expired"))
            }
            other => other,
        };
        // Asked before, too: who sends what is no complete part is left alone.
        complete_part(&self.find(id).await.map_err(gone)?)?;
        let (taken, upload) = self.seize(id).await.map_err(gone)?;
        Ok(Part { id, bytes: complete_part(&upload)?, taken })
    }

    async fn copy(&self, parts: &[Part], labels: Labels) -> Result<(UploadId, Accepted), UploadError> {
        let id = UploadId::fresh();
        let bytes_total = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
        self.record_beginning(id, labels.clone(), Some(bytes_total)).await?;
        let mut uploading = self.receive(id, Some(bytes_total)).await?;
        for part in parts {
            let Some(range) = ByteRange::at(0, part.bytes) else { continue };
            let mut slices = self.shared.spool.read_upload(part.id, range).await?;
            while let Some(slice) = slices.try_next().await? {
                uploading.write(slice).await?;
            }
        }
        let accepted = uploading.finish(&labels.file_name, labels.title.as_deref(), labels.again).await?;
        Ok((id, accepted))
    }

    /// The film is there; what is left of its parts expires.
    async fn forget_part(&self, part: Part) {
        if let Err(error) = self.removed(part.id, part.taken).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a joined part was not removed; it will expire");
        }
    }
}

/// Its length.
fn complete_part(upload: &Resumable) -> Result<u64, UploadError> {
    let id = upload.id;
    match upload.bytes_total {
        _ if upload.labels.kind != ResumableKind::Part => {
            Err(UploadError::NotParts(format!("upload {id} did not begin as a part")))
        }
        Some(bytes) if bytes == upload.bytes_safe => Ok(bytes),
        _ => Err(UploadError::NotParts(format!("part {id} is not complete: send the rest of it first"))),
    }
}
