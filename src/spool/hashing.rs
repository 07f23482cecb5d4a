//! The hashes of a blob and of its chunks, made in one pass while bytes are written.

use crate::media::extent::{CHUNK_SIZE, Hash};

/// Hashes bytes as they come, in slices of any size.
#[derive(Clone, Debug, Default)]
pub struct ChunkHasher {
    chunk: blake3::Hasher,
    len: u64,
    chunks: Vec<Hash>,
}

impl ChunkHasher {
    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = CHUNK_SIZE - self.len % CHUNK_SIZE;
            let (now, rest) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            self.chunk.update(now);
            self.len += now.len() as u64;
            if self.len.is_multiple_of(CHUNK_SIZE) {
                self.end_chunk();
            }
            bytes = rest;
        }
    }

    fn end_chunk(&mut self) {
        self.chunks.push(Hash(*self.chunk.finalize().as_bytes()));
        self.chunk.reset();
    }

    /// Bytes taken so far.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether it is empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The blob's hash, and one for each `CHUNK_SIZE` bytes, the last being of the rest.
    pub fn finish(mut self) -> (Hash, Vec<Hash>) {
        if !self.len.is_multiple_of(CHUNK_SIZE) {
            self.end_chunk();
        }
        (Hash::of_chunks(&self.chunks), self.chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    #[test]
    fn slices_of_any_size_give_the_hashes_of_the_chunks() {
        let chunk = CHUNK_SIZE as usize;
        for (len, slice) in [(chunk * 2, 1000), (chunk * 2 + 1, chunk * 3), (5, 1), (chunk, chunk)] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 253) as u8).collect();
            let mut hasher = ChunkHasher::default();
            bytes.chunks(slice).for_each(|part| hasher.update(part));
            assert_eq!(hasher.len(), len as u64);
            let expected: Vec<Hash> = bytes.chunks(chunk).map(hash).collect();
            assert_eq!(hasher.finish(), (Hash::of_chunks(&expected), expected), "{len} bytes in slices of {slice}");
        }
    }
}
