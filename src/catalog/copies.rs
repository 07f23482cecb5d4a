//! Copies: where a blob was meant to go and where it went. Nothing is sent without a committed
//! intent, and nothing counts before it was read back.

use super::blobs::chunk_hashes;
use super::doubts::doubt;
use super::jobs::{JobLease, hold};
use super::litter::litter;
use super::missed::found;
use super::sqlite::word;
use super::{Catalog, CatalogError};
use crate::media::extent::{ChannelId, Hash, Locator};
use crate::media::id::{BlobId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use uuid::Uuid;

/// Where in its life a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// It may have been sent or not.
    Intended,
    /// The store said where it lies; nobody read it back yet.
    Sent,
    /// It was read back and every chunk was right.
    Verified,
    /// It was there and is not any more, or was never right.
    Lost,
}

/// One copy of a blob.
#[derive(Clone, Debug)]
pub struct CopyRecord {
    /// Which of the blob's copies it is to be, from 0.
    pub copy: u32,
    /// Where it goes.
    pub channel: ChannelId,
    /// Names the send, so that a retry finds what an earlier try sent.
    pub nonce: Uuid,
    /// Where it lies, once known.
    pub locator: Option<Locator>,
    /// Where in its life it is.
    pub state: CopyState,
}

/// A sealed blob, ready to be sent.
#[derive(Clone, Debug)]
pub struct BlobToStore {
    /// The video it belongs to.
    pub video: VideoId,
    /// What it is: `pack` or `poster`.
    pub role: String,
    /// Its length in bytes.
    pub len: u64,
    /// The blob's hash (`Hash::of_chunks`).
    pub hash: Hash,
    /// BLAKE3 of each chunk.
    pub chunks: Vec<Hash>,
    /// The copies known so far.
    pub copies: Vec<CopyRecord>,
}

/// The committed intent to make a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Names the copy for ever.
    pub nonce: Uuid,
    /// Where it lies, if it was sent and only has to be read back.
    pub sent: Option<Locator>,
}

impl CopyState {
    const ALL: [Self; 4] = [Self::Intended, Self::Sent, Self::Verified, Self::Lost];

    fn text(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Verified => "verified",
            Self::Lost => "lost",
        }
    }
}

