//! Who makes room in a cache: a segmented LRU, weighed.
//!
//! What comes in is *passing*. What is asked for again is *proven*, and a film that one person runs through once pushes
//! out only what is passing, too. The *openings* of titles have a share of their own: whoever comes next begins there,
//! and is to wait for nothing.

use lru::LruCache;
use std::hash::Hash;
use std::time::Duration;

/// For how long one viewer may come back to a chunk: that of sound lasts half a minute, and players read on from where
/// they stand. Who comes later is somebody else, or sees it again.
pub(super) const ONE_VIEWING: Duration = Duration::from_secs(60);

/// What an entry is worth before anybody asked for it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The first seconds of a title.
    Opening,
    /// Anything else.
    Passing,
}

/// What an entry is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// The first seconds of a title.
    Opening,
    /// It was asked for again.
    Proven,
    /// Anything else.
    Passing,
}

impl From<Standing> for Worth {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Opening => Self::Opening,
            Standing::Passing => Self::Passing,
        }
    }
}

/// Entries by how soon they go. Every operation is O(1) for each entry that moves.
pub(super) struct Ranking<K: Hash + Eq, V> {
    openings: Rank<K, V>,
    proven: Rank<K, V>,
    passing: Rank<K, V>,
    max: u64,
}

/// Entries of one rank, the least recently used going first.
struct Rank<K: Hash + Eq, V> {
    entries: LruCache<K, Entry<V>>,
    weight: u64,
}

struct Entry<V> {
    value: V,
    weight: u64,
}

impl<K: Hash + Eq + Clone, V> Ranking<K, V> {
    /// An empty one for entries of so much weight together.
    pub(super) fn new(max: u64) -> Self {
        Self { openings: Rank::new(), proven: Rank::new(), passing: Rank::new(), max }
    }

    /// Changes how much there may be. Nothing goes before the next one comes.
    pub(super) fn set_max(&mut self, max: u64) {
        self.max = max;
    }

    /// What an entry holds, which is proven from now on, unless it is an opening.
    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        if self.openings.entries.contains(key) {
            return self.openings.entries.get(key).map(|entry| &entry.value);
        }
        if let Some(entry) = self.passing.take(key) {
            self.proven.put(key.clone(), entry);
            self.leave_room_for_passing();
        }
        let entry = match self.proven.entries.get(key) {
            Some(entry) => entry,
            None => self.passing.entries.get(key)?,
        };
        Some(&entry.value)
    }

    /// The same, but it is worth no more than before.
    pub(super) fn touch(&mut self, key: &K) -> Option<&V> {
        let ranks = [&mut self.openings, &mut self.proven, &mut self.passing];
        ranks.into_iter().find_map(|rank| rank.entries.get(key)).map(|entry| &entry.value)
    }

    /// The same, without a trace; to be changed in place.
    pub(super) fn peek_mut(&mut self, key: &K) -> Option<&mut V> {
        let ranks = [&mut self.openings, &mut self.proven, &mut self.passing];
        ranks.into_iter().find_map(|rank| rank.entries.peek_mut(key)).map(|entry| &mut entry.value)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.ranks().into_iter().any(|rank| rank.entries.contains(key))
    }

    /// Adds an entry, in place of the one that has its key, and gives back what had to make room: the new one itself,
    /// too, where it is heavier than all room there is.
    pub(super) fn insert(&mut self, key: K, value: V, weight: u64, worth: impl Into<Worth>) -> Vec<(K, V)> {
        let mut gone: Vec<(K, V)> = self.remove(&key).map(|value| (key.clone(), value)).into_iter().collect();
        if weight > self.max {
            gone.push((key, value));
            return gone;
        }
        let rank = match worth.into() {
            Worth::Opening => &mut self.openings,
            Worth::Proven => &mut self.proven,
            Worth::Passing => &mut self.passing,
        };
        rank.put(key, Entry { value, weight });
        self.leave_room_for_passing();
        while self.weight() > self.max {
            let Some(evicted) = self.evict() else { break };
            gone.push(evicted);
        }
        gone
    }

    /// A share is left to what passes: a stream that is fetched ahead needs room until it is watched.
    fn leave_room_for_passing(&mut self) {
        while self.proven.weight > self.max / 4 * 3 {
            let Some((key, entry)) = self.proven.take_last() else { break };
            self.passing.put(key, entry);
        }
    }

    /// Takes out the entry that goes first.
    pub(super) fn evict(&mut self) -> Option<(K, V)> {
        let opening = if self.openings.weight > self.max / 4 { self.openings.take_last() } else { None };
        let last = opening
            .or_else(|| self.passing.take_last())
            .or_else(|| self.proven.take_last())
            .or_else(|| self.openings.take_last());
        last.map(|(key, entry)| (key, entry.value))
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let ranks = [&mut self.openings, &mut self.proven, &mut self.passing];
        ranks.into_iter().find_map(|rank| rank.take(key)).map(|entry| entry.value)
    }

    /// Takes out what is not to be kept, and gives it back.
    pub(super) fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) -> Vec<(K, V)> {
        let mut gone = Vec::new();
        for rank in [&mut self.openings, &mut self.proven, &mut self.passing] {
            let unwanted = rank.entries.iter().filter(|(key, entry)| !keep(key, &entry.value));
            let keys: Vec<K> = unwanted.map(|(key, _)| key.clone()).collect();
            gone.extend(keys.into_iter().filter_map(|key| rank.take(&key).map(|entry| (key, entry.value))));
        }
        gone
    }

    /// Every entry and its worth; of the same worth the one first that goes first.
    pub(super) fn ranked(&self) -> impl Iterator<Item = (&K, &V, Worth)> {
        let worths = [Worth::Opening, Worth::Proven, Worth::Passing];
        let ranks = self.ranks().into_iter().zip(worths);
        ranks.flat_map(|(rank, worth)| rank.entries.iter().rev().map(move |(key, entry)| (key, &entry.value, worth)))
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.ranks().into_iter().map(|rank| rank.entries.len()).sum()
    }

    /// What they weigh together.
    pub(super) fn weight(&self) -> u64 {
        self.ranks().into_iter().map(|rank| rank.weight).sum()
    }

    fn ranks(&self) -> [&Rank<K, V>; 3] {
        [&self.openings, &self.proven, &self.passing]
    }
}

