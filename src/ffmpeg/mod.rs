//! ffmpeg and ffprobe as child processes: look into a file, list its packets, encode or copy it,
//! take stills and subtitles from it. Knows nothing of where bytes are stored.
//!
//! Every file is hostile until proven otherwise. So each child gets a fixed argument list made of
//! typed values, refuses containers, protocols and decoders that are not on our lists (`input`),
//! runs with an emptied environment under limits it cannot lift (`cage`), and dies with us.
//! Children write to pipes only: they may not create a file.

pub mod cage;
mod command;
pub mod encoder;
mod encoders;
mod errand;
pub mod error;
mod filter;
mod input;
mod matroska;
pub mod package;
mod parameter_sets;
mod picture;
pub mod probe;
pub mod progress;
pub mod running;
mod scan;
mod spawner;
mod stills;
mod storyboard;
mod subtitles;
mod trial;

pub use encoder::{Choice, Encoder, EncoderReport, Preference};
pub use encoders::Encoders;
pub use error::FfmpegError;
pub use package::PackageTask;
pub use picture::PictureKind;
pub use progress::Progress;
pub use running::{Output, Running};
pub use stills::Candidate;
pub use subtitles::TextTrack;
pub use trial::probe_encoders;

use cage::CageLimits;
use errand::{Errand, Errands};
use spawner::Spawner;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Which programs are run, and within which bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ffmpeg program, 5.1 or newer; a bare name is searched for in `PATH`.
    pub ffmpeg: PathBuf,
    /// The ffprobe program that belongs to it.
    pub ffprobe: PathBuf,
    /// The `telecine` program itself, which cages the children.
    pub cage: PathBuf,
    /// An existing directory the children work in. They write nothing there.
    pub working_dir: PathBuf,
    /// Bytes of address space a child may reserve. Not applied to hardware encoders: their drivers
    /// reserve far more than they use.
    pub address_space: u64,
    /// The device of VA-API and Quick Sync encoders, such as `/dev/dri/renderD128`.
    pub vaapi_device: PathBuf,
    /// CPU time one encode may spend, over all its threads.
    pub encode_cpu: Duration,
    /// How long a child may stay without any output before it is taken for stuck and killed.
    pub stall: Duration,
}

/// Where the first GPU of a machine usually is.
pub const VAAPI_DEVICE: &str = "/dev/dri/renderD128";

impl Settings {
    /// The usual bounds: 8 GiB of address space, a week of CPU time, 60 s without output.
    pub fn new(cage: PathBuf, working_dir: PathBuf) -> Self {
        Self {
            ffmpeg: PathBuf::from("ffmpeg"),
            ffprobe: PathBuf::from("ffprobe"),
            cage,
            working_dir,
            address_space: 8 << 30,
            vaapi_device: PathBuf::from(VAAPI_DEVICE),
            encode_cpu: Duration::from_secs(7 * 24 * 3600),
            stall: Duration::from_secs(60),
        }
    }
}

/// The handle by which children are started. Cheap to clone; when the last clone and the last
/// [`Running`] are gone, so is every child.
#[derive(Clone, Debug)]
pub struct Ffmpeg {
    settings: Arc<Settings>,
    spawner: Spawner,
    errands: Errands,
}

/// The two programs.
#[derive(Clone, Copy, Debug)]
enum Program {
    Ffmpeg,
    Ffprobe,
}

impl Ffmpeg {
    /// # Errors
    /// `Io` when the thread that starts children cannot be created.
    pub fn new(settings: Settings) -> Result<Self, FfmpegError> {
        let spawner = Spawner::start().map_err(|error| FfmpegError::io("starting the thread for children", error))?;
        Ok(Self { settings: Arc::new(settings), spawner, errands: Errands::new() })
    }

    /// The first line ffmpeg says of itself, such as `ffmpeg version 5.1.9 …`.
    ///
    /// # Errors
    /// `NotInstalled` when there is no such program.
    pub async fn version(&self) -> Result<String, FfmpegError> {
        let (arguments, never) = (vec![OsString::from("-version")], CancellationToken::new());
        let _turn = self.errands.turn(Errand::Look, &never).await?;
        let within = Duration::from_secs(10);
        let output = self.run(Program::Ffmpeg, &self.short_limits(), arguments, 64 << 10, within, &never).await?;
        let text = String::from_utf8_lossy(&output);
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// Limits of a child that should be done within seconds.
    fn short_limits(&self) -> CageLimits {
        CageLimits { address_space: Some(self.settings.address_space), cpu_s: 60, ..CageLimits::default() }
    }
}
