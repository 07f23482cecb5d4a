//! Transport streams are walked while they arrive: they have no list of their pictures, and to read one that is there
//! takes as long as its disk.
//!
//! What was seen of a file counts only when the probe of it as a whole finds the picture that it was walked for, and it
//! is never needed: where there is none, the job reads the file. So nothing of it outlives the program, and whoever
//! sends slowly, or in too many pictures, is let go.

use super::IngestError;
use super::listed::{self, transported};
use crate::disk;
use crate::ffmpeg::Ffmpeg;
use crate::media::probe::VideoStream;
use crate::mpegts;
use crate::shutdown::Shutdown;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Files that are walked at the same time, at most: each has a thread once it has begun.
const MOST_WALKS: usize = 4;

/// Bytes after which a file is probed: readers look as far for what is in it.
const BEGINNING: u64 = 6_000_000;

/// A film of five hours at 50 pictures a second has 900 000, which are some 60 MB here.
const MOST_PICTURES: usize = 1_000_000;

/// How often it is seen whether more of a file came.
const LOOK: Duration = Duration::from_millis(20);

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(120);

/// The walks that are under way. Clones know the same.
#[derive(Clone)]
pub struct Foresight {
    ffmpeg: Ffmpeg,
    shutdown: Shutdown,
    /// By where their files lie in the end.
    walks: Arc<Mutex<HashMap<PathBuf, Walking>>>,
}

/// A walk, and where it tells what it saw. Dropped, it ends.
struct Walking {
    growth: Arc<Growth>,
    told: oneshot::Receiver<Seen>,
}

/// What was seen of a file.
struct Seen {
    file: FileId,
    stream: VideoStream,
    its: listed::Seen,
}

/// Which file it is, whatever it is called: its device and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    fn of(about: &Metadata) -> Self {
        Self(about.dev(), about.ino())
    }
}

/// What is known of a file that may grow.
#[derive(Default)]
struct Growth {
    /// Nothing comes any more.
    is_complete: AtomicBool,
    /// Nobody wants to know.
    is_over: CancellationToken,
}

impl Drop for Walking {
    fn drop(&mut self) {
        self.growth.is_over.cancel();
    }
}

impl Foresight {
    /// No walks.
    pub fn new(ffmpeg: Ffmpeg, shutdown: Shutdown) -> Self {
        Self { ffmpeg, shutdown, walks: Arc::default() }
    }

    /// Walks a file that lies `now` at one place, and at its end at another. A walk of the same file ends: what it saw
    /// may not be there any more.
    pub(super) fn begin(&self, now: PathBuf, at_last: PathBuf) {
        let (tell, told) = oneshot::channel();
        let growth = Arc::new(Growth { is_over: self.shutdown.token().child_token(), ..Growth::default() });
        {
            let mut walks = self.walks();
            walks.remove(&at_last);
            if walks.len() >= MOST_WALKS {
                // That of a file that is there may never be asked for.
                let there =
                    walks.iter().find(|(_, walking)| walking.growth.is_complete()).map(|(path, _)| path.clone());
                let Some(there) = there else { return };
                walks.remove(&there);
            }
            walks.insert(at_last.clone(), Walking { growth: Arc::clone(&growth), told });
        }
        let this = self.clone();
        self.shutdown.spawn("a walk through what arrives", async move {
            match this.walk([&now, &at_last], &growth).await {
                Ok(Some(seen)) => {
                    tracing::debug!(pictures = seen.its.packets.len(), "a film was walked while it arrived");
                    drop(tell.send(seen));
                    return;
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "a walk ended early"),
            }
            let mut walks = this.walks();
            if walks.get(&at_last).is_some_and(|walking| Arc::ptr_eq(&walking.growth, &growth)) {
                walks.remove(&at_last);
            }
        });
    }

