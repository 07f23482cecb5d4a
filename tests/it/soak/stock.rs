//! The films that are asked for, and what each of their bytes must be.

use crate::harness::World;
use crate::harness::clip::Clip;
use crate::harness::dice::Dice;
use crate::harness::measure;
use crate::harness::player::Reel;
use crate::harness::upload::Sending;
use crate::harness::wait::until_true;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Names of the tracks of every film here.
pub(super) const TRACKS: [&str; 2] = ["v0", "a0"];

/// What all films made of one clip have in common.
pub(super) struct Edition {
    file: Vec<u8>,
    pub(super) master: String,
    pub(super) reels: [Reel; 2],
}

/// One film.
pub(super) struct Film {
    pub(super) video: String,
    pub(super) edition: Rc<Edition>,
    /// What makes its file another one than the other films' of its edition.
    tail: Vec<u8>,
    is_doomed: Cell<bool>,
}

/// All films there are.
pub(super) struct Stock {
    pub(super) editions: Vec<Rc<Edition>>,
    films: RefCell<Vec<Rc<Film>>>,
    /// How many of them, the first ones, stay.
    lasting: usize,
    withdrawn: Cell<u64>,
    /// Numbers given to files so far.
    made: Cell<u64>,
}

impl Stock {
    /// So many films of each kind. The first of a kind is measured: its packets are those of its file, and it is what
    /// the others are compared with.
    pub(super) async fn of(world: &World, kinds: [Clip; 2], films_of_each: u64) -> Self {
        let made = Cell::new(0);
        let stock = Self { editions: Vec::new(), films: RefCell::default(), lasting: 0, withdrawn: Cell::new(0), made };
        let mut editions = Vec::new();
        for clip in kinds {
            let video = world.published(&clip).await;
            let player = world.player(&video);
            let reels = [player.pictures().await, player.sound().await];
            for (reel, kind) in reels.iter().zip(["v", "a"]) {
                let file = reel.save(world, kind);
                assert_eq!(measure::packet_hash(&file, kind), measure::packet_hash(&clip.path, kind), "{kind}");
            }
            world.at_rest().await;
            let master = player.text(&player.master_path()).await;
            let edition = Rc::new(Edition { file: clip.bytes(), master, reels });
            stock.offer(world, video, Rc::clone(&edition), Vec::new()).await;
            editions.push(edition);
        }
        let stock = Self { editions, ..stock };
        for edition in &stock.editions {
            for _ in 1..films_of_each {
                let (file, tail) = stock.file_of(edition);
                let video = world.accepted(&Sending::bytes(file, "film.mp4")).await.video;
                stock.offer(world, video, Rc::clone(edition), tail).await;
            }
        }
        let lasting = stock.films.borrow().len();
        Self { lasting, ..stock }
    }

    /// A file that was never sent before: that of an edition, with a number in a box that players pass over (ISO/IEC
    /// 14496-12, 8.1.2). And that box.
    pub(super) fn file_of(&self, edition: &Edition) -> (Vec<u8>, Vec<u8>) {
        self.made.set(self.made.get() + 1);
        let tail = [&16_u32.to_be_bytes()[..], b"free", &self.made.get().to_be_bytes()].concat();
        ([edition.file.as_slice(), &tail].concat(), tail)
    }

    /// Waits until everything of a film is made, looks at every byte of it, and shows it to everybody.
    pub(super) async fn offer(&self, world: &World, video: String, edition: Rc<Edition>, tail: Vec<u8>) -> Rc<Film> {
        world.ready(&video).await;
        until_true("the file itself is stored", async || world.video(&video).await["download"]["making"] == "original")
            .await;
        let player = world.player(&video);
        until_true("its other forms are made", async || player.text(&player.master_path()).await == edition.master)
            .await;
        let film = Rc::new(Film { video, edition, tail, is_doomed: Cell::new(false) });
        film.assert_whole(world).await;
        self.films.borrow_mut().push(Rc::clone(&film));
        film
    }

    /// Any film that is shown.
    pub(super) fn any(&self, dice: &mut Dice) -> Rc<Film> {
        Rc::clone(dice.pick(&self.films.borrow()))
    }

    /// Any film that is never taken away.
    pub(super) fn any_lasting(&self, dice: &mut Dice) -> Rc<Film> {
        Rc::clone(dice.pick(&self.films.borrow()[..self.lasting]))
    }

    /// From now on a film may be gone.
    pub(super) fn doom(&self, film: &Rc<Film>) {
        film.is_doomed.set(true);
        self.films.borrow_mut().retain(|other| !Rc::ptr_eq(other, film));
        self.withdrawn.set(self.withdrawn.get() + 1);
    }

    /// How many films went.
    pub(super) fn withdrawn(&self) -> u64 {
        self.withdrawn.get()
    }

    /// How much can be asked for.
    pub(super) fn bytes(&self) -> u64 {
        self.films.borrow().iter().map(|film| film.bytes()).sum()
    }

    pub(super) async fn assert_whole(&self, world: &World) {
        let films = self.films.borrow().clone();
        for film in films {
            film.assert_whole(world).await;
        }
    }
}

impl Film {
    pub(super) fn is_doomed(&self) -> bool {
        self.is_doomed.get()
    }

    /// The file it was made of.
    pub(super) fn file(&self) -> Vec<u8> {
        [self.edition.file.as_slice(), &self.tail].concat()
    }

    fn bytes(&self) -> u64 {
        let reels = self.edition.reels.iter().map(|reel| reel.bytes().len()).sum::<usize>();
        (reels + self.file().len()) as u64
    }

    /// Looks at every byte of it.
    async fn assert_whole(&self, world: &World) {
        let player = world.player(&self.video);
        for (track, reel) in TRACKS.iter().zip(&self.edition.reels) {
            let found = player.reel(&format!("/hls/{}/{track}/", self.video)).await;
            assert!(found == *reel, "{track} of {} is not what it was", self.video);
        }
        let file = world.bytes(&format!("/media/{}/original", self.video)).await;
        assert!(file == self.file(), "the file of {} is another one", self.video);
    }
}
