//! What ffmpeg's `-progress` says, told apart from its words on the same pipe.

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Seconds of film written so far.
    pub out_time_s: f64,
    /// Seconds of film per second of work; 0 when not yet known.
    pub speed: f64,
    /// Pictures written so far.
    pub frames: u64,
}

/// Keys that `-progress` writes besides `stream_…`.
const KEYS: [&str; 11] = [
    "frame",
    "fps",
    "bitrate",
    "total_size",
    "out_time_us",
    "out_time_ms",
    "out_time",
    "dup_frames",
    "drop_frames",
    "speed",
    "progress",
];

impl Progress {
    /// Takes in one line of stderr. Returns whether it was progress and not words.
    pub(super) fn read(&mut self, line: &str) -> bool {
        let Some((key, value)) = line.split_once('=') else { return false };
        if !KEYS.contains(&key) && !key.starts_with("stream_") {
            return false;
        }
        let value = value.trim();
        match key {
            "frame" => self.frames = value.parse().unwrap_or(self.frames),
            "out_time_us" => {
                if let Ok(micros) = value.parse::<i64>() {
                    self.out_time_s = micros.max(0) as f64 / 1e6;
                }
            }
            "speed" => {
                if let Ok(speed) = value.trim_end_matches('x').trim().parse() {
                    self.speed = speed;
                }
            }
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_from_words() {
        let mut progress = Progress::default();
        for line in ["frame=25", "out_time_us=1500000", "speed=2.5x", "stream_0_0_q=28.0", "progress=continue"] {
            assert!(progress.read(line), "{line}");
        }
        for line in ["[libx264 @ 0x5] frame=I:1", "key=value", "Conversion failed!"] {
            assert!(!progress.read(line), "{line}");
        }
        assert_eq!(progress, Progress { out_time_s: 1.5, speed: 2.5, frames: 25 });
    }

    #[test]
    fn what_is_not_yet_known_keeps_its_last_value() {
        let mut progress = Progress { out_time_s: 2.0, speed: 1.0, frames: 9 };
        for line in ["frame=x", "out_time_us=N/A", "speed=N/A"] {
            assert!(progress.read(line));
        }
        assert_eq!(progress, Progress { out_time_s: 2.0, speed: 1.0, frames: 9 });
    }
}
