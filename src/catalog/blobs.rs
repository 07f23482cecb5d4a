//! Blobs while they are made: packs that grow in the spool and are sealed, and single things
//! such as posters.

use super::jobs::{JobLease, hold};
use super::{Catalog, CatalogError};
use crate::media::extent::Hash;
use crate::media::id::{BlobId, RenditionId};
use rusqlite::{Transaction, params};
use std::collections::HashSet;

/// A pack that was being filled when its job last stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackInMaking {
    /// The blob.
    pub blob: BlobId,
    /// Its position among the rendition's packs.
    pub number: u32,
    /// Bytes whose segments are listed; what lies beyond in the file does not count.
    pub committed_len: u64,
}

/// A pack of a rendition in which segments are listed.
#[derive(Clone, Copy, Debug)]
pub struct FilledPack {
    /// The blob.
    pub blob: BlobId,
    /// Its position among the rendition's packs.
    pub number: u32,
    /// The blob's hash (`Hash::of_chunks`), once it is sealed.
    pub hash: Option<Hash>,
}

/// How far an open pack has grown.
#[derive(Clone, Copy, Debug)]
pub struct PackLength {
    /// The blob.
    pub blob: BlobId,
    /// Its length with all segments of the same commit, in bytes.
    pub len: u64,
}

/// A blob that will not change any more.
#[derive(Clone, Debug)]
pub struct SealedBlob {
    /// The blob.
    pub blob: BlobId,
    /// Its length in bytes.
    pub len: u64,
    /// The blob's hash (`Hash::of_chunks`).
    pub hash: Hash,
    /// BLAKE3 of each chunk.
    pub chunks: Vec<Hash>,
}

impl Catalog {
    /// Makes room for the next pack of a rendition, before its first byte is written.
    pub async fn open_pack(
        &self,
        lease: JobLease,
        rendition: RenditionId,
        number: u32,
    ) -> Result<BlobId, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                tx.execute(
                    "INSERT INTO blobs (video, rendition, number, role, state) VALUES (?1, ?2, ?3, 'pack', 'open')",
                    params![video, rendition.0, number],
                )?;
                Ok(BlobId(tx.last_insert_rowid()))
            })
            .await
    }

    /// What of a rendition's packs a stopped job left open: the one with listed segments, and the
    /// blobs without any, whose rows are removed here and whose files the caller removes.
    pub async fn packs_in_making(
        &self,
        lease: JobLease,
        rendition: RenditionId,
    ) -> Result<(Option<PackInMaking>, Vec<BlobId>), CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                let mut statement = tx.prepare_cached(
                    "DELETE FROM blobs WHERE rendition = ?1 AND state = 'open' AND len = 0 RETURNING id",
                )?;
                let empty = statement.query_map([rendition.0], |row| row.get(0).map(BlobId))?;
                let empty = empty.collect::<Result<Vec<_>, _>>()?;
                let mut statement = tx.prepare_cached(
                    "SELECT id, number, len FROM blobs WHERE rendition = ?1 AND state = 'open' ORDER BY number DESC LIMIT 1",
                )?;
                let mut open = statement.query_map([rendition.0], |row| {
                    Ok(PackInMaking { blob: BlobId(row.get(0)?), number: row.get(1)?, committed_len: row.get(2)? })
                })?;
                Ok((open.next().transpose()?, empty))
            })
            .await
    }

    /// The packs of a rendition in which segments are listed, in order.
    pub async fn filled_packs(&self, rendition: RenditionId) -> Result<Vec<FilledPack>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT id, number, hash FROM blobs WHERE rendition = ?1 AND len > 0 ORDER BY number";
                let mut statement = tx.prepare_cached(sql)?;
                let rows = statement.query_map([rendition.0], |row| {
                    let hash: Option<[u8; 32]> = row.get(2)?;
                    Ok(FilledPack { blob: BlobId(row.get(0)?), number: row.get(1)?, hash: hash.map(Hash) })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// How many packs of a rendition exist: the number of the next one.
    pub async fn next_pack_number(&self, rendition: RenditionId) -> Result<u32, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT coalesce(max(number) + 1, 0) FROM blobs WHERE rendition = ?1";
                Ok(tx.prepare_cached(sql)?.query_row([rendition.0], |row| row.get(0))?)
            })
            .await
    }

    /// Blobs of the job's video that are sealed and have no verified copy yet.
    pub async fn sealed_blobs(&self, lease: JobLease) -> Result<Vec<BlobId>, CatalogError> {
        self.blobs_in(lease, "sealed").await
    }

    /// Blobs of the job's video that have a verified copy, or more.
    pub async fn stored_blobs(&self, lease: JobLease) -> Result<Vec<BlobId>, CatalogError> {
        self.blobs_in(lease, "stored").await
    }

    async fn blobs_in(&self, lease: JobLease, state: &'static str) -> Result<Vec<BlobId>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let mut statement =
                    tx.prepare_cached("SELECT id FROM blobs WHERE video = ?1 AND state = ?2 ORDER BY id")?;
                let rows = statement.query_map(params![video, state], |row| row.get(0).map(BlobId))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Every blob whose file must lie in the spool: those not stored yet. Removes rows of single
    /// things that a dead process had only begun.
    pub async fn sort_out_spooled(&self) -> Result<HashSet<BlobId>, CatalogError> {
        self.sqlite
            .write(|tx| {
                tx.execute("DELETE FROM blobs WHERE state = 'open' AND role = 'poster'", [])?;
                let mut statement = tx.prepare("SELECT id FROM blobs WHERE state IN ('open', 'sealed')")?;
                let rows = statement.query_map([], |row| row.get(0).map(BlobId))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

pub(super) fn seal(tx: &Transaction<'_>, sealed: &SealedBlob) -> Result<(), CatalogError> {
    let chunks: Vec<u8> = sealed.chunks.iter().flat_map(|hash| hash.0).collect();
    tx.prepare_cached(
        "UPDATE blobs SET state = 'sealed', len = ?2, stored_len = ?2, hash = ?3, chunks = ?4 WHERE id = ?1 AND state = 'open'",
    )?
    .execute(params![sealed.blob.0, sealed.len, &sealed.hash.0[..], chunks])?;
    Ok(())
}

/// Reads a column of chunk hashes, one after another.
pub(super) fn chunk_hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.iter().map(|chunk| Hash(*chunk)).collect()
}
