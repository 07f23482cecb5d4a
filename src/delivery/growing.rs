//! What browsers can play of a film whose picture is copied in a form that they cannot decode, while it is made: a
//! master playlist and lists of its own, all of which grow together. Beside what is finished it would break both: the
//! playlists of a master are of one type and equally long (RFC 8216bis, 6.2.4; A 8.3).

use super::{Delivery, DeliveryError, Playlist, PlaylistKey, Sounds, playlists};
use crate::catalog::TrackPlaylist;
use crate::media::id::VideoId;
use crate::media::rendition::{RenditionKind, TrackName};
use std::sync::Arc;

impl Delivery {
    /// The master playlist of what grows for browsers; where nothing does, the one of all there is.
    ///
    /// # Errors
    /// `Catalog`, `UnknownTrackName`.
    pub async fn growing_master(&self, video: VideoId) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        let key = PlaylistKey::GrowingMaster(video);
        if let Some(known) = self.memory.playlists.get(&key, self.catalog.version()) {
            return Ok(Some(known));
        }
        let making = async {
            let growing = self.catalog.growing_pictures(video).await?;
            if growing.is_empty() {
                return Ok(None);
            }
            let Some(tracks) = self.catalog.tracks(video).await? else { return Ok(None) };
            let has_chapters = !self.chapters_of(video).await?.is_empty();
            playlists::growing_master(tracks.renditions, growing, has_chapters).map(Some)
        };
        // Not before its turn is over: whoever makes one list must not wait for another.
        match self.list(key, making).await? {
            Some(list) => Ok(Some(list)),
            None => self.master(video, Sounds::ForAll).await,
        }
    }

    /// A track's media playlist as the growing master names it: an `EVENT` until the pictures for browsers are whole.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn growing_playlist(
        &self,
        video: VideoId,
        track: TrackName,
    ) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        let making = async {
            let Some(playlist) = self.catalog.track_playlist(video, track.to_string()).await? else { return Ok(None) };
            let grows = track.kind == RenditionKind::Video && playlist.beside_growing;
            if !playlist.shown && !grows {
                return Ok(None);
            }
            let playlist = TrackPlaylist { finished: playlist.finished && !playlist.beside_growing, ..playlist };
            Ok(Some(playlists::media(&playlist)))
        };
        self.list(PlaylistKey::GrowingMedia(video, track), making).await
    }
}
