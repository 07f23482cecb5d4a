//! Why an ingest did not come to its end, and what becomes of its job.

use crate::catalog::CatalogError;
use crate::cmaf::CmafError;
use crate::deposit::DepositError;
use crate::ffmpeg::FfmpegError;
use crate::jobs::Outcome;
use crate::media::plan::Refusal;
use crate::spool::SpoolError;
use std::time::Duration;

/// Wait before a run that ffmpeg broke off is tried again.
const SECOND_TRY: Duration = Duration::from_secs(5);

/// A failure of one run.
#[derive(Debug, thiserror::Error)]
pub(super) enum IngestError {
    /// The file cannot become a video; a sentence for people.
    #[error("{0}")]
    Refused(String),
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// ffmpeg failed.
    #[error("running ffmpeg")]
    Ffmpeg(#[source] FfmpegError),
    /// What ffmpeg wrote could not be packaged.
    #[error("packaging what ffmpeg wrote")]
    Cmaf(#[from] CmafError),
    /// Segments could not be kept or stored.
    #[error(transparent)]
    Deposit(DepositError),
    /// A run's parameters differ from those of what is listed already.
    #[error("the encoder's parameters changed between two runs")]
    Changed,
    /// Less was made than the file's packets promised.
    #[error("only {made_s:.1} of {promised_s:.1} seconds were made")]
    Short {
        /// Seconds of film that were made.
        made_s: f64,
        /// Seconds that there are.
        promised_s: f64,
    },
    /// The film's file could not be read.
    #[error("reading the film")]
    Source(#[source] std::io::Error),
    /// ffmpeg's output could not be read.
    #[error("reading ffmpeg's output")]
    Pipe(#[source] std::io::Error),
}

impl IngestError {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// Whether what the film holds is at fault, as far as anybody can tell, and not the server or its parts.
    pub(super) fn is_of_the_film(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Cmaf(_) | Self::Short { .. } | Self::Ffmpeg(FfmpegError::Failed { .. }))
    }

    /// What happened, for a sentence in a film's details.
    pub(super) fn for_people(&self) -> String {
        let cause = std::error::Error::source(self).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{self}{cause}")
    }

    /// What becomes of the job. `again`: failures that may pass are tried once more.
    pub(super) fn outcome(self, again: bool) -> Outcome {
        let unclear = |reason: String| match again {
            true => Outcome::Later { reason, after: Some(SECOND_TRY) },
            false => Outcome::Failed(reason),
        };
        match self {
            Self::Refused(reason) => Outcome::Refused(reason),
            Self::Stopped => Outcome::Stopped,
            Self::Deposit(error) if error.is_worth_retrying() => {
                Outcome::Later { reason: error.for_people(), after: error.retry_after() }
            }
            Self::Deposit(error) => Outcome::Failed(error.for_people()),
            Self::Ffmpeg(FfmpegError::NotInstalled { program }) => Outcome::Failed(format!(
                "{program} is not installed on the server. Install ffmpeg 5.1 or newer, then try again."
            )),
            Self::Ffmpeg(error) => unclear(format!("The film could not be converted: {error}")),
            Self::Cmaf(CmafError::Times { .. }) => Outcome::Refused(
                "The film's time stamps are damaged, so no player could follow them. Repair the file and add it again."
                    .into(),
            ),
            Self::Cmaf(error) => unclear(format!("The film could not be cut into pieces: {error}")),
            Self::Changed => Outcome::Failed(
                "The encoder changed while the film was prepared. Delete the film and add it again.".into(),
            ),
            Self::Short { made_s, promised_s } => unclear(format!(
                "Only {:.0} % of the film could be read. It may be damaged there, or its disk may be failing.",
                made_s / promised_s * 100.0
            )),
            Self::Source(error) => unclear(format!("The film's file could not be read: {error}")),
            Self::Pipe(error) => unclear(format!("The film could not be converted: {error}")),
        }
    }
}

impl From<DepositError> for IngestError {
    fn from(error: DepositError) -> Self {
        match error {
            DepositError::Cancelled | DepositError::Catalog(CatalogError::LeaseLost) => Self::Stopped,
            other => Self::Deposit(other),
        }
    }
}

impl From<CatalogError> for IngestError {
    fn from(error: CatalogError) -> Self {
        DepositError::from(error).into()
    }
}

impl From<SpoolError> for IngestError {
    fn from(error: SpoolError) -> Self {
        DepositError::from(error).into()
    }
}

impl From<FfmpegError> for IngestError {
    fn from(error: FfmpegError) -> Self {
        match error {
            FfmpegError::Refused { reason } => Self::Refused(reason),
            FfmpegError::Cancelled => Self::Stopped,
            other => Self::Ffmpeg(other),
        }
    }
}

impl From<Refusal> for IngestError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.0)
    }
}
