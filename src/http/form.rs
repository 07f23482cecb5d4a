//! The form of an upload, read part by part in bounded memory: one `file`, perhaps a `title`, in
//! any order. Everything else in it is read over. Nothing is kept of a form that breaks off.

use super::error::ApiError;
use super::pace::is_too_slow;
use super::parts::{FormError, Parts};
use crate::ingest::upload::{Uploading, Uploads};
use crate::media::id::UploadId;

/// Most parts of a form.
pub(super) const MAX_PARTS: usize = 20;

/// Longest `title` in bytes.
const MAX_TITLE: usize = 1024;

/// What a form may hold besides the file, in bytes: boundaries, headers, small fields.
pub(super) const OVERHEAD: u64 = 256 * 1024;

/// A form whose file has arrived.
pub(super) struct Form {
    /// The file, taken in and not finished.
    pub(super) uploading: Uploading,
    /// What its sender calls it; outside input.
    pub(super) file_name: String,
    /// The title to give it.
    pub(super) title: Option<String>,
}

/// Reads one form.
pub(super) struct Reader<'a> {
    /// Who takes the file.
    pub(super) uploads: &'a Uploads,
    /// What the upload is called.
    pub(super) id: UploadId,
    /// Length of the whole form, where the sender said so.
    pub(super) announced: Option<u64>,
    /// Longest file in bytes.
    pub(super) limit: u64,
    /// Bytes of all parts so far.
    pub(super) taken: u64,
}

impl Reader<'_> {
    /// Reads the form to its end.
    ///
    /// # Errors
    /// 400 for a form that cannot be read or has no file, 413 as soon as it is too long, 408 when
    /// it comes too slowly, and those of the upload.
    pub(super) async fn read(mut self, mut form: Parts) -> Result<Form, ApiError> {
        let (mut file, mut title) = (None, None);
        // One look further than the last part, at the end of the form.
        for number in 0..=MAX_PARTS {
            let Some(part) = form.next().await? else {
                let (uploading, file_name) = file.ok_or_else(|| wrong("it has no part named \"file\""))?;
                return Ok(Form { uploading, file_name, title });
            };
            if number == MAX_PARTS {
                break;
            }
            match part.name.as_str() {
                "file" if file.is_some() => return Err(wrong("it has two files; send each in a request of its own")),
                "file" => file = Some((self.file(&mut form).await?, part.file_name)),
                "title" => title = Some(self.title(&mut form).await?),
                _ => self.read_over(&mut form).await?,
            }
        }
        Err(wrong("it has too many parts"))
    }

    async fn file(&mut self, form: &mut Parts) -> Result<Uploading, ApiError> {
        // The form is a little longer than its file; what is too little is corrected at the end.
        let expected = self.announced.map(|len| len.min(self.limit));
        let mut uploading = self.uploads.begin(self.id, expected).await?;
        while let Some(bytes) = form.bytes().await? {
            self.count(bytes.len())?;
            uploading.write(bytes).await?;
        }
        Ok(uploading)
    }

    async fn title(&mut self, form: &mut Parts) -> Result<String, ApiError> {
        let mut title = Vec::new();
        while let Some(bytes) = form.bytes().await? {
            self.count(bytes.len())?;
            if title.len() + bytes.len() > MAX_TITLE {
                return Err(wrong("its title is longer than 1024 bytes"));
            }
            title.extend_from_slice(&bytes);
        }
        String::from_utf8(title).map_err(|_| wrong("its title is not UTF-8"))
    }

    async fn read_over(&mut self, form: &mut Parts) -> Result<(), ApiError> {
        while let Some(bytes) = form.bytes().await? {
            self.count(bytes.len())?;
        }
        Ok(())
    }

    fn count(&mut self, len: usize) -> Result<(), ApiError> {
        self.taken += len as u64;
        if self.taken > self.limit + OVERHEAD {
            return Err(ApiError::TooLarge { limit: self.limit });
        }
        Ok(())
    }
}

impl From<FormError> for ApiError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::NotAForm => Self::UnsupportedMedia("this must be a form; send it as multipart/form-data".into()),
            FormError::Body(error) if is_too_slow(&error) => Self::TimedOut,
            FormError::Body(_) | FormError::BrokeOff => wrong("it broke off before its end"),
            FormError::NoBoundary => wrong("its boundary is missing"),
            FormError::LongHead => wrong("the header of a part is too long"),
            FormError::Nested => wrong("a part of it is a form itself; send each file as a part of its own"),
            FormError::NoName => wrong("a part does not say what it is called"),
        }
    }
}

pub(super) fn wrong(what: &str) -> ApiError {
    ApiError::BadRequest(format!("the form could not be used: {what}").into())
}
