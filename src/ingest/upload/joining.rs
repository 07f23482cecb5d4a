//! Uploads that were sent in parts, side by side, and become one film.

use super::continuing::Taken;
use super::{UploadError, Uploads};
use crate::catalog::{Accepted, CatalogError, Labels, ResumableKind};
use crate::media::id::UploadId;
use crate::media::range::ByteRange;
use futures::TryStreamExt;

impl Uploads {
    /// Joins complete parts, in this order, to a film. Costs their room once more until it is done; they
    /// are gone then. When it fails they stay, and it can be asked for again.
    ///
    /// # Errors
    /// `NotParts`, `TooLarge`, `TooMany`, or when there is no room.
    pub async fn join(&self, parts: Vec<UploadId>, labels: Labels) -> Result<(UploadId, Accepted), UploadError> {
        // A task of its own: it may take longer than its sender waits.
        let joining = self.clone().joined(parts, labels);
        let joining = self.shared.shutdown.spawn("join the parts of an upload", joining);
        joining.await.map_err(|_| UploadError::Catalog(CatalogError::Closed))?
    }

    async fn joined(self, parts: Vec<UploadId>, labels: Labels) -> Result<(UploadId, Accepted), UploadError> {
        // In one order, so that two who want the same parts do not wait for each other.
        let mut ordered = parts.clone();
        ordered.sort_unstable();
        ordered.dedup();
        if ordered.len() != parts.len() || parts.is_empty() {
            return Err(UploadError::NotParts("each part must be named once, and there must be one at least".into()));
        }
        let mut taken = Vec::with_capacity(ordered.len());
        for part in &ordered {
            self.complete_part(*part).await?;
            taken.push((*part, self.take_over(*part).await?));
        }
        let mut lengths = Vec::with_capacity(parts.len());
        for part in &parts {
            lengths.push((*part, self.complete_part(*part).await?));
        }
        let joined = self.copy(&lengths, labels).await?;
        for (part, seat) in taken {
            self.forget_part(part, seat).await;
        }
        Ok(joined)
    }

    /// Its length.
    async fn complete_part(&self, part: UploadId) -> Result<u64, UploadError> {
        let upload = match self.find(part).await {
            Err(UploadError::NoSuchUpload) => {
                return Err(UploadError::NotParts(format!("there is no upload {part} to join; it may have expired")));
            }
            found => found?,
        };
        match upload.bytes_total {
            _ if upload.labels.kind != ResumableKind::Part => {
                Err(UploadError::NotParts(format!("upload {part} did not begin as a part")))
            }
            Some(bytes) if bytes == upload.bytes_safe => Ok(bytes),
            _ => Err(UploadError::NotParts(format!("part {part} is not complete: send the rest of it first"))),
        }
    }

    async fn copy(&self, parts: &[(UploadId, u64)], labels: Labels) -> Result<(UploadId, Accepted), UploadError> {
        let id = UploadId::fresh();
        let bytes_total = parts.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        self.record_beginning(id, labels.clone(), Some(bytes_total)).await?;
        let mut uploading = self.receive(id, Some(bytes_total)).await?;
        for (part, bytes) in parts {
            let Some(range) = ByteRange::at(0, *bytes) else { continue };
            let mut slices = self.shared.spool.read_upload(*part, range).await?;
            while let Some(slice) = slices.try_next().await? {
                uploading.write(slice).await?;
            }
        }
        let accepted = uploading.finish(&labels.file_name, labels.title.as_deref(), labels.again).await?;
        Ok((id, accepted))
    }

    /// The film is there; what is left of its parts expires.
    async fn forget_part(&self, part: UploadId, taken: Taken) {
        if let Err(error) = self.remove(part, taken).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a joined part was not removed; it will expire");
        }
    }
}
