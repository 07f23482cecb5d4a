//! Somebody who watches, winds, looks at lists, fetches a part of a file, and leaves, in any order.

use super::stock::{Film, Stock, TRACKS};
use crate::harness::World;
use crate::harness::crowd::{Asking, Manner};
use crate::harness::dice::Dice;
use crate::harness::wait::within;
use reqwest::Method;
use reqwest::header::{ETAG, IF_NONE_MATCH, RANGE};

/// Kinds of things a visitor does.
const KINDS: usize = 6;

/// Most segments that are watched one after another.
const LONGEST_RUN: usize = 6;

pub(super) struct Visitor<'a> {
    world: &'a World,
    stock: &'a Stock,
    dice: Dice,
    /// Answers that were compared.
    pub(super) answers: u64,
}

impl<'a> Visitor<'a> {
    pub(super) fn of(world: &'a World, stock: &'a Stock, seed: u64) -> Self {
        Self { world, stock, dice: Dice::of(seed), answers: 0 }
    }

    /// One thing of each kind, each with any film.
    pub(super) async fn tour(&mut self) {
        let first = self.dice.below(KINDS);
        for kind in 0..KINDS {
            let film = self.stock.any(&mut self.dice);
            match (first + kind) % KINDS {
                0 => self.looks_at_lists(&film).await,
                1 => self.watches(&film).await,
                2 => self.fetches_a_part(&film).await,
                3 => self.winds(&film).await,
                4 => self.fetches_of_the_file(&film).await,
                _ => self.leaves().await,
            }
        }
    }

    /// The master playlist and one other, which is asked for again.
    async fn looks_at_lists(&mut self, film: &Film) {
        let at = self.dice.below(TRACKS.len());
        let master = format!("/hls/{}/master.m3u8", film.video);
        self.assert_gets(film, &master, None, film.edition.master.as_bytes()).await;
        let path = format!("/hls/{}/{}/playlist.m3u8", film.video, TRACKS[at]);
        self.assert_gets(film, &path, None, film.edition.reels[at].text.as_bytes()).await;
        let known = self.world.get(&path).await.headers().get(ETAG).cloned();
        let Some(known) = known else {
            assert!(film.is_doomed(), "{path} has no tag");
            return;
        };
        let again = self.world.request(Method::GET, &path).header(IF_NONE_MATCH, known).send();
        let status = again.await.expect("the server answers").status().as_u16();
        assert!(status == 304 || status == 404 && film.is_doomed(), "{status}: {path}");
        self.answers += 2;
    }

    /// Some segments of pictures and sound, one after another, from the beginning or from anywhere.
    async fn watches(&mut self, film: &Film) {
        let all = film.edition.reels[0].segments.len();
        let first = if self.dice.below(2) == 0 { 0 } else { self.dice.below(all) };
        let run = 1 + self.dice.below(LONGEST_RUN);
        for number in first..all.min(first + run) {
            for at in 0..TRACKS.len() {
                self.gets_segment(film, at, number).await;
            }
        }
    }

    /// Two segments here, two there, two elsewhere.
    async fn winds(&mut self, film: &Film) {
        for _ in 0..3 {
            let number = self.dice.below(film.edition.reels[0].segments.len());
            self.gets_segment(film, 0, number).await;
            self.gets_segment(film, 0, number + 1).await;
        }
    }

    async fn gets_segment(&mut self, film: &Film, at: usize, number: usize) {
        // Tracks are not of the same number of segments.
        let Some((name, bytes)) = film.edition.reels[at].segments.get(number) else { return };
        self.assert_gets(film, &format!("/hls/{}/{}/{name}", film.video, TRACKS[at]), None, bytes).await;
    }

    async fn fetches_a_part(&mut self, film: &Film) {
        let at = self.dice.below(TRACKS.len());
        let (name, bytes) = self.dice.pick(&film.edition.reels[at].segments);
        let (path, range) = (format!("/hls/{}/{}/{name}", film.video, TRACKS[at]), self.part_of(bytes.len()));
        self.assert_gets(film, &path, Some(range), bytes).await;
    }

    async fn fetches_of_the_file(&mut self, film: &Film) {
        let file = film.file();
        let range = self.part_of(file.len());
        self.assert_gets(film, &format!("/media/{}/original", film.video), Some(range), &file).await;
    }

    /// From which byte to which, the last one included: at most 2 MiB.
    fn part_of(&mut self, len: usize) -> (usize, usize) {
        let first = self.dice.below(len);
        (first, len.min(first + 1 + self.dice.below(2 << 20)) - 1)
    }

    /// Asks for a segment and leaves after a part of it, or at once.
    async fn leaves(&mut self) {
        let film = self.stock.any_lasting(&mut self.dice);
        let (name, bytes) = self.dice.pick(&film.edition.reels[0].segments);
        let player = Asking::of(self.world, &format!("/hls/{}/v0/{name}", film.video), Manner::Fast).await;
        if self.dice.below(2) == 0 {
            player.resets();
        } else {
            player.leaves_after(self.dice.below(bytes.len())).await;
        }
    }

    /// What is at a path must be these bytes, or these of them.
    async fn assert_gets(&mut self, film: &Film, path: &str, part: Option<(usize, usize)>, whole: &[u8]) {
        let mut request = self.world.request(Method::GET, path);
        if let Some((first, last)) = part {
            request = request.header(RANGE, format!("bytes={first}-{last}"));
        }
        let wanted = part.map_or(whole, |(first, last)| &whole[first..=last]);
        let answer = within(path, request.send()).await.expect("the server answers");
        let status = answer.status().as_u16();
        if status == 404 && film.is_doomed() {
            return;
        }
        let body = within(path, answer.bytes()).await;
        let told = body.as_ref().map(|body| String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned());
        assert_eq!(status, if part.is_some() { 206 } else { 200 }, "{path}: {told:?}; doomed: {}", film.is_doomed());
        match body {
            Ok(body) => assert!(body == wanted, "other bytes at {path}, {part:?}"),
            Err(error) => assert!(film.is_doomed(), "{path} was cut short: {error}"),
        }
        self.answers += 1;
    }
}