    /// As `begin`, of a file that lies where it stays. Forgotten again unless it is kept.
    pub(super) fn begin_tentatively(&self, path: &Path) -> Tentative<'_> {
        self.begin(path.to_path_buf(), path.to_path_buf());
        Tentative { foresight: self, path: Some(path.to_path_buf()) }
    }

    /// Of a file nothing comes any more.
    pub(super) fn complete(&self, path: &Path) {
        if let Some(walking) = self.walks().get(path) {
            walking.growth.is_complete.store(true, Ordering::Release);
        }
    }

    /// Nobody will ask for a file.
    pub(super) fn forget(&self, path: &Path) {
        self.walks().remove(path);
    }

    /// What was seen of a file that is complete, if that is what its whole has: waits for the end of its walk.
    pub(super) async fn take(&self, path: &Path, stream: &VideoStream) -> Option<listed::Seen> {
        let mut walking = {
            let mut walks = self.walks();
            // It may be that of somebody who only brings the same file again.
            walks.get(path).filter(|walking| walking.growth.is_complete())?;
            walks.remove(path)?
        };
        let seen = (&mut walking.told).await.ok()?;
        let is_same = |of: &VideoStream| {
            let VideoStream { index, frame_rate, time_base, start_ticks, reordered, .. } = *of;
            (index, of.codec.clone(), frame_rate, time_base, start_ticks, reordered)
        };
        let file = FileId::of(&tokio::fs::metadata(path).await.ok()?);
        (file == seen.file && is_same(&seen.stream) == is_same(stream)).then_some(seen.its)
    }

    /// The file lies at the one place, and may be renamed to the other one any time.
    async fn walk(&self, [now, at_last]: [&Path; 2], growth: &Arc<Growth>) -> Result<Option<Seen>, IngestError> {
        let places = [now.to_path_buf(), at_last.to_path_buf()];
        let opened = disk::blocking(move || {
            let file = File::open(&places[0]).or_else(|_| File::open(&places[1]))?;
            let id = FileId::of(&file.metadata()?);
            Ok((file, id))
        });
        let (file, id) = opened.await.map_err(IngestError::Source)?;
        if !growth.has_begun(&file).await.map_err(IngestError::Source)? {
            return Ok(None);
        }
        let its = Arc::clone(growth);
        let begun = disk::blocking(move || {
            let looked = file.try_clone()?;
            mpegts::Film::open_growing(file, move |len| its.until(&looked, len))
        });
        let Some(film) = begun.await.map_err(IngestError::Source)? else { return Ok(None) };
        let probe = match self.ffmpeg.probe(now, &growth.is_over).await {
            Err(_) if !now.exists() => self.ffmpeg.probe(at_last, &growth.is_over).await?,
            probed => probed?,
        };
        let Some(stream) = probe.video.into_iter().next() else { return Ok(None) };
        tracing::debug!("a film is being walked");
        let (of, its) = (stream.clone(), Arc::clone(growth));
        let listed = disk::blocking(move || {
            let mut pictures = 0;
            transported(film, &of, || {
                pictures += 1;
                pictures <= MOST_PICTURES && !its.is_over.is_cancelled()
            })
        });
        let listed = listed.await.map_err(IngestError::Source)?;
        Ok(listed.map(|its| Seen { file: id, stream, its }))
    }

    fn walks(&self) -> MutexGuard<'_, HashMap<PathBuf, Walking>> {
        self.walks.lock().expect("nothing panics while holding it")
    }
}

/// A walk that nobody may want.
pub(super) struct Tentative<'a> {
    foresight: &'a Foresight,
    path: Option<PathBuf>,
}

impl Tentative<'_> {
    pub(super) fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for Tentative<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.foresight.forget(&path);
        }
    }
}

impl Growth {
    fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Waits until a file has enough to be probed; `false` when it never will.
    async fn has_begun(&self, file: &File) -> io::Result<bool> {
        let mut wait = Wait::default();
        loop {
            if let Some(len) = self.look(file, BEGINNING, &mut wait)? {
                return Ok(len >= BEGINNING);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a file has so many bytes, or is complete, and answers how many it has.
    fn until(&self, file: &File, wanted: u64) -> io::Result<u64> {
        let mut wait = Wait::default();
        loop {
            if let Some(len) = self.look(file, wanted, &mut wait)? {
                return Ok(len);
            }
            sleep(LOOK);
        }
    }

    /// How many bytes of those that are wanted a file has, once it has them all or is complete.
    fn look(&self, file: &File, wanted: u64, wait: &mut Wait) -> io::Result<Option<u64>> {
        // Asked in this order: what is complete has its length.
        let is_complete = self.is_complete();
        let about = file.metadata()?;
        let len = about.len();
        if len != wait.len {
            *wait = Wait { len, since: Instant::now() };
        }
        // A file that was removed keeps its room as long as it is open.
        if self.is_over.is_cancelled() || about.nlink() == 0 || wait.since.elapsed() > PATIENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok((len >= wanted || is_complete).then_some(len.min(wanted)))
    }
}

/// How long a file has had so many bytes.
struct Wait {
    len: u64,
    since: Instant,
}

impl Default for Wait {
    fn default() -> Self {
        Self { len: 0, since: Instant::now() }
    }
}
