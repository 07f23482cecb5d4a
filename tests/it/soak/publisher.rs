//! Somebody who sends films, in one piece or in several, and takes them away again.

use super::stock::{Film, Stock};
use crate::harness::World;
use crate::harness::dice::Dice;
use crate::harness::upload::Sending;
use reqwest::Method;
use std::collections::VecDeque;
use std::rc::Rc;

/// Films of one publisher that are there at the same time.
const MOST: usize = 3;

pub(super) struct Publisher<'a> {
    world: &'a World,
    stock: &'a Stock,
    dice: Dice,
    own: VecDeque<Rc<Film>>,
}

impl<'a> Publisher<'a> {
    pub(super) fn of(world: &'a World, stock: &'a Stock, seed: u64) -> Self {
        Self { world, stock, dice: Dice::of(seed), own: VecDeque::new() }
    }

    /// A film in one piece, one in several, and the oldest ones away.
    pub(super) async fn round(&mut self) {
        for is_whole in [true, false] {
            let edition = Rc::clone(self.dice.pick(&self.stock.editions));
            let (file, tail) = self.stock.file_of(&edition);
            let video = match is_whole {
                true => self.world.accepted(&Sending::bytes(file, "film.mp4")).await.video,
                false => self.sent_in_pieces(&file).await,
            };
            self.own.push_back(self.stock.offer(self.world, video, edition, tail).await);
        }
        while self.own.len() > MOST {
            self.withdraw().await;
        }
    }

    /// By tus, and now and then a piece breaks off in the middle.
    async fn sent_in_pieces(&mut self, file: &[u8]) -> String {
        let length = file.len().to_string();
        let place = self.world.begun(&[("Upload-Length", &length), ("Upload-Metadata", "filename ZmlsbS5tcDQ=")]).await;
        let mut at = 0;
        while at < file.len() {
            let end = file.len().min(at + 1 + self.dice.below(file.len() / 2));
            if self.dice.below(3) == 0 {
                let middle = at + (end - at) / 2;
                drop(self.world.hanging(&place, at, file.len() - at, &file[at..middle]).await);
                at = self.world.offset(&place).await.expect("it waits to go on");
            } else {
                assert_eq!(self.world.piece(&place, at, &file[at..end]).await.status(), 204);
                at = end;
            }
        }
        self.world.became(&place).await["video_id"].as_str().expect("it is a film").to_owned()
    }

    /// Takes the oldest film away, through the trash or at once; it is gone with the answer.
    async fn withdraw(&mut self) {
        let Some(film) = self.own.pop_front() else { return };
        let path = format!("/api/videos/{}", film.video);
        self.stock.doom(&film);
        let is_trashed_first = self.dice.below(2) == 0;
        if is_trashed_first {
            self.removes(&path, &film).await;
        }
        self.removes(&format!("{path}?now=true"), &film).await;
    }

    async fn removes(&self, path: &str, film: &Film) {
        assert_eq!(self.world.send(Method::DELETE, path).await.status(), 204, "{path}");
        let (name, _) = &film.edition.reels[0].segments[0];
        for gone in ["master.m3u8".to_owned(), format!("v0/{name}")] {
            let status = self.world.get(&format!("/hls/{}/{gone}", film.video)).await.status();
            assert_eq!(status, 404, "{gone} of a film that was deleted");
        }
    }

    pub(super) async fn withdraw_all(&mut self) {
        while !self.own.is_empty() {
            self.withdraw().await;
        }
    }
}
