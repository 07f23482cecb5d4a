//! Listing the packets of one stream: what segments and spans are planned from.

use super::cage::CageLimits;
use super::command::{self, Blame, each_line, pipes, words, words_of};
use super::errand::Errand;
use super::{Ffmpeg, FfmpegError, Program, input};
use crate::media::probe::Packet;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use tokio_util::sync::CancellationToken;

impl Ffmpeg {
    /// Calls `each` with every packet of stream `stream`, in file order, as they are read, and with the place in the
    /// file where it begins, if its container tells: memory does not grow with the film. `within` limits it to packets
    /// from the last key frame before its start up to its end, in the source's own seconds.
    ///
    /// # Errors
    /// `Refused` when the file cannot be read on, `Stalled` when nothing comes for the stall limit.
    pub async fn scan(
        &self,
        input: &Path,
        stream: u32,
        within: Option<Range<f64>>,
        cancel: &CancellationToken,
        each: &mut impl FnMut(Packet, Option<u64>),
    ) -> Result<(), FfmpegError> {
        let list = arguments(input, &stream.to_string(), within);
        let mut on_line = |line: &str| {
            if let Some(found) = found(line) {
                each(found.packet, found.place);
            }
        };
        self.list(list, cancel, &mut on_line).await
    }

    /// Calls `each` with every packet of every sound, and the index of its stream, in one reading of the file, or of
    /// what is `within` seconds of it.
    ///
    /// # Errors
    /// As `scan`.
    pub async fn scan_sounds(
        &self,
        input: &Path,
        within: Option<Range<f64>>,
        cancel: &CancellationToken,
        each: &mut impl FnMut(u32, Packet),
    ) -> Result<(), FfmpegError> {
        let mut on_line = |line: &str| {
            if let Some((found, stream)) = found(line).and_then(|found| Some((found.packet, found.stream?))) {
                each(stream, found);
            }
        };
        self.list(arguments(input, "a", within), cancel, &mut on_line).await
    }

    /// Runs ffprobe for its lines, one for each packet.
    async fn list(
        &self,
        arguments: Vec<OsString>,
        cancel: &CancellationToken,
        each: &mut impl FnMut(&str),
    ) -> Result<(), FfmpegError> {
        let cpu_s = self.settings.encode_cpu.as_secs().max(1);
        let limits = CageLimits { cpu_s, ..self.short_limits() };
        let _turn = self.errands.turn(Errand::Read, cancel).await?;
        let mut child = self.spawn(Program::Ffprobe, &limits, arguments).await?;
        let (stdout, stderr) = pipes(&mut child)?;
        let (packets, mut count) = tokio::sync::watch::channel(());
        let read = async {
            let mut on_line = |line: &str| {
                packets.send_replace(());
                each(line);
                Ok(())
            };
            let (lines, words) = tokio::join!(each_line(stdout, &mut on_line), words_of(stderr));
            lines?;
            let status = child.wait().await.map_err(|error| FfmpegError::io("waiting for ffprobe", error))?;
            self.judge(Program::Ffprobe, status, &words?, Blame::File)
        };
        let stall = self.settings.stall;
        let silence = async {
            // Ends when the limit passes without a packet; with the sender gone nobody waits here.
            while tokio::time::timeout(stall, count.changed()).await.is_ok_and(|sent| sent.is_ok()) {}
        };
        let early = tokio::select! {
            done = read => return done,
            () = cancel.cancelled() => FfmpegError::Cancelled,
            () = silence => FfmpegError::Stalled { seconds: stall.as_secs() },
        };
        command::end(&mut child).await?;
        Err(early)
    }
}

fn arguments(file: &Path, streams: &str, within: Option<Range<f64>>) -> Vec<OsString> {
    let mut list = words("-hide_banner -loglevel error -threads 1");
    list.extend(input::protections());
    list.extend(words(&format!(
        "-select_streams {streams} -show_entries packet=stream_index,pts,dts,duration,size,pos,flags -of compact=print_section=0"
    )));
    if let Some(Range { start, end }) = within {
        list.extend(words(&format!("-read_intervals {:.6}%{end:.6}", start.max(0.0))));
    }
    list.extend(["-i".into(), input::url(file)]);
    list
}

/// What a line says.
#[derive(Debug, PartialEq)]
struct Found {
    packet: Packet,
    place: Option<u64>,
    stream: Option<u32>,
}

/// One line like `stream_index=0|pts=0|dts=-512|duration=512|size=1234|pos=48|flags=K_`.
fn found(line: &str) -> Option<Found> {
    let packet = Packet { pts: None, dts: None, duration: 0, bytes: 0, key: false };
    let mut found = Found { packet, place: None, stream: None };
    let mut has_size = false;
    for field in line.split('|') {
        let Some((key, value)) = field.split_once('=') else { continue };
        let packet = &mut found.packet;
        match key {
            "pts" => packet.pts = value.parse().ok(),
            "dts" => packet.dts = value.parse().ok(),
            "duration" => packet.duration = value.parse().unwrap_or(0),
            "flags" => packet.key = value.starts_with('K'),
            "pos" => found.place = value.parse().ok(),
            "stream_index" => found.stream = value.parse().ok(),
            "size" => {
                packet.bytes = value.parse().ok()?;
                has_size = true;
            }
            _ => {}
        }
    }
    has_size.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_line_is_read_with_and_without_times() {
        let full = found("stream_index=1|pts=1024|dts=-512|duration=512|size=77|pos=48|flags=K_").unwrap();
        let bare = found("pts=N/A|dts=N/A|duration=N/A|size=5|pos=N/A|flags=__").unwrap();
        let packet = Packet { pts: Some(1024), dts: Some(-512), duration: 512, bytes: 77, key: true };
        assert_eq!(full, Found { packet, place: Some(48), stream: Some(1) });
        let packet = Packet { pts: None, dts: None, duration: 0, bytes: 5, key: false };
        assert_eq!(bare, Found { packet, place: None, stream: None });
        assert_eq!(found(""), None);
    }
}
