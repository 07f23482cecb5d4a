//! The extension `checksum`: a piece of an upload that proves itself.

use super::headers::{one, wrong};
use crate::http::error::ApiError;
use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Their names, as the protocol spells them. Against accidents all of them are good enough.
pub(super) const ALGORITHMS: &str = "sha1,sha256,md5";

/// What a piece must hash to.
#[derive(Debug)]
pub(super) struct Checksum {
    hasher: Hasher,
    wanted: Vec<u8>,
}

/// A checksum in the making.
pub(super) struct Sum(Checksum);

#[derive(Debug)]
enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
    Md5(Md5),
}

impl Checksum {
    /// The checksum that comes with a body, if one does.
    ///
    /// # Errors
    /// 400 for an unknown algorithm, or what cannot be a sum of it.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        const NAME: &str = "Upload-Checksum";
        let Some(text) = one(headers, "upload-checksum")? else { return Ok(None) };
        let (algorithm, sum) = text.split_once(' ').ok_or_else(|| wrong(NAME, "write an algorithm and a sum"))?;
        let (hasher, len) = match algorithm {
            "sha1" => (Hasher::Sha1(Sha1::new()), 20),
            "sha256" => (Hasher::Sha256(Sha256::new()), 32),
            "md5" => (Hasher::Md5(Md5::new()), 16),
            _ => return Err(wrong(NAME, "its algorithm is none of sha1, sha256, md5")),
        };
        let wanted = STANDARD.decode(sum).ok().filter(|sum| sum.len() == len);
        let wanted = wanted.ok_or_else(|| wrong(NAME, "its sum is no base64 of the algorithm's length"))?;
        Ok(Some(Self { hasher, wanted }))
    }

    pub(super) fn begin(self) -> Sum {
        Sum(self)
    }
}

impl Sum {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.0.hasher {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Md5(hasher) => hasher.update(bytes),
        }
    }

    /// Whether what came is what was sent.
    pub(super) fn matches(self) -> bool {
        let Checksum { hasher, wanted } = self.0;
        match hasher {
            Hasher::Sha1(hasher) => hasher.finalize()[..] == wanted,
            Hasher::Sha256(hasher) => hasher.finalize()[..] == wanted,
            Hasher::Md5(hasher) => hasher.finalize()[..] == wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn read(text: &str) -> Result<Option<Checksum>, ApiError> {
        Checksum::of(TestRequest::default().insert_header(("upload-checksum", text)).to_http_request().headers())
    }

    #[test]
    fn each_algorithm_tells_right_from_wrong() {
        // RFC 1321, FIPS 180-4: the sums of "abc".
        for sum in [
            "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
            "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
            "md5 kAFQmDzST7DWlj99KOF/cg==",
        ] {
            for (pieces, right) in [(&["a", "bc"], true), (&["a", "bd"], false)] {
                let mut checked = read(sum).unwrap().unwrap().begin();
                pieces.iter().for_each(|piece| checked.update(piece.as_bytes()));
                assert_eq!(checked.matches(), right, "{sum}");
            }
        }
        assert!(Checksum::of(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn a_checksum_that_is_none_is_refused() {
        for text in
            ["", "sha1", "sha1 ", "crc32 qZk+Ng==", "sha1 qZk+Ng==", "sha1 *", "SHA1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0="]
        {
            let why = read(text).unwrap_err().to_string();
            assert!(why.contains("Upload-Checksum"), "{text}: {why}");
        }
    }
}
