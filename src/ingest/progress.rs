//! How far an ingest is, as one number: the film's seconds that are made, of all there are.

use crate::catalog::Progress;
use crate::jobs::Work;
use std::sync::Mutex;
use std::time::Instant;

/// The last part of the way is storing and publishing; making the film never shows more than this.
const MADE: f64 = 0.98;

/// What several runs of ffmpeg report, shown as the progress of their job. It never goes back.
pub(super) struct Meter<'a> {
    work: &'a Work,
    /// Seconds of film; 0 when unknown.
    film_s: f64,
    /// The same of all passes over it.
    whole_s: f64,
    state: Mutex<State>,
}

struct State {
    begun: Instant,
    /// Seconds of film in the passes that are over.
    before_s: f64,
    /// Where this run began.
    from_s: Option<f64>,
    shown_s: f64,
}

impl<'a> Meter<'a> {
    /// Of work that goes over a film of so many seconds so many times, at least once.
    pub(super) fn new(work: &'a Work, film_s: f64, passes: usize) -> Self {
        let state = State { begun: Instant::now(), before_s: 0.0, from_s: None, shown_s: 0.0 };
        Self { work, film_s, whole_s: film_s * passes.max(1) as f64, state: Mutex::new(state) }
    }

    /// Says that a pass over the film is over.
    pub(super) fn next_pass(&self) {
        self.state.lock().expect("nothing panics while holding it").before_s += self.film_s;
    }

    /// Says that the leading track of this pass is made up to this second of the film.
    pub(super) fn made(&self, upto_s: f64) {
        let mut state = self.state.lock().expect("nothing panics while holding it");
        let upto_s = state.before_s + upto_s;
        let from_s = *state.from_s.get_or_insert(upto_s);
        state.shown_s = state.shown_s.max(upto_s);
        let elapsed = state.begun.elapsed().as_secs_f64();
        let speed = if elapsed > 0.5 { (state.shown_s - from_s) / elapsed } else { 0.0 };
        let left_s = (self.whole_s - state.shown_s).max(0.0);
        let known = self.whole_s > 0.0;
        self.work.report(Progress {
            stage: "transcode".into(),
            fraction: known.then(|| (state.shown_s / self.whole_s * MADE).clamp(0.0, MADE)),
            speed: (speed > 0.0).then_some(speed),
            eta_s: (known && speed > 0.0).then(|| (left_s / speed).ceil() as u64),
        });
    }

    /// Says that nothing is made before others had their turn.
    pub(super) fn in_line(&self) {
        self.work.rest("in_line");
    }

    /// Says that it goes on.
    pub(super) fn goes_on(&self) {
        self.work.stage("transcode");
    }

    /// Says that everything is made and the rest is being stored.
    pub(super) fn storing(&self) {
        self.work.report(Progress { stage: "store".into(), fraction: Some(MADE), speed: None, eta_s: None });
    }
}
