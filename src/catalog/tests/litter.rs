use super::{NOW, Shelf};
use crate::catalog::NotRemoved::{Failed, Refused};
use crate::media::extent::Locator;
use std::time::Duration;

#[tokio::test]
async fn litter_is_tried_less_and_less_often_and_what_is_refused_for_two_days() {
    let shelf = Shelf::new();
    let (failing, refused) = (Locator("tg:1/1/1/a".into()), Locator("tg:1/2/1/b".into()));
    let mut tries = Vec::new();
    shelf.catalog.litter_kept(vec![failing.clone()], Failed, NOW).await.unwrap();
    shelf.catalog.litter_kept(vec![refused.clone()], Refused, NOW).await.unwrap();
    for minute in 0..4 * 24 * 60 {
        let now = NOW.after(Duration::from_secs(minute * 60));
        let next = shelf.catalog.next_litter(now).await.unwrap().unwrap();
        if next > now {
            continue;
        }
        let due = shelf.catalog.litter_due(now, 10).await.unwrap();
        assert!(due.contains(&failing), "{due:?}");
        tries.push((minute, due.contains(&refused)));
        for (copy, why) in [(&failing, Failed), (&refused, Refused)] {
            if due.contains(copy) {
                shelf.catalog.litter_kept(vec![copy.clone()], why, now).await.unwrap();
            }
        }
    }
    let minutes: Vec<u64> = tries.iter().map(|(minute, _)| *minute).collect();
    assert_eq!(minutes[..10], [1, 3, 7, 15, 31, 63, 127, 255, 511, 871]);
    assert!(tries.iter().all(|(minute, with_refused)| *with_refused == (*minute < 48 * 60)), "{tries:?}");
    let shares = shelf.catalog.shares().await.unwrap();
    assert_eq!((shares.litter, shares.litter_refused), (2, 1));
    shelf.catalog.litter_removed(vec![failing, refused]).await.unwrap();
    assert_eq!(shelf.catalog.next_litter(NOW).await.unwrap(), None);
}