impl Catalog {
    /// A sealed blob of the job's video with all that is known of its copies.
    pub async fn blob_to_store(&self, lease: JobLease, blob: BlobId) -> Result<Option<BlobToStore>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let found = tx
                    .prepare_cached(
                        "SELECT videos.uuid, role, len, hash, chunks FROM blobs JOIN videos ON videos.id = blobs.video
                          WHERE blobs.id = ?1 AND blobs.video = ?2 AND blobs.state IN ('sealed', 'stored')",
                    )?
                    .query_row(params![blob.0, video], |row| {
                        let chunks: Vec<u8> = row.get(4)?;
                        Ok(BlobToStore {
                            video: VideoId(row.get(0)?),
                            role: row.get(1)?,
                            len: row.get(2)?,
                            hash: Hash(row.get(3)?),
                            chunks: chunk_hashes(&chunks),
                            copies: Vec::new(),
                        })
                    })
                    .optional()?;
                let Some(mut found) = found else { return Ok(None) };
                found.copies = copies_of(tx, blob)?;
                Ok(Some(found))
            })
            .await
    }

    /// Commits the intent to send a copy to a channel. An intent that exists is answered as it is, so
    /// that a retry uses the same nonce; the earlier send is then in doubt. A lost copy that is made
    /// anew gets a new name, and its old place is litter.
    pub async fn intend_copy(
        &self,
        lease: JobLease,
        blob: BlobId,
        copy: u32,
        channel: ChannelId,
        now: Timestamp,
    ) -> Result<Intent, CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                intend(tx, (blob, copy, &channel), None, now)
            })
            .await
    }

    /// As `intend_copy`, for a copy that is made by forwarding the one at `from`: it will have its imprint.
    ///
    /// # Errors
    /// `NotAllowed` when the blob has no such copy any more, or when a lost one would have to go for it: nobody has
    /// the bytes, and it may be whole.
    pub async fn intend_forward(
        &self,
        lease: JobLease,
        blob: BlobId,
        copy: u32,
        channel: ChannelId,
        from: Locator,
        now: Timestamp,
    ) -> Result<Intent, CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                let imprint = tx
                    .prepare_cached("SELECT coalesce(imprint, nonce) FROM copies WHERE blob = ?1 AND locator = ?2")?
                    .query_row(params![blob.0, from.0], |row| row.get(0))
                    .optional()?
                    .ok_or(CatalogError::NotAllowed("the copy to be forwarded is not there any more"))?;
                intend(tx, (blob, copy, &channel), Some(imprint), now)
            })
            .await
    }

    /// Takes an intent back: the store said that nothing was made.
    pub async fn copy_refused(&self, lease: JobLease, blob: BlobId, nonce: Uuid) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                tx.prepare_cached("DELETE FROM copies WHERE blob = ?1 AND nonce = ?2 AND state = 'intended'")?
                    .execute(params![blob.0, nonce])?;
                Ok(())
            })
            .await
    }

    /// Forgets copies of a blob that nobody needs any more. They are litter until they are removed.
    ///
    /// # Errors
    /// `NotAllowed` when none that is verified would be left of a stored blob that has one; all are kept then.
    pub async fn discard_copies(
        &self,
        lease: JobLease,
        blob: BlobId,
        copies: Vec<Locator>,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                let had = verified_of_stored(tx, blob)?;
                litter(tx, &copies, now)?;
                for copy in copies {
                    tx.prepare_cached("DELETE FROM copies WHERE blob = ?1 AND locator = ?2")?
                        .execute(params![blob.0, copy.0])?;
                }
                if had > 0 && verified_of_stored(tx, blob)? == 0 {
                    return Err(CatalogError::NotAllowed("the last good copy of a blob is not given up"));
                }
                Ok(())
            })
            .await
    }

    /// Records where a copy was sent to.
    pub async fn copy_sent(
        &self,
        lease: JobLease,
        blob: BlobId,
        nonce: Uuid,
        locator: Locator,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                set_state(tx, blob, nonce, CopyState::Sent, now)?;
                tx.prepare_cached("UPDATE copies SET locator = ?3 WHERE blob = ?1 AND nonce = ?2")?
                    .execute(params![blob.0, nonce, locator.0])?;
                Ok(())
            })
            .await
    }

    /// Records that a copy was read back and is right. With the first such copy a blob is stored:
    /// from now on readers have the store.
    pub async fn copy_verified(
        &self,
        lease: JobLease,
        blob: BlobId,
        nonce: Uuid,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                set_state(tx, blob, nonce, CopyState::Verified, now)?;
                doubt_others(tx, blob, nonce, now)?;
                found(tx, blob)?;
                tx.prepare_cached("UPDATE blobs SET state = 'stored' WHERE id = ?1 AND state = 'sealed'")?
                    .execute([blob.0])?;
                Ok(())
            })
            .await
    }

    /// Records that a copy is not there or not right, so that nobody reads it any more. The last
    /// verified copy keeps its name all the same: it may be a disk that is away for a moment, and
    /// without the name nobody would find it again. Its blob is *missed*, and to be looked for at once.
    pub async fn copy_lost(&self, blob: BlobId, locator: Locator, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.prepare_cached(
                    "UPDATE copies SET state = 'lost', at = ?3 WHERE blob = ?1 AND locator = ?2 AND (state <> 'verified'
                         OR (SELECT count(*) FROM copies AS other WHERE other.blob = ?1 AND other.state = 'verified') > 1)",
                )?
                .execute(params![blob.0, locator.0, now.0])?;
                tx.prepare_cached(
                    "INSERT OR IGNORE INTO missed_blobs (blob, checked_at)
                     SELECT blob, 0 FROM copies WHERE blob = ?1 AND locator = ?2 AND state = 'verified'",
                )?
                .execute(params![blob.0, locator.0])?;
                Ok(())
            })
            .await
    }
}

