//! Blob → channels: rendezvous hashing. Deterministic, even, and a channel that comes or goes
//! moves only its own share. The catalog records what really happened; reads never ask here.

use super::extent::{ChannelId, Hash};

/// All channels in the order in which this blob prefers them, as far as nothing else decides: its copies
/// go to the first ones, and the next one stands in when one refuses.
pub fn preference(blob: &Hash, channels: &[ChannelId]) -> Vec<ChannelId> {
    let mut ranked: Vec<([u8; 32], &ChannelId)> =
        channels.iter().map(|channel| (score(blob, channel), channel)).collect();
    ranked.sort_by(|a, b| b.cmp(a));
    ranked.into_iter().map(|(_, channel)| channel.clone()).collect()
}

fn score(blob: &Hash, channel: &ChannelId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&blob.0).update(channel.0.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn channels(count: usize) -> Vec<ChannelId> {
        (1..=count).map(|number| ChannelId(number.to_string())).collect()
    }

    fn blob(number: u32) -> Hash {
        Hash(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    #[test]
    fn a_hundred_thousand_blobs_spread_within_two_percent() {
        let channels = channels(8);
        let mut counts: HashMap<ChannelId, f64> = HashMap::new();
        for number in 0..100_000 {
            *counts.entry(preference(&blob(number), &channels)[0].clone()).or_default() += 1.0;
        }
        for (channel, count) in counts {
            assert!((count / 12_500.0 - 1.0).abs() < 0.02, "channel {channel} holds {count}");
        }
    }

    #[test]
    fn a_ninth_channel_moves_about_a_ninth_and_only_to_itself() {
        let (eight, nine) = (channels(8), channels(9));
        let mut moved = 0.0;
        for number in 0..20_000 {
            let (before, after) = (&preference(&blob(number), &eight)[0], &preference(&blob(number), &nine)[0]);
            if before != after {
                assert_eq!(after.0, "9");
                moved += 1.0;
            }
        }
        assert!((moved / 20_000.0 * 9.0_f64 - 1.0).abs() < 0.05, "moved {moved}");
    }
}
