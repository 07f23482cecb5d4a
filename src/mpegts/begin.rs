//! The beginning of a picture, at a place that is known: its first bytes, out of the packets of others.

use super::packet::{self, Header, Packet};
use std::io;

/// Packets that are looked at for one picture: those of other streams lie between its own.
const MOST_PACKETS: usize = 1024;

/// Reads up to `most` bytes of the picture that begins with the packet at `at`, where `read` fills a buffer from a place
/// in the file and says how many bytes there were. `None` when no picture begins there.
///
/// # Errors
/// When the file cannot be read.
pub fn picture_at(
    at: u64,
    most: usize,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<Option<Vec<u8>>> {
    let (mut found, mut window) = (Vec::new(), [0; 32 * packet::LEN]);
    let (mut stream, mut next) = (None, at);
    for _ in 0..MOST_PACKETS / 32 {
        let len = read(&mut window, next)?;
        for bytes in window[..len].as_chunks::<{ packet::LEN }>().0 {
            let Some(packet) = Packet::of(bytes) else { return Ok(None) };
            let payload = packet.payload.unwrap_or_default();
            match stream {
                None if packet.begins => {
                    let Some(header) = Header::of(payload) else { return Ok(None) };
                    (stream, found) = (Some(packet.stream), header.data.to_vec());
                }
                None => return Ok(None),
                Some(own) if own != packet.stream => {}
                Some(_) if packet.begins => return Ok(Some(found)),
                Some(_) => found.extend_from_slice(payload),
            }
            if found.len() >= most {
                found.truncate(most);
                return Ok(Some(found));
            }
        }
        if len < window.len() {
            break;
        }
        next += len as u64;
    }
    Ok(stream.map(|_| found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(stream: u8, begins: bool, payload: &[u8]) -> Vec<u8> {
        let stuffing = packet::LEN - 5 - payload.len();
        let head = [0x47, if begins { 0x40 } else { 0 }, stream, 0x30, stuffing as u8];
        [&head[..], &vec![0xFF; stuffing], payload].concat()
    }

    fn begun(bytes: &[u8]) -> Option<Vec<u8>> {
        let read = |buffer: &mut [u8], at: u64| {
            let left = &bytes[(at as usize).min(bytes.len())..];
            let len = left.len().min(buffer.len());
            buffer[..len].copy_from_slice(&left[..len]);
            Ok(len)
        };
        picture_at(0, 6, read).unwrap()
    }

    #[test]
    fn a_picture_is_gathered_from_between_other_streams() {
        let first = packet(7, true, &[0, 0, 1, 0xE0, 0, 0, 0x80, 0, 1, 99, 1, 2]);
        let others: Vec<u8> = (0..40).flat_map(|_| packet(8, true, b"other")).collect();
        let more = packet(7, false, &[3, 4]);
        assert_eq!(begun(&[&first[..], &others, &more].concat()), Some(vec![1, 2, 3, 4]));
        let next = packet(7, true, &[0, 0, 1, 0xE0, 0, 0, 0x80, 0, 0, 9, 9]);
        assert_eq!(begun(&[&first[..], &next].concat()), Some(vec![1, 2]), "up to the next picture");
        let long = packet(7, false, &[5; 100]);
        assert_eq!(begun(&[&first[..], &long].concat()), Some(vec![1, 2, 5, 5, 5, 5]), "and no more than asked for");
    }

    #[test]
    fn where_no_picture_begins_there_is_none() {
        let sound = packet(7, true, &[0, 0, 1, 0xC0, 0, 0, 0x80, 0, 0, 1, 2]);
        assert_eq!(begun(&sound), None);
        assert_eq!(begun(&packet(7, false, &[1, 2])), None);
        assert_eq!(begun(&[0; 4 * packet::LEN]), None);
        assert_eq!(begun(&[]), None);
        let cut_off = packet(7, true, &[0, 0, 1, 0xE0, 0, 0, 0x80, 0, 9, 1]);
        assert_eq!(begun(&cut_off), None, "its header is longer than the packet");
    }
}