/// `imprint` is what this send will leave in the caption; `None` for the copy's own nonce.
fn intend(
    tx: &Transaction<'_>,
    (blob, copy, channel): (BlobId, u32, &ChannelId),
    imprint: Option<Uuid>,
    now: Timestamp,
) -> Result<Intent, CatalogError> {
    let found: Option<(Uuid, Uuid, String, i64, Option<String>)> = tx
        .prepare_cached(
            "SELECT nonce, coalesce(imprint, nonce), state, at, locator FROM copies
              WHERE blob = ?1 AND copy = ?2 AND channel = ?3",
        )?
        .query_row(params![blob.0, copy, channel.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    if let Some((nonce, earlier, state, at, locator)) = found {
        if state == CopyState::Intended.text() {
            doubt(tx, &channel.0, earlier, at, now)?;
            tx.prepare_cached("UPDATE copies SET imprint = ?4 WHERE blob = ?1 AND copy = ?2 AND channel = ?3")?
                .execute(params![blob.0, copy, channel.0, imprint])?;
            return Ok(Intent { nonce, sent: None });
        }
        if state != CopyState::Lost.text() {
            return Ok(Intent { nonce, sent: locator.map(Locator) });
        }
        if imprint.is_some() {
            return Err(CatalogError::NotAllowed("a lost copy is not given up for a forward"));
        }
        discard(tx, blob, nonce, now)?;
    }
    let nonce = Uuid::new_v4();
    tx.prepare_cached(
        "INSERT INTO copies (blob, copy, channel, nonce, imprint, state, at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'intended', ?6)",
    )?
    .execute(params![blob.0, copy, channel.0, nonce, imprint, now.0])?;
    Ok(Intent { nonce, sent: None })
}

/// Other channels that were asked for this copy may have taken it without a word.
fn doubt_others(tx: &Transaction<'_>, blob: BlobId, nonce: Uuid, now: Timestamp) -> Result<(), CatalogError> {
    let others: Vec<(String, Uuid, i64)> = tx
        .prepare_cached(
            "DELETE FROM copies WHERE blob = ?1 AND nonce <> ?2 AND state = 'intended'
                AND copy = (SELECT copy FROM copies WHERE blob = ?1 AND nonce = ?2)
             RETURNING channel, coalesce(imprint, nonce), at",
        )?
        .query_map(params![blob.0, nonce], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (channel, imprint, at) in others {
        doubt(tx, &channel, imprint, at, now)?;
    }
    Ok(())
}

/// How many verified copies a blob has that is stored; 0 when it is not.
fn verified_of_stored(tx: &Transaction<'_>, blob: BlobId) -> Result<u64, CatalogError> {
    let sql = "SELECT count(*) FROM copies JOIN blobs ON blobs.id = copies.blob
                WHERE copies.blob = ?1 AND copies.state = 'verified' AND blobs.state = 'stored'";
    Ok(tx.prepare_cached(sql)?.query_row([blob.0], |row| row.get(0))?)
}

/// Forgets a copy whose bytes may still lie in the store.
fn discard(tx: &Transaction<'_>, blob: BlobId, nonce: Uuid, now: Timestamp) -> Result<(), CatalogError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO litter (locator, at, retry_at)
         SELECT locator, ?3, ?3 FROM copies WHERE blob = ?1 AND nonce = ?2 AND locator IS NOT NULL",
    )?
    .execute(params![blob.0, nonce, now.0])?;
    tx.prepare_cached("DELETE FROM copies WHERE blob = ?1 AND nonce = ?2")?.execute(params![blob.0, nonce])?;
    Ok(())
}

fn set_state(
    tx: &Transaction<'_>,
    blob: BlobId,
    nonce: Uuid,
    state: CopyState,
    now: Timestamp,
) -> Result<(), CatalogError> {
    tx.prepare_cached("UPDATE copies SET state = ?3, at = ?4 WHERE blob = ?1 AND nonce = ?2")?.execute(params![
        blob.0,
        nonce,
        state.text(),
        now.0
    ])?;
    Ok(())
}

fn copies_of(tx: &Transaction<'_>, blob: BlobId) -> Result<Vec<CopyRecord>, CatalogError> {
    let mut statement =
        tx.prepare_cached("SELECT copy, channel, nonce, locator, state FROM copies WHERE blob = ?1 ORDER BY copy, at")?;
    let rows = statement.query_map([blob.0], |row| {
        Ok(CopyRecord {
            copy: row.get(0)?,
            channel: ChannelId(row.get(1)?),
            nonce: row.get(2)?,
            locator: row.get::<_, Option<String>>(3)?.map(Locator),
            state: word(row, 4, &CopyState::ALL, CopyState::text)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
