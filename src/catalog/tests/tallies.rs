use super::{NOW, Shelf, track};
use crate::catalog::{Counts, JobKind, JobLease, Measured, Settlement, Shown};
use crate::catalog::{Sort, tests::list::query};
use crate::media::id::VideoId;

/// Numbers that look random and are the same in every run.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.thrown += 1;
        let hash = blake3::hash(&[self.seed.to_le_bytes(), self.thrown.to_le_bytes()].concat());
        usize::from(u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])) % sides
    }
}

fn recounted(shelf: &Shelf) -> Counts {
    let rows = shelf.rows();
    let count = |sql: &str| rows.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    let videos =
        |state: &str| count(&format!("SELECT count(*) FROM videos WHERE trashed_at IS NULL AND state = '{state}'"));
    Counts {
        videos: count("SELECT count(*) FROM videos WHERE trashed_at IS NULL"),
        received: videos("received"),
        processing: videos("processing"),
        ready: videos("ready"),
        failed: videos("failed"),
        trashed: count("SELECT count(*) FROM videos WHERE trashed_at IS NOT NULL"),
        blobs: count("SELECT count(*) FROM blobs WHERE state = 'stored'"),
        bytes: count("SELECT coalesce(sum(stored_len), 0) FROM blobs WHERE state = 'stored'"),
    }
}

/// Works on a claimed ingest and leaves it somewhere on its way.
async fn ingest(shelf: &Shelf, lease: JobLease, dice: &mut Dice) {
    let catalog = &shelf.catalog;
    catalog.begin_processing(lease, NOW).await.unwrap();
    let shown = Shown { tracks: 1, ..Shown::default() };
    catalog.record_plan(lease, "{}".into(), "{}".into(), shown, NOW).await.unwrap();
    let rendition = catalog.begin_rendition(lease, track("v0")).await.unwrap().id;
    let next = catalog.resume_of(rendition).await.unwrap().next_number;
    let video = VideoId::fresh();
    shelf.add_pack(super::Film { video, lease, rendition }, next..next + 2).await;
    for blob in catalog.sealed_blobs(lease).await.unwrap() {
        if dice.below(3) > 0 {
            shelf.store(lease, blob, 0).await;
        }
    }
    let how = match dice.below(6) {
        0 => Settlement::Failed("no".into()),
        1 => Settlement::Wait(NOW, "later".into()),
        2 => Settlement::HandedBack,
        _ => {
            for blob in catalog.sealed_blobs(lease).await.unwrap() {
                shelf.store(lease, blob, 0).await;
            }
            catalog.finish_rendition(lease, rendition, Measured { peak: 1, average: 1, i_frames: None }).await.unwrap();
            catalog.publish(lease, false, NOW).await.unwrap();
            Settlement::Done
        }
    };
    catalog.settle_job(lease, how, NOW).await.unwrap();
}

/// Forgets a trashed film, perhaps not to the end.
async fn forget(shelf: &Shelf, lease: JobLease, dice: &mut Dice) {
    for doomed in shelf.catalog.doom(lease).await.unwrap() {
        if dice.below(4) == 0 {
            let later = Settlement::Wait(NOW, "the store rests".into());
            return shelf.catalog.settle_job(lease, later, NOW).await.unwrap();
        }
        shelf.catalog.forget_blobs(lease, vec![doomed.blob]).await.unwrap();
    }
    shelf.catalog.forget_video(lease).await.unwrap();
}

#[tokio::test]
async fn the_counts_are_those_of_the_rows_whatever_happens() {
    for seed in 0..3 {
        let (shelf, mut dice) = (Shelf::new(), Dice { seed, thrown: 0 });
        let mut videos = Vec::new();
        for step in 0..120 {
            let action = dice.below(10);
            let some = (!videos.is_empty()).then(|| videos[dice.below(videos.len().max(1))]);
            match (action, some) {
                (0..3, _) | (_, None) => videos.push(shelf.arrive("Film").await),
                (3, Some(video)) => drop(shelf.catalog.trash_video(video, NOW, NOW).await.unwrap()),
                // Refusals are as good: the counts must hold after them, too.
                (4, Some(video)) => drop(shelf.catalog.restore_video(video, NOW).await),
                (5, Some(video)) => drop(shelf.catalog.cancel_ingest(video, NOW).await),
                (6, Some(video)) => drop(shelf.catalog.retry_ingest(video, NOW).await),
                _ => match shelf.claim(NOW).await {
                    Some((job, lease)) if job.kind == JobKind::Ingest => ingest(&shelf, lease, &mut dice).await,
                    Some((_, lease)) => forget(&shelf, lease, &mut dice).await,
                    None => {}
                },
            }
            let counts = shelf.catalog.counts().await.unwrap();
            assert_eq!(counts, recounted(&shelf), "seed {seed}, step {step}, action {action}");
            let listed = shelf.catalog.list_videos(query(Sort::Newest, 200, None)).await.unwrap();
            assert_eq!((listed.total, listed.videos.len() as u64), (counts.videos, counts.videos));
        }
    }
}

#[tokio::test]
async fn an_empty_library_counts_nothing() {
    assert_eq!(Shelf::new().catalog.counts().await.unwrap(), Counts::default());
}