impl<K: Hash + Eq, V> Rank<K, V> {
    fn new() -> Self {
        Self { entries: LruCache::unbounded(), weight: 0 }
    }

    fn put(&mut self, key: K, entry: Entry<V>) {
        self.weight += entry.weight;
        if let Some(replaced) = self.entries.put(key, entry) {
            self.weight -= replaced.weight;
        }
    }

    fn take(&mut self, key: &K) -> Option<Entry<V>> {
        let entry = self.entries.pop(key)?;
        self.weight -= entry.weight;
        Some(entry)
    }

    fn take_last(&mut self) -> Option<(K, Entry<V>)> {
        let (key, entry) = self.entries.pop_lru()?;
        self.weight -= entry.weight;
        Some((key, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(entries: impl IntoIterator<Item = u32>, max: u64) -> Ranking<u32, u32> {
        let mut ranking = Ranking::new(max);
        for key in entries {
            ranking.insert(key, key, 1, Standing::Passing);
        }
        ranking
    }

    fn kept(ranking: &Ranking<u32, u32>, keys: impl IntoIterator<Item = u32>) -> Vec<u32> {
        keys.into_iter().filter(|key| ranking.contains(key)).collect()
    }

    #[test]
    fn what_was_asked_for_again_outlives_a_film_that_passes() {
        let mut ranking = with(0..100, 100);
        for key in 0..60 {
            assert_eq!(ranking.get(&key), Some(&key));
        }
        for key in 1000..2000 {
            ranking.insert(key, key, 1, Standing::Passing);
        }
        assert_eq!(kept(&ranking, 0..100).len(), 60);
        assert_eq!(kept(&ranking, 1000..2000), (1960..2000).collect::<Vec<_>>());
    }

    #[test]
    fn openings_go_last_and_never_take_more_than_a_quarter_from_others() {
        let mut ranking = with([], 100);
        for key in 0..20 {
            ranking.insert(key, key, 1, Standing::Opening);
        }
        for key in 1000..2000 {
            ranking.insert(key, key, 1, Standing::Passing);
            ranking.get(&key);
        }
        assert_eq!(kept(&ranking, 0..20).len(), 20);
        for key in 100..300 {
            ranking.insert(key, key, 1, Standing::Opening);
        }
        assert_eq!(kept(&ranking, 0..300), (275..300).collect::<Vec<_>>());
        assert_eq!((ranking.len(), ranking.weight()), (100, 100));
    }

    #[test]
    fn a_share_is_kept_for_what_passes() {
        let mut ranking = with(0..100, 100);
        assert!((0..100).all(|key| ranking.get(&key).is_some()));
        for key in 1000..1025 {
            ranking.insert(key, key, 1, Standing::Passing);
        }
        assert_eq!(kept(&ranking, 1000..1025).len(), 25, "none of them pushed another one out");
        assert_eq!(kept(&ranking, 0..100), (25..100).collect::<Vec<_>>(), "the least recently used went");
    }

    #[test]
    fn a_ranking_is_the_same_when_it_is_told_anew() {
        let mut ranking = with(0..8, 100);
        ranking.insert(50, 50, 1, Standing::Opening);
        for key in [5, 1] {
            ranking.get(&key);
        }
        let told: Vec<_> = ranking.ranked().map(|(key, _, worth)| (*key, worth)).collect();
        let mut again = Ranking::new(100);
        for (key, worth) in &told {
            again.insert(*key, *key, 1, *worth);
        }
        assert_eq!(again.ranked().map(|(key, _, worth)| (*key, worth)).collect::<Vec<_>>(), told);
        let order: Vec<_> = std::iter::from_fn(|| again.evict()).map(|(key, _)| key).collect();
        assert_eq!(order, [0, 2, 3, 4, 6, 7, 5, 1, 50]);
    }

    #[test]
    fn what_is_not_to_be_kept_is_given_back() {
        let mut ranking = with(0..4, 100);
        ranking.get(&2);
        assert_eq!(ranking.retain(|key, _| key % 2 == 1), [(2, 2), (0, 0)]);
        assert_eq!((kept(&ranking, 0..4), ranking.weight()), (vec![1, 3], 2));
    }

    #[test]
    fn entries_are_weighed() {
        let mut ranking = Ranking::new(10);
        assert!(ranking.insert('a', 1, 6, Standing::Passing).is_empty());
        assert_eq!(ranking.insert('b', 2, 5, Standing::Passing), [('a', 1)]);
        assert_eq!(ranking.insert('b', 3, 4, Standing::Opening), [('b', 2)], "one entry has a key");
        assert_eq!(ranking.insert('c', 4, 11, Standing::Passing), [('c', 4)], "it has no room at all");
        assert_eq!((ranking.weight(), ranking.get(&'b').copied()), (4, Some(3)));
        assert_eq!(ranking.remove(&'b'), Some(3));
        assert_eq!((ranking.weight(), ranking.len()), (0, 0));
    }
}
