//! The making of a video's tracks: ffmpeg copies or encodes, fragments become segments, segments
//! go into packs, and sealed packs to the store, all at the same time.

use super::line::Wanted;
use super::pipe::Ended;
use super::progress::Meter;
use super::remux::Listing;
use super::slots::{Lane, Need};
use super::spans::{Pass, Reached};
use super::spec::TrackSpec;
use super::task::copy_task;
use super::track::Track;
use super::{IngestError, Run, source};
use crate::events::VideoChange;
use crate::media::id::BlobId;
use crate::media::plan::{Plan, Turn};
use crate::media::probe::Probe;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

pub(super) type Sealed = mpsc::UnboundedSender<BlobId>;

impl Run<'_> {
    /// Makes, stores and finishes what has its turn first, or else everything that has a turn after that; blobs with a
    /// first copy go to `stored`.
    pub(super) async fn make(
        &self,
        probe: &Probe,
        plan: &Plan,
        turn: Turn,
        stored: Sealed,
    ) -> Result<Reached, IngestError> {
        let (sealed, to_store) = self.sealed().await?;
        let passes = if turn == Turn::First { 1 } else { plan.later_turns().count() };
        let meter = Meter::new(self.work, probe.duration_s.unwrap_or(0.0), passes);
        let make = async {
            let reached = match turn {
                Turn::First => {
                    let poster = self.poster(probe, sealed.clone());
                    let tracks = self.first(probe, plan, &meter, sealed.clone());
                    tokio::try_join!(poster, tracks)?;
                    Reached::TheEnd
                }
                Turn::Next | Turn::Later => self.later(probe, plan, &meter, sealed.clone()).await?,
            };
            // Also when an earlier run was cut off before this: what is not stored keeps a film from being published.
            self.ingest.deposit.discard_superseded(self.work.lease).await?;
            drop(sealed);
            if reached == Reached::TheEnd {
                meter.storing();
                self.work.stores_from_now_on();
            }
            Ok(reached)
        };
        self.store_beside(make.boxed(), to_store, stored).await
    }

    /// The way of sealed packs to the store, with those on it that an earlier run left.
    pub(super) async fn sealed(&self) -> Result<(Sealed, mpsc::UnboundedReceiver<BlobId>), IngestError> {
        let (sealed, to_store) = mpsc::unbounded_channel();
        for blob in self.ingest.catalog.sealed_blobs(self.work.lease).await? {
            // The receiver is handed out with it.
            let _ = sealed.send(blob);
        }
        Ok((sealed, to_store))
    }

    /// Stores what is sealed while `make`, which holds the sender, makes it, and answers what that answers; blobs with a
    /// first copy go to `stored`.
    pub(super) async fn store_beside<T>(
        &self,
        make: BoxFuture<'_, Result<T, IngestError>>,
        to_store: mpsc::UnboundedReceiver<BlobId>,
        stored: Sealed,
    ) -> Result<T, IngestError> {
        let store =
            async { Ok(self.ingest.deposit.store_all(self.work.lease, to_store, stored, &self.work.cancel).await?) };
        // Both are large: kept on the heap, not in every future around them.
        let (made, ()) = tokio::try_join!(make, store.boxed())?;
        Ok(made)
    }

    /// What a film can be played with.
    async fn first(&self, probe: &Probe, plan: &Plan, meter: &Meter<'_>, sealed: Sealed) -> Result<(), IngestError> {
        let pictures = self.open(TrackSpec::pictures(plan, Turn::First), &sealed).await?;
        let sounds = self.open(TrackSpec::sounds(plan, Turn::First), &sealed).await?;
        if pictures.iter().all(Track::keeps_its_times) {
            let tracks = pictures.into_iter().chain(sounds).collect();
            return self.in_one_piece(probe, plan, tracks, Some(meter)).await;
        }
        // The picture takes longer: its progress is the film's.
        let listen = self.in_one_piece(probe, plan, sounds, None);
        let pass = Pass { turn: Turn::First, until: None, meter: Some(meter) };
        let look = self.in_spans(probe, plan, pictures, pass);
        tokio::try_join!(listen.boxed(), look.boxed())?;
        Ok(())
    }

    /// The tracks that an earlier run did not finish.
    pub(super) async fn open(&self, specs: Vec<TrackSpec>, sealed: &Sealed) -> Result<Vec<Track<'_>>, IngestError> {
        let mut tracks = Vec::with_capacity(specs.len());
        for spec in specs {
            let track = Track::open(self, spec, sealed.clone()).await?;
            if !track.is_finished() {
                tracks.push(track);
            }
        }
        Ok(tracks)
    }

    /// Copied picture, and sounds, in one run from beginning to end. What the file lists by itself is copied from where
    /// it lies, and ffmpeg takes apart the rest: the picture that was planned by the list is cut by no other one.
    pub(super) async fn in_one_piece(
        &self,
        probe: &Probe,
        plan: &Plan,
        mut tracks: Vec<Track<'_>>,
        meter: Option<&Meter<'_>>,
    ) -> Result<(), IngestError> {
        if tracks.is_empty() {
            return Ok(());
        }
        let mut runs: Vec<&mut Track<'_>> = tracks.iter_mut().collect();
        let pictures = runs.iter().filter(|track| track.picture().is_some()).count();
        if let Some(listing) = self.listing(probe, plan, &runs).await? {
            self.piece(probe, Some((plan, listing)), &mut runs, meter).await?;
        } else if pictures > 0
            && let Some(listing) = self.listing(probe, plan, &runs[..pictures]).await?
        {
            let (pictures, sounds) = runs.split_at_mut(pictures);
            let look = self.piece(probe, Some((plan, listing)), pictures, meter);
            let listen = self.piece(probe, None, sounds, None);
            tokio::try_join!(look.boxed(), listen.boxed())?;
        } else {
            self.piece(probe, None, &mut runs, meter).await?;
        }
        for track in tracks {
            track.finish().await?;
        }
        Ok(())
    }

    /// Makes tracks in one run: by the film's own list, or else by ffmpeg. A run that gives way to another film is made
    /// once more, in its turn, behind what is there.
    async fn piece(
        &self,
        probe: &Probe,
        mut listed: Option<(&Plan, Listing)>,
        tracks: &mut [&mut Track<'_>],
        meter: Option<&Meter<'_>>,
    ) -> Result<(), IngestError> {
        let turn = tracks.iter().map(|track| track.turn()).min().unwrap_or(Turn::Later);
        let is_encoded = tracks.iter().any(|track| track.sound().is_some_and(|sound| !sound.action.is_copied()));
        let lane = if is_encoded { Lane::Sounds } else { Lane::Copies };
        let mut need = Need::Rest;
        for track in tracks.iter().filter(|_| turn != Turn::Later) {
            if track.next_dts().await?.is_none() {
                need = Need::Opening;
            }
        }
        loop {
            let wanted = Wanted { lane, need, turn, until: None, meter, sealed: None };
            // Nobody else does it.
            let Some(mut held) = self.slot(wanted).await? else { return Err(IngestError::Stopped) };
            let ended = match listed.take() {
                Some((plan, listing)) => {
                    let ended = self.remux(listing, tracks, meter, &mut held.slot).boxed().await?;
                    if ended == Ended::GaveWay {
                        listed = self.listing(probe, plan, tracks).await?.map(|listing| (plan, listing));
                        listed.as_ref().ok_or_else(source::changed)?;
                    }
                    ended
                }
                None => {
                    let task = copy_task(self.input(), probe, tracks);
                    self.run_ffmpeg(&task, tracks, meter, Some(&mut held.slot)).boxed().await?
                }
            };
            if ended == Ended::Whole {
                return Ok(());
            }
            for track in tracks.iter_mut() {
                track.break_off().await?;
            }
            need = Need::Rest;
        }
    }

    /// A film without a picture gets a drawing of its sound.
    async fn poster(&self, probe: &Probe, sealed: Sealed) -> Result<(), IngestError> {
        let Run { ingest, work, .. } = self;
        if ingest.catalog.has_poster(work.lease).await? {
            return Ok(());
        }
        let jpeg = match (probe.video.is_empty() && probe.cover.is_none(), probe.audio.first()) {
            (true, None) => return Ok(()),
            (true, Some(sound)) => ingest.ffmpeg.still_of_sound(self.input(), sound.index, &work.cancel).await,
            (false, _) => ingest.ffmpeg.poster(self.input(), probe, &work.cancel).await,
        };
        let jpeg = match jpeg {
            Ok(jpeg) => jpeg,
            Err(_) if work.cancel.is_cancelled() => return Err(IngestError::Stopped),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a film has no poster");
                return Ok(());
            }
        };
        let blob = ingest.deposit.add_poster(work.lease, jpeg).await?;
        // Nobody stores any more only when the job is ending; the blob is found again then.
        let _ = sealed.send(blob);
        ingest.tell(self.video, VideoChange::Described);
        Ok(())
    }
}
